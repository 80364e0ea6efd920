/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/impl.h"

/* Taken from the counter at once, so that it is not written by every link. */
#define OWN_RANGE 1024

int
number_reserve(struct store *s, uint64_t count, uint64_t *first_out, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE counter SET value = value + ?1 WHERE name = 'number' RETURNING value"};
	uint64_t end = 0;
	int rc = sql_get(s, &sql, SQL_ARGS(count), &end, err);

	if (rc < 0)
		return rc;
	if (rc == 0 || end < count || end > INT64_MAX - UINT32_MAX)
		return err_set(err, CFS_ECORRUPT, "database: the counter of numbers is damaged");
	*first_out = end - count;
	return 0;
}

/*
 * The reservation need not be on stable storage before its numbers are used: what uses them is committed with it or after
 * it, and a crash never loses a commit and keeps a later one.
 */
int
number_take(struct store *s, uint64_t *number_out, struct cfs_err *err)
{
	if (s->next_number == s->end_number) {
		uint64_t first;
		int rc = number_reserve(s, OWN_RANGE, &first, err);

		if (rc != 0)
			return rc;
		s->next_number = first;
		s->end_number = first + OWN_RANGE;
		s->numbers_fresh = true;
	}
	*number_out = s->next_number++;
	return 0;
}

static int
load_range(struct store *s, const struct id128 *stream, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT first, count, stream FROM ino_range"
					  " WHERE first <= ?1 ORDER BY first DESC LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, ino);
	int rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view id = db_col_blob(st, 2);

		if (id.len == sizeof(stream->b) && memcmp(id.data, stream->b, id.len) == 0) {
			s->range_stream = *stream;
			s->range_first = db_col_u64(st, 0);
			s->range_end = s->range_first + db_col_u64(st, 1);
		}
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

static bool
in_range(const struct store *s, const struct id128 *stream, uint64_t ino)
{
	return ino >= s->range_first && ino < s->range_end && id128_equal(&s->range_stream, stream);
}

int
number_check(struct store *s, const struct id128 *stream, uint64_t ino, struct cfs_err *err)
{
	int rc;

	if (in_range(s, stream, ino))
		return 0;
	rc = ino <= INT64_MAX ? load_range(s, stream, ino, err) : 0;
	if (rc == 0 && !in_range(s, stream, ino))
		rc = err_set(err, CFS_EINVAL, "inode number %llu was not given to this stream",
			     (unsigned long long)ino);
	return rc;
}
