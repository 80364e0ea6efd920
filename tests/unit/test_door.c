/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Who guesses at passwords is slowed down, by address and by user, and told of; nobody is kept out by another's guesses. The
 * door itself, with sessions that ask it. What costs no password is asked by key, which is refused the same.
 */

#include "servertest.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/fdpass.h"
#include "base/io.h"
#include "base/time.h"
#include "server/door.h"
#include "store/events.h"

#define FIRST_MS   250u
#define DOUBLES    6u
#define ANSWER_MS  20000
#define EVENTS_MAX 20u /* of one address or user (signin.c) */

struct doorway {
	struct servertest *t;
	pthread_t thread;
	int hub, other; /* the hub's end, and the door's */
	uint64_t serial;
};

static void *
run(void *arg)
{
	struct doorway *d = arg;

	assert_int_equal(door_run(&d->t->store_conf, d->t->shared, NULL, d->other), 0);
	return NULL;
}

static void
open_door(struct doorway *d, struct servertest *t)
{
	int sv[2];

	*d = (struct doorway){.t = t};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	d->hub = sv[0];
	d->other = sv[1];
	assert_int_equal(pthread_create(&d->thread, NULL, run, d), 0);
}

static void
close_door(struct doorway *d)
{
	fd_close(&d->hub);
	assert_int_equal(pthread_join(d->thread, NULL), 0);
	fd_close(&d->other);
}

/* A connection from 192.0.2.ADDRESS, and its one question. */
static struct door_reply
ask(struct doorway *d, unsigned address, const struct signin_request *req)
{
	struct door_attach attach = {.kind = DOOR_ATTACH, .serial = ++d->serial};
	struct door_reply reply = {0};
	struct cfs_err err = CFS_ERR_INIT;
	int sv[2], rc;

	attach.address =
	    (struct addr_key){.family = AF_INET, .b = {192, 0, 2, (unsigned char)address}};
	(void)snprintf(attach.peer, sizeof(attach.peer), "192.0.2.%u:1", address);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(fdpass_send(d->hub, &attach, sizeof(attach), &sv[1], 1, 0), 0);
	fd_close(&sv[1]);
	rc = door_ask(sv[0], req, deadline_from_ms(ANSWER_MS), &reply, &err);
	assert_int_equal(rc, reply.status);
	fd_close(&sv[0]);
	return reply;
}

static struct door_reply
by_password(struct doorway *d, unsigned address, const char *user, const char *password)
{
	struct signin_request req = {.way = SIGNIN_PASSWORD,
				     .secret_len = (uint32_t)strlen(password)};

	(void)snprintf(req.user, sizeof(req.user), "%s", user);
	memcpy(req.secret, password, strlen(password));
	return ask(d, address, &req);
}

/* By an unknown device's key: how long the refusal is held back. */
static unsigned
refused(struct doorway *d, unsigned address, const char *user)
{
	struct signin_request req = {.way = SIGNIN_KEY, .has_key = 1};
	struct door_reply reply;

	memset(req.key.b, 'x', sizeof(req.key.b));
	(void)snprintf(req.user, sizeof(req.user), "%s", user);
	reply = ask(d, address, &req);
	assert_int_equal(reply.status, CFS_EAUTH);
	return reply.hold_ms;
}

static unsigned
hold_after(unsigned failures)
{
	return FIRST_MS << (failures < DOUBLES ? failures : DOUBLES);
}

static void
test_an_address_is_slowed(void **state)
{
	struct doorway d;
	char user[16];

	open_door(&d, *state);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(user, sizeof(user), "user%u", i);
		assert_int_equal(refused(&d, 1, user), hold_after(i));
	}
	/* Others are not. */
	assert_int_equal(refused(&d, 2, "somebody"), FIRST_MS);
	close_door(&d);
}

static void
test_a_user_is_slowed(void **state)
{
	static const char *const users[] = {"alice", "nobody"};
	struct doorway d;

	open_door(&d, *state);
	/* One who is there and one who is not, which must not show. */
	for (unsigned u = 0; u < ARRAY_SIZE(users); u++) {
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(refused(&d, 1 + u * 10 + i, users[u]), hold_after(i));
	}
	assert_int_equal(refused(&d, 100, "bob"), FIRST_MS);
	close_door(&d);
}

/* The hub hears of it: who, and that it was let in. */
static void
assert_let_in(struct doorway *d, const struct door_reply *reply, const char *user)
{
	struct hub_msg m = {0};

	assert_int_equal(reply->status, 0);
	assert_int_equal(reply->hold_ms, 0);
	assert_string_equal(reply->who.me.name, user);
	assert_int_equal(recv(d->hub, &m, sizeof(m), MSG_DONTWAIT), sizeof(m));
	assert_int_equal(m.kind, HUB_SIGNED_IN);
	assert_int_equal(m.serial, d->serial);
	assert_string_equal(m.user, user);
}

/* However much was guessed: whoever has the password comes in at once, from elsewhere and from there. */
static void
test_nobody_is_locked_out(void **state)
{
	struct signin_request key = {.way = SIGNIN_KEY, .has_key = 1};
	struct door_reply reply;
	struct doorway d;

	open_door(&d, *state);
	for (unsigned i = 0; i < 50; i++)
		(void)refused(&d, 1, "alice");
	reply = by_password(&d, 2, "alice", ALICE_PASSWORD);
	assert_let_in(&d, &reply, "alice");
	reply = by_password(&d, 1, "alice", ALICE_PASSWORD);
	assert_let_in(&d, &reply, "alice");
	memset(key.key.b, 'b', sizeof(key.key.b));
	reply = ask(&d, 1, &key);
	assert_let_in(&d, &reply, "bob");
	close_door(&d);
}

/* Everything that a client could tell them apart by, but for the time that the password takes (test_signin). */
static void
test_unknown_and_wrong_are_alike(void **state)
{
	struct door_reply known, unknown;
	struct doorway d;

	open_door(&d, *state);
	for (unsigned i = 0; i < 3; i++) {
		known = by_password(&d, 1, "alice", "wrong");
		unknown = by_password(&d, 2, "nobody", "wrong");
		assert_int_equal(known.status, CFS_EAUTH);
		assert_int_equal(known.hold_ms, hold_after(i));
		assert_int_equal(unknown.status, known.status);
		assert_int_equal(unknown.hold_ms, known.hold_ms);
		assert_string_equal(unknown.text, known.text);
		assert_memory_equal(&unknown.who, &known.who, sizeof(known.who));
	}
	close_door(&d);
}

struct refusal_events {
	unsigned count;
	bool as_alice, from_there;
};

static int
note(void *arg, const struct event *e)
{
	struct refusal_events *r = arg;

	if (e->kind != EVENT_REFUSED)
		return 0;
	r->count++;
	r->as_alice = e->user_name.len == 5 && memcmp(e->user_name.data, "alice", 5) == 0;
	r->from_there = e->peer.len == 11 && memcmp(e->peer.data, "192.0.2.1:1", 11) == 0;
	return 0;
}

static struct refusal_events
refusals(struct servertest *t)
{
	const struct cred all = {.admin = true};
	const struct event_want want = {0};
	struct refusal_events r = {0};
	struct store *s;
	uint64_t last;

	assert_int_equal(store_open(&t->store_conf, t->shared, &s, NULL), 0);
	assert_true(events_list(s, &all, 0, 1000, &want, note, &r, &last, NULL) >= 0);
	store_close(s);
	return r;
}

/* Each is an event, until there are so many that they would be a burden themselves. */
static void
test_guesses_are_told_of(void **state)
{
	struct refusal_events r;
	struct doorway d;

	open_door(&d, *state);
	(void)by_password(&d, 1, "alice", "wrong");
	r = refusals(d.t);
	assert_int_equal(r.count, 1);
	assert_true(r.as_alice && r.from_there);
	for (unsigned i = 0; i < 2 * EVENTS_MAX; i++)
		(void)refused(&d, 1, "alice");
	assert_int_equal(refusals(d.t).count, EVENTS_MAX);
	close_door(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_an_address_is_slowed), TEST(test_a_user_is_slowed),
	    TEST(test_nobody_is_locked_out), TEST(test_unknown_and_wrong_are_alike),
	    TEST(test_guesses_are_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
