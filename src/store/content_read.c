/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "store/blobfmt.h"
#include "store/impl.h"

/*
 * Parts of one plan. A file that was written in very many pieces is read in several answers: the list of pieces must fit
 * into a frame beside its bytes, and what one read takes of memory must not depend on the file.
 */
#define PARTS_MAX 1024u

/* A plan under construction. Inline data is an offset into bytes until the plan is complete. */
struct planner {
	struct store *s;
	struct content_plan plan;
	struct content_part *parts;
	size_t cap;
	struct buf bytes;
	uint64_t next, end; /* of the file */
	bool whole;
	bool
	    full; /* whole, and the next extent would have to be cut; or there is no room for another hole and extent */
};

struct plan_memory {
	struct content_plan plan; /* first: what the caller has */
	unsigned char *bytes;
};

static int
add_part(struct planner *p, const struct content_part *part, struct cfs_err *err)
{
	if (p->plan.count == p->cap) {
		size_t cap = p->cap == 0 ? 4 : p->cap * 2;
		struct content_part *parts = realloc(p->parts, cap * sizeof(*parts));

		if (parts == NULL)
			return err_code(err, CFS_ENOMEM);
		p->parts = parts;
		p->cap = cap;
	}
	p->parts[p->plan.count++] = *part;
	p->plan.length += part->length;
	p->next += part->length;
	return 0;
}

static int
add_hole(struct planner *p, uint64_t until, struct cfs_err *err)
{
	struct content_part hole = {.kind = PART_HOLE, .length = (uint32_t)(until - p->next)};

	return until > p->next ? add_part(p, &hole, err) : 0;
}

static int
add_inline(struct planner *p, const struct extent *e, uint32_t skip, uint32_t length,
	   struct cfs_err *err)
{
	struct content_part part = {.kind = PART_INLINE, .length = length};
	int rc;

	/* With room for what buf_take() puts behind, or all of it would be moved then. */
	if (buf_reserve(&p->bytes, (size_t)length + 1) == NULL ||
	    buf_append(&p->bytes, (const unsigned char *)e->data.data + skip, length) != 0)
		return err_code(err, CFS_ENOMEM);
	/* The bytes passed their checksum: a hash of them is as good as a stored one. */
	if (length == e->len) {
		rc = sha256_once(p->s->sha, e->data.data, length, &part.hash);
		if (rc != 0)
			return err_code(err, rc);
		part.has_hash = true;
	}
	return add_part(p, &part, err);
}

static int
add_blob(struct planner *p, const struct extent *e, uint32_t blob_length, struct bytes_view sha,
	 uint32_t skip, uint32_t length, struct cfs_err *err)
{
	struct content_part part = {
	    .kind = PART_BLOB,
	    .length = length,
	    .blob = e->blob,
	    .blob_offset = e->blob_off + skip,
	    .blob_length = blob_length,
	};

	if (sha.len != sizeof(part.blob_hash.b) || part.blob_offset > blob_length ||
	    length > blob_length - part.blob_offset)
		return err_set(err, CFS_ECORRUPT, "bytes %llu to %llu: the blob is not what it was",
			       (unsigned long long)e->off, (unsigned long long)(e->off + e->len));
	memcpy(part.blob_hash.b, sha.data, sha.len);
	if (length == blob_length) {
		part.has_hash = true;
		part.hash = part.blob_hash;
	}
	return add_part(p, &part, err);
}

/* An extent, from p->next on; of a blob also that one's length and SHA-256. */
static int
add_extent(struct planner *p, const struct extent *e, uint32_t blob_length, struct bytes_view sha,
	   struct cfs_err *err)
{
	int rc = add_hole(p, max_u64(e->off, p->next), err);

	if (rc != 0)
		return rc;
	uint32_t skip = (uint32_t)(p->next - e->off);
	uint32_t length = (uint32_t)min_u64(e->len - skip, p->end - p->next);
	if (p->whole && length < e->len - skip && p->plan.count > 0) {
		p->full = true;
		return 0;
	}
	rc = e->kind == EXTENT_INLINE ? add_inline(p, e, skip, length, err)
				      : add_blob(p, e, blob_length, sha, skip, length, err);
	p->full = p->full || p->plan.count + 2 > PARTS_MAX;
	return rc;
}

static int
add_row(struct planner *p, struct db_stmt *st, struct cfs_err *err)
{
	struct extent e;
	int rc = extent_from_row(st, &e, err);

	return rc != 0 ? rc
		       : add_extent(p, &e, (uint32_t)db_col_u64(st, EXTENT_COLUMN_COUNT),
				    db_col_blob(st, EXTENT_COLUMN_COUNT + 1), err);
}

#define PLAN_COLUMNS                                                                               \
	"SELECT " EXTENT_COLUMNS ", b.length, b.sha FROM extent e LEFT JOIN blob b"                \
	" ON b.id = e.blob WHERE e.ino = ?1 AND e.off < ?3"

static int
collect(struct planner *p, uint64_t ino, struct cfs_err *err)
{
	static const struct db_sql from_start = {PLAN_COLUMNS
						 " AND e.off + e.len > ?2 ORDER BY e.off"};
	static const struct db_sql from_within = {
	    PLAN_COLUMNS
	    " AND e.off >="
	    " COALESCE((SELECT max(p.off) FROM extent p WHERE p.ino = ?1 AND p.off <= ?2), ?2)"
	    " AND e.off + e.len > ?2 ORDER BY e.off"};
	/* At the start there is nothing before that could reach into it: one search in the tree less. */
	struct db_stmt *st = db_use(p->s->db, p->next == 0 ? &from_start : &from_within, err);
	int rc;

	db_bind_u64(st, 1, ino);
	db_bind_u64(st, 2, p->next);
	db_bind_u64(st, 3, p->end);
	while ((rc = db_step(st, err)) == 1 && !p->full) {
		rc = add_row(p, st, err);
		if (rc != 0)
			break;
	}
	db_done(st);
	if (rc < 0)
		return rc;
	return p->full ? 0 : add_hole(p, p->end, err);
}

/* Moves what was collected into memory of the caller's. */
static int
finish(struct planner *p, struct content_plan **plan_out, struct cfs_err *err)
{
	struct plan_memory *m = calloc(1, sizeof(*m));
	size_t at = 0;

	if (m == NULL)
		return err_code(err, CFS_ENOMEM);
	m->plan = p->plan;
	m->bytes = buf_take(&p->bytes, &m->plan.inlined.len);
	if (m->bytes == NULL) {
		free(m);
		return err_code(err, CFS_ENOMEM);
	}
	m->plan.parts = p->parts;
	m->plan.inlined.data = m->bytes;
	p->parts = NULL;
	for (size_t i = 0; i < m->plan.count; i++) {
		if (m->plan.parts[i].kind == PART_INLINE) {
			m->plan.parts[i].data = m->bytes + at;
			at += m->plan.parts[i].length;
		}
	}
	*plan_out = &m->plan;
	return 0;
}

/* The same from what is remembered. */
static int
collect_known(struct planner *p, const struct memo_extent *known, size_t count, struct cfs_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && known[i].e.off < p->end && !p->full && rc == 0; i++) {
		const struct memo_extent *k = &known[i];

		if (k->e.off + k->e.len > p->next)
			rc = add_extent(
			    p, &k->e, k->blob_length,
			    (struct bytes_view){.data = k->sha.b, .len = sizeof(k->sha.b)}, err);
	}
	return rc != 0 || p->full ? rc : add_hole(p, p->end, err);
}

/* What of the range is in the file, if it is that version; 0: any. */
static int
set_range(struct planner *p, const struct inode *in, uint32_t length, uint64_t version,
	  struct cfs_err *err)
{
	if (version != 0 && version != in->a.version)
		return err_code(err, CFS_ECONFLICT);
	p->plan.attr = in->a;
	p->end = p->next + min_u64(length, in->a.size > p->next ? in->a.size - p->next : 0);
	return 0;
}

static int
plan_from_store(struct planner *p, const struct cred *cred, struct inode_ref ref, uint32_t length,
		uint64_t version, struct cfs_err *err)
{
	struct inode in;
	bool began;
	int rc = store_read_begin(p->s, &began, err);

	if (rc != 0)
		return rc;
	rc = content_get_file(p->s, cred, ref, &in, err);
	if (rc == 0)
		rc = set_range(p, &in, length, version, err);
	if (rc == 0 && p->end > p->next)
		rc = collect(p, in.a.ino, err);
	if (rc == 0)
		rc = content_memo_note(p->s, &in, err);
	store_read_end(p->s, began);
	return rc;
}

int
content_plan(struct store *s, const struct cred *cred, struct inode_ref ref, uint64_t offset,
	     uint32_t length, uint64_t version, bool whole_extents, struct content_plan **plan_out,
	     struct cfs_err *err)
{
	struct planner p = {.s = s, .bytes = BUF_INIT, .next = offset, .whole = whole_extents};
	struct inode in;
	size_t count;
	const struct memo_extent *known = content_memo_find(s, ref.ino, &in, &count);
	int rc;

	*plan_out = NULL;
	if (known == NULL) {
		rc = plan_from_store(&p, cred, ref, length, version, err);
	} else {
		rc = inode_check(s, cred, ref, &in, err);
		if (rc == 0)
			rc = set_range(&p, &in, length, version, err);
		if (rc == 0 && p.end > p.next)
			rc = collect_known(&p, known, count, err);
	}
	if (rc == 0)
		rc = finish(&p, plan_out, err);
	free(p.parts);
	buf_fini(&p.bytes);
	return rc;
}

void
content_plan_free(struct content_plan *plan)
{
	struct plan_memory *m = (struct plan_memory *)(void *)plan;

	if (m == NULL)
		return;
	free(m->plan.parts);
	free(m->bytes);
	free(m);
}

int
content_read(struct store *s, const struct content_part *part, bool verify, void *dst,
	     struct cfs_err *err)
{
	switch (part->kind) {
	case PART_HOLE:
		memset(dst, 0, part->length);
		return 0;
	case PART_INLINE:
		memcpy(dst, part->data, part->length);
		return 0;
	case PART_BLOB:
		return blobfmt_read(s->blobs, &part->blob, part->blob_length, part->blob_offset,
				    part->length, verify ? &part->blob_hash : NULL, dst, err);
	}
	return err_code(err, CFS_EINVAL);
}

int
content_read_now(struct store *s, const struct content_part *part, void *dst)
{
	if (part->kind != PART_BLOB)
		return content_read(s, part, false, dst, NULL);
	return blobfmt_read_now(s->blobs, &part->blob, part->blob_length, part->blob_offset,
				part->length, dst);
}
