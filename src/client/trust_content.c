/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Contents of small files that are asked for ahead of who will read them, each under a promise: from its answer on it is
 * dropped, like the attributes, by the push that tells of a change and by the client's own changes (trust_memory).
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/file.h"
#include "client/look.h"
#include "client/trust_state.h"
#include "proto/codec.h"

/* Flag of READ. */
#define READ_PROMISE 8u

static void
tell_readers(struct cfs *c)
{
	if (c->file_watchers > 0)
		conn_wake_all(c);
}

/* ---- asking */

static void
content_answered(struct call *k)
{
	struct cfs *c = k->c;
	struct trust *p = c->trust;
	struct content *e = k->owner;
	struct m_read_rep rep;
	ssize_t n = -1;

	if (call_result(k, &rep, NULL) == 0 && k->lines_lost == 0) {
		n = file_spread(e->data, e->room, k->dst_len, rep.pieces);
		trust_renew(p, k, rep.promise_ms);
	}
	/* One that has grown meanwhile is not whole. */
	if (n >= 0 && rep.promise_ms > 0 && rep.size == (uint64_t)n)
		contents_arrived(&p->memory.contents, e, rep.version, (size_t)n);
	else
		contents_failed(&p->memory.contents, e);
	call_free_locked(k);
	tell_readers(c);
}

/* Locked. What others own is counted as a download when it is read, so it is not asked for before. */
static void
ask(struct cfs *c, const struct cfs_attr *a)
{
	struct m_read_req req = {.ino = a->ref.ino,
				 .gen = a->ref.gen,
				 .length = (uint32_t)a->size,
				 .flags = READ_PROMISE};
	struct content *e;
	struct call *k;

	if (a->type != CFS_FILE || a->size == 0 || a->size > CFS_CONTENT_MAX ||
	    a->owner != c->who.user_id)
		return;
	e = contents_await(&c->trust->memory.contents, a->ref, (size_t)a->size);
	if (e == NULL)
		return;
	if (call_new_locked(c, OP_READ, &req, &k, NULL) < 0) {
		contents_failed(&c->trust->memory.contents, e);
		return;
	}
	call_take_bulk(k, e->data, e->room);
	k->owner = e;
	k->done = content_answered;
	k->lazy = true;
	conn_submit(c, k);
}

void
cfs_content_ahead(struct cfs *c, const struct cfs_attr *files, size_t n)
{
	pthread_mutex_lock(&c->lock);
	if (c->trust != NULL && c->link.stream != NULL && !c->closing) {
		for (size_t i = 0; i < n; i++)
			ask(c, &files[i]);
		conn_push(c);
	}
	pthread_mutex_unlock(&c->lock);
}

/* ---- content that comes with a look-up */

static void
look_up_answered(struct call *k)
{
	struct m_lookup_rep rep;
	const struct m_attr *a = &rep.attr;

	if (call_result(k, &rep, NULL) == 0 && rep.has_data != 0 && k->dst_len == a->size &&
	    a->promise_ms > 0 && k->lines_lost == 0)
		contents_put(&k->c->trust->memory.contents,
			     (struct cfs_ref){.ino = a->ino, .gen = a->gen}, a->version, k->dst,
			     k->dst_len);
}

int
cfs_lookup_ahead(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_attr *out,
		 struct cfs_err *err)
{
	void *data = c->trust != NULL ? malloc(CFS_INLINE_MAX) : NULL;
	const struct look_data d = {.data = data, .answered = look_up_answered};
	int rc = look_up(c, dir, name, out, data != NULL ? &d : NULL, err);

	free(data);
	return rc;
}

/* ---- reading */

struct read_wait {
	struct cfs *c;
	struct cfs_ref ref;
};

static bool
is_there(void *arg)
{
	const struct read_wait *r = arg;
	const struct content *e = contents_find(&r->c->trust->memory.contents, r->ref);

	return e == NULL || e->state != CONTENT_AWAITED;
}

/* What is held, waiting for what is on its way; NULL: nothing, or nothing that may be used. */
static struct content *
await_content(struct cfs_file *f, struct cfs_err *err, int *rc_out)
{
	struct cfs *c = f->c;
	struct contents *m = &c->trust->memory.contents;
	struct read_wait r = {.c = c, .ref = f->ref};
	struct waiter w;
	struct content *e = contents_find(m, f->ref);

	*rc_out = 0;
	if (e != NULL && e->state == CONTENT_AWAITED) {
		waiter_init(&w, c, is_there, &r, -1);
		w.eager = w.breakable = true;
		c->file_watchers++;
		*rc_out = conn_wait(c, &w, err);
		c->file_watchers--;
		e = contents_find(m, f->ref);
	}
	if (*rc_out < 0 || e == NULL || e->state != CONTENT_HELD)
		return NULL;
	if (trust_is_held(c->trust) && e->version >= f->version && f->writes == 0 && !f->gathered)
		return e;
	contents_drop(m, f->ref.ino);
	return NULL;
}

ssize_t
file_read_content(struct cfs_file *f, void *buf, size_t size, uint64_t offset, struct cfs_err *err)
{
	struct content *e;
	size_t n = 0;
	int rc;

	if (f->c->trust == NULL)
		return CFS_ENODATA;
	e = await_content(f, err, &rc);
	if (e == NULL)
		return rc < 0 ? rc : CFS_ENODATA;
	f->version = e->version;
	f->size = e->len;
	f->c->trust->used_ns = now_mono_ns();
	if (offset < e->len) {
		n = min_size(size, e->len - (size_t)offset);
		memcpy(buf, e->data + offset, n);
	}
	/* It was asked for to be read once. */
	if (offset + n >= e->len)
		contents_drop(&f->c->trust->memory.contents, f->ref.ino);
	return (ssize_t)n;
}

bool
file_has_content(const struct cfs_file *f)
{
	return f->c->trust != NULL && contents_find(&f->c->trust->memory.contents, f->ref) != NULL;
}
