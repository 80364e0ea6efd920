/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Changes: each handler runs inside its savepoint, with its stream checked already (change.c). */

#include <stdlib.h>
#include <string.h>

#include "proto/codec.h"
#include "server/blobs.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "store/content.h"
#include "store/names.h"

/* Kinds of write_piece. */
enum { WIRE_HOLE = 0, WIRE_INLINE = 1, WIRE_TAG = 2, WIRE_BLOB = 3 };

/* Pieces of one change: a frame of the largest size holds no more blobs and inline pieces that make sense. */
#define PIECES_MAX 65536u

static int
convert_piece(const struct session *s, const struct m_write_piece *in, struct bytes_view *bulk,
	      struct content_piece *out, struct cfs_err *err)
{
	*out = (struct content_piece){
	    .length = in->length,
	    .blob_offset = in->blob_offset,
	    .skip = in->skip,
	};
	if (in->length == 0)
		return err_set(err, CFS_EINVAL, "empty piece");
	switch (in->kind) {
	case WIRE_HOLE:
		out->kind = PIECE_HOLE;
		return 0;
	case WIRE_INLINE:
		if (in->length > STORE_INLINE_MAX || in->length > bulk->len)
			return err_set(err, CFS_EINVAL, "inline piece of %u bytes", in->length);
		out->kind = PIECE_INLINE;
		out->data = bulk->data;
		bulk->data = (const char *)bulk->data + in->length;
		bulk->len -= in->length;
		return 0;
	case WIRE_TAG:
		out->kind = PIECE_BLOB;
		return blobs_resolve(s, in->tag, &out->blob, err);
	case WIRE_BLOB:
		out->kind = PIECE_BLOB;
		out->blob = in->blob;
		return 0;
	default:
		return err_set(err, CFS_EINVAL, "piece of unknown kind %u", in->kind);
	}
}

/* Makes the store's pieces in the session's scratch buffer. */
static int
convert_pieces(struct session *s, struct list list, struct bytes_view bulk,
	       const struct content_piece **out, struct cfs_err *err)
{
	struct content_piece *pieces;
	struct m_write_piece in;
	size_t i = 0;
	int rc;

	if (list.count > PIECES_MAX)
		return err_set(err, CFS_EINVAL, "more than %u pieces", PIECES_MAX);
	pieces = (void *)buf_reserve(&s->scratch, list.count * sizeof(*pieces));
	if (!pieces)
		return err_code(err, CFS_ENOMEM);
	while (list_next(&list, &in)) {
		rc = convert_piece(s, &in, &bulk, &pieces[i++], err);
		if (rc)
			return rc;
	}
	if (bulk.len > 0)
		return err_set(err, CFS_EINVAL, "bytes that belong to no piece");
	*out = pieces;
	return 0;
}

int
handle_CREATE(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_create_req *req = &c->req->create_req;
	struct create_args a = {
	    .dir = {.ino = req->dir, .gen = req->dir_gen},
	    .name = convert_view(req->name),
	    .ino = req->ino,
	    .stream = s->changes.stream,
	    .type = (enum inode_type)req->type,
	    .mode = req->mode,
	    .uid = req->uid,
	    .gid = req->gid,
	    .mtime_ns = req->mtime,
	    .rdev = req->rdev,
	    .target = convert_view(req->target),
	};
	struct inode_attr attr;
	int rc;

	if (req->type < INODE_FILE || req->type > INODE_SOCK)
		return err_set(err, CFS_EINVAL, "unknown type %u", req->type);
	rc = names_create(s->store, &s->cred, &a, &attr, err);
	if (rc == 0)
		convert_attr(&attr, &c->rep->attr_rep.attr);
	return rc;
}

int
handle_WRITE(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_write_req *req = &c->req->write_req;
	struct m_write_rep *rep = &c->rep->write_rep;
	const struct content_piece *pieces;
	struct inode_attr attr;
	int rc;

	rc = convert_pieces(s, req->pieces, c->bulk_in, &pieces, err);
	if (rc)
		return rc;
	rc = content_write(s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
			   (req->flags & 1) != 0, req->offset, req->mtime, pieces,
			   req->pieces.count, &rep->offset, &attr, err);
	if (rc == 0)
		convert_attr(&attr, &rep->attr);
	return rc;
}

int
handle_PUT(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_put_req *req = &c->req->put_req;
	struct m_put_rep *rep = &c->rep->put_rep;
	struct put_args a = {
	    .dir = {.ino = req->dir, .gen = req->dir_gen},
	    .name = convert_view(req->name),
	    .ino = req->ino,
	    .stream = s->changes.stream,
	    .make_inode = (req->flags & 1) != 0,
	    .noclobber = (req->flags & 2) != 0,
	    .check_version = (req->flags & 4) != 0,
	    .set_mode = (req->flags & 8) != 0,
	    .if_version = req->if_version,
	    .mode = req->mode,
	    .uid = req->uid,
	    .gid = req->gid,
	    .mtime_ns = req->mtime,
	    .size = req->size,
	    .has_sum = req->has_sum != 0,
	    .sum = req->sum,
	    .piece_count = req->pieces.count,
	};
	struct inode_attr attr;
	int rc;

	if (!a.make_inode && a.piece_count > 0)
		return err_set(err, CFS_EINVAL, "pieces without flag 1");
	rc = convert_pieces(s, req->pieces, c->bulk_in, &a.pieces, err);
	if (rc)
		return rc;
	rc = content_put(s->store, &s->cred, &a, &attr, &rep->replaced, err);
	if (rc == 0)
		convert_attr(&attr, &rep->attr);
	return rc;
}

int
handle_SETATTR(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_setattr_req *req = &c->req->setattr_req;
	struct setattr_args a = {
	    .ref = {.ino = req->ino, .gen = req->gen},
	    .valid = req->valid,
	    .mode = req->mode,
	    .uid = req->uid,
	    .gid = req->gid,
	    .size = req->size,
	    .atime_ns = req->atime,
	    .mtime_ns = req->mtime,
	};
	struct inode_attr attr;
	int rc = names_setattr(s->store, &s->cred, &a, &attr, err);

	if (rc == 0)
		convert_attr(&attr, &c->rep->attr_rep.attr);
	return rc;
}

int
handle_UNLINK(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_unlink_req *req = &c->req->unlink_req;

	c->rep->unlink_rep.ino = req->ino;
	return names_unlink(
	    s->store, &s->cred, (struct inode_ref){.ino = req->dir, .gen = req->dir_gen},
	    convert_view(req->name), req->directory != 0, &c->rep->unlink_rep.ino, err);
}

int
handle_RENAME(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_rename_req *req = &c->req->rename_req;
	struct inode_attr attr;
	int rc;

	rc = names_rename(
	    s->store, &s->cred, (struct inode_ref){.ino = req->dir, .gen = req->dir_gen},
	    convert_view(req->name), (struct inode_ref){.ino = req->to_dir, .gen = req->to_gen},
	    convert_view(req->to_name), (req->flags & 1) != 0, (req->flags & 2) != 0, &attr, err);
	if (rc == 0)
		convert_attr(&attr, &c->rep->attr_rep.attr);
	return rc;
}

int
handle_LINK(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_link_req *req = &c->req->link_req;
	struct inode_attr attr;
	int rc;

	rc = names_link(s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
			(struct inode_ref){.ino = req->dir, .gen = req->dir_gen},
			convert_view(req->name), &attr, err);
	if (rc == 0)
		convert_attr(&attr, &c->rep->attr_rep.attr);
	return rc;
}

int
handle_COPY(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_copy_req *req = &c->req->copy_req;
	struct m_copy_rep *rep = &c->rep->copy_rep;
	struct inode_attr attr;
	int rc;

	rc = content_copy(s->store, &s->cred,
			  (struct inode_ref){.ino = req->src, .gen = req->src_gen}, req->src_offset,
			  req->length, (struct inode_ref){.ino = req->dst, .gen = req->dst_gen},
			  req->dst_offset, &rep->copied, &attr, err);
	if (rc == 0)
		convert_attr(&attr, &rep->attr);
	return rc;
}

/* Stands in the line of changes; that its answer waits for the flush is all it does. */
int
handle_SYNC(struct session *s, struct call *c, struct cfs_err *err)
{
	(void)s;
	(void)c;
	(void)err;
	return 0;
}

int
handle_ALLOCATE(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_allocate_req *req = &c->req->allocate_req;
	struct inode_attr attr;
	int rc = content_allocate(
	    s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
	    (req->flags & 2) != 0, (req->flags & 1) != 0, req->offset, req->length, &attr, err);

	if (rc == 0)
		convert_attr(&attr, &c->rep->attr_rep.attr);
	return rc;
}

int
handle_HOLD(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_hold_req *req = &c->req->hold_req;

	return content_hold(s->store, &s->cred,
			    (struct inode_ref){.ino = req->ino, .gen = req->gen}, err);
}
