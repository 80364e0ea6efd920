/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

/* A left neighbour up to this grows by what is written behind it; above it rewriting it each time costs too much. */
#define GROW_MAX 8192u

int
extent_from_row(struct db_stmt *st, struct extent *out, struct cfs_err *err)
{
	struct bytes_view id = db_col_blob(st, 4);

	out->ino = db_col_u64(st, 0);
	out->off = db_col_u64(st, 1);
	out->len = (uint32_t)db_col_u64(st, 2);
	out->kind = (enum extent_kind)db_col_i64(st, 3);
	out->blob_off = (uint32_t)db_col_u64(st, 5);
	out->crc = (uint32_t)db_col_u64(st, 6);
	out->data = db_col_blob(st, 7);
	if (out->kind == EXTENT_BLOB && id.len == sizeof(out->blob.b)) {
		memcpy(out->blob.b, id.data, sizeof(out->blob.b));
		return 0;
	}
	if (out->kind == EXTENT_INLINE && out->data.len == out->len &&
	    crc32c(0, out->data.data, out->data.len) == out->crc)
		return 0;
	return err_set(err, CFS_ECORRUPT, "bytes %llu to %llu of inode %llu are damaged",
		       (unsigned long long)out->off, (unsigned long long)(out->off + out->len),
		       (unsigned long long)out->ino);
}

/* Binds crc and data, one behind the other. */
static void
bind_bytes(struct db_stmt *st, int at, const struct extent *e)
{
	if (e->kind == EXTENT_BLOB) {
		db_bind_u64(st, at, 0);
		db_bind_null(st, at + 1);
	} else {
		db_bind_u64(st, at, crc32c(0, e->data.data, e->data.len));
		db_bind_blob(st, at + 1, e->data.data, e->data.len);
	}
}

int
extent_insert(struct store *s, const struct extent *e, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "INSERT INTO extent (ino, off, len, kind, blob, blob_off, crc, data)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, e->ino);
	db_bind_u64(st, 2, e->off);
	db_bind_u64(st, 3, e->len);
	db_bind_i64(st, 4, e->kind);
	db_bind_u64(st, 6, e->blob_off);
	if (e->kind == EXTENT_BLOB)
		db_bind_blob(st, 5, e->blob.b, sizeof(e->blob.b));
	else
		db_bind_null(st, 5);
	bind_bytes(st, 7, e);
	int rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

/* The row gets another length, and with it other bytes. */
static int
update_extent(struct store *s, const struct extent *e, struct cfs_err *err)
{
	static const struct db_sql sql = {"UPDATE extent SET len = ?3, crc = ?4, data = ?5"
					  " WHERE ino = ?1 AND off = ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, e->ino);
	db_bind_u64(st, 2, e->off);
	db_bind_u64(st, 3, e->len);
	bind_bytes(st, 4, e);
	int rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

static int
delete_extent(struct store *s, const struct extent *e, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM extent WHERE ino = ?1 AND off = ?2"};
	int rc = sql_run(s, &sql, SQL_ARGS(e->ino, e->off), err);

	return rc < 0 ? rc : 0;
}

/* The part [from, to) of an extent, whose bytes stay where they are. */
static struct extent
cut(const struct extent *e, uint64_t from, uint64_t to)
{
	uint32_t skip = (uint32_t)(from - e->off);
	struct extent part = *e;

	part.off = from;
	part.len = (uint32_t)(to - from);
	if (e->kind == EXTENT_BLOB) {
		part.blob_off += skip;
	} else {
		part.data.data = (const unsigned char *)e->data.data + skip;
		part.data.len = part.len;
	}
	return part;
}

/* Takes [from, to) out of one extent that it overlaps. e->data must not be of a row. */
static int
punch_one(struct store *s, const struct extent *e, uint64_t from, uint64_t to, uint64_t *freed,
	  struct cfs_err *err)
{
	uint64_t end = e->off + e->len;
	bool left = e->off<from, right = end> to;
	struct extent part;
	int rc;

	*freed += min_u64(end, to) - max_u64(e->off, from);
	if (left) {
		/* A row that stays where it is costs half of one that goes and comes. */
		part = cut(e, e->off, from);
		rc = update_extent(s, &part, err);
	} else {
		rc = delete_extent(s, e, err);
	}
	if (rc == 0 && right) {
		part = cut(e, to, end);
		rc = extent_insert(s, &part, err);
	}
	if (rc != 0 || e->kind != EXTENT_BLOB || left != right)
		return rc;
	return left ? blob_ref(s, &e->blob, err) : blob_unref(s, &e->blob, err);
}

/* The first extent that reaches behind `from` and begins before `to`; its inline bytes into buf. 1, 0, or a code. */
static int
first_overlap(struct store *s, uint64_t ino, uint64_t from, uint64_t to, struct extent *out,
	      struct buf *buf, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT " EXTENT_COLUMNS " FROM extent e WHERE e.ino = ?1 AND e.off < ?3 AND e.off >="
	    " COALESCE((SELECT max(p.off) FROM extent p WHERE p.ino = ?1 AND p.off <= ?2), ?2)"
	    " AND e.off + e.len > ?2 ORDER BY e.off LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, ino);
	db_bind_u64(st, 2, from);
	db_bind_u64(st, 3, to);
	int rc = db_step(st, err);
	if (rc == 1) {
		int bad = extent_from_row(st, out, NULL);

		/* Damaged bytes that go whole are no reason to fail. */
		if (bad != 0 && (out->off < from || out->off + out->len > to))
			rc = extent_from_row(st, out, err);
		else if (buf_append(buf, out->data.data, out->data.len) != 0)
			rc = err_code(err, CFS_ENOMEM);
		out->data.data = buf->data;
	}
	db_done(st);
	return rc;
}

int
extents_punch(struct store *s, uint64_t ino, uint64_t from, uint64_t to, uint64_t *freed_out,
	      struct cfs_err *err)
{
	struct buf bytes = BUF_INIT;
	struct extent e;
	int rc = 0;

	*freed_out = 0;
	while (from < to) {
		buf_clear(&bytes);
		rc = first_overlap(s, ino, from, to, &e, &bytes, err);
		if (rc == 1)
			rc = punch_one(s, &e, from, to, freed_out, err);
		else
			break;
		if (rc != 0)
			break;
		from = max_u64(from, e.off + e.len);
	}
	buf_fini(&bytes);
	return rc < 0 ? rc : 0;
}

/* The first extents, at most max: their references go, *end_out is behind the last, *bytes_out what they cover. Their number, or a code. */
static int
unref_first(struct store *s, uint64_t ino, unsigned max, uint64_t *end_out, uint64_t *bytes_out,
	    struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT e.off, e.len, e.kind, e.blob FROM extent e"
					  " WHERE e.ino = ?1 ORDER BY e.off LIMIT ?2"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc, count = 0;

	/* Read and write are of different tables: the one does not disturb the other. */
	db_bind_u64(st, 1, ino);
	db_bind_u64(st, 2, max);
	while ((rc = db_step(st, err)) == 1) {
		struct bytes_view id = db_col_blob(st, 3);
		struct id128 blob;

		*end_out = db_col_u64(st, 0) + 1;
		*bytes_out += db_col_u64(st, 1);
		count++;
		if (db_col_i64(st, 2) != EXTENT_BLOB || id.len != sizeof(blob.b))
			continue;
		memcpy(blob.b, id.data, sizeof(blob.b));
		rc = blob_unref(s, &blob, err);
		if (rc != 0)
			break;
	}
	db_done(st);
	return rc < 0 ? rc : count;
}

int
extents_drop_some(struct store *s, uint64_t ino, unsigned max, uint64_t *bytes_out,
		  struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM extent WHERE ino = ?1 AND off < ?2"};
	uint64_t end = 0;
	int count = unref_first(s, ino, max, &end, bytes_out, err), rc = 0;

	if (count > 0)
		rc = sql_run(s, &sql, SQL_ARGS(ino, end), err);
	return rc < 0 ? rc : count;
}

int
extents_drop(struct store *s, uint64_t ino, struct cfs_err *err)
{
	uint64_t bytes = 0;
	int rc;

	do
		rc = extents_drop_some(s, ino, EXTENTS_AT_ONCE, &bytes, err);
	while (rc == (int)EXTENTS_AT_ONCE);
	return rc < 0 ? rc : 0;
}

/* Grows a small inline extent that ends at e->off by e's bytes. 1 done, 0 there is none that fits, or a code. */
static int
grow_left(struct store *s, const struct extent *e, struct cfs_err *err)
{
	static const struct db_sql look_sql = {"SELECT " EXTENT_COLUMNS
					       " FROM extent e WHERE e.ino = ?1 AND e.off < ?2"
					       " ORDER BY e.off DESC LIMIT 1"};
	struct buf bytes = BUF_INIT;
	struct extent left;
	struct db_stmt *st = db_use(s->db, &look_sql, err);

	db_bind_u64(st, 1, e->ino);
	db_bind_u64(st, 2, e->off);
	int rc = db_step(st, err);
	if (rc == 1 && (db_col_i64(st, 3) != EXTENT_INLINE || db_col_u64(st, 2) > GROW_MAX ||
			db_col_u64(st, 1) + db_col_u64(st, 2) != e->off ||
			db_col_u64(st, 2) + e->len > STORE_INLINE_MAX))
		rc = 0;
	if (rc == 1) {
		int bad = extent_from_row(st, &left, err);

		if (bad != 0)
			rc = bad;
		else if (buf_append(&bytes, left.data.data, left.data.len) != 0 ||
			 buf_append(&bytes, e->data.data, e->data.len) != 0)
			rc = err_code(err, CFS_ENOMEM);
	}
	db_done(st);
	if (rc == 1) {
		left.len += e->len;
		left.data = (struct bytes_view){bytes.data, bytes.len};
		rc = update_extent(s, &left, err);
		if (rc == 0)
			rc = 1;
	}
	buf_fini(&bytes);
	return rc;
}

static int
place_inline(struct store *s, struct extent *e, const struct content_piece *p, struct cfs_err *err)
{
	int rc = 0;

	if (p->length > STORE_INLINE_MAX || p->data == NULL)
		return err_set(err, CFS_EINVAL, "an inline piece has %u bytes at most",
			       STORE_INLINE_MAX);
	e->kind = EXTENT_INLINE;
	e->data = (struct bytes_view){p->data, p->length};
	if (e->off > 0 && e->len < GROW_MAX)
		rc = grow_left(s, e, err);
	if (rc == 0)
		rc = extent_insert(s, e, err);
	return rc < 0 ? rc : 0;
}

/* Takes the reference and checks in one statement that the blob is live, long enough and the owner's to name. */
static int
place_blob(struct store *s, uint64_t owner, struct extent *e, const struct content_piece *p,
	   struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE blob SET refs = refs + 1 WHERE id = ?1 AND state = 1 AND length >= ?2"
	    " AND EXISTS (SELECT 1 FROM blob_owner o WHERE o.sha = blob.sha AND o.owner = ?3"
	    " AND o.blob = ?1)"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_blob(st, 1, p->blob.b, sizeof(p->blob.b));
	db_bind_u64(st, 2, (uint64_t)p->blob_offset + p->length);
	db_bind_u64(st, 3, owner);
	int rc = db_run(st, err);
	if (rc == 0)
		return err_code(err, CFS_EBLOBGONE);
	if (rc < 0)
		return rc;
	e->kind = EXTENT_BLOB;
	e->blob = p->blob;
	e->blob_off = p->blob_offset;
	return extent_insert(s, e, err);
}

int
extents_place(struct store *s, uint64_t owner, uint64_t ino, uint64_t offset,
	      const struct content_piece *pieces, size_t count, uint64_t *added_out,
	      uint64_t *end_out, struct cfs_err *err)
{
	int rc = 0;

	*added_out = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct content_piece *p = &pieces[i];
		struct extent e = {.ino = ino, .off = offset + p->skip, .len = p->length};

		if (p->length == 0)
			return err_set(err, CFS_EINVAL, "a piece of no bytes");
		if (p->kind == PIECE_INLINE)
			rc = place_inline(s, &e, p, err);
		else if (p->kind == PIECE_BLOB)
			rc = place_blob(s, owner, &e, p, err);
		if (p->kind != PIECE_HOLE)
			*added_out += p->length;
		offset = e.off + p->length;
	}
	*end_out = offset;
	return rc;
}
