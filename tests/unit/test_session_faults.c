/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The store fails under a session: what was answered as done is done, the rest is not, and the next session goes on. */

#include "servertest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define PUTS 200 /* sent in one go */
#define LEN  8000

static void
limit_file_size(rlim_t bytes)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static rlim_t
log_size(const struct servertest *t)
{
	char path[400];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/meta/meta.db-wal", t->path);
	assert_int_equal(stat(path, &st), 0);
	return (rlim_t)st.st_size;
}

static void
file_name(char *out, size_t size, unsigned i)
{
	(void)snprintf(out, size, "f%u", i);
}

/* Sends changes from..to - 1; done[i] for those answered as done. What the connection did not answer is not. */
static void
send_and_collect(struct peer *p, unsigned from, unsigned to, bool *done)
{
	static const unsigned char data[LEN];
	struct buf pieces = BUF_INIT;
	struct m_put_req req;
	uint64_t first = 0;
	struct frame f;
	char name[32];

	for (unsigned i = from; i < to; i++) {
		file_name(name, sizeof(name), i);
		buf_clear(&pieces);
		peer_fill_put(p, p->home, name, LEN, &req, &pieces);
		if (caller_send(p->c, OP_PUT, 0, &req, data, LEN, &p->number, NULL))
			break;
		first = first ? first : p->number;
	}
	while (caller_receive(p->c, &f, NULL) == 0) {
		if (f.is_reply && f.flags == 0)
			done[from + f.number - first] = true;
		if (f.number == first + (to - from) - 1)
			break;
	}
	buf_fini(&pieces);
}

static void
report(void *arg, const char *fault)
{
	(void)arg;
	print_error("%s\n", fault);
}

static void
check_store(struct servertest *t)
{
	struct store *s;

	assert_int_equal(store_open(&t->store_conf, t->shared, &s, NULL), 0);
	assert_int_equal(store_check(s, report, NULL, NULL), 0);
	store_close(s);
}

static void
test_log_cannot_grow(void **state)
{
	struct servertest *t = *state;
	struct id128 stream = id128_random();
	bool done[PUTS] = {false};
	struct m_attr attr;
	unsigned count = 0;
	struct peer p;
	char name[32];

	peer_start(t, &p, 'a');
	peer_attach(&p, &stream, true);
	assert_int_equal(peer_put(&p, p.home, "before", "x", 1, NULL), 0);
	send_and_collect(&p, 0, PUTS / 2, done);
	limit_file_size(log_size(t) + 10 * LEN);
	send_and_collect(&p, PUTS / 2, PUTS, done);
	limit_file_size(RLIM_INFINITY);
	peer_disconnect(&p);
	/* A store whose disk failed takes no changes until the server is started again. */
	store_shared_free(t->shared);
	assert_int_equal(store_shared_new(&t->shared, NULL), 0);

	peer_start(t, &p, 'a');
	peer_attach(&p, &stream, false);
	for (unsigned i = 0; i < PUTS; i++) {
		file_name(name, sizeof(name), i);
		assert_int_equal(peer_lookup(&p, p.home, name, &attr), done[i] ? 0 : CFS_ENOENT);
		count += done[i];
	}
	assert_in_range(count, PUTS / 2, PUTS - 1);
	assert_int_equal(peer_put(&p, p.home, "after", "x", 1, NULL), 0);
	peer_disconnect(&p);
	check_store(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_log_cannot_grow),
	};

	/* A write behind the limit is an error, not a signal. */
	(void)signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
