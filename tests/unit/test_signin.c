/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Who guesses learns nothing from a refusal: a user who is not there, one without a password and a wrong password are answered
 * alike, in text and in time. Time is the processor's time of the thread that checks, which what else runs on the machine hardly touches.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/time.h"
#include "server/signin.h"
#include "servertest.h"

#define ROUNDS 5u

static const char *const users[] = {"alice", "bob", "nobody", "", "a/b", "disabled"};
#define KINDS ARRAY_SIZE(users)

static struct store *
open_store(struct servertest *t)
{
	char hash[PEOPLE_HASH_SIZE];
	struct person person;
	struct store *s;
	uint64_t commit;

	assert_int_equal(store_open(&t->store_conf, t->shared, &s, NULL), 0);
	assert_int_equal(people_hash_password("right", 5, hash, NULL), 0);
	assert_int_equal(store_begin(s, NULL), 0);
	assert_int_equal(people_add(s, "disabled", &person, NULL), 0);
	assert_int_equal(people_set_password(s, person.id, hash, NULL), 0);
	assert_int_equal(people_set_disabled(s, person.id, true, NULL), 0);
	assert_int_equal(store_commit(s, &commit, NULL), 0);
	return s;
}

/* Tries a wrong password: the thread's processor time. */
static uint64_t
try(struct store *s, const char *user, struct cfs_err *err)
{
	struct signin_request req = {.way = SIGNIN_PASSWORD, .secret_len = 5};
	struct timespec before, after;
	struct signin_result who;

	memcpy(req.secret, "wrong", 5);
	(void)snprintf(req.user, sizeof(req.user), "%s", user);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	assert_int_equal(signin_check_now(s, &req, "test", &who, err), CFS_EAUTH);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	return (uint64_t)(after.tv_sec - before.tv_sec) * (uint64_t)NS_PER_S +
	       (uint64_t)after.tv_nsec - (uint64_t)before.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
test_refusals_are_alike(void **state)
{
	uint64_t took[KINDS][ROUNDS], least = UINT64_MAX, most = 0;
	struct cfs_err first = CFS_ERR_INIT;
	struct store *s = open_store(*state);

	/* In turns: what is slow for a while is so for all. */
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < KINDS; i++) {
			struct cfs_err err = CFS_ERR_INIT;

			took[i][round] = try(s, users[i], &err);
			if (first.text[0] == '\0')
				first = err;
			assert_string_equal(err.text, first.text);
		}
	}
	for (unsigned i = 0; i < KINDS; i++) {
		qsort(took[i], ROUNDS, sizeof(took[i][0]), compare);
		print_message("%-8s %.1f ms\n", users[i], (double)took[i][ROUNDS / 2] / 1e6);
		least = min_u64(least, took[i][ROUNDS / 2]);
		most = max_u64(most, took[i][ROUNDS / 2]);
	}
	/* Without the hash it would be a hundredth. */
	assert_true(most < 2 * least);
	store_close(s);
}

/* And what a client gets to see: the same code and text over a session. */
static void
test_answers_are_alike(void **state)
{
	struct cfs_err first = CFS_ERR_INIT;
	struct store *s = open_store(*state);

	store_close(s);
	for (unsigned i = 0; i < KINDS; i++) {
		struct m_hello_req req = {.version_min = 1,
					  .version_max = 1,
					  .auth = SIGNIN_PASSWORD,
					  .user = str_from(users[i]),
					  .secret = STR_LIT("wrong")};
		struct cfs_err err = CFS_ERR_INIT;
		struct m_hello_rep rep;
		struct peer p;

		peer_connect(*state, &p, 0);
		assert_int_equal(caller_call(p.c, OP_HELLO, 0, &req, NULL, 0, &rep, NULL, &err),
				 CFS_EAUTH);
		if (i == 0)
			first = err;
		assert_string_equal(err.text, first.text);
		peer_disconnect(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_refusals_are_alike),
					   TEST(test_answers_are_alike)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
