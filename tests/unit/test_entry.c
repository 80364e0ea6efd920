/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Coming in and being put out: turns at hashing passwords, descriptors in messages, and orders that meet a sign-in. */

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/fdpass.h"
#include "base/io.h"
#include "base/time.h"
#include "server/hub_state.h"
#include "server/passqueue.h"

/* ---- fdpass ---- */

static void
descriptors_cross(void **state)
{
	int sv[2], pipe_fds[2], fds[FDPASS_MAX];
	char text[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(fdpass_send(sv[0], "hello", 5, pipe_fds, 2, 0), 0);
	assert_int_equal(fdpass_receive(sv[1], text, sizeof(text), fds, 0), 5);
	assert_true(fds[0] >= 0 && fds[1] >= 0 && fds[2] == -1);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], text, 1), 1);
	fdpass_close(fds);
	/* What does not fit is refused, and its descriptors do not stay. */
	assert_int_equal(fdpass_send(sv[0], "too long a text", 15, pipe_fds, 1, 0), 0);
	assert_int_equal(fdpass_receive(sv[1], text, sizeof(text), fds, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fdpass_receive(sv[1], text, sizeof(text), fds, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	fd_close(&sv[0]);
	assert_int_equal(fdpass_receive(sv[1], text, sizeof(text), fds, 0), 0);
	fd_close(&sv[1]);
	fd_close(&pipe_fds[0]);
	fd_close(&pipe_fds[1]);
}

/* ---- passqueue ---- */

static bool
is_gone(struct passqueue_job *job)
{
	return job->password[0] == 'g';
}

static void
count_dropped(struct passqueue_job *job)
{
	job->status = CFS_ECANCELED;
}

static struct passqueue_job *
wait_next(struct passqueue *q, struct work_pool *workers)
{
	struct pollfd p = {.fd = work_fd(workers), .events = POLLIN};
	struct passqueue_job *job;

	while (!(job = passqueue_next(q)))
		assert_int_equal(poll(&p, 1, 20000), 1);
	return job;
}

static void
addresses_take_turns(void **state)
{
	/* Eight of a greedy address, then one of another, and one that nobody waits for any more. */
	struct passqueue_job jobs[11];
	struct work_pool *workers;
	struct passqueue *q;
	struct cfs_err err = CFS_ERR_INIT;

	(void)state;
	memset(jobs, 0, sizeof(jobs));
	assert_int_equal(work_new(1, 100, &workers, &err), 0);
	assert_int_equal(passqueue_new(workers, 1, is_gone, count_dropped, &q, &err), 0);
	assert_int_equal(people_hash_password("right", 5, jobs[1].hash, &err), 0);
	for (int i = 0; i < 11; i++) {
		jobs[i].address.family = i < 9 ? 1 : 2 + i;
		jobs[i].password = i == 10 ? "gone" : i == 1 ? "right" : "wrong";
		jobs[i].len = strlen(jobs[i].password);
	}
	for (int i = 0; i < 9; i++)
		assert_int_equal(passqueue_add(q, &jobs[i], &err), 0);
	assert_int_equal(passqueue_add(q, &(struct passqueue_job){.address = {.family = 1}}, &err),
			 CFS_EBUSY);
	assert_int_equal(passqueue_add(q, &jobs[9], &err), 0);
	assert_int_equal(passqueue_add(q, &jobs[10], &err), 0);
	/* The first was begun before anybody else came; then all have had no turn yet. */
	assert_ptr_equal(wait_next(q, workers), &jobs[0]);
	assert_ptr_equal(wait_next(q, workers), &jobs[1]);
	assert_ptr_equal(wait_next(q, workers), &jobs[9]);
	assert_true(jobs[1].right && !jobs[0].right && !jobs[9].right);
	assert_int_equal(jobs[10].status, CFS_ECANCELED);
	assert_ptr_equal(wait_next(q, workers), &jobs[2]);
	work_free(workers);
	passqueue_free(q);
	assert_int_equal(jobs[8].status, CFS_ECANCELED);
}

/* ---- kicks ---- */

struct guest {
	struct child *child;
	int fd;
};

static struct guest
arrive(struct hub *h, pid_t pid)
{
	struct child child = {.role = CHILD_SESSION, .pid = pid, .slot = -1};
	struct guest g;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	child.fd = sv[0];
	g.fd = sv[1];
	g.child = children_add(&h->children, &child);
	assert_non_null(g.child);
	return g;
}

static void
sign_in(struct hub *h, const struct guest *g, const char *user, char key, uint64_t asked_ns)
{
	struct hub_msg m = {.kind = HUB_SIGNED_IN, .index = g->child->index};

	m.serial = g->child->serial;
	m.asked_ns = asked_ns;
	memset(m.key.b, key, sizeof(m.key.b));
	(void)strcpy(m.user, user);
	hub_signed_in(h, &m);
}

/* What the hub told it last; 0: nothing new. */
static uint32_t
told(const struct guest *g)
{
	int fds[FDPASS_MAX];
	struct hub_msg m = {.kind = 0};

	(void)fdpass_receive(g->fd, &m, sizeof(m), fds, MSG_DONTWAIT);
	fdpass_close(fds);
	return m.kind;
}

static void
orders_meet_sign_ins(void **state)
{
	struct hub *h = calloc(1, sizeof(*h));
	struct guest alice, late, bob, fresh;
	char folder[] = "/tmp/cfs-entry-XXXXXX", store[64], command[64];
	uint64_t before = now_mono_ns();
	struct sha256 key;

	(void)state;
	assert_non_null(h);
	h->lock_fd = STDIN_FILENO;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(store, sizeof(store), "%s/store", folder);
	assert_int_equal(store_create(store, NULL), 0);
	assert_int_equal(store_shared_new(&h->shared, NULL), 0);
	assert_int_equal(promise_table_new(NULL, 1000, &h->promises, NULL), 0);
	assert_int_equal(stats_new(8, &h->stats, NULL), 0);
	assert_int_equal(logring_new(&h->log, &h->log_fd, NULL), 0);
	assert_int_equal(sandbox_new(store, NULL, getpid(), &h->sandbox, NULL), 0);
	alice = arrive(h, 1);
	late = arrive(h, 2);
	bob = arrive(h, 3);
	fresh = arrive(h, 4);
	sign_in(h, &alice, "alice", 'a', before);
	sign_in(h, &bob, "bob", 'b', before);
	assert_int_equal(told(&alice), HUB_STORE);
	assert_int_equal(told(&bob), HUB_STORE);

	/* One device: not another user's with the same name of a key, not another device. */
	memset(key.b, 'x', sizeof(key.b));
	hub_kick(h, NULL, "alice", &key);
	assert_int_equal(told(&alice), 0);
	hub_kick(h, NULL, "alice", NULL);
	assert_int_equal(told(&alice), HUB_KICK);
	assert_int_equal(told(&bob), 0);

	/* The door looked before the order, and tells of it after: that one never gets the store. */
	sign_in(h, &late, "alice", 'a', before);
	assert_int_equal(told(&late), HUB_KICK);
	sign_in(h, &fresh, "alice", 'a', now_mono_ns());
	assert_int_equal(told(&fresh), HUB_STORE);

	/* However many orders came in between. */
	for (unsigned i = 0; i < 2 * KICKS_MAX; i++)
		hub_kick(h, NULL, "nobody", NULL);
	bob = arrive(h, 5);
	sign_in(h, &bob, "alice", 'a', before);
	assert_int_equal(told(&bob), HUB_KICK);

	children_clear(&h->children);
	sandbox_free(h->sandbox);
	promise_table_free(h->promises);
	stats_free(h->stats);
	logring_free(h->log);
	fd_close(&h->log_fd);
	store_shared_free(h->shared);
	free(h);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(descriptors_cross),
	    cmocka_unit_test(addresses_take_turns),
	    cmocka_unit_test(orders_meet_sign_ins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
