/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "client/trust.h"
#include "client/undelivered.h"
#include "proto/codec.h"

/* Calls kept for reuse, and the most memory that one may keep. */
#define SPARE_CALLS 64u
#define SPARE_BYTES 4096u

static void
call_reset(struct call *k)
{
	struct buf req = k->req, rep = k->rep;

	free(k->blobs);
	if (req.cap > SPARE_BYTES)
		buf_fini(&req);
	if (rep.cap > SPARE_BYTES)
		buf_fini(&rep);
	memset(k, 0, sizeof(*k));
	buf_clear(&req);
	buf_clear(&rep);
	k->req = req;
	k->rep = rep;
}

static void
call_release(struct call *k)
{
	struct cfs *c = k->c;

	for (size_t i = 0; i < k->piece_count; i++)
		outblob_unref(k->blobs[i]);
	call_reset(k);
	if (c->spare_count < SPARE_CALLS) {
		k->table_next = c->spare;
		c->spare = k;
		c->spare_count++;
		return;
	}
	buf_fini(&k->req);
	buf_fini(&k->rep);
	free(k);
}

void
call_free_spares(struct cfs *c)
{
	while (c->spare != NULL) {
		struct call *k = c->spare;

		c->spare = k->table_next;
		buf_fini(&k->req);
		buf_fini(&k->rep);
		free(k);
	}
}

static struct call *
call_alloc(struct cfs *c)
{
	struct call *k = c->spare;

	if (k == NULL)
		return calloc(1, sizeof(*k));
	c->spare = k->table_next;
	c->spare_count--;
	k->table_next = NULL;
	return k;
}

int
call_new_locked(struct cfs *c, unsigned op, const void *req, struct call **out, struct cfs_err *err)
{
	static const unsigned char header[FRAME_HEADER_SIZE];
	struct call *k = call_alloc(c);
	int rc;

	if (k == NULL)
		return err_code(err, CFS_ENOMEM);
	k->c = c;
	k->op = op_find(op);
	k->owned = true;
	rc = buf_append(&k->req, header, sizeof(header));
	if (rc == 0)
		rc = codec_encode(k->op->request, req, &k->req);
	if (rc < 0) {
		call_release(k);
		return err_code(err, rc);
	}
	k->fields_size = k->req.len - FRAME_HEADER_SIZE;
	*out = k;
	return 0;
}

int
call_new(struct cfs *c, unsigned op, const void *req, struct call **out, struct cfs_err *err)
{
	*out = NULL;
	pthread_mutex_lock(&c->lock);
	int rc = call_new_locked(c, op, req, out, err);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int
call_copy_bulk(struct call *k, const void *p, size_t n)
{
	return buf_append(&k->req, p, n);
}

void
call_borrow_bulk(struct call *k, const void *p, size_t n)
{
	k->bulk = p;
	k->bulk_size = n;
}

void
call_take_bulk(struct call *k, void *dst, size_t size)
{
	k->dst = dst;
	k->dst_size = size;
}

int
call_name_blobs(struct call *k, struct outblob *const *blobs, size_t n)
{
	k->blobs = calloc(n > 0 ? n : 1, sizeof(struct outblob *));
	if (k->blobs == NULL)
		return CFS_ENOMEM;
	pthread_mutex_lock(&k->c->lock);
	for (size_t i = 0; i < n; i++)
		k->blobs[i] = blobs[i] != NULL ? outblob_ref(blobs[i]) : NULL;
	pthread_mutex_unlock(&k->c->lock);
	k->piece_count = n;
	return 0;
}

void
call_durable(struct call *k)
{
	k->flags |= FRAME_DURABLE;
}

size_t
call_frame_size(const struct call *k)
{
	return k->req.len + k->bulk_size;
}

void
call_finish(struct call *k, int code, const struct cfs_err *why)
{
	if (k->state != CALL_WAITING)
		return;
	k->state = CALL_DONE;
	k->code = code;
	if (code < 0) {
		if (why != NULL)
			k->err = *why;
		else
			err_code(&k->err, code);
	}
	if (code < 0 && k->later && k->c->changes.later.code == 0)
		k->c->changes.later = k->err;
	if (k->waiter != NULL)
		waiter_wake(k->waiter);
	if (k->done != NULL)
		k->done(k);
}

static void
call_unfly(struct call *k)
{
	conn_remove(k->c, k);
	if (k->seq != 0)
		changes_remove(k->c, k);
}

void
call_land(struct call *k)
{
	if (!k->flying)
		return;
	call_unfly(k);
	if (!k->owned && !k->landing)
		call_release(k);
}

void
call_answer(struct call *k, int code, const struct cfs_err *why)
{
	if (k->seq != 0 && code == CFS_ESTREAMLOST)
		undelivered_tell(k);
	call_unfly(k);
	/* done() may free the call, or lose the line: it must stay until here. */
	k->landing = true;
	call_finish(k, code, why);
	k->landing = false;
	if (!k->owned)
		call_release(k);
}

/* A change goes on without its owner, so it must own all its bytes. Nothing is lost by a lack of memory but the bulk. */
static void
keep_bulk(struct call *k)
{
	if (k->bulk_size > 0 && buf_append(&k->req, k->bulk, k->bulk_size) == 0)
		k->bulk_size = 0;
}

void
call_free_locked(struct call *k)
{
	if (k == NULL)
		return;
	k->owned = false;
	k->done = NULL;
	k->waiter = NULL;
	if (!k->flying) {
		if (!k->landing)
			call_release(k);
		return;
	}
	if (k->seq != 0)
		keep_bulk(k);
	if (k->state == CALL_WAITING && k->seq == 0)
		k->state = CALL_DONE;
	conn_forget(k->c, k);
}

void
call_free(struct call *k)
{
	struct cfs *c;

	if (k == NULL)
		return;
	c = k->c;
	pthread_mutex_lock(&c->lock);
	call_free_locked(k);
	pthread_mutex_unlock(&c->lock);
}

static bool
call_is_done(void *arg)
{
	const struct call *k = arg;

	return k->state == CALL_DONE;
}

static int
start_locked(struct call *k, struct cfs_err *err)
{
	struct cfs *c = k->c;
	int rc = c->closing ? err_code(err, CFS_ECANCELED) : 0;

	if (rc == 0 && c->changes.ahead > 0 && leases_concern(c, k))
		rc = changes_settle(c, err);
	if (rc == 0 && op_is_change(k->op)) {
		rc = changes_ready(c, call_frame_size(k), err);
		if (rc < 0)
			return rc;
		changes_append(c, k);
		trust_sent(c, k);
	}
	if (rc == 0)
		conn_submit(c, k);
	return rc;
}

int
call_start(struct call *k, struct cfs_err *err)
{
	struct cfs *c = k->c;

	pthread_mutex_lock(&c->lock);
	int rc = start_locked(k, err);
	if (rc == 0 && !k->lazy && c->waiters == NULL)
		background_nudge(c);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

int
call_result(struct call *k, void *rep, struct cfs_err *err)
{
	if (k->code < 0) {
		if (err != NULL)
			*err = k->err;
		return k->code;
	}
	if (rep == NULL)
		return 0;
	if (codec_decode(k->op->reply, k->rep.data, k->rep.len, rep, NULL) < 0)
		return err_set(err, CFS_EPROTO, "%s: an answer that cannot be right", k->op->name);
	return 0;
}

static int
await_locked(struct call *k, struct cfs_err *err)
{
	struct waiter w;

	waiter_init(&w, k->c, call_is_done, k, -1);
	w.eager = w.breakable = true;
	k->waiter = &w;
	int rc = conn_wait(k->c, &w, err);
	k->waiter = NULL;
	return rc;
}

int
call_await(struct call *k, void *rep, struct cfs_err *err)
{
	pthread_mutex_lock(&k->c->lock);
	int rc = await_locked(k, err);
	pthread_mutex_unlock(&k->c->lock);
	return rc < 0 ? rc : call_result(k, rep, err);
}

int
call_run(struct call *k, void *rep, struct cfs_err *err)
{
	struct cfs *c = k->c;

	atomic_fetch_add(&c->coming, 1);
	pthread_mutex_lock(&c->lock);
	atomic_fetch_sub(&c->coming, 1);
	int rc = start_locked(k, err);
	if (rc == 0)
		rc = await_locked(k, err);
	else
		conn_push(c); /* what others left for this one to send */
	pthread_mutex_unlock(&c->lock);
	return rc < 0 ? rc : call_result(k, rep, err);
}

int
call_simple(struct cfs *c, unsigned op, const void *req, void *rep, struct cfs_err *err)
{
	struct call *k;
	int rc = call_new(c, op, req, &k, err);

	if (rc == 0)
		rc = call_run(k, rep, err);
	call_free(k);
	return rc;
}
