/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Whole-file transfers: every size that is a border, holes, pipes, cuts, and what may not be left behind. */

#include "clienttest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static void
every_border(void **state)
{
	static const size_t sizes[] = {
	    0,   1,           4095,    32 * KIB - 1, 32 * KIB, 32 * KIB + 1,
	    MIB, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1,  8 * MIB,  37 * MIB,
	};
	struct cfs *c = client_start(*state, 'a', NULL);
	char name[32];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(put_bytes(c, name, sizes[i], i), 0);
		expect_content(c, name, sizes[i], i);
	}
	/* And over what is there. */
	assert_int_equal(put_bytes(c, "f11", 5 * MIB, 99), 0);
	expect_content(c, "f11", 5 * MIB, 99);
	cfs_close(c);
}

struct tally {
	unsigned done, failed;
	int code; /* of the last one that failed */
	uint64_t progress;
};

static void
on_done(void *arg, const struct cfs_xfer_done *d)
{
	struct tally *t = arg;

	t->done++;
	if (d->code < 0) {
		t->failed++;
		t->code = d->code;
		print_message("%s: %s\n", d->remote, d->text);
	}
}

static void
on_progress(void *arg, uint64_t more)
{
	struct tally *t = arg;

	t->progress += more;
}

static void
many_small(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	const struct cfs_identity *who = cfs_whoami(c);
	struct tally tally = {0};
	struct cfs_xfer_hooks hooks = {.done = on_done, .progress = on_progress, .arg = &tally};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_xfer *x;
	char name[32];

	assert_int_equal(cfs_xfer_new(c, &hooks, &x, NULL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		struct cfs_put put = {.dir = {.ino = who->home, .gen = who->gen},
				      .name = name,
				      .remote = name,
				      .mode = 0600};

		(void)snprintf(name, sizeof(name), "small-%u", i);
		put.fd = make_source(i % 3000, i);
		if (cfs_xfer_put(x, &put, &err) < 0)
			fail_msg("%s", err.text);
	}
	if (cfs_xfer_finish(x, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(tally.done, 2000);
	assert_int_equal(tally.failed, 0);
	expect_content(c, "small-1999", 1999, 1999);
	/* The engine can be used again. */
	tally.done = 0;
	struct cfs_put put = {.fd = make_source(10, 1),
			      .dir = {.ino = who->home, .gen = who->gen},
			      .name = "small-1",
			      .remote = "x",
			      .flags = CFS_PUT_NOCLOBBER};
	assert_int_equal(cfs_xfer_put(x, &put, &err), 0);
	assert_int_equal(cfs_xfer_finish(x, &err), CFS_EPARTIAL);
	assert_int_equal(tally.failed, 1);
	cfs_xfer_free(x);
	expect_content(c, "small-1", 1, 1);
	cfs_close(c);
}

static void
keeps_holes(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	const struct cfs_identity *who = cfs_whoami(c);
	struct cfs_attr attr;
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_xfer *x;
	int fd = make_source(0, 0);
	struct cfs_put put = {.fd = fd,
			      .dir = {.ino = who->home, .gen = who->gen},
			      .name = "sparse",
			      .remote = "sparse",
			      .flags = CFS_PUT_SPARSE,
			      .mode = 0644};

	assert_int_equal(ftruncate(fd, (off_t)(10 * 1024 * MIB)), 0);
	assert_int_equal(pwrite(fd, "head", 4, 0), 4);
	assert_int_equal(pwrite(fd, "tail", 4, (off_t)(9 * 1024 * MIB)), 4);
	assert_int_equal(cfs_xfer_new(c, NULL, &x, NULL), 0);
	assert_int_equal(cfs_xfer_put(x, &put, &err), 0);
	if (cfs_xfer_finish(x, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(cfs_stat(c, "sparse", false, &attr, &err), 0);
	assert_int_equal(attr.size, 10 * 1024 * MIB);
	assert_true(attr.stored < MIB);

	char path[300];
	struct stat st;
	struct cfs_get get = {.attr = attr, .remote = "sparse", .local = path};
	(void)snprintf(path, sizeof(path), "%s/sparse",
		       ((struct clienttest *)*state)->server->folder);
	assert_int_equal(cfs_xfer_get(x, &get, &err), 0);
	if (cfs_xfer_finish(x, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 10 * 1024 * MIB);
	assert_true((uint64_t)st.st_blocks * 512 < MIB);
	cfs_xfer_free(x);
	cfs_close(c);
}

/* A pipe has no size and no offset; and a pipe as the target gets the bytes in order. */
static void
through_pipes(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	const struct cfs_identity *who = cfs_whoami(c);
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_xfer *x;
	FILE *in = popen("head -c 9000000 /dev/zero | tr '\\0' x", "r");
	FILE *out = popen("test \"$(tr -d x | wc -c)\" = 0", "w");
	struct cfs_put put = {.dir = {.ino = who->home, .gen = who->gen},
			      .name = "piped",
			      .remote = "piped",
			      .mode = 0644};
	struct cfs_get get = {.remote = "piped"};

	assert_non_null(in);
	assert_non_null(out);
	put.fd = dup(fileno(in));
	assert_int_equal(cfs_xfer_new(c, NULL, &x, NULL), 0);
	assert_int_equal(cfs_xfer_put(x, &put, &err), 0);
	if (cfs_xfer_finish(x, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pclose(in), 0);
	assert_int_equal(cfs_stat(c, "piped", false, &get.attr, &err), 0);
	assert_int_equal(get.attr.size, 9000000);
	get.fd = fileno(out);
	assert_int_equal(cfs_xfer_get(x, &get, &err), 0);
	if (cfs_xfer_finish(x, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pclose(out), 0);
	cfs_xfer_free(x);
	cfs_close(c);
}

/* A line that is cut in the middle goes on over a new one, whatever was under way. */
static void
survives_cuts(void **state)
{
	struct clienttest *t = *state;

	for (unsigned i = 0; i < 6; i++) {
		struct cfs *c;

		atomic_store(&t->cut_sent, (i + 1) * 3 * MIB + 777 * i);
		c = client_start(t, 'a', NULL);
		assert_int_equal(put_bytes(c, "cut", 20 * MIB, i), 0);
		cfs_close(c);
		atomic_store(&t->cut_received, (i + 1) * 3 * MIB + 777 * i);
		c = client_start(t, 'a', NULL);
		expect_content(c, "cut", 20 * MIB, i);
		cfs_close(c);
	}
	assert_true(t->dialled >= 24);
}

/* And where no new line comes, the old content is what there is. */
static void
cut_for_good(void **state)
{
	struct clienttest *t = *state;
	struct cfs_options o = {.program = "test", .reconnect_ms = 200};
	struct cfs *c = client_start(t, 'a', NULL);

	assert_int_equal(put_bytes(c, "f", 6 * MIB, 1), 0);
	cfs_close(c);
	atomic_store(&t->cut_sent, 7 * MIB);
	c = client_start(t, 'a', &o);
	atomic_store(&t->refuse, 1000);
	assert_int_equal(put_bytes(c, "f", 20 * MIB, 2), CFS_ENET);
	cfs_close(c);
	atomic_store(&t->refuse, 0);
	c = client_start(t, 'a', NULL);
	expect_content(c, "f", 6 * MIB, 1);
	cfs_close(c);
}

/* The folder of the test's server, for targets. */
static void
target_path(void **state, char path[300])
{
	(void)snprintf(path, 300, "%s/out", ((struct clienttest *)*state)->server->folder);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	(void)strcat(path, "/target");
}

static void
expect_empty_folder(const char *file)
{
	char command[400];

	(void)snprintf(command, sizeof(command), "test -z \"$(ls -A '%.*s')\"",
		       (int)(strlen(file) - strlen("/target")), file);
	assert_int_equal(system(command), 0);
}

struct stopper {
	struct cfs *c;
	uint64_t seen;
};

static void
stop_in_the_middle(void *arg, uint64_t more)
{
	struct stopper *s = arg;

	s->seen += more;
	cfs_interrupt(s->c);
}

static void
interrupted_get_leaves_nothing(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct stopper s = {.c = c};
	struct cfs_xfer_hooks hooks = {.progress = stop_in_the_middle, .arg = &s};
	struct cfs_err err = CFS_ERR_INIT;
	char path[300];
	struct cfs_get get = {.remote = "f", .local = path};
	struct cfs_xfer *x;

	target_path(state, path);
	assert_int_equal(put_bytes(c, "f", 40 * MIB, 1), 0);
	assert_int_equal(cfs_stat(c, "f", false, &get.attr, &err), 0);
	assert_int_equal(cfs_xfer_new(c, &hooks, &x, &err), 0);
	int rc = cfs_xfer_get(x, &get, &err);
	if (rc == 0)
		rc = cfs_xfer_finish(x, &err);
	assert_int_equal(rc, CFS_ECANCELED);
	assert_true(s.seen > 0 && s.seen < 40 * MIB);
	expect_empty_folder(path);
	cfs_xfer_free(x);
	/* And everything goes on. */
	expect_content(c, "f", 40 * MIB, 1);
	cfs_close(c);
}

static void
full_disk_is_told(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct tally tally = {0};
	struct cfs_xfer_hooks hooks = {.done = on_done, .arg = &tally};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_get get = {.remote = "f", .local = "/dev/full"};
	struct cfs_xfer *x;

	assert_int_equal(put_bytes(c, "f", 9 * MIB, 1), 0);
	assert_int_equal(cfs_stat(c, "f", false, &get.attr, &err), 0);
	assert_int_equal(cfs_xfer_new(c, &hooks, &x, &err), 0);
	assert_int_equal(cfs_xfer_get(x, &get, &err), 0);
	assert_int_equal(cfs_xfer_finish(x, &err), CFS_EPARTIAL);
	assert_int_equal(tally.failed, 1);
	assert_int_equal(tally.code, CFS_ELOCALSPACE);
	cfs_xfer_free(x);
	cfs_close(c);
}

/* All bytes come from one version: the newest, where the one that was asked for is gone. */
static void
changed_meanwhile(void **state)
{
	struct cfs *c = client_start(*state, 'a', NULL);
	struct cfs_err err = CFS_ERR_INIT;
	char path[300];
	struct cfs_get get = {.remote = "f", .local = path};
	struct cfs_file *f;
	struct cfs_xfer *x;
	char have[5];

	target_path(state, path);
	assert_int_equal(put_bytes(c, "f", 9 * MIB, 1), 0);
	assert_int_equal(cfs_stat(c, "f", false, &get.attr, &err), 0);
	assert_int_equal(cfs_file_open(c, &get.attr, true, &f, &err), 0);
	assert_int_equal(cfs_file_pwrite(f, "newer", 5, 6 * MIB, &err), 5);
	assert_int_equal(cfs_file_close(f, &err), 0);
	assert_int_equal(cfs_xfer_new(c, NULL, &x, &err), 0);
	assert_int_equal(cfs_xfer_get(x, &get, &err), 0);
	if (cfs_xfer_finish(x, &err) < 0)
		fail_msg("%s", err.text);
	cfs_xfer_free(x);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, have, 5, 6 * MIB), 5);
	assert_memory_equal(have, "newer", 5);
	(void)close(fd);
	cfs_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_border, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(many_small, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(keeps_holes, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(through_pipes, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(interrupted_get_leaves_nothing, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(full_disk_is_told, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(changed_meanwhile, clienttest_setup,
					    clienttest_teardown),
	    cmocka_unit_test_setup_teardown(survives_cuts, clienttest_setup, clienttest_teardown),
	    cmocka_unit_test_setup_teardown(cut_for_good, clienttest_setup, clienttest_teardown),
	};

	return cmocka_run_group_tests_name("client transfers", tests, NULL, NULL);
}
