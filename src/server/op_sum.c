/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/dispatch.h"
#include "server/reads.h"
#include "server/reply.h"
#include "server/tally.h"
#include "store/content.h"

/* Bytes read and hashed in one step: one blob, as a rule. */
#define STEP_BYTES STORE_BLOB_MAX

struct sum_job {
	struct work_job job;
	struct session *s;
	struct sum_job *next;
	const struct op_desc *op;
	uint64_t number, came_ns;
	struct inode_ref ref;
	struct sha256_ctx *hash;
	struct content_plan *plan; /* of the step under way */
	struct poolbuf *buf;
	uint64_t offset, version, size;
	struct sha256 sum;
	bool running;
	int status;
	struct cfs_err err;
};

static void
drop_step(struct sum_job *j)
{
	bufpool_put(j->buf);
	j->buf = NULL;
	content_plan_free(j->plan);
	j->plan = NULL;
}

static void
free_sum(struct sum_job *j)
{
	drop_step(j);
	sha256_free(j->hash);
	j->s->reads.in_flight--;
	free(j);
}

static void
free_list(struct sum_job *j)
{
	while (j) {
		struct sum_job *next = j->next;

		free_sum(j);
		j = next;
	}
}

void
sums_fini(struct session *s)
{
	free_list(s->reads.sums);
	free_list(s->reads.summed);
}

/* On a worker: reads one part after the other into the same buffer and hashes it; a hole is zeros. */
static void
job_run(struct work_job *job)
{
	struct sum_job *j = CONTAINER_OF(job, struct sum_job, job);

	for (size_t i = 0; i < j->plan->count && j->status == 0; i++) {
		const struct content_part *part = &j->plan->parts[i];

		if (part->kind == PART_HOLE)
			memset(j->buf->data, 0, part->length);
		else
			j->status = content_read(j->s->store, part, false, j->buf->data, &j->err);
		if (j->status == 0)
			sha256_update(j->hash, j->buf->data, part->length);
	}
}

static struct sum_job *
pop(struct session *s)
{
	struct sum_job *j = s->reads.sums;

	s->reads.sums = j->next;
	if (!s->reads.sums)
		s->reads.sums_tail = &s->reads.sums;
	return j;
}

static void
answer(struct session *s, struct sum_job *j)
{
	struct m_sum_rep rep = {.hash = j->sum, .version = j->version, .size = j->size};

	reply_status(s, j->op, j->number, j->status, &rep, &j->err);
	tally_op(s, j->op, j->came_ns, j->status);
	free_sum(j);
}

/* The last step is done: stored by the next transaction. */
static void
computed(struct session *s)
{
	struct sum_job *j = pop(s);

	if (j->status == 0)
		j->status = sha256_final(j->hash, &j->sum);
	if (j->status) {
		answer(s, j);
		return;
	}
	j->next = s->reads.summed;
	s->reads.summed = j;
	s->batch.wanted = true;
}

/* Plans the next step of the first one. 1: a job was given to a worker; 0: it is finished; or CFS_EBUSY. */
static int
step(struct session *s, struct sum_job *j)
{
	int rc;

	rc = bufpool_get(s->read_bufs, STEP_BYTES, &j->buf);
	if (rc == CFS_EBUSY)
		return rc;
	if (rc == 0)
		rc = content_plan(s->store, &s->cred, j->ref, j->offset, STEP_BYTES, j->version,
				  false, &j->plan, &j->err);
	if (rc) {
		j->status = rc;
		return 0;
	}
	j->version = j->plan->attr.version;
	j->size = j->plan->attr.size;
	if (j->plan->length == 0)
		return 0;
	j->offset += j->plan->length;
	j->running = true;
	work_submit(s->workers, &j->job);
	return 1;
}

void
sums_start(struct session *s)
{
	while (!s->dropping && s->reads.sums && !s->reads.sums->running) {
		if (step(s, s->reads.sums))
			return;
		computed(s);
	}
}

bool
sums_job_done(struct session *s, struct work_job *job)
{
	struct sum_job *j = CONTAINER_OF(job, struct sum_job, job);

	if (job->run != job_run)
		return false;
	j->running = false;
	drop_step(j);
	if (s->dropping)
		j->status = CFS_ECANCELED;
	if (j->status || j->offset >= j->size)
		computed(s);
	sums_start(s);
	return true;
}

void
reads_store_sums(struct session *s)
{
	struct cfs_err err = CFS_ERR_INIT;

	for (struct sum_job *j = s->reads.summed; j; j = j->next) {
		if (content_sum_set(s->store, j->ref, j->version, &j->sum, &err))
			log_warn("sum of inode %llu: %s", (unsigned long long)j->ref.ino, err.text);
	}
}

void
reads_answer_sums(struct session *s)
{
	struct sum_job *j = s->reads.summed;

	s->reads.summed = NULL;
	while (j) {
		struct sum_job *next = j->next;

		answer(s, j);
		j = next;
	}
}

/* A file that is one whole piece with a known hash needs no reading. */
static int
sum_of_one_piece(struct session *s, struct inode_ref ref, struct m_sum_rep *rep,
		 struct cfs_err *err)
{
	struct content_plan *plan;
	int rc = content_plan(s->store, &s->cred, ref, 0, STORE_BLOB_MAX, 0, false, &plan, err);

	if (rc)
		return rc;
	if (plan->count == 1 && plan->parts[0].has_hash && plan->length == plan->attr.size) {
		*rep = (struct m_sum_rep){.hash = plan->parts[0].hash,
					  .version = plan->attr.version,
					  .size = plan->attr.size};
		rc = 1;
	}
	content_plan_free(plan);
	return rc;
}

int
sum_known(struct session *s, struct inode_ref ref, struct m_sum_rep *rep, struct cfs_err *err)
{
	int rc =
	    content_sum_get(s->store, &s->cred, ref, &rep->hash, &rep->version, &rep->size, err);

	return rc == 0 ? sum_of_one_piece(s, ref, rep, err) : rc;
}

static int
submit(struct session *s, const struct call *c, struct inode_ref ref, struct cfs_err *err)
{
	struct sum_job *j = calloc(1, sizeof(*j));

	if (j)
		j->hash = sha256_new();
	if (!j || !j->hash) {
		free(j);
		return err_code(err, CFS_ENOMEM);
	}
	j->job.run = job_run;
	j->s = s;
	j->op = c->op;
	j->number = c->number;
	j->came_ns = c->came_ns;
	j->ref = ref;
	s->reads.in_flight++;
	*s->reads.sums_tail = j;
	s->reads.sums_tail = &j->next;
	sums_start(s);
	return CALL_LATER;
}

int
handle_SUM(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_inode_req *req = &c->req->inode_req;
	struct inode_ref ref = {.ino = req->ino, .gen = req->gen};
	struct m_sum_rep *rep = &c->rep->sum_rep;
	int rc;

	rc = sum_known(s, ref, rep, err);
	if (rc == 0)
		return submit(s, c, ref, err);
	return rc < 0 ? rc : 0;
}
