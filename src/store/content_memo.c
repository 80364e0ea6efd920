/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

/*
 * Who reads a file in many small pieces asks for the same rows each time. From the second read on they are remembered, of one file,
 * for as long as nobody commits anything: then they cannot be others, whatever it was that they depend on.
 */

/* A GiB of whole blobs, some 30 KiB. */
#define EXTENTS_MAX 256u

struct content_memo {
	uint64_t commit; /* the last one when it was read */
	struct inode in;
	bool tried, complete;
	size_t count;
	struct memo_extent extents[EXTENTS_MAX];
};

/* All extents, if they are all in blobs and not too many. In the read transaction that the inode was read in. */
static int
fill(struct store *s, struct content_memo *m, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT e.off, e.len, e.kind, e.blob, e.blob_off, b.length, b.sha FROM extent e"
	    " LEFT JOIN blob b ON b.id = e.blob WHERE e.ino = ?1 ORDER BY e.off"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	bool fits = true;
	int rc;

	m->count = 0;
	db_bind_u64(st, 1, m->in.a.ino);
	while ((rc = db_step(st, err)) == 1 && fits) {
		struct bytes_view id = db_col_blob(st, 3), sha = db_col_blob(st, 6);
		struct memo_extent *e = &m->extents[m->count];

		fits = m->count < EXTENTS_MAX && db_col_i64(st, 2) == EXTENT_BLOB &&
		       id.len == sizeof(e->e.blob.b) && sha.len == sizeof(e->sha.b);
		if (!fits)
			break;
		e->e = (struct extent){.ino = m->in.a.ino,
				       .off = db_col_u64(st, 0),
				       .len = (uint32_t)db_col_u64(st, 1),
				       .kind = EXTENT_BLOB,
				       .blob_off = (uint32_t)db_col_u64(st, 4)};
		memcpy(e->e.blob.b, id.data, id.len);
		memcpy(e->sha.b, sha.data, sha.len);
		e->blob_length = (uint32_t)db_col_u64(st, 5);
		m->count++;
	}
	db_done(st);
	m->complete = rc == 0;
	return rc < 0 ? rc : 0;
}

int
content_memo_note(struct store *s, const struct inode *in, struct cfs_err *err)
{
	struct content_memo *m = s->memo;

	/* Whether one without a name is seen is a matter of time, too. */
	if (s->in_txn || in->a.nlink == 0)
		return 0;
	if (m == NULL && (m = s->memo = calloc(1, sizeof(*m))) == NULL)
		return 0;
	if (m->commit == s->held_commit && m->in.a.ino == in->a.ino) {
		if (m->tried)
			return 0;
		m->tried = true;
		return fill(s, m, err);
	}
	m->commit = s->held_commit;
	m->in = *in;
	m->tried = m->complete = false;
	return 0;
}

const struct memo_extent *
content_memo_find(const struct store *s, uint64_t ino, struct inode *in_out, size_t *count_out)
{
	const struct content_memo *m = s->memo;

	if (s->in_txn || m == NULL || !m->complete || m->in.a.ino != ino ||
	    m->commit != store_last_commit(s))
		return NULL;
	*in_out = m->in;
	*count_out = m->count;
	return m->extents;
}

void
content_memo_drop(struct store *s)
{
	free(s->memo);
	s->memo = NULL;
}
