/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/undelivered.h"

#include "client/call.h"
#include "client/cfs_undelivered.h"
#include "client/client.h"
#include "proto/codec.h"

#define PIECE_INLINE  1u /* its bytes came with the request */
#define WRITE_APPENDS 1u /* flag of WRITE */

struct telling {
	const struct call *k;
	struct cfs_undelivered u;
	const unsigned char *bulk; /* what pieces inside the request have not taken yet */
	size_t bulk_size;
};

void
undelivered_write(struct cfs *c, const struct cfs_undelivered *u)
{
	if (c->options.undelivered != NULL)
		c->options.undelivered(c->options.undelivered_arg, u);
}

static void
tell(const struct telling *t)
{
	undelivered_write(t->k->c, &t->u);
}

/* Bytes that came with the request, or those of a blob that is still here. */
static const unsigned char *
bytes_of(struct telling *t, const struct m_write_piece *p, size_t i)
{
	const struct outblob *b = i < t->k->piece_count ? t->k->blobs[i] : NULL;
	const unsigned char *bytes = t->bulk;

	if (p->kind == PIECE_INLINE && p->length <= t->bulk_size) {
		t->bulk += p->length;
		t->bulk_size -= p->length;
		return bytes;
	}
	if (b == NULL || b->data == NULL || p->blob_offset > b->size ||
	    p->length > b->size - p->blob_offset)
		return NULL;
	return b->data + p->blob_offset;
}

static void
tell_write(struct telling *t, const struct m_write_req *m)
{
	struct list pieces = m->pieces;
	struct m_write_piece p;

	t->u.ref = (struct cfs_ref){m->ino, m->gen};
	t->u.append = (m->flags & WRITE_APPENDS) != 0;
	t->u.offset = m->offset;
	for (size_t i = 0; list_next(&pieces, &p); i++) {
		t->u.data = bytes_of(t, &p, i);
		t->u.offset += p.skip;
		t->u.len = p.length;
		tell(t);
		t->u.offset += p.length;
	}
}

static void
tell_name(struct telling *t, uint64_t dir, uint32_t gen, struct str name)
{
	t->u.ref = (struct cfs_ref){dir, gen};
	t->u.name = name.p;
	t->u.name_len = name.len;
	tell(t);
}

static void
tell_inode(struct telling *t, uint64_t ino, uint32_t gen)
{
	t->u.ref = (struct cfs_ref){ino, gen};
	tell(t);
}

void
undelivered_tell(const struct call *k)
{
	const size_t head = FRAME_HEADER_SIZE + k->fields_size;
	struct telling t = {.k = k, .u = {.what = k->op->name}};
	union m_any m;

	if (k->c->options.undelivered == NULL || k->op->number == OP_HOLD ||
	    codec_decode(k->op->request, k->req.data + FRAME_HEADER_SIZE, k->fields_size, &m, NULL))
		return;
	t.bulk = k->req.data + head;
	t.bulk_size = k->req.len - head;
	switch (k->op->number) {
	case OP_WRITE:
		tell_write(&t, &m.write_req);
		break;
	case OP_CREATE:
		tell_name(&t, m.create_req.dir, m.create_req.dir_gen, m.create_req.name);
		break;
	case OP_PUT:
		tell_name(&t, m.put_req.dir, m.put_req.dir_gen, m.put_req.name);
		break;
	case OP_UNLINK:
		tell_name(&t, m.unlink_req.dir, m.unlink_req.dir_gen, m.unlink_req.name);
		break;
	case OP_RENAME:
		tell_name(&t, m.rename_req.dir, m.rename_req.dir_gen, m.rename_req.name);
		break;
	case OP_LINK:
		tell_name(&t, m.link_req.dir, m.link_req.dir_gen, m.link_req.name);
		break;
	case OP_SETATTR:
		tell_inode(&t, m.setattr_req.ino, m.setattr_req.gen);
		break;
	default:
		tell(&t);
	}
}
