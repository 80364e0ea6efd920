/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/impl.h"

int
content_get_file(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode *out,
		 struct cfs_err *err)
{
	int rc = inode_get(s, cred, ref, out, err);

	if (rc == 0 && out->a.type != INODE_FILE)
		rc = err_code(err, out->a.type == INODE_DIR ? CFS_EISDIR : CFS_EINVAL);
	return rc;
}

int
content_get_own_file(struct store *s, const struct cred *cred, struct inode_ref ref,
		     struct inode *out, bool *unnamed_out, struct cfs_err *err)
{
	int rc = content_get_file(s, cred, ref, out, err);

	return rc != 0 ? rc : inode_writable(s, cred, out, unnamed_out, err);
}

int
content_span(uint64_t offset, const struct content_piece *pieces, size_t count, uint64_t *end_out,
	     struct cfs_err *err)
{
	bool fits = true;

	*end_out = offset;
	for (size_t i = 0; i < count; i++)
		fits = fits && add_u64(*end_out, pieces[i].skip, end_out) &&
		       add_u64(*end_out, pieces[i].length, end_out);
	return fits && *end_out <= (uint64_t)STORE_FILE_MAX ? 0 : err_code(err, CFS_EFBIG);
}

bool
content_only_holes(const struct content_piece *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (pieces[i].kind != PIECE_HOLE)
			return false;
	}
	return true;
}

int
content_changed(struct store *s, const struct cred *cred, struct inode *in, const struct inode *old,
		bool unnamed, int64_t mtime_ns, struct cfs_err *err)
{
	int64_t now = store_now(s);
	int rc;

	in->a.mtime_ns = mtime_ns != 0 ? mtime_ns : now;
	in->a.ctime_ns = now;
	in->a.uploader = cred->user;
	/* Nobody has seen a version of what has no name yet. */
	in->a.version += unnamed ? 0 : 1;
	rc = inode_clear_sum(s, in->a.ino, err);
	if (rc == 0)
		rc = inode_update(s, in, old, err);
	return rc == 0 && !unnamed ? attic_resize(s, in, old, err) : rc;
}

/* Pieces that lie one behind the other, at [from, to). */
struct run {
	const struct content_piece *pieces;
	size_t count, left; /* left: pieces from the first on to the end of all */
	uint64_t start; /* where the run before ended: what the first one skips counts from there */
	uint64_t from, to;
};

/* The next run; false when there is none. Begins with .pieces, .left and .to. */
static bool
run_next(struct run *r)
{
	r->pieces += r->count;
	r->left -= r->count;
	if (r->left == 0)
		return false;
	r->start = r->to;
	r->from = r->to += r->pieces[0].skip;
	r->count = 0;
	do
		r->to += r->pieces[r->count++].length;
	while (r->count < r->left && r->pieces[r->count].skip == 0);
	return true;
}

/* Keeps the content, if the pieces are to destroy some that must be kept. */
static int
keep_before(struct store *s, const struct cred *cred, const struct inode *in, struct run r,
	    struct cfs_err *err)
{
	int rc = attic_may_keep(s, in, err);

	while (rc == 1 && run_next(&r)) {
		rc = attic_keep_range(s, cred, in, r.from, min_u64(r.to, in->a.size), err);
		if (rc == 1)
			return 0;
		if (rc == 0)
			rc = 1;
	}
	return rc < 0 ? rc : 0;
}

/* Puts each run where it belongs, in the place of what is there. */
static int
replace_runs(struct store *s, struct inode *in, struct run r, struct cfs_err *err)
{
	uint64_t freed, added, end, size = in->a.size;
	int rc = 0;

	while (rc == 0 && run_next(&r)) {
		freed = added = 0;
		if (r.from < size)
			rc = extents_punch(s, in->a.ino, r.from, min_u64(r.to, size), &freed, err);
		if (rc == 0)
			rc = extents_place(s, in->a.owner, in->a.ino, r.start, r.pieces, r.count,
					   &added, &end, err);
		in->a.stored = in->a.stored - freed + added;
		in->a.size = max_u64(in->a.size, r.to);
	}
	return rc;
}

int
content_write(struct store *s, const struct cred *cred, struct inode_ref ref, bool append,
	      uint64_t offset, int64_t mtime_ns, const struct content_piece *pieces, size_t count,
	      uint64_t *offset_out, struct inode_attr *out, struct cfs_err *err)
{
	struct run all = {.pieces = pieces, .left = count};
	struct inode in, old;
	bool unnamed;
	uint64_t end;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = content_get_own_file(s, cred, ref, &in, &unnamed, err);
	if (rc == 0 && !content_only_holes(pieces, count))
		rc = space_check(s, err);
	if (rc != 0)
		return rc;
	old = in;
	if (append)
		offset = in.a.size;
	all.to = offset;
	rc = content_span(offset, pieces, count, &end, err);
	if (rc == 0)
		rc = keep_before(s, cred, &in, all, err);
	if (rc == 0)
		rc = replace_runs(s, &in, all, err);
	if (rc != 0)
		return rc;
	rc = content_changed(s, cred, &in, &old, unnamed, mtime_ns, err);
	*offset_out = offset;
	*out = in.a;
	return rc;
}

int
content_sum_get(struct store *s, const struct cred *cred, struct inode_ref ref,
		struct sha256 *sum_out, uint64_t *version_out, uint64_t *size_out,
		struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT sum FROM inode WHERE ino = ?1 AND sum_version = version"};
	struct db_stmt *st;
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = content_get_file(s, cred, ref, &in, err);
	if (rc == 0) {
		*version_out = in.a.version;
		*size_out = in.a.size;
		st = db_use(s->db, &sql, err);
		db_bind_u64(st, 1, in.a.ino);
		rc = db_step(st, err);
		if (rc == 1) {
			struct bytes_view sum = db_col_blob(st, 0);

			if (sum.len == sizeof(sum_out->b))
				memcpy(sum_out->b, sum.data, sum.len);
			else
				rc = 0;
		}
		db_done(st);
	}
	store_read_end(s, began);
	return rc;
}

int
content_sum_set(struct store *s, struct inode_ref ref, uint64_t version, const struct sha256 *sum,
		struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE inode SET sum = ?4, sum_version = ?3"
					  " WHERE ino = ?1 AND gen = ?2 AND version = ?3"
					  " AND nlink > 0"};
	struct db_stmt *st;
	int rc = store_need_txn(s, err);

	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, ref.ino);
	db_bind_u64(st, 2, ref.gen);
	db_bind_u64(st, 3, version);
	db_bind_blob(st, 4, sum->b, sizeof(sum->b));
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}
