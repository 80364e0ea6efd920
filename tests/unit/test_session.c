/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A session: sign-in, looking, changes, content; and what it does with nonsense. */

#include "servertest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"

static void
test_hello(void **state)
{
	struct servertest *t = *state;
	struct m_ping_rep ping;
	struct m_empty empty = {0};
	struct peer p;

	peer_connect(t, &p, 'a');
	assert_int_equal(peer_call(&p, OP_PING, &empty, &ping, NULL), CFS_ENOTSIGNEDIN);
	assert_int_equal(peer_hello(&p), 0);
	assert_int_equal(p.user, t->alice.id);
	assert_int_equal(p.home, t->alice.home);
	assert_int_equal(peer_call(&p, OP_PING, &empty, &ping, NULL), 0);
	assert_true(ping.time > 0);
	assert_int_equal(peer_hello(&p), CFS_EPROTO);
	peer_disconnect(&p);
	assert_int_equal(p.result, 0);
}

static int
hello(struct servertest *t, char who, struct m_hello_req *req)
{
	struct m_hello_rep rep;
	struct peer p;
	int rc;

	req->version_min = req->version_min ? req->version_min : 1;
	req->version_max = req->version_max ? req->version_max : 1;
	peer_connect(t, &p, who);
	rc = peer_call(&p, OP_HELLO, req, &rep, NULL);
	peer_disconnect(&p);
	return rc;
}

static void
test_hello_variants(void **state)
{
	struct servertest *t = *state;
	struct m_hello_req old = {.version_min = 7, .version_max = 9};
	struct m_hello_req key = {.user = STR_LIT("bob")};
	struct m_hello_req good = {
	    .auth = 1, .user = STR_LIT("alice"), .secret = STR_LIT(ALICE_PASSWORD)};
	struct m_hello_req wrong = {
	    .auth = 1, .user = STR_LIT("alice"), .secret = STR_LIT("open barley")};
	struct m_hello_req nobody = {
	    .auth = 1, .user = STR_LIT("nobody"), .secret = STR_LIT(ALICE_PASSWORD)};
	struct m_hello_req unset = {.auth = 1, .user = STR_LIT("bob")};
	struct m_hello_req invite = {.auth = 2, .secret = STR_LIT("no such invite")};
	struct m_hello_req unknown = {.auth = 9};
	struct m_hello_req none = {0};

	assert_int_equal(hello(t, 'a', &old), CFS_EUNSUPPORTED);
	assert_int_equal(hello(t, 'a', &key), CFS_EAUTH);
	assert_int_equal(hello(t, 'b', &key), 0);
	assert_int_equal(hello(t, 0, &good), 0);
	assert_int_equal(hello(t, 0, &wrong), CFS_EAUTH);
	assert_int_equal(hello(t, 0, &nobody), CFS_EAUTH);
	assert_int_equal(hello(t, 0, &unset), CFS_EAUTH);
	assert_int_equal(hello(t, 0, &invite), CFS_EAUTH);
	assert_int_equal(hello(t, 0, &unknown), CFS_EUNSUPPORTED);
	assert_int_equal(hello(t, 'x', &none), CFS_EAUTH);
	assert_int_equal(hello(t, 0, &none), CFS_EAUTH);
}

static void
test_enrol_by_password(void **state)
{
	struct servertest *t = *state;
	struct m_hello_req enrol = {.auth = 1,
				    .enrol = 1,
				    .user = STR_LIT("alice"),
				    .secret = STR_LIT(ALICE_PASSWORD),
				    .device = STR_LIT("phone")};
	struct m_hello_req key = {0};

	assert_int_equal(hello(t, 'n', &key), CFS_EAUTH);
	assert_int_equal(hello(t, 'n', &enrol), 0);
	assert_int_equal(hello(t, 'n', &key), 0);
}

static void
test_files(void **state)
{
	struct servertest *t = *state;
	struct id128 stream = id128_random();
	struct buf data = BUF_INIT;
	struct m_attr dir, file, found;
	struct peer p;

	peer_start(t, &p, 'a');
	peer_attach(&p, &stream, true);
	assert_int_equal(peer_mkdir(&p, p.home, "docs", &dir), 0);
	assert_int_equal(peer_mkdir(&p, p.home, "docs", NULL), CFS_EEXIST);
	assert_int_equal(peer_put(&p, dir.ino, "a.txt", "hello", 5, &file), 0);
	assert_int_equal(file.size, 5);
	assert_int_equal(peer_lookup(&p, dir.ino, "a.txt", &found), 0);
	assert_int_equal(found.ino, file.ino);
	assert_int_equal(peer_lookup(&p, dir.ino, "b.txt", &found), CFS_ENOENT);
	assert_int_equal(peer_read(&p, &file, 0, &data), 0);
	assert_int_equal(data.len, 5);
	assert_memory_equal(data.data, "hello", 5);
	peer_disconnect(&p);
	buf_fini(&data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_hello),
	    TEST(test_hello_variants),
	    TEST(test_enrol_by_password),
	    TEST(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
