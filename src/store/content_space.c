/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/impl.h"

/* Where a file has bytes and where holes, and making the one into the other. */

/* The first extent that reaches behind `from` and those behind it, in order. */
static struct db_stmt *
extents_from(struct store *s, uint64_t ino, uint64_t from, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT e.off, e.len FROM extent e WHERE e.ino = ?1 AND e.off >="
	    " COALESCE((SELECT max(p.off) FROM extent p WHERE p.ino = ?1 AND p.off <= ?2), ?2)"
	    " AND e.off + e.len > ?2 ORDER BY e.off"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, ino);
	db_bind_u64(st, 2, from);
	return st;
}

static int
find_data(struct store *s, const struct inode *in, uint64_t from, uint64_t *out,
	  struct cfs_err *err)
{
	struct db_stmt *st = extents_from(s, in->a.ino, from, err);
	int rc = db_step(st, err);

	if (rc == 1)
		*out = max_u64(from, db_col_u64(st, 0));
	db_done(st);
	if (rc < 0)
		return rc;
	return rc == 1 ? 0 : err_code(err, CFS_ENXIO);
}

/* Behind the last byte of a file there is always a hole. */
static int
find_hole(struct store *s, const struct inode *in, uint64_t from, uint64_t *out,
	  struct cfs_err *err)
{
	struct db_stmt *st = extents_from(s, in->a.ino, from, err);
	uint64_t at = from;
	int rc;

	while ((rc = db_step(st, err)) == 1 && db_col_u64(st, 0) <= at)
		at = db_col_u64(st, 0) + db_col_u64(st, 1);
	db_done(st);
	*out = at;
	return rc < 0 ? rc : 0;
}

int
content_seek(struct store *s, const struct cred *cred, struct inode_ref ref, uint64_t offset,
	     bool hole, uint64_t *offset_out, struct cfs_err *err)
{
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = content_get_file(s, cred, ref, &in, err);
	if (rc == 0 && offset >= in.a.size)
		rc = err_code(err, CFS_ENXIO);
	if (rc == 0)
		rc = hole ? find_hole(s, &in, offset, offset_out, err)
			  : find_data(s, &in, offset, offset_out, err);
	store_read_end(s, began);
	return rc;
}

int
content_allocate(struct store *s, const struct cred *cred, struct inode_ref ref, bool clear,
		 bool keep_size, uint64_t offset, uint64_t length, struct inode_attr *out,
		 struct cfs_err *err)
{
	struct inode in, old;
	uint64_t end, freed = 0;
	bool unnamed;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = content_get_own_file(s, cred, ref, &in, &unnamed, err);
	if (rc == 0 && length == 0)
		rc = err_code(err, CFS_EINVAL);
	if (rc == 0 && (!add_u64(offset, length, &end) || end > (uint64_t)STORE_FILE_MAX))
		rc = err_code(err, CFS_EFBIG);
	if (rc == 0 && !clear)
		rc = space_check(s, err);
	if (rc != 0)
		return rc;
	*out = in.a;
	old = in;
	if (clear)
		rc = attic_keep_before(s, cred, &in, offset, min_u64(end, in.a.size), err);
	if (rc == 0 && clear && offset < in.a.size)
		rc = extents_punch(s, in.a.ino, offset, min_u64(end, in.a.size), &freed, err);
	in.a.stored -= freed;
	if (!keep_size)
		in.a.size = max_u64(in.a.size, end);
	if (rc != 0)
		return rc;
	if (freed > 0 || in.a.size != old.a.size) {
		rc = content_changed(s, cred, &in, &old, unnamed, 0, err);
	} else {
		/* What changes no byte is no new version; the times change as on a local disk. */
		in.a.mtime_ns = in.a.ctime_ns = store_now(s);
		rc = inode_update(s, &in, &old, err);
	}
	*out = in.a;
	return rc;
}
