/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clienttest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "net/fdstream.h"

/* ---- a stream that is cut after so many bytes */

struct cut_stream {
	struct stream base;
	struct stream *inner;
	size_t send_left, receive_left;
	bool limited_send, limited_receive;
};

static struct cut_stream *
cut_of(struct stream *s)
{
	return CONTAINER_OF(s, struct cut_stream, base);
}

static ssize_t
cut_read(struct stream *s, void *buf, size_t size, struct cfs_err *err)
{
	struct cut_stream *cut = cut_of(s);
	ssize_t n;

	if (cut->limited_receive && cut->receive_left == 0)
		return err_set(err, CFS_ENET, "cut by the test");
	if (cut->limited_receive && size > cut->receive_left)
		size = cut->receive_left;
	n = stream_read(cut->inner, buf, size, err);
	if (n > 0 && cut->limited_receive)
		cut->receive_left -= (size_t)n;
	return n;
}

static ssize_t
cut_writev(struct stream *s, const struct iovec *iov, int count, struct cfs_err *err)
{
	struct cut_stream *cut = cut_of(s);
	struct iovec one = iov[0];
	ssize_t n;

	if (!cut->limited_send)
		return stream_writev(cut->inner, iov, count, err);
	if (cut->send_left == 0)
		return err_set(err, CFS_ENET, "cut by the test");
	one.iov_len = min_size(one.iov_len, cut->send_left);
	n = stream_writev(cut->inner, &one, 1, err);
	if (n > 0)
		cut->send_left -= (size_t)n;
	return n;
}

static int
cut_flush(struct stream *s, struct cfs_err *err)
{
	return stream_flush(cut_of(s)->inner, err);
}

static const struct cut_stream *
cut_of_const(const struct stream *s)
{
	return (const struct cut_stream *)(const void *)s;
}

static int
cut_fd(const struct stream *s)
{
	return stream_fd(cut_of_const(s)->inner);
}

static short
cut_events(const struct stream *s)
{
	return stream_events(cut_of_const(s)->inner);
}

static size_t
cut_buffered(const struct stream *s)
{
	return stream_buffered(cut_of_const(s)->inner);
}

static void
cut_close(struct stream *s)
{
	stream_close(cut_of(s)->inner);
	free(cut_of(s));
}

static const struct stream_ops cut_ops = {
    .read = cut_read,
    .writev = cut_writev,
    .flush = cut_flush,
    .fd = cut_fd,
    .events = cut_events,
    .buffered = cut_buffered,
    .close = cut_close,
};

/* ---- dialling */

struct test_dialer {
	struct dialer base;
	struct clienttest *t;
	char who;
};

static int
test_dial(struct dialer *base, uint64_t deadline, struct stream **out, struct cfs_err *err)
{
	struct test_dialer *d = CONTAINER_OF(base, struct test_dialer, base);
	struct clienttest *t = d->t;
	struct cut_stream *cut;
	int fd;

	(void)deadline;
	if (atomic_load(&t->refuse) > 0) {
		atomic_fetch_sub(&t->refuse, 1);
		return err_set(err, CFS_ENET, "refused by the test");
	}
	assert_true(t->dialled < CLIENTTEST_LINES);
	peer_connect_raw(t->server, &t->lines[t->dialled++], d->who, &fd);
	cut = calloc(1, sizeof(*cut));
	assert_non_null(cut);
	cut->base.ops = &cut_ops;
	cut->inner = fdstream_new(fd);
	assert_non_null(cut->inner);
	cut->send_left = atomic_exchange(&t->cut_sent, 0);
	if (cut->send_left == 0)
		cut->send_left = atomic_load(&t->cut_always);
	cut->receive_left = atomic_exchange(&t->cut_received, 0);
	cut->limited_send = cut->send_left > 0;
	cut->limited_receive = cut->receive_left > 0;
	*out = &cut->base;
	return 0;
}

static void
test_dialer_free(struct dialer *base)
{
	free(CONTAINER_OF(base, struct test_dialer, base));
}

int
clienttest_setup(void **state)
{
	struct clienttest *t = calloc(1, sizeof(*t));
	void *server;

	assert_non_null(t);
	assert_int_equal(servertest_setup(&server), 0);
	t->server = server;
	*state = t;
	return 0;
}

int
clienttest_teardown(void **state)
{
	struct clienttest *t = *state;
	void *server = t->server;

	for (unsigned i = 0; i < t->dialled; i++)
		peer_disconnect(&t->lines[i]);
	free(t);
	return servertest_teardown(&server);
}

struct cfs *
client_start(struct clienttest *t, char who, const struct cfs_options *o)
{
	static const struct cfs_options defaults = {.program = "test"};
	struct test_dialer *d = calloc(1, sizeof(*d));
	struct client_identity id = {0};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c = NULL;

	assert_non_null(d);
	d->base = (struct dialer){.dial = test_dial, .free = test_dialer_free};
	d->t = t;
	d->who = who;
	if (client_open(&d->base, &id, o != NULL ? o : &defaults, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

/* ---- content */

unsigned char *
make_bytes(size_t size, unsigned seed)
{
	unsigned char *p = malloc(size + 8);
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	assert_non_null(p);
	for (size_t i = 0; i < size; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		store_le64(p + i, x);
	}
	return p;
}

int
make_source(size_t size, unsigned seed)
{
	const char *tmp = getenv("TMPDIR");
	unsigned char *p = make_bytes(size, seed);
	char name[300];
	int fd;

	(void)snprintf(name, sizeof(name), "%s/cfs-source-XXXXXX", tmp ? tmp : "/tmp");
	fd = mkstemp(name);
	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(io_write_full(fd, p, size), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	free(p);
	return fd;
}

int
put_bytes(struct cfs *c, const char *name, size_t size, unsigned seed)
{
	const struct cfs_identity *who = cfs_whoami(c);
	struct cfs_put put = {
	    .fd = make_source(size, seed),
	    .local = "source",
	    .dir = {.ino = who->home, .gen = who->gen},
	    .name = name,
	    .remote = name,
	    .mode = 0644,
	};
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_xfer *x;
	int rc;

	assert_int_equal(cfs_xfer_new(c, NULL, &x, NULL), 0);
	rc = cfs_xfer_put(x, &put, &err);
	if (rc == 0)
		rc = cfs_xfer_finish(x, &err);
	if (rc < 0)
		print_message("put %s: %s\n", name, err.text);
	cfs_xfer_free(x);
	return rc;
}

void
expect_content(struct cfs *c, const char *path, size_t size, unsigned seed)
{
	struct cfs_get get = {.remote = path};
	unsigned char *want = make_bytes(size, seed), *have = malloc(size + 1);
	const char *tmp = getenv("TMPDIR");
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_xfer *x;
	char name[300];
	int fd;

	if (cfs_stat(c, path, false, &get.attr, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	assert_int_equal(get.attr.size, size);
	(void)snprintf(name, sizeof(name), "%s/cfs-got-%d", tmp ? tmp : "/tmp", (int)getpid());
	get.local = name;
	assert_int_equal(cfs_xfer_new(c, NULL, &x, NULL), 0);
	if (cfs_xfer_get(x, &get, &err) < 0 || cfs_xfer_finish(x, &err) < 0)
		fail_msg("get %s: %s", path, err.text);
	cfs_xfer_free(x);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(io_read_full(fd, have, size + 1), size);
	assert_memory_equal(have, want, size);
	(void)close(fd);
	assert_int_equal(unlink(name), 0);
	free(want);
	free(have);
}

/* ---- open files */

struct cfs_file *
open_file(struct cfs *c, const char *path, bool writable)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs_attr attr;
	struct cfs_file *f;

	if (cfs_stat(c, path, false, &attr, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(cfs_file_open(c, &attr, writable, &f, &err), 0);
	return f;
}

void
write_at(struct cfs_file *f, const void *p, size_t n, uint64_t offset)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (cfs_file_pwrite(f, p, n, offset, &err) != (ssize_t)n)
		fail_msg("write %zu at %llu: %s", n, (unsigned long long)offset, err.text);
}

void
expect_at(struct cfs_file *f, const void *want, size_t n, uint64_t offset)
{
	struct cfs_err err = CFS_ERR_INIT;
	unsigned char *have = malloc(n + 1);
	ssize_t got;

	assert_non_null(have);
	got = cfs_file_pread(f, have, n, offset, &err);
	if (got != (ssize_t)n)
		fail_msg("read %zu at %llu: %zd %s", n, (unsigned long long)offset, got, err.text);
	assert_memory_equal(have, want, n);
	free(have);
}
