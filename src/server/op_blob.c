/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/blobs.h"

#include <stdlib.h>

#include "proto/codec.h"
#include "server/dispatch.h"
#include "server/durable.h"
#include "server/reply.h"
#include "server/tally.h"
#include "store/content.h"

/* Reserved ids that are left when the next ones are fetched, and the first, small helping for those who put little. */
#define IDS_LOW   2u
#define IDS_FIRST 8u

enum blob_step { BLOB_HASH, BLOB_WRITE, BLOB_READY, BLOB_FOUND };

struct blob_job {
	struct work_job job;
	struct session *s;
	struct blob_job *next; /* in blobs.written */
	enum blob_step step;
	const struct op_desc *op;
	uint64_t number, came_ns;
	struct tag *tag;
	struct poolbuf *buf;
	uint32_t length, stored;
	struct sha256 hash;
	struct id128 id;
	int status;
	struct cfs_err err;
};

int
blobs_init(struct session *s)
{
	s->blobs.tags = tags_new();
	s->blobs.ids_next_take = IDS_FIRST;
	return s->blobs.tags ? 0 : CFS_ENOMEM;
}

static void
free_job(struct blob_job *b)
{
	bufpool_put(b->buf);
	b->s->blobs.in_flight--;
	free(b);
}

void
blobs_fini(struct session *s)
{
	while (s->blobs.written) {
		struct blob_job *b = s->blobs.written;

		s->blobs.written = b->next;
		free_job(b);
	}
	tags_free(s->blobs.tags);
}

static void
job_run(struct work_job *job)
{
	struct blob_job *b = CONTAINER_OF(job, struct blob_job, job);

	if (b->step == BLOB_HASH)
		b->status = sha256_once(NULL, b->buf->data, b->length, &b->hash);
	else
		b->status = content_blob_write(b->s->store, &b->id, b->buf->data, b->length,
					       &b->stored, &b->err);
}

static void
finish_failed(struct session *s, struct blob_job *b, int status, const struct cfs_err *err)
{
	b->tag->status = status;
	reply_status(s, b->op, b->number, status, NULL, err);
	tally_op(s, b->op, b->came_ns, status);
	s->batch.wanted = true;
	free_job(b);
}

/* The answer goes out when what makes the blob findable is on stable storage. */
static void
finish_good(struct session *s, struct blob_job *b)
{
	struct m_blob_put_rep rep = {.blob = b->id, .hash = b->hash, .length = b->length};
	struct buf payload = BUF_INIT, frames = BUF_INIT;

	b->tag->blob = b->id;
	b->tag->length = b->length;
	b->tag->status = 0;
	s->batch.wanted = true;
	if (reply_encode(b->op, 0, &rep, NULL, &payload) ||
	    reply_frame(&frames, b->op, b->number, 0,
			(struct bytes_view){.data = payload.data, .len = payload.len}))
		session_end(s, CFS_ENOMEM);
	else
		durable_add(s, &frames, 1);
	buf_fini(&payload);
	buf_fini(&frames);
	tally_op(s, b->op, b->came_ns, 0);
	free_job(b);
}

static int
fetch_ids(struct session *s, struct cfs_err *err)
{
	struct blobs *bl = &s->blobs;
	int rc = content_blob_reserve(s->store, s->me.id, bl->ids_next_take, bl->ids, err);

	if (rc)
		return rc;
	bl->ids_left = bl->ids_next_take;
	bl->ids_next_take = BLOB_IDS_MAX;
	return 0;
}

/* Takes one of the ids reserved beforehand. Those of a session that was quiet for a day are no good any more. */
static int
take_id(struct session *s, struct id128 *id_out, struct cfs_err *err)
{
	struct blobs *bl = &s->blobs;
	int rc = 0;

	if (bl->ids_left > 0) {
		rc = content_blob_is_reserved(s->store, &bl->ids[bl->ids_left - 1], err);
		if (rc < 0)
			return rc;
	}
	if (rc == 0)
		rc = fetch_ids(s, err);
	if (rc < 0)
		return rc;
	*id_out = bl->ids[--bl->ids_left];
	return 0;
}

static void
write_new(struct session *s, struct blob_job *b)
{
	int rc = take_id(s, &b->id, &b->err);

	if (rc) {
		finish_failed(s, b, rc, &b->err);
		return;
	}
	b->step = BLOB_WRITE;
	work_submit(s->workers, &b->job);
}

/* For the next transaction. */
static void
wait_for_transaction(struct session *s, struct blob_job *b, enum blob_step step)
{
	b->step = step;
	b->next = s->blobs.written;
	s->blobs.written = b;
	s->batch.wanted = true;
}

/* Hashed: the same bytes of the same owner are not written again. */
static void
after_hash(struct session *s, struct blob_job *b)
{
	int rc = content_blob_find(s->store, s->me.id, &b->hash, b->length, &b->id, &b->err);
	bool found = rc == 1;

	if (found)
		rc = content_blob_stays(s->store, &b->id, &b->err);
	if (rc < 0)
		finish_failed(s, b, rc, &b->err);
	else if (rc == 1)
		finish_good(s, b);
	else if (found)
		wait_for_transaction(s, b,
				     BLOB_FOUND); /* with its bytes, in case it has gone by then */
	else
		write_new(s, b);
}

static void
after_write(struct session *s, struct blob_job *b)
{
	/* The bytes are on disk; the buffer can take the next ones while the transaction is waited for. */
	bufpool_put(b->buf);
	b->buf = NULL;
	wait_for_transaction(s, b, BLOB_READY);
}

bool
blobs_job_done(struct session *s, struct work_job *job)
{
	struct blob_job *b = CONTAINER_OF(job, struct blob_job, job);

	if (job->run != job_run)
		return false;
	if (s->dropping)
		b->status = CFS_ECANCELED;
	if (b->status)
		finish_failed(s, b, b->status, &b->err);
	else if (b->step == BLOB_HASH)
		after_hash(s, b);
	else
		after_write(s, b);
	return true;
}

static bool
has_gone(const struct blob_job *b)
{
	return b->step == BLOB_FOUND && b->status == CFS_EBLOBGONE;
}

void
blobs_make_ready(struct session *s)
{
	for (struct blob_job *b = s->blobs.written; b; b = b->next) {
		b->status = b->step == BLOB_FOUND
				? content_blob_keep(s->store, &b->id, &b->err)
				: content_blob_ready(s->store, s->me.id, &b->id, &b->hash,
						     b->length, b->stored, &b->err);
		if (has_gone(b))
			continue; /* it is written anew: who names it waits on */
		b->tag->status = b->status;
		b->tag->blob = b->id;
		b->tag->length = b->length;
	}
}

void
blobs_answer_ready(struct session *s, int status, const struct cfs_err *err)
{
	struct blob_job *b = s->blobs.written;

	s->blobs.written = NULL;
	while (b) {
		struct blob_job *next = b->next;

		if (has_gone(b))
			write_new(s, b);
		else if (b->status)
			finish_failed(s, b, b->status, &b->err);
		else if (status)
			finish_failed(s, b, status, err);
		else
			finish_good(s, b);
		b = next;
	}
}

int
handle_BLOB_PUT(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_blob_put_req *req = &c->req->blob_put_req;
	struct blob_job *b;
	int rc;

	if (c->bulk_in.len == 0 || c->bulk_in.len > STORE_BLOB_MAX)
		return err_set(err, CFS_EINVAL, "a blob has 1 to %u bytes", STORE_BLOB_MAX);
	if (!c->bulk_buf)
		return err_code(err, CFS_ENOMEM);
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_code(err, CFS_ENOMEM);
	rc = tags_add(s->blobs.tags, req->tag, &b->tag);
	if (rc) {
		free(b);
		return err_set(err, rc, "tag %llu is in use", (unsigned long long)req->tag);
	}
	b->job.run = job_run;
	b->s = s;
	b->step = BLOB_HASH;
	b->op = c->op;
	b->number = c->number;
	b->came_ns = c->came_ns;
	b->length = (uint32_t)c->bulk_in.len;
	b->buf = c->bulk_buf;
	c->bulk_buf = NULL;
	s->blobs.in_flight++;
	tally_blob(s, req->tag, b->length);
	work_submit(s->workers, &b->job);
	return CALL_LATER;
}

static bool
piece_ready(const struct session *s, const struct m_write_piece *piece)
{
	const struct tag *tag = piece->kind == 2 ? tags_find(s->blobs.tags, piece->tag) : NULL;

	return !tag || tag->status != CFS_EBUSY;
}

bool
blobs_named_ready(const struct session *s, const struct op_desc *op, const union m_any *req)
{
	struct m_write_piece piece;
	struct list it;

	if (op->number == OP_WRITE)
		it = req->write_req.pieces;
	else if (op->number == OP_PUT)
		it = req->put_req.pieces;
	else
		return true;
	while (list_next(&it, &piece)) {
		if (!piece_ready(s, &piece))
			return false;
	}
	return true;
}

int
blobs_resolve(const struct session *s, uint64_t number, struct id128 *id_out, struct cfs_err *err)
{
	const struct tag *tag = tags_find(s->blobs.tags, number);

	if (!tag)
		return err_set(err, CFS_EBLOBGONE, "no blob with tag %llu is known",
			       (unsigned long long)number);
	if (tag->status)
		return err_set(err, tag->status, "blob with tag %llu: %s",
			       (unsigned long long)number, err_text(tag->status));
	*id_out = tag->blob;
	return 0;
}
