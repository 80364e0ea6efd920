/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "store/impl.h"

/* Extents that are looked at before the first is written: a statement that reads a table cannot rely on what it sees written. */
#define BATCH_EXTENTS 256u
#define BATCH_BYTES   (1024u * 1024)

struct batch {
	struct extent *extents; /* BATCH_EXTENTS of them; inline data is an offset into bytes */
	size_t count;
	struct buf bytes;
	uint64_t next; /* where in the source the next batch begins */
};

/* The part of an extent inside [from, to). */
static struct extent
clip(const struct extent *e, uint64_t from, uint64_t to)
{
	uint64_t begin = max_u64(e->off, from), end = min_u64(e->off + e->len, to);
	struct extent part = *e;

	part.off = begin;
	part.len = (uint32_t)(end - begin);
	if (e->kind == EXTENT_BLOB) {
		part.blob_off += (uint32_t)(begin - e->off);
	} else {
		part.data.data = (const unsigned char *)e->data.data + (begin - e->off);
		part.data.len = part.len;
	}
	return part;
}

static int
load_batch(struct store *s, uint64_t ino, uint64_t to, struct batch *b, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT " EXTENT_COLUMNS " FROM extent e WHERE e.ino = ?1 AND e.off < ?3 AND e.off >="
	    " COALESCE((SELECT max(p.off) FROM extent p WHERE p.ino = ?1 AND p.off <= ?2), ?2)"
	    " AND e.off + e.len > ?2 ORDER BY e.off"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	uint64_t from = b->next;
	struct extent e;
	int rc = 1;

	b->count = 0;
	buf_clear(&b->bytes);
	db_bind_u64(st, 1, ino);
	db_bind_u64(st, 2, from);
	db_bind_u64(st, 3, to);
	while (b->count < BATCH_EXTENTS && b->bytes.len < BATCH_BYTES &&
	       (rc = db_step(st, err)) == 1) {
		rc = extent_from_row(st, &e, err);
		if (rc != 0)
			break;
		e = clip(&e, from, to);
		if (buf_append(&b->bytes, e.data.data, e.data.len) != 0) {
			rc = err_code(err, CFS_ENOMEM);
			break;
		}
		b->extents[b->count++] = e;
		b->next = e.off + e.len;
		rc = 1;
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* Adds a batch's extents to dst, `shift` further on (modulo 2^64). */
static int
store_batch(struct store *s, const struct inode *src, const struct inode *dst, uint64_t shift,
	    const struct batch *b, uint64_t *added, struct cfs_err *err)
{
	size_t at = 0;
	int rc = 0;

	for (size_t i = 0; i < b->count && rc == 0; i++) {
		struct extent e = b->extents[i];

		e.ino = dst->a.ino;
		e.off += shift;
		if (e.kind == EXTENT_INLINE) {
			e.data.data = b->bytes.data + at;
			at += e.data.len;
		} else {
			rc = blob_ref(s, &e.blob, err);
			if (rc == 0 && src->a.owner != dst->a.owner)
				rc = blob_add_owner(s, &e.blob, dst->a.owner, err);
		}
		if (rc == 0)
			rc = extent_insert(s, &e, err);
		*added += e.len;
	}
	return rc;
}

int
extents_share(struct store *s, const struct inode *src, uint64_t from, uint64_t to,
	      const struct inode *dst, uint64_t shift, uint64_t *added, uint64_t *count,
	      struct cfs_err *err)
{
	struct batch b = {.bytes = BUF_INIT, .next = from};
	int rc = 0;

	b.extents = calloc(BATCH_EXTENTS, sizeof(struct extent));
	if (b.extents == NULL)
		return err_code(err, CFS_ENOMEM);
	do {
		rc = load_batch(s, src->a.ino, to, &b, err);
		if (rc == 0)
			rc = store_batch(s, src, dst, shift, &b, added, err);
		*count += b.count;
	} while (rc == 0 && b.count > 0 && b.next < to);
	free(b.extents);
	buf_fini(&b.bytes);
	return rc;
}

int
content_copy(struct store *s, const struct cred *cred, struct inode_ref src, uint64_t src_offset,
	     uint64_t length, struct inode_ref dst, uint64_t dst_offset, uint64_t *copied_out,
	     struct inode_attr *out, struct cfs_err *err)
{
	uint64_t freed = 0, added = 0, count = 0, end;
	struct inode from, to, old;
	bool unnamed;
	int rc = store_need_txn(s, err);

	*copied_out = 0;
	if (rc == 0)
		rc = content_get_file(s, cred, src, &from, err);
	if (rc == 0)
		rc = content_get_own_file(s, cred, dst, &to, &unnamed, err);
	if (rc == 0)
		rc = space_check(s, err);
	if (rc != 0)
		return rc;
	*out = to.a;
	if (src_offset >= from.a.size || length == 0)
		return 0;
	length = min_u64(length, from.a.size - src_offset);
	if (!add_u64(dst_offset, length, &end) || end > (uint64_t)STORE_FILE_MAX)
		return err_code(err, CFS_EFBIG);
	if (from.a.ino == to.a.ino && src_offset < end && dst_offset < src_offset + length)
		return err_set(err, CFS_EINVAL, "source and target overlap");
	old = to;
	rc = attic_keep_before(s, cred, &to, dst_offset, min_u64(end, to.a.size), err);
	if (rc == 0 && dst_offset < to.a.size)
		rc = extents_punch(s, to.a.ino, dst_offset, end, &freed, err);
	if (rc == 0)
		rc = extents_share(s, &from, src_offset, src_offset + length, &to,
				   dst_offset - src_offset, &added, &count, err);
	if (rc != 0)
		return rc;
	to.a.stored = to.a.stored - freed + added;
	to.a.size = max_u64(to.a.size, end);
	rc = content_changed(s, cred, &to, &old, unnamed, 0, err);
	*copied_out = length;
	*out = to.a;
	return rc;
}
