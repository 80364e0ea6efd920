/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "net/key.h"
#include "net/url.h"

static void
test_urls(void **state)
{
	static const struct {
		const char *text, *user, *host;
		unsigned port;
		const char *path, *formatted;
	} good[] = {
	    {"cfs://alice@files.example:7441/docs/a b", "alice", "files.example", 7441, "/docs/a b",
	     "cfs://alice@files.example:7441"},
	    {"cfs://files.example", "", "files.example", 7440, "", "cfs://files.example"},
	    {"CFS://h/", "", "h", 7440, "/", "cfs://h"},
	    {"cfs://[::1]:80/x", "", "::1", 80, "/x", "cfs://[::1]:80"},
	    {"cfs://bob@::1", "bob", "::1", 7440, "", "cfs://bob@[::1]"},
	    {"127.0.0.1:1", "", "127.0.0.1", 1, "", "cfs://127.0.0.1:1"},
	    {"alice@h", "alice", "h", 7440, "", "cfs://alice@h"},
	    {"cfs://h/a%20b#c?d", "", "h", 7440, "/a%20b#c?d", "cfs://h"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char text[URL_TEXT_SIZE];
		struct cfs_err err = CFS_ERR_INIT;
		struct url u;

		assert_int_equal(url_parse(good[i].text, &u, &err), 0);
		assert_string_equal(u.user, good[i].user);
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
		assert_true(str_is(u.path, good[i].path));
		assert_string_equal(url_format(text, &u), good[i].formatted);
	}
}

static void
test_what_is_no_url(void **state)
{
	static const char *const bad[] = {
	    "",           "cfs://",       "cfs:///path",   "cfs://@h",    "cfs://h:x",
	    "cfs://h:",   "cfs://h:0",    "cfs://h:65536", "cfs://h:-1",  "cfs://[::1",
	    "cfs://[]:1", "cfs://[::1]x", "http://h/",     "h/path",      "cfs://a b/",
	    "cfs://h:1x", "cfs://h\n",    ":7440",         "cfs://h: 80",
	};
	char *large = malloc(2000);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cfs_err err = CFS_ERR_INIT;
		struct url u;

		if (url_parse(bad[i], &u, &err) != CFS_EUSAGE)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.code, CFS_EUSAGE);
		assert_true(err.text[0] != '\0');
	}
	for (size_t n = 200; n < 1999; n += 57) {
		struct url u;

		memset(large, 'a', n);
		large[n] = '\0';
		large[n / 2] = n % 2 ? '@' : 'a';
		if (url_parse(large, &u, NULL) == 0)
			assert_true(strlen(u.host) < HOST_SIZE && strlen(u.user) < URL_USER_SIZE);
	}
	free(large);
}

static void
test_hostports(void **state)
{
	char host[HOST_SIZE];
	uint16_t port;

	(void)state;
	assert_int_equal(hostport_parse(":7", 1, host, &port, NULL), 0);
	assert_string_equal(host, "");
	assert_int_equal(port, 7);
	assert_int_equal(hostport_parse("[::]:0", 1, host, &port, NULL), 0);
	assert_string_equal(host, "::");
	assert_int_equal(port, 0);
	assert_int_equal(hostport_parse("fe80::1", 9, host, &port, NULL), 0);
	assert_string_equal(host, "fe80::1");
	assert_int_equal(port, 9);
}

static void
test_invites(void **state)
{
	struct invite invite = {.url = {.user = "alice", .host = "::1", .port = 7440},
				.secret = "abc-DEF_123"};
	char line[INVITE_TEXT_SIZE];
	char spaced[INVITE_TEXT_SIZE + 3];
	struct invite back;

	(void)state;
	for (size_t i = 0; i < sizeof invite.fingerprint.b; i++)
		invite.fingerprint.b[i] = (unsigned char)(i * 9);
	invite_format(line, &invite);
	assert_memory_equal(line, "cfs://alice@[::1]:7440/#", 24);
	assert_true(invite_is(line));
	snprintf(spaced, sizeof spaced, " %s\n", line);
	assert_int_equal(invite_parse(spaced, &back, NULL), 0);
	assert_string_equal(back.url.user, "alice");
	assert_string_equal(back.url.host, "::1");
	assert_int_equal(back.url.port, 7440);
	assert_string_equal(back.secret, invite.secret);
	assert_true(sha256_equal(&back.fingerprint, &invite.fingerprint));

	/* Every cut before the secret's first character is refused, and the secret is in no error. */
	for (size_t n = 0; n < strlen(line) - strlen(invite.secret) + 1; n++) {
		struct cfs_err err = CFS_ERR_INIT;
		char cut[INVITE_TEXT_SIZE];

		snprintf(cut, sizeof cut, "%.*s", (int)n, line);
		assert_int_equal(invite_parse(cut, &back, &err), CFS_EUSAGE);
		assert_null(strstr(err.text, "abc"));
	}
	strcat(line, "!");
	assert_int_equal(invite_parse(line, &back, NULL), CFS_EUSAGE);
	assert_false(invite_is("cfs://alice@h/docs"));
}

static void
test_fingerprints(void **state)
{
	char text[FINGERPRINT_TEXT_SIZE];
	struct sha256 fp = {{0xff, 0xee}};
	struct sha256 back;

	(void)state;
	fingerprint_format(text, &fp);
	assert_int_equal(strlen(text), FINGERPRINT_TEXT_SIZE - 1);
	assert_memory_equal(text, "SHA256:_-4A", 11);
	assert_int_equal(fingerprint_parse(&back, text), 0);
	assert_true(sha256_equal(&fp, &back));
	assert_int_equal(fingerprint_parse(&back, text + 7), 0);
	text[FINGERPRINT_TEXT_SIZE - 2] = '\0';
	assert_int_equal(fingerprint_parse(&back, text), CFS_EINVAL);
	assert_int_equal(fingerprint_parse(&back, ""), CFS_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_urls),         cmocka_unit_test(test_what_is_no_url),
	    cmocka_unit_test(test_hostports),    cmocka_unit_test(test_invites),
	    cmocka_unit_test(test_fingerprints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
