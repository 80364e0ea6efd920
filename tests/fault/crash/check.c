/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/changes.h"
#include "store/content.h"
#include "store/impl.h"
#include "store/names.h"
#include "store/people.h"
#include "workload.h"

#define READ_MAX (1024u * 1024)
#define MONTH_NS (29 * 24 * 3600 * INT64_C(1000000000)) /* streams are kept for 30 days */

struct check {
	struct store *s;
	struct cred cred;
	struct snapshot found;
	struct inode_ref refs[MODEL_FILES];
	unsigned folder; /* that is being listed */
	char *text;
	bool wrong;
	struct sha256_ctx *sha;
	unsigned char *room; /* READ_MAX bytes */
};

/* Keeps the first thing that is wrong. */
static void __attribute__((format(printf, 2, 3))) wrong(struct check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->wrong)
		return;
	c->wrong = true;
	va_start(ap, fmt);
	vsnprintf(c->text, CHECK_TEXT_MAX, fmt, ap);
	va_end(ap);
}

static void
on_fault(void *arg, const char *fault)
{
	wrong(arg, "store_check: %s", fault);
}

static void
check_rules(struct check *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	int n = store_check(c->s, on_fault, c, &err);

	if (n < 0)
		wrong(c, "store_check: %s", err.text);
	else if (n > 0)
		wrong(c, "store_check: %d faults", n);
}

/* ---- what is there ---- */

static int
on_entry(void *arg, uint64_t cookie, struct bytes_view name, const struct inode_attr *attr)
{
	struct check *c = arg;
	unsigned file;
	char text[16] = "";

	(void)cookie;
	if (name.len < sizeof(text))
		memcpy(text, name.data, name.len);
	if (sscanf(text, "f%u", &file) != 1 || file >= MODEL_FILES ||
	    file % MODEL_FOLDERS != c->folder || c->found.files[file].exists) {
		wrong(c, "there is a name %.*s in d%u", (int)name.len, (const char *)name.data,
		      c->folder);
		return 0;
	}
	c->found.files[file].exists = true;
	c->found.files[file].size = attr->size;
	c->refs[file] = (struct inode_ref){attr->ino, attr->gen};
	return 0;
}

static void
list_folder(struct check *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	char path[32];
	int n = snprintf(path, sizeof(path), "/" MODEL_USER "/d%u", c->folder);
	struct walk_result at;
	uint64_t parent;
	bool eof = false;
	int rc = names_walk(c->s, &c->cred, (struct inode_ref){0, 0},
			    (struct bytes_view){path, (size_t)n}, true, false, &at, &err);

	if (rc == 0)
		rc = names_readdir(c->s, &c->cred, (struct inode_ref){at.attr.ino, at.attr.gen}, 0,
				   on_entry, c, &eof, &parent, &err);
	if (rc != 0)
		wrong(c, "listing %s: %s", path, err.text);
	else if (!eof)
		wrong(c, "listing %s took over 100 ms", path);
}

/* Adds one part of a plan to the hash. */
static int
read_part(struct check *c, const struct content_part *part, struct cfs_err *err)
{
	int rc = 0;

	if (part->length > READ_MAX)
		return err_set(err, CFS_EFAIL, "a part of %" PRIu32 " bytes", part->length);
	if (part->kind == PART_HOLE)
		memset(c->room, 0, part->length);
	else
		rc = content_read(c->s, part, true, c->room, err);
	if (rc == 0)
		sha256_update(c->sha, c->room, part->length);
	return rc;
}

static void
read_file(struct check *c, unsigned file)
{
	struct file_state *f = &c->found.files[file];
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t done = 0;
	int rc = 0;

	sha256_reset(c->sha);
	while (rc == 0 && done < f->size) {
		struct content_plan *plan = NULL;

		rc = content_plan(c->s, &c->cred, c->refs[file], done, READ_MAX, 0, false, &plan,
				  &err);
		for (size_t i = 0; rc == 0 && i < plan->count; i++)
			rc = read_part(c, &plan->parts[i], &err);
		if (rc == 0 && plan->length == 0)
			rc = err_set(&err, CFS_EFAIL, "ends at %" PRIu64, done);
		if (rc == 0)
			done += plan->length;
		content_plan_free(plan);
	}
	if (sha256_final(c->sha, &f->hash) != 0)
		rc = CFS_EFAIL;
	if (rc != 0)
		wrong(c, "reading f%u: %s", file, err.text);
}

static void
look(struct check *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct person person;

	memset(&c->found, 0, sizeof(c->found));
	if (people_by_name(c->s, MODEL_USER, &person, &err) != 0) {
		wrong(c, "user %s: %s", MODEL_USER, err.text);
		return;
	}
	c->cred.user = person.id;
	for (c->folder = 0; c->folder < MODEL_FOLDERS; c->folder++)
		list_folder(c);
	for (unsigned i = 0; i < MODEL_FILES && !c->wrong; i++)
		if (c->found.files[i].exists)
			read_file(c, i);
}

/* ---- what should be there ---- */

/* The first file that differs, or MODEL_FILES. */
static unsigned
differs(const struct snapshot *a, const struct snapshot *b)
{
	for (unsigned i = 0; i < MODEL_FILES; i++) {
		const struct file_state *x = &a->files[i], *y = &b->files[i];

		if (x->exists != y->exists)
			return i;
		if (x->exists && (x->size != y->size || !sha256_equal(&x->hash, &y->hash)))
			return i;
	}
	return MODEL_FILES;
}

static void
describe(const struct file_state *f, char out[64])
{
	char hex[SHA256_HEX_SIZE];

	if (f->exists)
		snprintf(out, 64, "%" PRIu64 " bytes (%.8s)", f->size, sha256_hex(hex, &f->hash));
	else
		snprintf(out, 64, "not there");
}

/* The step whose state was found; several steps may leave the same, the stream's count tells them apart. */
static void
match(struct check *c, const struct history *h, unsigned first, unsigned last)
{
	unsigned file;
	char is[64], was[64], would[64];

	for (unsigned k = first; k <= last; k++) {
		if (h->steps[k].changes == c->found.changes) {
			file = differs(&c->found, &h->steps[k]);
			if (file == MODEL_FILES)
				return;
			describe(&c->found.files[file], is);
			describe(&h->steps[first].files[file], was);
			describe(&h->steps[k].files[file], would);
			wrong(c, "f%u is %s; it was %s, and %s after step %u", file, is, was, would,
			      k);
			return;
		}
	}
	wrong(c, "%" PRIu64 " changes are there, promised were %" PRIu64 " and begun %" PRIu64,
	      c->found.changes, h->steps[first].changes, h->steps[last].changes);
}

static void
attach(struct check *c, struct stream_state *stream)
{
	struct id128 id = WORKLOAD_STREAM;
	struct cfs_err err = CFS_ERR_INIT;

	if (stream_attach(c->s, c->cred.user, &id, false, 16, stream, &err) != 0)
		wrong(c, "attaching the stream: %s", err.text);
	c->found.changes = stream->last_seq;
}

/* ---- going on ---- */

static int
put_more(struct check *c, const struct stream_state *stream, struct cfs_err *err)
{
	struct content_piece piece = {.kind = PIECE_BLOB, .length = 40000};
	uint32_t stored = 0;
	struct sha256 hash;
	struct put_args a = {.name = {"after", 5}, .make_inode = true, .mode = 0644};
	struct bytes_view home = {"/" MODEL_USER, strlen("/" MODEL_USER)};
	struct walk_result at;
	struct inode_attr attr;
	uint64_t replaced, commit;
	int rc;

	memset(c->room, 'x', piece.length);
	rc = sha256_once(c->sha, c->room, piece.length, &hash);
	if (rc == 0)
		rc = content_blob_reserve(c->s, c->cred.user, 1, &piece.blob, err);
	if (rc == 0)
		rc = content_blob_write(c->s, &piece.blob, c->room, piece.length, &stored, err);
	if (rc == 0)
		rc = store_begin(c->s, err);
	if (rc == 0)
		rc = content_blob_ready(c->s, c->cred.user, &piece.blob, &hash, piece.length,
					stored, err);
	if (rc == 0)
		rc = names_walk(c->s, &c->cred, (struct inode_ref){0, 0}, home, true, false, &at,
				err);
	if (rc != 0)
		return rc;
	a.dir = (struct inode_ref){at.attr.ino, at.attr.gen};
	a.ino = stream->first_ino;
	a.stream = stream->stream;
	a.size = piece.length;
	a.pieces = &piece;
	a.piece_count = 1;
	rc = content_put(c->s, &c->cred, &a, &attr, &replaced, err);
	if (rc == 0)
		rc = store_commit(c->s, &commit, err);
	return rc == 0 ? store_sync(c->s, commit, err) : rc;
}

/* Files of blobs that no row knows: they would take up space for ever. */
static void
count_files(struct check *c, const char *path)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct store_stats stats = {0};
	unsigned files = 0;
	char folder[4096];

	for (unsigned i = 0; i < 256; i++) {
		struct dirent *e;
		DIR *d;

		snprintf(folder, sizeof(folder), "%s/blobs/%02x", path, i);
		d = opendir(folder);
		while (d != NULL && (e = readdir(d)) != NULL)
			files += e->d_name[0] != '.';
		if (d != NULL)
			closedir(d);
	}
	if (store_stats(c->s, &stats, &err) != 0)
		wrong(c, "store_stats: %s", err.text);
	else if (files != stats.blobs)
		wrong(c, "%u files of %" PRIu64 " blobs", files, stats.blobs);
}

static void
go_on(struct check *c, const struct stream_state *stream, const char *path)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct snapshot before = c->found;
	bool more = true;
	int rc = put_more(c, stream, &err);

	if (rc != 0)
		wrong(c, "a new put: %s", err.text);
	c->s->clock_shift_ns = MONTH_NS;
	for (unsigned i = 0; more && rc == 0 && i < 50; i++)
		rc = store_keep(c->s, 100, &more, &err);
	if (rc != 0)
		wrong(c, "store_keep: %s", err.text);
	if (c->wrong)
		return;
	check_rules(c);
	look(c);
	if (!c->wrong && differs(&before, &c->found) != MODEL_FILES)
		wrong(c, "f%u is another after the keeper's work", differs(&before, &c->found));
	count_files(c, path);
}

int
check_store(const char *path, const struct history *h, unsigned first, unsigned last, bool thorough,
	    char text[CHECK_TEXT_MAX])
{
	struct store_conf conf = WORKLOAD_STORE_CONF(path);
	struct store_shared *shared = NULL;
	struct cfs_err err = CFS_ERR_INIT;
	struct check c = {.text = text, .sha = sha256_new(), .room = malloc(READ_MAX)};
	struct stream_state stream = {0};

	if (c.sha == NULL || c.room == NULL)
		abort();
	if (store_shared_new(&shared, &err) != 0 || store_open(&conf, shared, &c.s, &err) != 0)
		wrong(&c, "opening: %s", err.text);
	if (!c.wrong)
		check_rules(&c);
	if (!c.wrong)
		look(&c);
	if (!c.wrong)
		attach(&c, &stream);
	if (!c.wrong)
		match(&c, h, first, last);
	if (!c.wrong && thorough)
		go_on(&c, &stream, path);
	store_close(c.s);
	store_shared_free(shared);
	sha256_free(c.sha);
	free(c.room);
	return c.wrong ? -1 : 0;
}
