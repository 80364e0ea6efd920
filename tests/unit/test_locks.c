/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Locks from the client library down to the hub's table, over lines that are cut and a hub that begins anew. */

#include "clienttest.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "lockhub.h"

#define KEEP_MS       2000
#define TEST_LOCKS(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int
setup(void **state)
{
	int rc = clienttest_setup(state);
	struct clienttest *t = *state;

	t->server->locks = lockhub_new(t->server->folder, KEEP_MS);
	return rc;
}

static int
teardown(void **state)
{
	struct clienttest *t = *state;
	struct lockhub *hub = t->server->locks;
	int rc = clienttest_teardown(state);

	lockhub_free(hub);
	return rc;
}

static void
pause_ms(int ms)
{
	const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * NS_PER_MS};

	(void)nanosleep(&ts, NULL);
}

static struct cfs_attr
make_file(struct cfs *c)
{
	struct cfs_attr a;

	assert_int_equal(put_bytes(c, "f", 100, 1), 0);
	assert_int_equal(cfs_stat(c, "/alice/f", false, &a, NULL), 0);
	return a;
}

static struct cfs_lock
whole(const struct cfs_attr *a, uint64_t owner, enum cfs_lock_type type)
{
	return (struct cfs_lock){.ref = a->ref,
				 .owner = owner,
				 .pid = (uint32_t)owner + 1000,
				 .kind = CFS_LOCK_WHOLE,
				 .type = type,
				 .end = CFS_LOCK_END};
}

static int
lock(struct cfs *c, struct cfs_lock l)
{
	return cfs_lock(c, &l, false, NULL, NULL);
}

/* A wait in a thread of its own. */
struct waits {
	struct cfs *c;
	struct cfs_lock lock;
	struct cfs_attr attr;
	pthread_t thread;
	atomic_bool ended;
	int rc;
};

static void *
wait_for_it(void *arg)
{
	struct waits *w = arg;

	w->rc = cfs_lock(w->c, &w->lock, true, &w->attr, NULL);
	atomic_store(&w->ended, true);
	return NULL;
}

static void
begin(struct waits *w, struct cfs *c, struct cfs_lock l)
{
	*w = (struct waits){.c = c, .lock = l};
	assert_int_equal(pthread_create(&w->thread, NULL, wait_for_it, w), 0);
}

static int
end(struct waits *w)
{
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	return w->rc;
}

static void
two_clients_and_who_is_in_the_way(void **state)
{
	struct cfs *a = client_start(*state, 'a', NULL), *b = client_start(*state, 'b', NULL);
	struct cfs_attr f = make_file(a);
	struct cfs_lock l = {.ref = f.ref,
			     .owner = 1,
			     .pid = 42,
			     .kind = CFS_LOCK_BYTES,
			     .type = CFS_LOCK_WRITE,
			     .start = 10,
			     .end = 19};
	struct cfs_lock other = l, found;
	struct cfs_attr as_of;

	assert_int_equal(cfs_lock(a, &l, false, &as_of, NULL), 0);
	assert_int_equal(as_of.size, 100);
	assert_true(cfs_lock_held(a, &l));
	/* Of another user, who may read the file: kept out, and he may keep others from writing, but not from reading. */
	other.type = CFS_LOCK_READ;
	assert_int_equal(cfs_lock(b, &other, false, NULL, NULL), CFS_EHELD);
	assert_int_equal(cfs_lock_test(b, &other, &found, NULL), 0);
	assert_int_equal(found.type, CFS_LOCK_WRITE);
	assert_int_equal(found.start, 10);
	assert_int_equal(found.end, 19);
	assert_int_equal(found.pid, 0);
	other.owner = 2;
	assert_int_equal(cfs_lock_test(a, &other, &found, NULL), 0);
	assert_int_equal(found.pid, 42);
	other.start = 20;
	other.end = 29;
	assert_int_equal(cfs_lock(b, &other, false, NULL, NULL), 0);
	other.type = CFS_LOCK_WRITE;
	assert_int_equal(cfs_lock(b, &other, false, NULL, NULL), CFS_EDENIED);
	l.start = 0;
	l.end = CFS_LOCK_END;
	assert_int_equal(cfs_lock(a, &l, false, NULL, NULL), CFS_EHELD);
	/* In good order: there is nothing to wait for. */
	cfs_close(b);
	assert_int_equal(cfs_lock(a, &l, true, NULL, NULL), 0);
	l.type = CFS_LOCK_NONE;
	assert_int_equal(cfs_lock(a, &l, false, NULL, NULL), 0);
	assert_false(cfs_lock_held(a, &l));
	cfs_close(a);
}

static void
nonsense_is_refused(void **state)
{
	struct clienttest *t = *state;
	struct m_lock_req req = {.kind = 3, .type = 1};
	struct m_attr_rep rep;
	struct m_attr attr;
	struct id128 stream = {{1}};
	struct peer p;

	peer_start(t->server, &p, 'a');
	peer_attach(&p, &stream, true);
	assert_int_equal(peer_put(&p, p.home, "x", "x", 1, &attr), 0);
	req.ino = attr.ino;
	req.gen = attr.gen;
	assert_int_equal(peer_call(&p, OP_LOCK, &req, &rep, NULL), CFS_EINVAL);
	req.kind = 1;
	req.type = 3;
	assert_int_equal(peer_call(&p, OP_LOCK, &req, &rep, NULL), CFS_EINVAL);
	req.type = 1;
	req.start = 5;
	req.end = 4;
	assert_int_equal(peer_call(&p, OP_LOCK, &req, &rep, NULL), CFS_EINVAL);
	req.kind = 2;
	req.end = UINT64_MAX;
	assert_int_equal(peer_call(&p, OP_LOCK, &req, &rep, NULL), CFS_EINVAL);
	req.start = 0;
	req.gen++;
	assert_int_equal(peer_call(&p, OP_LOCK, &req, &rep, NULL), CFS_ESTALE);
	req.gen--;
	/* Claimed out of nowhere. */
	assert_int_equal(peer_call(&p, OP_LOCK_RECLAIM, &req, &rep, NULL), CFS_ELOCKLOST);
	assert_int_equal(peer_call(&p, OP_LOCK, &req, &rep, NULL), 0);
	peer_disconnect(&p);
}

static void
waiting_ends_with_the_lock_or_an_interruption(void **state)
{
	struct cfs *a = client_start(*state, 'a', NULL), *b = client_start(*state, 'a', NULL);
	struct cfs_attr f = make_file(a);
	struct waits w;

	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_WRITE)), 0);
	begin(&w, b, whole(&f, 1, CFS_LOCK_WRITE));
	pause_ms(50);
	assert_false(atomic_load(&w.ended));
	/* Other requests pass it. */
	assert_int_equal(cfs_stat(b, "/alice/f", false, &f, NULL), 0);
	assert_int_equal(put_bytes(a, "f2", 10, 1), 0);
	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_NONE)), 0);
	assert_int_equal(end(&w), 0);
	assert_int_equal(w.attr.version, f.version);
	begin(&w, a, whole(&f, 1, CFS_LOCK_READ));
	while (!atomic_load(&w.ended)) {
		pause_ms(20);
		cfs_interrupt(a);
	}
	assert_int_equal(end(&w), CFS_ECANCELED);
	/* It is as if it had never waited; of several interruptions the last may have come before the server's word on the first. */
	assert_int_equal(lock(b, whole(&f, 1, CFS_LOCK_NONE)), 0);
	begin(&w, b, whole(&f, 2, CFS_LOCK_WRITE));
	assert_int_equal(end(&w), 0);
	cfs_close(a);
	cfs_close(b);
}

/* The line breaks with the next request, whatever it is. */
static void
cut(struct clienttest *t, unsigned line)
{
	assert_int_equal(shutdown_line(&t->lines[line]), 0);
}

static void
a_cut_line_costs_no_lock(void **state)
{
	struct clienttest *t = *state;
	struct cfs *a = client_start(t, 'a', NULL), *b = client_start(t, 'a', NULL);
	struct cfs_attr f = make_file(a);
	uint64_t until = deadline_from_ms(2 * KEEP_MS);
	struct waits w;

	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_WRITE)), 0);
	begin(&w, b, whole(&f, 1, CFS_LOCK_WRITE));
	cut(t, 0);
	cut(t, 1);
	/* Both come back by themselves: the one that holds and the one that waits. */
	while (!deadline_passed(until)) {
		assert_false(atomic_load(&w.ended));
		pause_ms(50);
	}
	assert_int_equal(t->dialled, 4);
	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_NONE)), 0);
	assert_int_equal(end(&w), 0);
	cfs_close(a);
	cfs_close(b);
}

static void
a_hub_that_begins_anew_gives_locks_to_who_had_them(void **state)
{
	struct clienttest *t = *state;
	struct cfs *a = client_start(t, 'a', NULL), *b = client_start(t, 'a', NULL);
	struct cfs_attr f = make_file(a);
	uint64_t begun, waited;

	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_WRITE)), 0);
	lockhub_restart(t->server->locks);
	begun = now_mono_ns();
	/* Not even who does not wait is told before it is sure. */
	assert_int_equal(lock(b, whole(&f, 1, CFS_LOCK_WRITE)), CFS_EHELD);
	waited = now_mono_ns() - begun;
	assert_true(waited > KEEP_MS / 2 * (uint64_t)NS_PER_MS);
	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_NONE)), 0);
	assert_int_equal(lock(b, whole(&f, 1, CFS_LOCK_WRITE)), 0);
	cfs_close(a);
	cfs_close(b);
}

static void
note_loss(void *arg, const struct cfs_lock *lost)
{
	assert_int_equal(lost->owner, 1);
	atomic_store((atomic_uint_fast64_t *)arg, lost->ref.ino);
}

static struct cfs_lock
lock_of_nine(const struct cfs_attr *f)
{
	return (struct cfs_lock){.ref = f->ref,
				 .owner = 9,
				 .kind = CFS_LOCK_WHOLE,
				 .type = CFS_LOCK_WRITE,
				 .end = CFS_LOCK_END};
}

/* Who is told decides what becomes of it: here what was written is forgotten, and the file goes on. */
static void
a_lost_lock_is_told(void **state)
{
	struct clienttest *t = *state;
	atomic_uint_fast64_t lost = 0;
	const struct cfs_options o = {.program = "test",
				      .reconnect_ms = 20000,
				      .lock_lost = note_loss,
				      .lock_lost_arg = &lost};
	struct cfs *a = client_start(t, 'a', &o), *b = client_start(t, 'a', NULL);
	struct cfs_attr f = make_file(b), now;
	struct cfs_lock nine = lock_of_nine(&f);
	struct cfs_file *open_file;
	char before, byte;

	assert_int_equal(cfs_file_open(a, &f, true, &open_file, NULL), 0);
	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_WRITE)), 0);
	assert_int_equal(cfs_file_pread(open_file, &before, 1, 0, NULL), 1);
	assert_int_equal(cfs_file_pwrite(open_file, "!", 1, 0, NULL), 1);
	atomic_store(&t->refuse, 1000000);
	cut(t, 0);
	assert_int_equal(cfs_lock(b, &nine, true, NULL, NULL), 0);
	atomic_store(&t->refuse, 0);
	while (atomic_load(&lost) == 0)
		pause_ms(20);
	assert_int_equal(lost, f.ref.ino);
	cfs_file_discard(open_file);
	cfs_file_changed(open_file, f.size);
	assert_int_equal(cfs_file_pread(open_file, &byte, 1, 0, NULL), 1);
	assert_int_equal(byte, before);
	assert_int_equal(cfs_file_close(open_file, NULL), 0);
	assert_int_equal(cfs_getattr(b, f.ref, &now, NULL), 0);
	assert_int_equal(now.version, f.version);
	cfs_close(a);
	cfs_close(b);
}

static void
a_lost_lock_makes_its_file_fail(void **state)
{
	struct clienttest *t = *state;
	const struct cfs_options o = {.program = "test", .reconnect_ms = 20000};
	struct cfs *a = client_start(t, 'a', &o), *b = client_start(t, 'a', NULL);
	struct cfs_attr f = make_file(b);
	struct cfs_lock nine = lock_of_nine(&f);
	struct cfs_file *open_file;
	char byte;

	assert_int_equal(cfs_file_open(a, &f, true, &open_file, NULL), 0);
	assert_int_equal(lock(a, whole(&f, 1, CFS_LOCK_WRITE)), 0);
	assert_int_equal(cfs_file_pread(open_file, &byte, 1, 0, NULL), 1);
	atomic_store(&t->refuse, 1000000);
	cut(t, 0);
	/* When the time is over, who waits has it. */
	assert_int_equal(cfs_lock(b, &nine, true, NULL, NULL), 0);
	atomic_store(&t->refuse, 0);
	while (cfs_file_pread(open_file, &byte, 1, 0, NULL) != CFS_ELOCKLOST)
		pause_ms(20);
	assert_int_equal(cfs_file_pread(open_file, &byte, 1, 0, NULL), CFS_ELOCKLOST);
	assert_int_equal(cfs_file_pwrite(open_file, "x", 1, 0, NULL), CFS_ELOCKLOST);
	assert_int_equal(cfs_file_fsync(open_file, NULL), CFS_ELOCKLOST);
	assert_int_equal(cfs_file_close(open_file, NULL), 0);
	assert_int_equal(cfs_file_open(a, &f, true, &open_file, NULL), 0);
	assert_int_equal(cfs_file_pread(open_file, &byte, 1, 0, NULL), 1);
	assert_int_equal(cfs_file_close(open_file, NULL), 0);
	cfs_close(a);
	cfs_close(b);
}

/* A client has so many and is told so; others go on, and it has room again when it gives one back. */
static void
too_many_locks(void **state)
{
	struct cfs *a = client_start(*state, 'a', NULL), *b = client_start(*state, 'b', NULL);
	struct cfs_attr f = make_file(a);
	struct cfs_lock l = {
	    .ref = f.ref, .pid = 1, .kind = CFS_LOCK_BYTES, .type = CFS_LOCK_READ, .end = 9};
	struct cfs_err err = CFS_ERR_INIT;

	do
		l.owner++;
	while (l.owner < 10000 && cfs_lock(a, &l, false, NULL, &err) == 0);
	assert_int_equal(err.code, CFS_ENOLCK);
	assert_int_equal(l.owner, 2048 + 1);
	assert_non_null(strstr(err.text, "too many locks"));
	assert_int_equal(lock(b, l), 0);
	l.type = CFS_LOCK_NONE;
	l.owner--;
	assert_int_equal(lock(a, l), 0);
	l.type = CFS_LOCK_READ;
	assert_int_equal(lock(a, l), 0);
	cfs_close(a);
	cfs_close(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_LOCKS(two_clients_and_who_is_in_the_way),
	    TEST_LOCKS(nonsense_is_refused),
	    TEST_LOCKS(waiting_ends_with_the_lock_or_an_interruption),
	    TEST_LOCKS(a_cut_line_costs_no_lock),
	    TEST_LOCKS(a_hub_that_begins_anew_gives_locks_to_who_had_them),
	    TEST_LOCKS(a_lost_lock_makes_its_file_fail),
	    TEST_LOCKS(a_lost_lock_is_told),
	    TEST_LOCKS(too_many_locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
