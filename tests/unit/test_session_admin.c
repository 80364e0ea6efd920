/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What an administrator does, and that nobody else can; invites from making to use. */

#include "servertest.h"

#include <string.h>

#include "base/time.h"

static int
hello_with(struct servertest *t, char who, struct m_hello_req *req, uint64_t *user_out)
{
	struct m_hello_rep rep;
	struct peer p;
	int rc;

	req->version_min = req->version_max = 1;
	peer_connect(t, &p, who);
	rc = peer_call(&p, OP_HELLO, req, &rep, NULL);
	if (rc == 0 && user_out)
		*user_out = rep.user_id;
	peer_disconnect(&p);
	return rc;
}

static void
test_only_admins(void **state)
{
	struct m_empty empty = {0};
	struct m_admin_status_rep status;
	struct m_users_rep users;
	struct m_admin_invite_req invite = {.user = STR_LIT("carol"), .ttl_s = 60};
	struct m_admin_invite_rep invited;
	struct m_admin_user_set_req set = {.user = STR_LIT("bob"), .what = 3};
	struct peer p;

	peer_start(*state, &p, 'a');
	assert_int_equal(peer_call(&p, OP_ADMIN_STATUS, &empty, &status, NULL), CFS_EDENIED);
	assert_int_equal(peer_call(&p, OP_ADMIN_USERS, &empty, &users, NULL), CFS_EDENIED);
	assert_int_equal(peer_call(&p, OP_ADMIN_INVITE, &invite, &invited, NULL), CFS_EDENIED);
	assert_int_equal(peer_call(&p, OP_ADMIN_USER_SET, &set, &empty, NULL), CFS_EDENIED);
	peer_disconnect(&p);
	/* Not before HELLO either, admin socket or not. */
	peer_connect(*state, &p, 'r');
	assert_int_equal(peer_call(&p, OP_ADMIN_STATUS, &empty, &status, NULL), CFS_EDENIED);
	peer_disconnect(&p);
}

static void
test_status_and_users(void **state)
{
	struct m_empty empty = {0};
	struct m_admin_status_rep status;
	struct m_users_rep users;
	struct m_user user;
	struct peer p;

	peer_start(*state, &p, 'r');
	assert_int_equal(peer_call(&p, OP_ADMIN_STATUS, &empty, &status, NULL), 0);
	assert_int_equal(status.users, 2);
	assert_int_equal(status.pid, 0);
	assert_int_equal(peer_call(&p, OP_ADMIN_USERS, &empty, &users, NULL), 0);
	assert_int_equal(users.users.count, 2);
	assert_true(list_next(&users.users, &user));
	assert_true(str_is(user.name, "alice"));
	assert_int_equal(user.devices, 1);
	/* An admin has no tree, and so no stream. */
	assert_int_not_equal(
	    peer_call(&p, OP_STREAM_ATTACH,
		      &(struct m_stream_attach_req){.stream = id128_random(), .create = 1},
		      &(struct m_stream_attach_rep){0}, NULL),
	    0);
	peer_disconnect(&p);
}

static int
set_user(struct peer *p, const char *name, uint8_t what, const char *password)
{
	struct m_admin_user_set_req req = {
	    .user = str_from(name), .what = what, .password = str_from(password)};
	struct m_empty rep;

	return peer_call(p, OP_ADMIN_USER_SET, &req, &rep, NULL);
}

static void
test_user_set(void **state)
{
	struct m_hello_req carol = {
	    .auth = 1, .user = STR_LIT("carol"), .secret = STR_LIT("pass word")};
	struct m_hello_req key = {0};
	struct peer p;

	peer_start(*state, &p, 'r');
	assert_int_equal(set_user(&p, "carol", 1, ""), 0);
	assert_int_equal(set_user(&p, "carol", 1, ""), CFS_EEXIST);
	assert_int_equal(set_user(&p, "../x", 1, ""), CFS_EBADNAME);
	assert_int_equal(hello_with(*state, 0, &carol, NULL), CFS_EAUTH);
	assert_int_equal(set_user(&p, "carol", 2, "pass word"), 0);
	assert_int_equal(hello_with(*state, 0, &carol, NULL), 0);
	assert_int_equal(set_user(&p, "carol", 3, ""), 0);
	assert_int_equal(hello_with(*state, 0, &carol, NULL), CFS_EAUTH);
	assert_int_equal(set_user(&p, "carol", 4, ""), 0);
	assert_int_equal(hello_with(*state, 0, &carol, NULL), 0);
	assert_int_equal(hello_with(*state, 'b', &key, NULL), 0);
	assert_int_equal(set_user(&p, "bob", 5, ""), 0);
	assert_int_equal(hello_with(*state, 'b', &key, NULL), CFS_EAUTH);
	assert_int_equal(set_user(&p, "nobody", 3, ""), CFS_ENOENT);
	assert_int_equal(set_user(&p, "bob", 77, ""), CFS_EINVAL);
	peer_disconnect(&p);
}

static int
make_invite(struct peer *p, const char *user, uint8_t device, char secret[128])
{
	struct m_admin_invite_req req = {.user = str_from(user), .ttl_s = 60, .device = device};
	struct m_admin_invite_rep rep;
	int rc = peer_call(p, OP_ADMIN_INVITE, &req, &rep, NULL);

	if (rc == 0) {
		assert_true(rep.secret.len < 128);
		assert_true(str_is(rep.address, "files.example:7440"));
		assert_true(rep.expires > now_real_ns());
		memcpy(secret, rep.secret.p, rep.secret.len);
		secret[rep.secret.len] = '\0';
	}
	return rc;
}

static void
test_invite(void **state)
{
	char secret[128];
	struct m_hello_req req = {.auth = 2, .enrol = 1, .device = STR_LIT("laptop")};
	struct m_hello_req key = {0};
	uint64_t first = 0, second = 0;
	struct peer p;

	peer_start(*state, &p, 'r');
	assert_int_equal(make_invite(&p, "carol", 1, secret), CFS_ENOENT);
	assert_int_equal(make_invite(&p, "carol", 0, secret), 0);
	req.secret = str_from(secret);
	req.user = STR_LIT("bob");
	assert_int_equal(hello_with(*state, 'c', &req, NULL), CFS_EAUTH);
	req.user = STR_LIT("carol");
	assert_int_equal(hello_with(*state, 'c', &req, &first), 0);
	/* Used up; the device is enrolled. */
	assert_int_equal(hello_with(*state, 'd', &req, NULL), CFS_EAUTH);
	assert_int_equal(hello_with(*state, 'd', &key, NULL), CFS_EAUTH);
	assert_int_equal(hello_with(*state, 'c', &key, &second), 0);
	assert_int_equal(first, second);
	/* One more device. */
	assert_int_equal(make_invite(&p, "carol", 1, secret), 0);
	req.secret = str_from(secret);
	assert_int_equal(hello_with(*state, 'd', &req, NULL), 0);
	assert_int_equal(hello_with(*state, 'd', &key, &second), 0);
	assert_int_equal(first, second);
	peer_disconnect(&p);
}

static void
test_devices(void **state)
{
	struct m_empty empty = {0};
	struct m_devices_rep devices;
	struct m_device_revoke_req revoke = {0};
	struct m_device device;
	struct m_hello_req key = {0};
	struct peer p;

	peer_start(*state, &p, 'b');
	assert_int_equal(peer_call(&p, OP_DEVICES, &empty, &devices, NULL), 0);
	assert_int_equal(devices.devices.count, 1);
	assert_true(list_next(&devices.devices, &device));
	assert_int_equal(device.current, 1);
	assert_true(str_is(device.name, "laptop"));
	assert_true(device.last_seen > 0);
	assert_int_equal(peer_call(&p, OP_DEVICE_REVOKE, &revoke, &empty, NULL), 0);
	peer_disconnect(&p);
	assert_int_equal(hello_with(*state, 'b', &key, NULL), CFS_EAUTH);
}

static unsigned
count_events(struct peer *p, uint16_t kind)
{
	struct m_events_req req = {.max = 1000};
	struct m_events_rep rep;
	struct m_event e;
	unsigned n = 0;

	assert_int_equal(peer_call(p, OP_EVENTS, &req, &rep, NULL), 0);
	while (list_next(&rep.events, &e))
		n += e.kind == kind;
	return n;
}

/* Sign-ins, refused ones, and admin acts are events. */
static void
test_events(void **state)
{
	struct m_hello_req key = {0};
	struct peer p;

	peer_start(*state, &p, 'r');
	assert_int_equal(hello_with(*state, 'a', &key, NULL), 0);
	assert_int_equal(hello_with(*state, 'x', &key, NULL), CFS_EAUTH);
	assert_int_equal(set_user(&p, "carol", 1, ""), 0);
	assert_int_equal(count_events(&p, 3), 1);
	assert_int_equal(count_events(&p, 4), 1);
	assert_int_equal(count_events(&p, 5), 1);
	peer_disconnect(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_only_admins), TEST(test_status_and_users), TEST(test_user_set),
	    TEST(test_invite),      TEST(test_devices),          TEST(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
