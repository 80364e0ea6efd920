/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Looking: requests that change nothing and are answered at once. */

#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/promises.h"
#include "store/content.h"
#include "store/names.h"

#define READDIR_BYTES_MAX (256u * 1024)

/*
 * Content that comes with a look-up: whole, inline, and of the caller's own tree alone, because what is read of
 * others' files is counted, and a look-up is no download.
 */
static void
add_data(struct session *s, struct call *c, const struct inode_attr *a, uint32_t data_max,
	 uint8_t *has_data)
{
	struct content_plan *plan;
	unsigned char *dst;
	size_t n = 0;

	if (data_max > STORE_INLINE_MAX)
		data_max = STORE_INLINE_MAX;
	if (a->type != INODE_FILE || a->size > data_max || a->size == 0 || a->owner != s->me.id)
		return;
	buf_clear(&s->scratch);
	dst = buf_reserve(&s->scratch, data_max);
	if (!dst ||
	    content_plan(s->store, &s->cred, (struct inode_ref){.ino = a->ino, .gen = a->gen}, 0,
			 (uint32_t)a->size, a->version, false, &plan, NULL))
		return;
	for (size_t i = 0; i < plan->count && plan->parts[i].kind == PART_INLINE; i++) {
		if (content_read(s->store, &plan->parts[i], false, dst + n, NULL))
			break;
		n += plan->parts[i].length;
	}
	content_plan_free(plan);
	if (n != a->size)
		return;
	*has_data = 1;
	c->bulk_out = (struct bytes_view){.data = dst, .len = n};
}

int
handle_LOOKUP(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_lookup_req *req = &c->req->lookup_req;
	struct m_lookup_rep *rep = &c->rep->lookup_rep;
	struct promises_try t;
	struct inode_attr attr;
	int rc;

	promises_try(s, &t);
	do {
		rc = names_lookup(s->store, &s->cred,
				  (struct inode_ref){.ino = req->dir, .gen = req->gen},
				  convert_view(req->name), &attr, err);
		if (rc && rc != CFS_ENOENT)
			return rc;
		promises_try_add(s, &t, req->dir, PROMISE_NAMES);
		if (rc == 0)
			promises_try_add(s, &t, attr.ino, PROMISE_ATTR);
	} while (promises_try_again(s, &t));
	if (rc) {
		c->absent_ms = t.ms;
		return rc;
	}
	convert_attr(&attr, &rep->attr);
	rep->attr.promise_ms = t.ms;
	add_data(s, c, &attr, req->data_max, &rep->has_data);
	return 0;
}

int
handle_WALK(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_walk_req *req = &c->req->walk_req;
	struct m_walk_rep *rep = &c->rep->walk_rep;
	struct inode_ref base = {.ino = req->base}; /* of any generation: the request has none */
	struct walk_result *w = &s->walk;
	int rc;

	rc = names_walk(s->store, &s->cred, base, convert_view(req->path), (req->flags & 1) != 0,
			(req->flags & 2) != 0, w, err);
	if (rc)
		return rc;
	rep->found = w->found;
	rep->parent = w->parent.ino;
	rep->parent_gen = w->parent.gen;
	rep->parent_owner = w->parent_owner;
	rep->name = (struct str){.p = w->name, .len = w->name_len};
	if (w->found) {
		convert_attr(&w->attr, &rep->attr);
		add_data(s, c, &w->attr, req->data_max, &rep->has_data);
	}
	return 0;
}

int
handle_GETATTR(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_inode_req *req = &c->req->inode_req;
	struct promises_try t;
	struct inode_attr attr;
	int rc;

	promises_try(s, &t);
	do {
		rc =
		    names_getattr(s->store, &s->cred,
				  (struct inode_ref){.ino = req->ino, .gen = req->gen}, &attr, err);
		if (rc)
			return rc;
		promises_try_add(s, &t, attr.ino, PROMISE_ATTR);
	} while (promises_try_again(s, &t));
	convert_attr(&attr, &c->rep->attr_rep.attr);
	c->rep->attr_rep.attr.promise_ms = t.ms;
	return 0;
}

struct listing {
	struct list entries;
	struct buf *out;
	size_t max_bytes;
	int status;
	struct session *s;
	struct promises_try try;
};

/* Non-zero stops before this entry, which the next request begins with. */
static int
add_entry(void *arg, uint64_t cookie, struct bytes_view name, const struct inode_attr *attr)
{
	struct listing *l = arg;
	struct m_dirent entry = {.cookie = cookie, .name = convert_str(name)};

	convert_attr(attr, &entry.attr);
	entry.attr.promise_ms = l->try.ms;
	if (l->entries.count > 0 && l->entries.len + msg_dirent.wire_min + name.len > l->max_bytes)
		return 1;
	promises_try_add(l->s, &l->try, attr->ino, PROMISE_ATTR);
	l->status = codec_list_append(&l->entries, &msg_dirent, &entry, l->out, 0);
	return l->status;
}

int
handle_READDIR(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_readdir_req *req = &c->req->readdir_req;
	struct m_readdir_rep *rep = &c->rep->readdir_rep;
	struct listing l = {.out = &s->scratch, .s = s};
	bool eof = false;
	int rc;

	l.max_bytes = req->max_bytes < READDIR_BYTES_MAX ? req->max_bytes : READDIR_BYTES_MAX;
	promises_try(s, &l.try);
	promises_try_add(s, &l.try, req->dir, PROMISE_NAMES);
	do {
		l.entries = (struct list){0};
		buf_clear(&s->scratch);
		rc = names_readdir(s->store, &s->cred,
				   (struct inode_ref){.ino = req->dir, .gen = req->gen},
				   req->cookie, add_entry, &l, &eof, &rep->parent, err);
		if (rc == 0 && l.status)
			rc = err_code(err, l.status);
	} while (rc == 0 && promises_try_again(s, &l.try));
	/* The rows that say more hold no longer than this one. */
	rep->promise_ms = l.try.ms;
	rep->eof = eof;
	rep->entries = l.entries;
	return rc;
}

struct name_list {
	struct list entries;
	struct buf *out;
	size_t max_bytes;
	int status;
};

/* Non-zero stops before this name, which the next request begins with. */
static int
add_name(void *arg, struct bytes_view name, enum inode_type type)
{
	struct name_list *l = arg;
	struct m_entry entry = {.name = convert_str(name), .type = (uint8_t)type};

	if (l->entries.count > 0 && l->entries.len + msg_entry.wire_min + name.len > l->max_bytes)
		return 1;
	l->status = codec_list_append(&l->entries, &msg_entry, &entry, l->out, 0);
	return l->status;
}

int
handle_NAMES(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_names_req *req = &c->req->names_req;
	struct name_list l = {.out = &s->scratch};
	bool eof = false;
	int rc;

	l.max_bytes = req->max_bytes < READDIR_BYTES_MAX ? req->max_bytes : READDIR_BYTES_MAX;
	rc = names_list(s->store, &s->cred, (struct inode_ref){.ino = req->dir, .gen = req->gen},
			convert_view(req->prefix), convert_view(req->after), add_name, &l, &eof,
			err);
	if (rc == 0 && l.status)
		rc = err_code(err, l.status);
	c->rep->names_rep = (struct m_names_rep){.eof = eof, .entries = l.entries};
	return rc;
}

int
handle_READLINK(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_inode_req *req = &c->req->inode_req;
	unsigned char *target = buf_reserve(&s->scratch, STORE_SYMLINK_MAX + 1);
	size_t len;
	int rc;

	if (!target)
		return err_code(err, CFS_ENOMEM);
	rc =
	    names_readlink(s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
			   (char *)target, STORE_SYMLINK_MAX + 1, &len, err);
	if (rc == 0)
		c->rep->readlink_rep.target = (struct str){.p = (char *)target, .len = len};
	return rc;
}

int
handle_STATFS(struct session *s, struct call *c, struct cfs_err *err)
{
	struct store_space space;
	int rc = store_statfs(s->store, &s->cred, &space, err);

	if (rc)
		return rc;
	c->rep->statfs_rep = (struct m_statfs_rep){
	    .total_bytes = space.total_bytes,
	    .free_bytes = space.free_bytes,
	    .used_bytes = space.used_bytes,
	    .files = space.files,
	    .quota = space.quota,
	    .attic_bytes = space.attic_bytes,
	};
	return 0;
}

int
handle_SEEK(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_seek_req *req = &c->req->seek_req;

	return content_seek(s->store, &s->cred,
			    (struct inode_ref){.ino = req->ino, .gen = req->gen}, req->offset,
			    req->hole != 0, &c->rep->seek_rep.offset, err);
}
