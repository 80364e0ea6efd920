/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "store/blobfmt.h"
#include "store/impl.h"
#include "store/layout.h"
#include "store/scrub_files.h"

#define BATCH 16u /* blobs between two looks at the state */

struct candidate {
	struct id128 id;
	uint32_t length;
	struct sha256 hash;
};

struct scrub {
	struct store *s;
	struct scrub_state *st;
	bool heal;
	scrub_fn *report;
	void *arg;
	unsigned char *raw; /* STORE_BLOB_MAX bytes */
};

static uint64_t
prefix_of(const struct id128 *id)
{
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof(value); i++)
		value = value << 8 | id->b[i];
	return value;
}

static struct id128
first_of(uint64_t prefix)
{
	struct id128 id = {{0}};

	for (size_t i = 0; i < sizeof(prefix); i++)
		id.b[i] = (unsigned char)(prefix >> (56 - 8 * i));
	return id;
}

/* The next blobs on the circle, up to its end. */
static int
next_blobs(struct store *s, uint64_t position, struct candidate *list, size_t *count_out,
	   struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT id, length, sha FROM blob WHERE id >= ?1"
					  " AND state = 1 ORDER BY id LIMIT 16"};
	const struct id128 from = first_of(position);
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	*count_out = 0;
	db_bind_blob(st, 1, from.b, sizeof(from.b));
	while ((rc = db_step(st, err)) == 1) {
		struct candidate *c = &list[*count_out];
		struct bytes_view id = db_col_blob(st, 0), sha = db_col_blob(st, 2);

		if (id.len != sizeof(c->id.b) || sha.len != sizeof(c->hash.b))
			continue;
		memcpy(c->id.b, id.data, id.len);
		memcpy(c->hash.b, sha.data, sha.len);
		c->length = (uint32_t)db_col_u64(st, 1);
		(*count_out)++;
	}
	db_done(st);
	return rc;
}

/* ---- healing ---- */

/* Another blob with the same content, behind *id: 1, 0, or a code. */
static int
next_twin(struct store *s, const struct candidate *c, struct id128 *id, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT b.id FROM blob_owner o JOIN blob b ON b.id = o.blob WHERE o.sha = ?1"
	    " AND b.state = 1 AND b.length = ?2 AND b.id <> ?3 AND b.id > ?4"
	    " ORDER BY b.id LIMIT 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	db_bind_blob(st, 1, c->hash.b, sizeof(c->hash.b));
	db_bind_u64(st, 2, c->length);
	db_bind_blob(st, 3, c->id.b, sizeof(c->id.b));
	db_bind_blob(st, 4, id->b, sizeof(id->b));
	rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view v = db_col_blob(st, 0);

		memcpy(id->b, v.data, min_size(v.len, sizeof(id->b)));
	}
	db_done(st);
	return rc;
}

/* 1 when it was written anew, 0 when nothing has its bytes, or a code. */
static int
heal(struct scrub *x, const struct candidate *c, struct cfs_err *err)
{
	struct id128 twin = {{0}};
	int rc;

	while ((rc = next_twin(x->s, c, &twin, err)) == 1) {
		if (blobfmt_read(x->s->blobs, &twin, c->length, 0, c->length, &c->hash, x->raw,
				 NULL) == 0) {
			rc = blobfmt_replace(x->s->blobs, &c->id, x->raw, c->length, err);
			return rc == 0 ? 1 : rc;
		}
	}
	return rc;
}

/* ---- checking ---- */

/* Whether the blob is still to be there: others remove what nobody needs. 1, 0, or a code. */
static int
is_live(struct store *s, const struct id128 *id, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT 1 FROM blob WHERE id = ?1 AND state = 1"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	db_bind_blob(st, 1, id->b, sizeof(id->b));
	rc = db_step(st, err);
	db_done(st);
	return rc;
}

static int
found_damage(struct scrub *x, const struct candidate *c, const char *why, struct cfs_err *err)
{
	struct scrub_finding f = {.blob = c->id, .why = why};
	struct scrub_damage damage = {.blob = c->id, .length = c->length};
	struct cfs_err failed = CFS_ERR_INIT;
	int rc = is_live(x->s, &c->id, err);

	if (rc != 1)
		return rc;
	scrub_find_frames(x->s, &damage, x->raw);
	rc = x->heal ? heal(x, c, &failed) : 0;
	f.healed = rc == 1;
	x->st->damaged++;
	x->st->healed += f.healed;
	x->report(x->arg, &f);
	if (rc < 0) {
		f.why = failed.text;
		x->report(x->arg, &f);
	}
	return f.healed ? 0 : scrub_name_files(x->s, &damage, x->report, x->arg, err);
}

static int
check_one(struct scrub *x, const struct candidate *c, struct cfs_err *err)
{
	struct cfs_err why = CFS_ERR_INIT;
	int rc = CFS_ECORRUPT;

	x->st->blobs++;
	x->st->bytes += c->length;
	if (c->length > 0 && c->length <= STORE_BLOB_MAX)
		rc = blobfmt_read(x->s->blobs, &c->id, c->length, 0, c->length, &c->hash, x->raw,
				  &why);
	return rc == 0 ? 0 : found_damage(x, c, why.text, err);
}

/* Moves on by what lies before `to`; returns false when the round is done before that. */
static bool
move_to(struct scrub_state *st, uint64_t to)
{
	uint64_t way = to - st->position;

	if (way >= st->left) {
		st->position += st->left;
		st->left = 0;
		return false;
	}
	st->left -= way;
	st->position = to;
	return true;
}

static int
check_batch(struct scrub *x, const struct candidate *list, size_t count, struct cfs_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		if (!move_to(x->st, prefix_of(&list[i].id)))
			return 0;
		rc = check_one(x, &list[i], err);
		if (rc == 0 && !move_to(x->st, x->st->position + 1))
			return 0;
	}
	/* Nothing more up to the end of the circle: on from its beginning, which is one step behind the last number. */
	if (rc == 0 && count < BATCH && x->st->position != 0)
		(void)move_to(x->st, 0);
	else if (rc == 0 && count < BATCH)
		x->st->left = 0;
	return rc;
}

int
scrub_step(struct store *s, struct scrub_state *st, bool heal_too, scrub_fn *report, void *arg,
	   struct cfs_err *err)
{
	struct scrub x = {.s = s, .st = st, .heal = heal_too, .report = report, .arg = arg};
	struct candidate list[BATCH];
	size_t count = 0;
	int rc = store_need_db(s, err);

	if (rc != 0 || st->left == 0)
		return rc;
	x.raw = malloc(STORE_BLOB_MAX);
	if (x.raw == NULL)
		return err_code(err, CFS_ENOMEM);
	rc = next_blobs(s, st->position, list, &count, err);
	if (rc == 0)
		rc = check_batch(&x, list, count, err);
	free(x.raw);
	return rc;
}

/* ---- the state ---- */

int
scrub_state_load(const char *path, struct scrub_state *out, struct cfs_err *err)
{
	struct buf text = BUF_INIT;
	const char *s;
	int dir = io_open(path, O_RDONLY | O_DIRECTORY, 0);
	int rc = dir >= 0 ? io_read_file(dir, LAYOUT_SCRUB, 256, &text, err)
			  : err_set_errno(err, errno, "open %s", path);

	*out = (struct scrub_state){0};
	fd_close(&dir);
	if (rc == 0) {
		s = buf_cstr(&text);
		if (s == NULL || sscanf(s,
					"position %" SCNx64 " left %" SCNx64 " blobs %" SCNu64
					" bytes %" SCNu64 " damaged %" SCNu64 " healed %" SCNu64,
					&out->position, &out->left, &out->blobs, &out->bytes,
					&out->damaged, &out->healed) != 6)
			rc = err_set(err, CFS_ECORRUPT, "%s/" LAYOUT_SCRUB " is damaged", path);
	}
	buf_fini(&text);
	return rc;
}

int
scrub_state_save(const char *path, const struct scrub_state *st, struct cfs_err *err)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "position %" PRIx64 " left %" PRIx64 " blobs %" PRIu64 " bytes %" PRIu64
			 " damaged %" PRIu64 " healed %" PRIu64 "\n",
			 st->position, st->left, st->blobs, st->bytes, st->damaged, st->healed);
	int dir = io_open(path, O_RDONLY | O_DIRECTORY, 0);
	int rc = dir >= 0 ? io_write_file(dir, LAYOUT_SCRUB, text, (size_t)n, 0600, err)
			  : err_set_errno(err, errno, "open %s", path);

	fd_close(&dir);
	return rc;
}
