/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/reads.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "proto/codec.h"
#include "server/batch.h"
#include "server/dispatch.h"
#include "server/downloads.h"
#include "server/promises.h"
#include "server/reply.h"
#include "server/sum.h"
#include "server/tally.h"
#include "store/content.h"
#include "store/names.h"

/* Flags of read_req, as in ops.def. */
#define READ_WHOLE_EXTENTS 1u
#define READ_VERIFY        4u
#define READ_PROMISE       8u

/* Content without blobs up to this is answered at once. */
#define DIRECT_MAX (64u * 1024)

/* Bytes of blobs that are read without a worker, if they are in memory. */
#define NOW_MAX (64u * 1024)

/* A plan whose blob was removed meanwhile (the file was replaced) is made anew so often. */
#define PLANS_MAX 3

struct read_job {
	struct work_job job;
	struct session *s;
	struct read_job *next; /* in reads.waiting */
	const struct op_desc *op;
	uint64_t number, came_ns;
	struct m_read_req req;
	struct content_plan *plan;
	uint32_t promise_ms; /* of that plan */
	struct poolbuf *buf;
	size_t data_len; /* bytes of the plan that are not holes */
	unsigned plans;
	int status;
	struct cfs_err err;
};

void
reads_init(struct session *s)
{
	s->reads.waiting_tail = &s->reads.waiting;
	s->reads.sums_tail = &s->reads.sums;
}

static void
free_read(struct read_job *r)
{
	bufpool_put(r->buf);
	content_plan_free(r->plan);
	r->s->reads.in_flight--;
	free(r);
}

void
reads_fini(struct session *s)
{
	for (struct pending_event *e = s->batch.events; e; e = e->next) {
		if (e->read)
			free_read(e->read);
	}
	while (s->reads.waiting) {
		struct read_job *r = s->reads.waiting;

		s->reads.waiting = r->next;
		free_read(r);
	}
	sums_fini(s);
	receipts_free(s->reads.receipts);
}

/* Bytes that the answer carries, and whether any are in blobs. */
static size_t
plan_data(const struct content_plan *plan, bool *blobs_out)
{
	size_t len = 0;

	*blobs_out = false;
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->parts[i].kind == PART_HOLE)
			continue;
		len += plan->parts[i].length;
		if (plan->parts[i].kind == PART_BLOB)
			*blobs_out = true;
	}
	return len;
}

/* Reads every part that is not a hole to dst, one behind the other. Any thread. */
static int
read_parts(struct store *store, const struct content_plan *plan, bool verify, unsigned char *dst,
	   struct cfs_err *err)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct content_part *part = &plan->parts[i];
		int rc;

		if (part->kind == PART_HOLE)
			continue;
		rc = content_read(store, part, verify && !part->has_hash, dst, err);
		if (rc)
			return rc;
		dst += part->length;
	}
	return 0;
}

/*
 * What is in memory is read where it is asked for: a few kilobytes cost less than waking a worker and being woken by it. A device is
 * never waited for here.
 */
static bool
read_now(struct read_job *r)
{
	unsigned char *dst = r->buf->data;

	if (r->data_len > NOW_MAX || (r->req.flags & READ_VERIFY) != 0)
		return false;
	for (size_t i = 0; i < r->plan->count; i++) {
		const struct content_part *part = &r->plan->parts[i];

		if (part->kind == PART_HOLE)
			continue;
		if (content_read_now(r->s->store, part, dst) != 0)
			return false;
		dst += part->length;
	}
	return true;
}

static void
job_run(struct work_job *job)
{
	struct read_job *r = CONTAINER_OF(job, struct read_job, job);

	r->status =
	    read_parts(r->s->store, r->plan, r->req.flags & READ_VERIFY, r->buf->data, &r->err);
}

static int
plan_once(struct session *s, const struct m_read_req *req, struct content_plan **out,
	  struct cfs_err *err)
{
	return content_plan(s->store, &s->cred,
			    (struct inode_ref){.ino = req->ino, .gen = req->gen}, req->offset,
			    req->length, req->version, req->flags & READ_WHOLE_EXTENTS, out, err);
}

/* A plan, and how long its version is promised to be the newest (or that the client is told). */
static int
make_plan(struct session *s, const struct m_read_req *req, struct content_plan **out,
	  uint32_t *promise_ms_out, struct cfs_err *err)
{
	struct promises_try t;
	int rc;

	*promise_ms_out = 0;
	*out = NULL;
	if ((req->flags & READ_PROMISE) == 0)
		return plan_once(s, req, out, err);
	promises_try(s, &t);
	do {
		content_plan_free(*out);
		*out = NULL;
		rc = plan_once(s, req, out, err);
		if (rc)
			return rc;
		promises_try_add(s, &t, req->ino, PROMISE_ATTR);
	} while (promises_try_again(s, &t));
	*promise_ms_out = t.ms;
	return 0;
}

/* The reply's fields; the list of pieces is built in the session's scratch buffer. */
static int
fill_reply(struct session *s, const struct content_plan *plan, uint32_t promise_ms,
	   struct m_read_rep *rep)
{
	buf_clear(&s->scratch);
	*rep = (struct m_read_rep){
	    .version = plan->attr.version,
	    .size = plan->attr.size,
	    .mtime = plan->attr.mtime_ns,
	    .promise_ms = promise_ms,
	};
	for (size_t i = 0; i < plan->count; i++) {
		const struct content_part *part = &plan->parts[i];
		struct m_read_piece piece = {
		    .length = part->length,
		    .kind = part->kind != PART_HOLE,
		    .has_hash = part->has_hash,
		};

		if (part->has_hash)
			piece.hash = part->hash;
		if (codec_list_append(&rep->pieces, &msg_read_piece, &piece, &s->scratch, 0))
			return CFS_ENOMEM;
	}
	return 0;
}

void
reads_answer(struct session *s, struct read_job *r)
{
	struct m_read_rep rep;

	if (r->status == 0)
		r->status = fill_reply(s, r->plan, r->promise_ms, &rep);
	if (r->status) {
		reply_status(s, r->op, r->number, r->status, NULL, &r->err);
	} else {
		tally_sent(s, &r->plan->attr, r->plan->length);
		reply_bulk(s, r->op, r->number, &rep, r->buf, r->data_len);
		r->buf = NULL;
	}
	tally_op(s, r->op, r->came_ns, r->status);
	free_read(r);
}

static void
finish(struct session *s, struct read_job *r)
{
	int rc =
	    r->status ? 0 : downloads_count(s, &r->plan->attr, r->req.offset, r->plan->length, r);

	if (rc == 1)
		return;
	if (rc < 0)
		r->status = rc;
	reads_answer(s, r);
}

/* Gives the job its plan, if it has none yet, its buffer and a worker; CFS_EBUSY when there is no buffer. */
static int
start(struct session *s, struct read_job *r)
{
	bool blobs;
	int rc = 0;

	if (!r->plan)
		rc = make_plan(s, &r->req, &r->plan, &r->promise_ms, &r->err);
	if (rc)
		return rc;
	r->data_len = plan_data(r->plan, &blobs);
	rc = bufpool_get(s->read_bufs, r->data_len, &r->buf);
	if (rc)
		return rc;
	if (blobs && !read_now(r)) {
		work_submit(s->workers, &r->job);
		return 0;
	}
	if (!blobs)
		job_run(&r->job);
	finish(s, r);
	return 0;
}

static void
wait_for_buffer(struct session *s, struct read_job *r)
{
	r->next = NULL;
	*s->reads.waiting_tail = r;
	s->reads.waiting_tail = &r->next;
}

void
reads_start_waiting(struct session *s)
{
	while (s->reads.waiting) {
		struct read_job *r = s->reads.waiting;
		struct read_job *next = r->next;
		int rc = start(s, r);

		if (rc == CFS_EBUSY)
			return;
		s->reads.waiting = next;
		if (!next)
			s->reads.waiting_tail = &s->reads.waiting;
		if (rc) {
			r->status = rc;
			reads_answer(s, r);
		}
	}
	sums_start(s);
}

/* Read. A blob that is gone belonged to a version that was replaced after the plan was made. */
static void
read_done(struct session *s, struct read_job *r)
{
	if (s->dropping)
		r->status = CFS_ECANCELED;
	if (r->status == CFS_ENOENT && ++r->plans < PLANS_MAX) {
		bufpool_put(r->buf);
		r->buf = NULL;
		content_plan_free(r->plan);
		r->plan = NULL;
		r->status = make_plan(s, &r->req, &r->plan, &r->promise_ms, &r->err);
		if (r->status == 0) {
			wait_for_buffer(s, r);
			return;
		}
	}
	/* Or it is lost; the file is there all the same. */
	if (r->status == CFS_ENOENT)
		r->status = err_set(&r->err, CFS_ECORRUPT, "content of the file is missing");
	finish(s, r);
}

bool
reads_job_done(struct session *s, struct work_job *job)
{
	if (job->run != job_run)
		return sums_job_done(s, job);
	read_done(s, CONTAINER_OF(job, struct read_job, job));
	return true;
}

static void
release_plan(void *arg)
{
	content_plan_free(arg);
}

/* Small inline content that nobody is told of: no job, no buffer, sent from where it was read. Takes the plan. */
static int
answer_direct(struct session *s, struct call *c, struct content_plan *plan, uint32_t promise_ms,
	      struct cfs_err *err)
{
	struct m_read_rep *rep = &c->rep->read_rep;
	struct iovec piece = {.iov_base = (void *)(uintptr_t)plan->inlined.data,
			      .iov_len = plan->inlined.len};
	const struct frame_bulk bulk = {
	    .pieces = &piece, .count = 1, .release = release_plan, .arg = plan};
	int rc = fill_reply(s, plan, promise_ms, rep);

	if (rc) {
		content_plan_free(plan);
		return err_code(err, rc);
	}
	if (piece.iov_len == 0) {
		reply_status(s, c->op, c->number, 0, rep, NULL);
		content_plan_free(plan);
	} else {
		reply_pieces(s, c->op, c->number, rep, &bulk);
	}
	tally_op(s, c->op, c->came_ns, 0);
	return CALL_LATER;
}

static int
submit(struct session *s, struct call *c, const struct m_read_req *req, struct content_plan *plan,
       uint32_t promise_ms, struct cfs_err *err)
{
	struct read_job *r = calloc(1, sizeof(*r));
	int rc;

	if (!r) {
		content_plan_free(plan);
		return err_code(err, CFS_ENOMEM);
	}
	r->job.run = job_run;
	r->s = s;
	r->op = c->op;
	r->number = c->number;
	r->came_ns = c->came_ns;
	r->req = *req;
	r->plan = plan;
	r->promise_ms = promise_ms;
	s->reads.in_flight++;
	rc = s->reads.waiting ? CFS_EBUSY : start(s, r);
	if (rc == CFS_EBUSY) {
		/* A plan holds inline content: many of them that wait would hold any amount of it. */
		if (s->reads.waiting) {
			content_plan_free(r->plan);
			r->plan = NULL;
		}
		wait_for_buffer(s, r);
	} else if (rc) {
		free_read(r);
		return err_code(err, rc);
	}
	return CALL_LATER;
}

int
handle_READ(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_read_req *req = &c->req->read_req;
	struct content_plan *plan;
	uint32_t promise_ms;
	size_t data_len;
	bool blobs;
	int rc;

	if (req->length > STORE_BLOB_MAX)
		return err_set(err, CFS_EINVAL, "a read is %u bytes at most", STORE_BLOB_MAX);
	rc = make_plan(s, req, &plan, &promise_ms, err);
	if (rc)
		return rc;
	data_len = plan_data(plan, &blobs);
	if (!blobs && data_len <= DIRECT_MAX && plan->attr.owner == s->me.id)
		return answer_direct(s, c, plan, promise_ms, err);
	return submit(s, c, req, plan, promise_ms, err);
}
