/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

/* A map under construction. */
struct mapper {
	struct content_map map;
	size_t cap;
	uint64_t next, end; /* of the file */
};

static bool
is_full(const struct mapper *m)
{
	return m->map.count + 2 > CONTENT_MAP_MAX;
}

static int
add_part(struct mapper *m, const struct map_part *part, struct cfs_err *err)
{
	if (m->map.count == m->cap) {
		size_t cap = m->cap == 0 ? 16 : m->cap * 2;
		struct map_part *parts = realloc(m->map.parts, cap * sizeof(*parts));

		if (parts == NULL)
			return err_code(err, CFS_ENOMEM);
		m->map.parts = parts;
		m->cap = cap;
	}
	m->map.parts[m->map.count++] = *part;
	m->next += part->length;
	return 0;
}

static int
add_hole(struct mapper *m, uint64_t until, struct cfs_err *err)
{
	struct map_part hole = {.kind = MAP_HOLE, .length = until - m->next};

	return until > m->next ? add_part(m, &hole, err) : 0;
}

/* The row's extent, from m->next on. */
static int
add_extent(struct mapper *m, struct db_stmt *st, struct cfs_err *err)
{
	uint64_t off = db_col_u64(st, 0), len = db_col_u64(st, 1);
	struct bytes_view id = db_col_blob(st, 3);
	struct map_part part = {.kind = MAP_INLINE};
	int rc = add_hole(m, max_u64(off, m->next), err);

	if (rc != 0)
		return rc;
	part.length = min_u64(off + len, m->end) - m->next;
	if (db_col_i64(st, 2) == EXTENT_BLOB) {
		if (id.len != sizeof(part.blob.b))
			return err_set(err, CFS_ECORRUPT, "bytes %llu to %llu are damaged",
				       (unsigned long long)off, (unsigned long long)(off + len));
		memcpy(part.blob.b, id.data, sizeof(part.blob.b));
		part.kind = MAP_BLOB;
		part.blob_offset = (uint32_t)(db_col_u64(st, 4) + (m->next - off));
	}
	return add_part(m, &part, err);
}

static int
collect(struct store *s, struct mapper *m, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT e.off, e.len, e.kind, e.blob, e.blob_off FROM extent e"
	    " WHERE e.ino = ?1 AND e.off < ?3 AND e.off >="
	    " COALESCE((SELECT max(p.off) FROM extent p WHERE p.ino = ?1 AND p.off <= ?2), ?2)"
	    " AND e.off + e.len > ?2 ORDER BY e.off"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc = 0;

	db_bind_u64(st, 1, m->map.attr.ino);
	db_bind_u64(st, 2, m->next);
	db_bind_u64(st, 3, m->end);
	while (!is_full(m) && (rc = db_step(st, err)) == 1) {
		rc = add_extent(m, st, err);
		if (rc != 0)
			break;
	}
	db_done(st);
	if (is_full(m))
		return 0;
	return rc < 0 ? rc : add_hole(m, m->end, err);
}

int
content_map(struct store *s, const struct cred *cred, struct inode_ref ref, uint64_t offset,
	    uint64_t length, struct content_map *out, struct cfs_err *err)
{
	struct mapper m = {.next = offset};
	struct inode in;
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	rc = content_get_file(s, cred, ref, &in, err);
	if (rc == 0) {
		m.map.attr = in.a;
		m.end = offset + min_u64(length, in.a.size > offset ? in.a.size - offset : 0);
		if (m.end > m.next)
			rc = collect(s, &m, err);
	}
	store_read_end(s, began);
	if (rc != 0) {
		free(m.map.parts);
		m.map.parts = NULL;
	}
	*out = m.map;
	return rc;
}
