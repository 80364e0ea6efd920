/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SQL driver, over a file and over memory. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/db.h"

struct fixture {
	struct db *db;
	char folder[256], path[300]; /* folder empty: in memory */
};

static const struct db_sql insert_sql = {"INSERT INTO t (k, v) VALUES (?1, ?2)"};
static const struct db_sql select_sql = {"SELECT k, v FROM t ORDER BY k"};
static const struct db_sql count_sql = {"SELECT count(*) FROM t"};

static int
setup(struct fixture *f)
{
	struct cfs_err err = CFS_ERR_INIT;

	if (db_sqlite_open(f->folder[0] != '\0' ? f->path : NULL, &f->db, &err) != 0 ||
	    db_exec(f->db, "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)", &err) != 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	return 0;
}

static int
memory_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return f != NULL ? setup(f) : -1;
}

static int
file_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	*state = f;
	if (f == NULL)
		return -1;
	(void)snprintf(f->folder, sizeof(f->folder), "%s/db.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(f->folder) == NULL)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/db", f->folder);
	return setup(f);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	db_close(f->db);
	if (f->folder[0] != '\0')
		(void)nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static int
insert(struct db *db, int64_t k, const void *v, size_t len)
{
	struct db_stmt *st = db_use(db, &insert_sql, NULL);

	db_bind_i64(st, 1, k);
	db_bind_blob(st, 2, v, len);
	return db_run(st, NULL);
}

static int64_t
count(struct db *db)
{
	struct db_stmt *st = db_use(db, &count_sql, NULL);
	int64_t n;

	assert_int_equal(db_step(st, NULL), 1);
	n = db_col_i64(st, 0);
	db_done(st);
	return n;
}

static void
values_come_back_as_they_were(void **state)
{
	const struct fixture *f = *state;
	struct db_stmt *st;
	struct bytes_view v;

	assert_int_equal(insert(f->db, INT64_MIN, "a\0b", 3), 1);
	assert_int_equal(insert(f->db, 1, NULL, 0), 1);
	st = db_use(f->db, &insert_sql, NULL);
	db_bind_u64(st, 1, 2);
	db_bind_null(st, 2);
	assert_int_equal(db_run(st, NULL), 1);
	st = db_use(f->db, &select_sql, NULL);
	assert_int_equal(db_step(st, NULL), 1);
	assert_true(db_col_i64(st, 0) == INT64_MIN);
	assert_true(db_col_u64(st, 0) == (uint64_t)1 << 63);
	v = db_col_blob(st, 1);
	assert_int_equal(v.len, 3);
	assert_memory_equal(v.data, "a\0b", 3);
	assert_int_equal(db_step(st, NULL), 1);
	assert_false(db_col_null(st, 1));
	v = db_col_blob(st, 1);
	assert_int_equal(v.len, 0);
	assert_non_null(v.data);
	assert_int_equal(db_step(st, NULL), 1);
	assert_true(db_col_null(st, 1));
	assert_int_equal(db_step(st, NULL), 0);
	db_done(st);
}

static void
errors_have_codes(void **state)
{
	static const struct db_sql nonsense_sql = {"SELECT nonsense FROM nowhere"};
	const struct fixture *f = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct db_stmt *st;

	assert_int_equal(insert(f->db, 1, "x", 1), 1);
	assert_int_equal(insert(f->db, 1, "y", 1), CFS_EEXIST);
	assert_null(db_use(f->db, &nonsense_sql, &err));
	assert_non_null(strstr(err.text, "nonsense"));
	/* A statement that failed to be prepared goes through the calls and says so at the end. */
	db_bind_i64(NULL, 1, 1);
	db_bind_text(NULL, 1, "x");
	assert_int_equal(db_run(NULL, &err), err.code);
	assert_int_equal(db_run(NULL, NULL), CFS_EFAIL);
	db_done(NULL);
	st = db_use(f->db, &select_sql, NULL);
	assert_non_null(st);
	assert_null(db_use(f->db, &select_sql, &err));
	assert_non_null(strstr(err.text, "in use"));
	db_done(st);
	st = db_use(f->db, &select_sql, NULL);
	db_bind_i64(st, 9, 1);
	assert_true(db_step(st, NULL) < 0);
	db_done(st);
	assert_int_equal(count(f->db), 1);
}

static void
transactions_nest_once(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(db_begin_write(f->db, NULL), 0);
	assert_int_equal(insert(f->db, 1, "a", 1), 1);
	assert_int_equal(db_savepoint(f->db, NULL), 0);
	assert_int_equal(insert(f->db, 2, "b", 1), 1);
	assert_int_equal(db_savepoint_rollback(f->db, NULL), 0);
	assert_int_equal(db_savepoint(f->db, NULL), 0);
	assert_int_equal(insert(f->db, 3, "c", 1), 1);
	assert_int_equal(db_savepoint_release(f->db, NULL), 0);
	assert_int_equal(db_commit(f->db, NULL), 0);
	assert_int_equal(count(f->db), 2);
	assert_int_equal(db_begin_write(f->db, NULL), 0);
	assert_int_equal(insert(f->db, 4, "d", 1), 1);
	db_rollback(f->db);
	assert_int_equal(count(f->db), 2);
	assert_true(db_commit(f->db, NULL) < 0);
	assert_int_equal(db_sync(f->db, NULL), 0);
}

#define STATEMENTS 300

static void
many_statements_are_kept(void **state)
{
	const struct fixture *f = *state;
	static struct db_sql sql[STATEMENTS];
	static char text[STATEMENTS][32];

	for (unsigned round = 0; round < 2; round++) {
		for (int i = 0; i < STATEMENTS; i++) {
			struct db_stmt *st;

			(void)snprintf(text[i], sizeof(text[i]), "SELECT %d", i);
			sql[i].text = text[i];
			st = db_use(f->db, &sql[i], NULL);
			assert_int_equal(db_step(st, NULL), 1);
			assert_int_equal(db_col_i64(st, 0), i);
			db_done(st);
		}
	}
}

static void
a_read_transaction_sees_one_state(void **state)
{
	const struct fixture *f = *state;
	struct db *other = NULL;

	assert_int_equal(db_sqlite_open(f->path, &other, NULL), 0);
	assert_int_equal(db_begin_read(f->db, NULL), 0);
	assert_int_equal(count(f->db), 0);
	assert_int_equal(insert(other, 1, "x", 1), 1);
	assert_int_equal(count(f->db), 0);
	db_end_read(f->db);
	assert_int_equal(count(f->db), 1);
	db_close(other);
}

static int faults;

static void
note_fault(void *arg, const char *fault)
{
	(void)arg;
	(void)fault;
	faults++;
}

static void
the_log_moves_and_the_file_shrinks(void **state)
{
	const struct fixture *f = *state;
	char *big = calloc(1, 100000);
	unsigned pages;
	uint64_t log;

	assert_non_null(big);
	for (int i = 0; i < 50; i++)
		assert_int_equal(insert(f->db, i, big, 100000), 1);
	free(big);
	log = db_log_bytes(f->db);
	assert_true(log > 5000000);
	assert_int_equal(db_checkpoint(f->db, DB_LOG_MOVE, NULL), 0);
	assert_int_equal(db_log_bytes(f->db), log);
	assert_int_equal(db_checkpoint(f->db, DB_LOG_AGAIN, NULL), 0);
	assert_int_equal(insert(f->db, 1000, "x", 1), 1);
	assert_int_equal(db_log_bytes(f->db), log);
	assert_int_equal(db_checkpoint(f->db, DB_LOG_EMPTY, NULL), 0);
	assert_int_equal(db_log_bytes(f->db), 0);
	assert_int_equal(db_exec(f->db, "DELETE FROM t WHERE k > 0", NULL), 0);
	assert_int_equal(db_begin_write(f->db, NULL), 0);
	assert_int_equal(db_shrink(f->db, false, &pages, NULL), 0);
	assert_int_equal(pages, 0);
	assert_int_equal(db_shrink(f->db, true, &pages, NULL), 0);
	assert_true(pages > 0);
	while (pages > 0)
		assert_int_equal(db_shrink(f->db, true, &pages, NULL), 0);
	assert_int_equal(db_commit(f->db, NULL), 0);
	assert_int_equal(db_checkpoint(f->db, DB_LOG_EMPTY, NULL), 0);
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(st.st_size < 200000);
	faults = 0;
	assert_int_equal(db_verify(f->db, note_fault, NULL, NULL), 0);
	assert_int_equal(faults, 0);
}

#define MANY 1500

/* More than the cache holds, so that pages are in the log, or gathered for it, before the end of the transaction. */
static void
write_much(struct db *db, int first)
{
	char page[3900] = {0};

	assert_int_equal(db_begin_write(db, NULL), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(insert(db, first + i, page, sizeof(page)), 1);
}

/* What a transaction that was undone had gathered is not written over what others commit after it. */
static void
an_undone_transaction_leaves_the_log_alone(void **state)
{
	const struct fixture *f = *state;
	struct db *other = NULL;

	assert_int_equal(db_sqlite_open(f->path, &other, NULL), 0);
	for (int i = 0; i < 3; i++) {
		write_much(f->db, 100);
		assert_int_equal(count(f->db), (i + 1) * MANY);
		db_rollback(f->db);
		write_much(other, 10000 * (i + 1));
		assert_int_equal(db_commit(other, NULL), 0);
		assert_int_equal(count(f->db), (i + 1) * MANY);
	}
	assert_int_equal(insert(f->db, 1, "text", 4), 1);
	assert_int_equal(db_checkpoint(f->db, DB_LOG_MOVE, NULL), 0);
	assert_int_equal(count(other), 3 * MANY + 1);
	faults = 0;
	assert_int_equal(db_verify(other, note_fault, NULL, NULL), 0);
	assert_int_equal(faults, 0);
	db_close(other);
}

static void
a_damaged_file_is_told(void **state)
{
	struct fixture *f = *state;
	struct cfs_err err = CFS_ERR_INIT;
	struct db *db = NULL;
	FILE *file;

	db_close(f->db);
	f->db = NULL;
	file = fopen(f->path, "r+");
	assert_non_null(file);
	assert_int_equal(fputs("this is no database at all", file) < 0, 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(db_sqlite_open(f->path, &db, &err), CFS_ECORRUPT);
	assert_null(db);
	assert_non_null(strstr(err.text, f->path));
}

int
main(void)
{
#define TEST(f, s) cmocka_unit_test_setup_teardown(f, s, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(values_come_back_as_they_were, memory_setup),
	    TEST(values_come_back_as_they_were, file_setup),
	    TEST(errors_have_codes, memory_setup),
	    TEST(errors_have_codes, file_setup),
	    TEST(transactions_nest_once, memory_setup),
	    TEST(transactions_nest_once, file_setup),
	    TEST(many_statements_are_kept, memory_setup),
	    TEST(a_read_transaction_sees_one_state, file_setup),
	    TEST(the_log_moves_and_the_file_shrinks, file_setup),
	    TEST(an_undone_transaction_leaves_the_log_alone, file_setup),
	    TEST(a_damaged_file_is_told, file_setup),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
