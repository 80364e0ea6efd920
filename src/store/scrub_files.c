/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/scrub_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/blobfmt.h"
#include "store/people.h"

#define FILES_MAX 10000u /* that are named for one blob */
#define PATH_SIZE 4600u

/* A piece of a file that lies in the blob. */
struct place {
	uint64_t ino, off;
	uint32_t len, blob_off;
};

void
scrub_find_frames(struct store *s, struct scrub_damage *d, void *raw)
{
	uint32_t frames = (d->length + STORE_FRAME_RAW - 1) / STORE_FRAME_RAW;
	bool any = false;

	for (uint32_t i = 0; i < frames && i < SCRUB_FRAMES; i++) {
		uint32_t at = i * STORE_FRAME_RAW;
		uint32_t n = (uint32_t)min_u64(d->length - at, STORE_FRAME_RAW);

		d->bad[i] =
		    blobfmt_read(s->blobs, &d->blob, d->length, at, n, NULL, raw, NULL) != 0;
		any = any || d->bad[i];
	}
	if (!any)
		memset(d->bad, true, sizeof(d->bad));
}

/* The range of the file that is damaged by this place; false if none is. */
static bool
damaged_range(const struct scrub_damage *d, const struct place *p, uint64_t *from, uint64_t *to)
{
	uint32_t end = p->blob_off + p->len;
	bool found = false;

	for (uint32_t i = p->blob_off / STORE_FRAME_RAW; i < SCRUB_FRAMES; i++) {
		uint32_t begin = i * STORE_FRAME_RAW;

		if (begin >= end)
			break;
		if (!d->bad[i])
			continue;
		if (!found)
			*from = p->off + (begin > p->blob_off ? begin - p->blob_off : 0);
		*to = p->off + min_u64(begin + STORE_FRAME_RAW, end) - p->blob_off;
		found = true;
	}
	return found;
}

/* There is no index from blobs to extents: every change would pay for it, and this is rare. */
static int
find_places(struct store *s, const struct id128 *blob, struct place **out, size_t *count_out,
	    struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT ino, off, len, blob_off FROM extent WHERE kind = 2 AND blob = ?1 LIMIT 10000"};
	struct place *list = calloc(FILES_MAX, sizeof(*list));
	struct db_stmt *st;
	int rc;

	*out = list;
	*count_out = 0;
	if (list == NULL)
		return err_code(err, CFS_ENOMEM);
	st = db_use(s->db, &sql, err);
	db_bind_blob(st, 1, blob->b, sizeof(blob->b));
	while ((rc = db_step(st, err)) == 1 && *count_out < FILES_MAX) {
		list[(*count_out)++] = (struct place){
		    db_col_u64(st, 0),
		    db_col_u64(st, 1),
		    (uint32_t)db_col_u64(st, 2),
		    (uint32_t)db_col_u64(st, 3),
		};
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* Where an inode is or was, into f and text. */
static int
name_inode(struct store *s, uint64_t ino, struct scrub_finding *f, char text[PATH_SIZE],
	   struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT path, name, version FROM attic WHERE ino = ?1 AND kind = 1"};
	struct inode in;
	struct db_stmt *st;
	int rc = inode_find(s, ino, &in, err);

	if (rc != 1)
		return rc;
	f->version = in.a.version;
	f->path = text;
	if (in.a.nlink > 0)
		return names_path(s, ino, text, PATH_SIZE, err);
	(void)snprintf(text, PATH_SIZE, "inode %llu, which has no name", (unsigned long long)ino);
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, ino);
	rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view path = db_col_blob(st, 0), name = db_col_blob(st, 1);

		f->old = true;
		(void)snprintf(text, PATH_SIZE, "%.*s/%.*s", (int)path.len, (const char *)path.data,
			       (int)name.len, (const char *)name.data);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* The newest old version of a file that is there which has nothing of the blob. */
static int
find_whole(struct store *s, uint64_t ino, const struct id128 *blob, struct scrub_finding *f,
	   struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT a.version, i.mtime FROM attic a JOIN inode i ON i.ino = a.ino"
	    " WHERE a.heir = ?1 AND a.heir <> 0 AND a.kind = 1 AND NOT EXISTS"
	    " (SELECT 1 FROM extent e WHERE e.ino = a.ino AND e.blob = ?2)"
	    " ORDER BY a.id DESC LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	db_bind_u64(st, 1, ino);
	db_bind_blob(st, 2, blob->b, sizeof(blob->b));
	rc = db_step(st, err);
	if (rc == 1) {
		f->whole = db_col_u64(st, 0);
		f->whole_time_ns = db_col_i64(st, 1);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

static int
tell(struct store *s, const struct scrub_damage *d, const struct place *p, scrub_fn *report,
     void *arg, struct cfs_err *err)
{
	struct scrub_finding f = {.blob = d->blob};
	struct person owner = {0};
	struct inode in;
	char text[PATH_SIZE];
	int rc;

	if (!damaged_range(d, p, &f.from, &f.to))
		return 0;
	rc = inode_find(s, p->ino, &in, err);
	if (rc != 1)
		return rc;
	rc = name_inode(s, p->ino, &f, text, err);
	if (rc == 0 && !f.old)
		rc = find_whole(s, p->ino, &d->blob, &f, err);
	if (rc != 0)
		return rc;
	f.owner = people_by_id(s, in.a.owner, &owner, NULL) == 0 ? owner.name : "";
	report(arg, &f);
	return 0;
}

int
scrub_name_files(struct store *s, const struct scrub_damage *d, scrub_fn *report, void *arg,
		 struct cfs_err *err)
{
	struct place *list = NULL;
	size_t count = 0;
	int rc = find_places(s, &d->blob, &list, &count, err);

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = tell(s, d, &list[i], report, arg, err);
	free(list);
	return rc;
}
