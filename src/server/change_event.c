/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/change_event.h"

#include <string.h>

#include "base/time.h"
#include "proto/codec.h"
#include "server/convert.h"
#include "server/watch.h"
#include "store/events.h"

/* What is to be told; paths are built one behind the other in the batch's buffer. */
struct draft {
	struct session *s;
	struct event e;
	size_t path_len; /* the first so many bytes are the path, the rest is the target */
	bool nothing;    /* no event */
};

static void
about(struct draft *d, const struct m_attr *a, uint64_t bytes)
{
	d->e.owner = a->owner;
	d->e.ino = a->ino;
	d->e.version = a->version;
	d->e.bytes = bytes;
}

/* The path of an entry. */
static int
at_entry(struct draft *d, uint64_t dir, struct str name, struct cfs_err *err)
{
	return events_path(d->s->store, dir, convert_view(name), &d->s->batch.path, err);
}

/* One of the names of an inode. */
static int
at_inode(struct draft *d, const struct m_attr *a, struct cfs_err *err)
{
	char path[4096];
	int rc = 0;

	d->nothing = a->nlink == 0;
	if (!d->nothing)
		rc = names_path(d->s->store, a->ino, path, sizeof(path), err);
	if (rc || d->nothing)
		return rc;
	return buf_append_str(&d->s->batch.path, path) ? err_code(err, CFS_ENOMEM) : 0;
}

static uint64_t
length_of(struct list pieces)
{
	struct m_write_piece piece;
	uint64_t sum = 0;

	while (list_next(&pieces, &piece))
		sum += piece.length;
	return sum;
}

/* change. Two paths: what was before, then what is now. */
static int
draft_names(struct draft *d, unsigned op, const union m_any *req, struct cfs_err *err)
{
	const struct m_attr *a = &d->s->rep.attr_rep.attr;
	int rc;

	about(d, a, 0);
	rc = op == OP_RENAME ? at_entry(d, req->rename_req.dir, req->rename_req.name, err)
			     : at_inode(d, a, err);
	if (rc)
		return rc;
	d->path_len = d->s->batch.path.len;
	return op == OP_RENAME ? at_entry(d, req->rename_req.to_dir, req->rename_req.to_name, err)
			       : at_entry(d, req->link_req.dir, req->link_req.name, err);
}

static int
draft_event(struct draft *d, unsigned op, struct cfs_err *err)
{
	const union m_any *req = &d->s->req, *rep = &d->s->rep;

	switch (op) {
	case OP_CREATE:
		d->nothing = req->create_req.dir == 0;
		about(d, &rep->attr_rep.attr, 0);
		return d->nothing ? 0 : at_entry(d, req->create_req.dir, req->create_req.name, err);
	case OP_PUT:
		about(d, &rep->put_rep.attr, rep->put_rep.attr.size);
		return at_entry(d, req->put_req.dir, req->put_req.name, err);
	case OP_RESTORE:
		about(d, &rep->put_rep.attr, rep->put_rep.attr.size);
		return at_entry(d, req->restore_req.dir, req->restore_req.name, err);
	case OP_WRITE:
		about(d, &rep->write_rep.attr, length_of(req->write_req.pieces));
		return at_inode(d, &rep->write_rep.attr, err);
	case OP_COPY:
		about(d, &rep->copy_rep.attr, rep->copy_rep.copied);
		return at_inode(d, &rep->copy_rep.attr, err);
	case OP_SETATTR:
		about(d, &rep->attr_rep.attr, 0);
		/* Only a cut is about the content. */
		if ((req->setattr_req.valid & SETATTR_SIZE) == 0)
			d->e.version = 0;
		return at_inode(d, &rep->attr_rep.attr, err);
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
	case OP_ALLOCATE:
		about(d, &rep->attr_rep.attr, 0);
		return at_inode(d, &rep->attr_rep.attr, err);
	case OP_UNLINK:
		/* Only the owner removes. */
		d->e.owner = d->s->me.id;
		d->e.ino = rep->unlink_rep.ino;
		return at_entry(d, req->unlink_req.dir, req->unlink_req.name, err);
	case OP_RENAME:
	case OP_LINK:
		return draft_names(d, op, req, err);
	default:
		d->nothing = true;
		return 0;
	}
}

static struct bytes_view
view(const char *text)
{
	return (struct bytes_view){.data = text, .len = strlen(text)};
}

int
change_event(struct session *s, const struct change *c, struct cfs_err *err)
{
	struct buf *path = &s->batch.path;
	struct draft d = {
	    .s = s,
	    .e =
		{
		    .kind = EVENT_CHANGE,
		    .op = c->op->number,
		    .user = s->me.id,
		    .user_name = view(s->me.name),
		    .device = view(s->device),
		    .peer = view(s->args->peer.address),
		    .duration_us = (now_mono_ns() - c->came_ns) / 1000,
		},
	};
	int rc;

	buf_clear(path);
	rc = draft_event(&d, c->op->number, err);
	if (rc || d.nothing)
		return rc;
	if (d.path_len == 0)
		d.path_len = path->len;
	d.e.path = (struct bytes_view){.data = path->data, .len = d.path_len};
	d.e.target =
	    (struct bytes_view){.data = path->data + d.path_len, .len = path->len - d.path_len};
	rc = events_add(s->store, &d.e, err);
	if (rc == 0)
		watch_own_added(s, events_last_added(s->store));
	return rc;
}
