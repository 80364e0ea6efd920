/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "proto/codec.h"
#include "server/blobs.h"
#include "server/change.h"
#include "server/downloads.h"
#include "server/durable.h"
#include "server/leases.h"
#include "server/promise_changes.h"
#include "server/reads.h"
#include "server/reply.h"
#include "server/tally.h"
#include "server/watch.h"

/* What one transaction holds at most: others wait for the write mutex meanwhile. */
#define BATCH_CHANGES 256
#define BATCH_NS      (20 * NS_PER_MS)

/* What is queued at most before the connection is not read any more. */
#define QUEUE_BYTES ((size_t)6 * 1024 * 1024)

void
batch_init(struct batch *b)
{
	b->tail = &b->head;
	b->events_tail = &b->events;
}

void
batch_fini(struct batch *b)
{
	while (b->head) {
		struct change *c = b->head;

		b->head = c->next;
		free(c);
	}
	while (b->events) {
		struct pending_event *e = b->events;

		b->events = e->next;
		receipt_fini(&e->receipt);
		free(e);
	}
	buf_fini(&b->now);
	buf_fini(&b->durable);
	buf_fini(&b->payload);
	buf_fini(&b->path);
}

struct change *
batch_change_new(const struct frame *f, unsigned char **bulk_out)
{
	size_t len = f->len + f->bulk_left;
	struct change *c = malloc(sizeof(*c) + len);

	if (!c)
		return NULL;
	c->next = NULL;
	c->op = f->desc;
	c->number = f->number;
	c->flags = f->flags;
	c->came_ns = now_mono_ns();
	c->status = 0;
	c->len = len;
	if (f->len > 0)
		memcpy(c->payload, f->payload, f->len);
	if (bulk_out)
		*bulk_out = c->payload + f->len;
	return c;
}

void
batch_queue_change(struct session *s, struct change *c)
{
	*s->batch.tail = c;
	s->batch.tail = &c->next;
	s->batch.count++;
	s->batch.bytes += c->len;
	s->batch.wanted = true;
}

void
batch_queue(struct session *s, const struct frame *f)
{
	struct change *c = batch_change_new(f, NULL);

	if (c)
		batch_queue_change(s, c);
	else
		session_end(s, CFS_ENOMEM);
}

int
batch_event(struct session *s, const struct receipt *receipt, struct read_job *read)
{
	struct pending_event *e = calloc(1, sizeof(*e));

	if (!e)
		return CFS_ENOMEM;
	e->receipt = *receipt;
	e->read = read;
	*s->batch.events_tail = e;
	s->batch.events_tail = &e->next;
	s->batch.wanted = true;
	return 0;
}

bool
batch_busy(const struct session *s)
{
	return s->batch.head || s->batch.events || s->blobs.written || s->reads.summed;
}

bool
batch_full(const struct session *s)
{
	return s->batch.bytes > QUEUE_BYTES;
}

static int
do_side_work(struct session *s, struct cfs_err *err)
{
	int rc;

	if (!s->blobs.written && !s->batch.events && !s->reads.summed)
		return 0;
	rc = store_begin(s->store, err);
	if (rc)
		return rc;
	blobs_make_ready(s);
	reads_store_sums(s);
	for (struct pending_event *e = s->batch.events; e; e = e->next)
		downloads_write(s, &e->receipt);
	return 0;
}

static void
finish_side_work(struct session *s, int status, const struct cfs_err *err)
{
	struct pending_event *e = s->batch.events;

	blobs_answer_ready(s, status, err);
	reads_answer_sums(s);
	s->batch.events = NULL;
	s->batch.events_tail = &s->batch.events;
	while (e) {
		struct pending_event *next = e->next;

		if (e->read)
			reads_answer(s, e->read);
		receipt_fini(&e->receipt);
		free(e);
		e = next;
	}
}

/* Drops the first n changes, which are done. */
static void
drop_changes(struct session *s, size_t n)
{
	struct batch *b = &s->batch;

	for (; n > 0; n--) {
		struct change *c = b->head;

		b->head = c->next;
		b->count--;
		b->bytes -= c->len;
		tally_op(s, c->op, c->came_ns, c->status);
		free(c);
	}
	if (!b->head)
		b->tail = &b->head;
}

/* Sends what the transaction that was just committed lets go out. */
static void
send_answers(struct session *s)
{
	struct batch *b = &s->batch;

	if (!promise_changes_settle(s, &b->now, b->now_count, &b->durable, b->durable_count)) {
		reply_frames(s, &b->now);
		buf_clear(&b->now);
		if (b->durable_count > 0)
			durable_add(s, &b->durable, b->durable_count);
	}
	b->now_count = b->durable_count = 0;
}

static void
forget_answers(struct batch *b)
{
	buf_clear(&b->now);
	buf_clear(&b->durable);
	b->now_count = b->durable_count = 0;
}

/*
 * Does up to max changes from the head in one transaction, which the first that needs it opens; *done_out of them. CHANGE_WAITS
 * ends it in good order, a negative code means that the transaction must be undone.
 */
static int
do_changes(struct session *s, size_t max, size_t *done_out, struct cfs_err *err)
{
	uint64_t until = now_mono_ns() + BATCH_NS;
	struct change *c = s->batch.head;

	*done_out = 0;
	while (c && *done_out < max) {
		int rc = change_do(s, c, err);

		if (rc)
			return rc;
		(*done_out)++;
		c = c->next;
		if (now_mono_ns() > until)
			break;
	}
	return 0;
}

static int
commit(struct session *s, struct cfs_err *err)
{
	uint64_t number;

	int rc = 0;

	if (store_in_transaction(s->store))
		rc = store_commit(s->store, &number, err);
	if (rc == 0) {
		watch_own_committed(s);
		leases_committed(s);
	}
	return rc;
}

static void
undo(struct session *s)
{
	if (store_in_transaction(s->store))
		store_rollback(s->store);
	watch_own_undone(s);
	leases_undone(s);
	forget_answers(&s->batch);
	promise_changes_forget(s);
}

/*
 * The first change alone, after its batch failed: done, or refused and the refusal stored. When not even that is
 * possible the client is told, and unless the store takes no changes at all the session ends, because the number was not
 * used up. false when it waits.
 */
static bool
do_one(struct session *s)
{
	struct cfs_err err = CFS_ERR_INIT, again = CFS_ERR_INIT;
	struct change *c = s->batch.head;
	size_t done;
	int rc;

	rc = do_changes(s, 1, &done, &err);
	if (rc == CHANGE_WAITS) {
		/* It changed nothing, and yet may have a transaction open. */
		if (commit(s, &err))
			undo(s);
		return false;
	}
	if (rc == 0)
		rc = commit(s, &err);
	if (rc < 0) {
		undo(s);
		if (change_refuse(s, c, rc, &err, &again) == 0 && commit(s, &again) == 0)
			rc = 0;
	}
	if (rc < 0) {
		undo(s);
		c->status = rc;
		reply_status(s, c->op, c->number, rc, NULL, &err);
		if (rc != CFS_EREADONLY) {
			log_error("%s: %s: %s", s->args->peer.address, c->op->name, err.text);
			session_end(s, rc);
		}
	}
	send_answers(s);
	drop_changes(s, 1);
	return true;
}

static void
do_singly(struct session *s, size_t count)
{
	while (count > 0 && s->batch.head && do_one(s))
		count--;
}

bool
batch_run(struct session *s)
{
	struct batch *b = &s->batch;
	struct cfs_err err = CFS_ERR_INIT;
	size_t done = 0;
	bool waits;
	int rc;

	if (!b->wanted)
		return false;
	rc = do_side_work(s, &err);
	if (rc == 0)
		rc = do_changes(s, BATCH_CHANGES, &done, &err);
	waits = rc == CHANGE_WAITS;
	if (rc >= 0)
		rc = commit(s, &err);
	if (rc == 0) {
		finish_side_work(s, 0, NULL);
		send_answers(s);
		drop_changes(s, done);
	} else {
		log_warn("%s: transaction undone: %s", s->args->peer.address, err.text);
		undo(s);
		finish_side_work(s, rc, &err);
		do_singly(s, done + 1);
	}
	b->wanted = b->head && !waits;
	return b->wanted;
}
