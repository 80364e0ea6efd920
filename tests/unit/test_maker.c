/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What the hub makes of the maker's words, in whatever order they and the processes come. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"
#include "base/io.h"
#include "server/hub_state.h"
#include "server/locks.h"
#include "server/maker.h"

struct fixture {
	struct hub *h;
	int maker_fd; /* the maker's end */
};

static void
no_answer(void *arg, uint32_t index, uint64_t serial, const struct hub_msg *m)
{
	(void)arg;
	(void)index;
	(void)serial;
	(void)m;
}

static struct child *
add(struct hub *h, enum child_role role, pid_t pid, int *other_out)
{
	struct child child = {.role = role, .pid = pid, .slot = -1};
	struct child *added;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	child.fd = sv[0];
	*other_out = sv[1];
	added = children_add(&h->children, &child);
	assert_non_null(added);
	return added;
}

static int
setup(void **state)
{
	const struct locks_conf conf = {
	    .flag = "no-such-flag", .flag_folder = ".", .keep_ns = 1, .tell = no_answer};
	struct fixture *f = calloc(1, sizeof(*f));
	struct hub *h = calloc(1, sizeof(*h));

	assert_true(f && h);
	f->h = h;
	h->epoll_fd = -1;
	h->draining = true; /* nothing is started again */
	assert_int_equal(stats_new(4, &h->stats, NULL), 0);
	assert_int_equal(promise_table_new(NULL, 1000, &h->promises, NULL), 0);
	assert_int_equal(locks_new(&conf, &h->locks, NULL), 0);
	(void)add(h, CHILD_MAKER, 1, &f->maker_fd);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	fd_close(&f->maker_fd);
	children_clear(&f->h->children);
	locks_free(f->h->locks);
	promise_table_free(f->h->promises);
	stats_free(f->h->stats);
	free(f->h);
	free(f);
	return 0;
}

/* An order, and what the maker gets of it; the session's place. */
static struct hub_msg
order(struct fixture *f, int *session_out)
{
	struct child *child = add(f->h, CHILD_SESSION, 0, session_out);
	struct lines lines = {.hub_fd = 0, .signer_fd = 0, .door_fd = 0};
	struct hub_msg made = {.kind = HUB_MADE, .index = child->index, .serial = child->serial};
	struct maker_order got;
	int fds[FDPASS_MAX];

	assert_int_equal(hub_maker_order(f->h, child, 0, &lines), 0);
	assert_int_equal(fdpass_receive(f->maker_fd, &got, sizeof(got), fds, 0), sizeof(got));
	assert_int_equal(got.serial, child->serial);
	assert_true(fds[MAKER_FDS - 1] >= 0);
	fdpass_close(fds);
	return made;
}

static void
say(const struct fixture *f, const struct hub_msg *m)
{
	assert_int_equal(send(f->maker_fd, m, sizeof(*m), 0), sizeof(*m));
}

static pid_t
process(int status)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(status);
	assert_true(pid > 0);
	return pid;
}

/* Whoever needs the process waits for the maker to tell of it. */
static void
it_is_waited_for(void **state)
{
	struct fixture *f = *state;
	int session;
	struct hub_msg m = order(f, &session);

	m.pid = (uint64_t)process(0);
	say(f, &m);
	assert_int_equal(f->h->orders.open, 1);
	assert_int_equal(hub_maker_await(f->h, m.index, m.serial)->pid, m.pid);
	assert_int_equal(f->h->orders.open, 0);
	hub_reap(f->h);
	while (children_find(&f->h->children, (pid_t)m.pid))
		hub_reap(f->h);
	assert_null(children_at(&f->h->children, m.index, m.serial));
	fd_close(&session);
}

/* Reaped before it was told of, it is not there for ever. */
static void
it_ends_early(void **state)
{
	struct fixture *f = *state;
	siginfo_t info;
	int session;
	struct hub_msg m = order(f, &session);

	m.pid = (uint64_t)process(0);
	assert_int_equal(waitid(P_PID, (id_t)m.pid, &info, WEXITED | WNOWAIT), 0);
	hub_reap(f->h);
	assert_non_null(children_at(&f->h->children, m.index, m.serial));
	say(f, &m);
	assert_null(hub_maker_await(f->h, m.index, m.serial));
	assert_int_equal(f->h->children.sessions, 0);
	fd_close(&session);
}

/* A process that is not the hub's child, or another's, is nobody's: the hub would kill it one day. */
static void
lies_are_not_believed(void **state)
{
	struct fixture *f = *state;
	pid_t lies[3] = {getppid(), 0, 1};

	for (int i = 0; i < 3; i++) {
		int session;
		struct hub_msg m = order(f, &session);

		m.pid = (uint64_t)lies[i];
		say(f, &m);
		assert_null(hub_maker_await(f->h, m.index, m.serial));
		assert_null(children_at(&f->h->children, m.index, m.serial));
		/* Nor one that was not ordered. */
		say(f, &m);
		hub_read_child(f->h, f->h->children.services[CHILD_MAKER]->index);
		assert_int_equal(f->h->orders.open, 0);
		fd_close(&session);
	}
}

/* What it was told before it is retired it says; from its end on nothing is open. */
static void
it_ends(void **state)
{
	struct fixture *f = *state;
	struct child *maker = f->h->children.services[CHILD_MAKER];
	int session[2];
	struct hub_msg first = order(f, &session[0]), second = order(f, &session[1]);

	hub_maker_retire(f->h);
	assert_false(hub_maker_is_there(f->h));
	first.pid = (uint64_t)process(0);
	say(f, &first);
	fd_close(&f->maker_fd);
	hub_child_ended(f->h, maker, 0);
	assert_int_equal(children_at(&f->h->children, first.index, first.serial)->pid, first.pid);
	assert_null(children_at(&f->h->children, second.index, second.serial));
	assert_int_equal(f->h->orders.open, 0);
	assert_int_equal(waitpid((pid_t)first.pid, NULL, 0), first.pid);
	fd_close(&session[0]);
	fd_close(&session[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(it_is_waited_for),
	    TEST(it_ends_early),
	    TEST(lies_are_not_believed),
	    TEST(it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
