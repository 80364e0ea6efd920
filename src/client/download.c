/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Getting files: many READs under way, each answer checked and written by a worker. All of them name one version; when
 * the file changes meanwhile, the download begins again with the new one.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "client/attr.h"
#include "client/xfer.h"
#include "proto/codec.h"

/* READ's flags: whole extents, part of a download, check what carries no hash. */
#define READ_FLAGS   (1u | 2u | 4u)
#define MAX_RESTARTS 5u
/* What one worker makes a file of in one go, a few files at a time. */
#define SMALL        65536u

struct download {
	struct item base;
	struct cfs_get want;
	struct cfs_attr attr; /* the version that is being read */
	struct target target;
	uint64_t asked;        /* bytes up to which READs were issued */
	uint64_t written;      /* bytes that are written */
	struct chunk *waiting; /* checked and not written, by offset */
	bool writing;          /* a worker is at it */
	bool late;             /* small: its file is made when its bytes are there */
	bool changed;          /* start again when nothing is pending */
	unsigned restarts;
};

static struct download *
download_of(struct item *it)
{
	return CONTAINER_OF(it, struct download, base);
}

/* ---- on a worker */

static int
check_piece(struct sha256_ctx *sha, const struct m_read_piece *p, const unsigned char *data,
	    struct cfs_err *err)
{
	struct sha256 have;
	int rc;

	if (p->has_hash == 0)
		return 0;
	rc = sha256_once(sha, data, p->length, &have);
	if (rc < 0)
		return err_code(err, rc);
	if (!sha256_equal(&have, &p->hash))
		return err_set(err, CFS_ECORRUPT, "received bytes do not have the stored SHA-256");
	return 0;
}

/* Everything is checked before the first byte of it is written. */
static int
check_all(const struct chunk *ch, struct list pieces, struct cfs_err *err)
{
	struct m_read_piece p;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && list_next(&pieces, &p)) {
		if (p.kind == 0)
			continue;
		rc = check_piece(ch->sha, &p, ch->data + at, err);
		at += p.length;
	}
	return rc;
}

static int
write_all(const struct chunk *ch, struct target *t, struct list pieces, struct cfs_err *err)
{
	struct m_read_piece p;
	uint64_t offset = ch->offset;
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && list_next(&pieces, &p)) {
		if (p.kind == 0) {
			rc = target_zeros(t, p.length, offset, err);
		} else {
			rc = target_write(t, ch->data + at, p.length, offset, err);
			at += p.length;
		}
		offset += p.length;
	}
	return rc;
}

static void
check_job(struct work_job *job)
{
	struct chunk *ch = CONTAINER_OF(job, struct chunk, job);
	struct m_read_rep rep;
	int rc = call_result(ch->call, &rep, &ch->err);

	ch->code = rc == 0 ? check_all(ch, rep.pieces, &ch->err) : rc;
}

static void
write_job(struct work_job *job)
{
	struct chunk *ch = CONTAINER_OF(job, struct chunk, job);
	struct download *d = download_of(ch->item);
	struct m_read_rep rep;
	int rc = call_result(ch->call, &rep, &ch->err);

	ch->code = rc == 0 ? write_all(ch, &d->target, rep.pieces, &ch->err) : rc;
}

static int
open_target(struct download *d, bool regular_only, struct cfs_err *err)
{
	const struct target_want want = {
	    .path = d->base.local,
	    .noclobber = d->want.noclobber,
	    .nofollow = d->want.nofollow,
	    .regular_only = regular_only,
	    .absent = d->want.absent,
	    .number = atomic_fetch_add(&d->base.x->temp_number, 1),
	    .mode = d->want.set_mode ? d->attr.mode & 0777 : 0666,
	};
	int rc = target_open(&d->target, &want, err);

	d->target.cancel = &d->base.x->cancel;
	return rc;
}

static int
commit(struct download *d, struct cfs_err *err)
{
	const struct target_meta meta = {
	    .size = d->attr.size,
	    .noclobber = d->want.noclobber,
	    .set_mode = d->want.set_mode,
	    .set_times = d->want.set_times,
	    .mode = d->attr.mode,
	    .atime_ns = d->attr.atime_ns,
	    .mtime_ns = d->attr.mtime_ns,
	};

	return target_commit(&d->target, &meta, err);
}

/* From answer to finished file. Code 1: the target is none that a worker may wait for. */
static void
whole_job(struct work_job *job)
{
	struct chunk *ch = CONTAINER_OF(job, struct chunk, job);
	struct download *d = download_of(ch->item);

	check_job(job);
	if (ch->code == 0)
		ch->code = open_target(d, true, &ch->err);
	if (ch->code == 0)
		write_job(job);
	if (ch->code == 0)
		ch->code = commit(d, &ch->err);
}

/* ---- answers */

/* Bytes of the file that an answer covers, and of bulk in it; checks that the pieces are what can be asked for. */
static int
measure(const struct chunk *ch, const struct m_read_rep *rep, size_t asked, size_t *covered_out,
	struct cfs_err *err)
{
	struct list pieces = rep->pieces;
	struct m_read_piece p;
	size_t covered = 0, bulk = 0;

	while (list_next(&pieces, &p)) {
		if (p.length == 0 || p.length > asked - covered)
			return err_set(err, CFS_EPROTO, "read: pieces that were not asked for");
		covered += p.length;
		if (p.kind != 0)
			bulk += p.length;
	}
	if (bulk != ch->call->dst_len || covered == 0)
		return err_set(err, CFS_EPROTO, "read: an answer that cannot be right");
	*covered_out = covered;
	return 0;
}

static void write_next(struct download *d);

static void
was_written(struct chunk *ch)
{
	struct download *d = download_of(ch->item);

	d->writing = false;
	if (ch->code < 0) {
		item_fail(ch->item, ch->code, &ch->err);
	} else {
		d->written += ch->len;
		xfer_progress(ch->item->x, ch->len);
	}
	chunk_free(ch);
	write_next(d);
}

/*
 * One at a time, also where order does not matter: the kernel lets one thread at a time into a file, and a second one
 * would wait for it spinning.
 */
static void
write_next(struct download *d)
{
	struct chunk *ch = d->waiting;

	if (d->writing || ch == NULL || d->base.code < 0 || d->changed ||
	    (d->target.in_order && ch->offset != d->written))
		return;
	d->waiting = ch->next;
	d->writing = true;
	chunk_work(ch, write_job, was_written);
}

static void
was_checked(struct chunk *ch)
{
	struct download *d = download_of(ch->item);
	struct chunk **at = &d->waiting;

	if (ch->code < 0 || ch->item->code < 0 || d->changed) {
		if (ch->code < 0)
			item_fail(ch->item, ch->code, &ch->err);
		chunk_free(ch);
		return;
	}
	while (*at != NULL && (*at)->offset < ch->offset)
		at = &(*at)->next;
	ch->next = *at;
	*at = ch;
	write_next(d);
}

static void
succeed(struct download *d)
{
	d->base.report.bytes = d->attr.size;
	d->base.report.attr = d->attr;
	d->base.finished = true;
}

/* The target of a small file after all: by this thread, which an interruption wakes. */
static int
open_late(struct download *d, struct cfs_err *err)
{
	d->late = false;
	target_fini(&d->target);
	return open_target(d, false, err);
}

static void
was_made(struct chunk *ch)
{
	struct download *d = download_of(ch->item);

	if (ch->code > 0 && (ch->code = open_late(d, &ch->err)) == 0) {
		ch->next = NULL;
		d->waiting = ch;
		write_next(d);
		return;
	}
	if (ch->code < 0) {
		item_fail(ch->item, ch->code, &ch->err);
	} else {
		xfer_progress(ch->item->x, ch->len);
		succeed(d);
	}
	chunk_free(ch);
}

static int ask(struct download *d, uint64_t offset, size_t length, struct chunk *ch);

static void
was_read(struct chunk *ch)
{
	struct download *d = download_of(ch->item);
	struct m_read_rep rep;
	size_t asked = ch->len, covered = 0;
	int rc = call_result(ch->call, &rep, &ch->err);

	if (rc == CFS_ECONFLICT && d->restarts < MAX_RESTARTS) {
		d->changed = true;
		chunk_free(ch);
		return;
	}
	if (rc == 0)
		rc = measure(ch, &rep, asked, &covered, &ch->err);
	if (rc < 0 || ch->item->code < 0 || d->changed) {
		if (rc < 0)
			item_fail(ch->item, rc, &ch->err);
		chunk_free(ch);
		return;
	}
	ch->len = covered;
	/* It ended at an extent's end: the rest of what was wanted is asked for apart. */
	if (covered < asked && ask(d, ch->offset + covered, asked - covered,
				   chunk_new(ch->item, asked - covered)) < 0) {
		chunk_free(ch);
		return;
	}
	if (d->late && covered == d->attr.size) {
		chunk_ride(ch, whole_job, was_made);
		return;
	}
	if (d->late && (rc = open_late(d, &ch->err)) < 0) {
		item_fail(ch->item, rc, &ch->err);
		chunk_free(ch);
		return;
	}
	chunk_work(ch, check_job, was_checked);
}

/* Sends a READ; its bytes arrive in ch's buffer. */
static int
ask(struct download *d, uint64_t offset, size_t length, struct chunk *ch)
{
	struct m_read_req req = {
	    .ino = d->attr.ref.ino,
	    .gen = d->attr.ref.gen,
	    .offset = offset,
	    .length = (uint32_t)length,
	    .version = d->attr.version,
	    .flags = READ_FLAGS,
	};
	int rc;

	if (ch == NULL) {
		item_fail(&d->base, CFS_ENOMEM, NULL);
		return CFS_ENOMEM;
	}
	ch->offset = offset;
	ch->len = length;
	rc = call_new(d->base.x->c, OP_READ, &req, &ch->call, &ch->err);
	if (rc == 0) {
		call_take_bulk(ch->call, ch->data, length);
		rc = chunk_call(ch, was_read);
	}
	if (rc < 0) {
		item_fail(&d->base, rc, &ch->err);
		chunk_free(ch);
	}
	return rc;
}

/* ---- the item's stages */

static bool
download_issue(struct item *it)
{
	struct download *d = download_of(it);
	size_t length = (size_t)min_u64(it->x->c->who.max_blob, d->attr.size - d->asked);

	if (length == 0 || d->changed) {
		it->all_issued = true;
		return false;
	}
	if (!xfer_has_room(it->x, length))
		return false;
	if (ask(d, d->asked, length, chunk_new(it, length)) < 0)
		return false;
	d->asked += length;
	if (d->asked == d->attr.size)
		it->all_issued = true;
	return !it->all_issued;
}

static void
drop_waiting(struct download *d)
{
	while (d->waiting != NULL) {
		struct chunk *ch = d->waiting;

		d->waiting = ch->next;
		chunk_free(ch);
	}
}

/* The file changed while it was read: from the start with its newest version. Rare, so it may wait for an answer. */
static int
restart(struct download *d, struct cfs_err *err)
{
	int rc;

	d->restarts++;
	d->changed = false;
	drop_waiting(d);
	if (!d->late && !target_restart(&d->target, d->written))
		return err_set(err, CFS_ECONFLICT, "the file changed while it was read");
	rc = cfs_getattr(d->base.x->c, d->attr.ref, &d->attr, err);
	if (rc < 0)
		return rc;
	d->asked = d->written = 0;
	if (d->late && d->attr.size > SMALL)
		rc = open_late(d, err);
	while (rc == 0 && d->asked < d->attr.size) {
		size_t length =
		    (size_t)min_u64(d->base.x->c->who.max_blob, d->attr.size - d->asked);

		/* Beyond the room: the pipeline waits for these, not they for it. */
		if (d->asked > 0 && !xfer_has_room(d->base.x, length))
			break;
		rc = ask(d, d->asked, length, chunk_new(&d->base, length));
		d->asked += length;
	}
	return rc;
}

static void
download_complete(struct item *it)
{
	struct download *d = download_of(it);
	struct cfs_err err = CFS_ERR_INIT;
	int rc = 0;

	if (d->changed) {
		rc = restart(d, &err);
		if (rc < 0)
			item_fail(it, rc, &err);
		return;
	}
	/* Only after a restart can there be something left that add() did not issue. */
	if (d->asked < d->attr.size) {
		size_t length = (size_t)min_u64(it->x->c->who.max_blob, d->attr.size - d->asked);

		d->asked += length;
		ask(d, d->asked - length, length, chunk_new(it, length));
		return;
	}
	/* Nothing was to be read. */
	if (d->late)
		rc = open_late(d, &err);
	if (rc == 0)
		rc = commit(d, &err);
	if (rc < 0)
		item_fail(it, rc, &err);
	else
		succeed(d);
}

static void
download_fini(struct item *it)
{
	struct download *d = download_of(it);

	/* With give_up() the chunks are gone already. */
	if (it->x != NULL && it->x->live != NULL)
		drop_waiting(d);
	target_fini(&d->target);
}

int
cfs_xfer_get(struct cfs_xfer *x, const struct cfs_get *g, struct cfs_err *err)
{
	struct download *d = calloc(1, sizeof(*d));
	struct cfs_err why = CFS_ERR_INIT;
	int rc = 0;

	if (d == NULL)
		return err_code(err, CFS_ENOMEM);
	/* Files that go to descriptors stand there in the order in which they were added. */
	if (g->local == NULL && (rc = xfer_drain(x, err)) < 0) {
		free(d);
		return rc;
	}
	d->want = *g;
	d->attr = g->attr;
	d->target.fd = -1;
	d->base.issue = download_issue;
	d->base.complete = download_complete;
	d->base.fini = download_fini;
	d->base.tag = g->tag;
	d->base.x = x;
	if ((g->local != NULL && (d->base.local = strdup(g->local)) == NULL) ||
	    (g->remote != NULL && (d->base.remote = strdup(g->remote)) == NULL))
		rc = err_code(&why, CFS_ENOMEM);
	d->late = g->local != NULL && g->attr.size <= SMALL;
	if (g->local == NULL)
		target_from_fd(&d->target, g->fd);
	else if (rc == 0 && !d->late)
		rc = open_target(d, false, &why);
	d->target.cancel = &x->cancel;
	/* What is wrong with one local file is that item's failure, told by done(). */
	if (rc < 0)
		item_fail(&d->base, rc, &why);
	return xfer_add(x, &d->base, err);
}
