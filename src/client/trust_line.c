/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What arrives on the line, and what is sent, noted in trust_memory. */

#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/attr.h"
#include "client/file.h"
#include "client/trust_state.h"
#include "proto/codec.h"

/* What a change changes; the attributes of what stood under a name are the server's to tell of. */
static void
drop_changed(struct trust_memory *m, unsigned op, const union m_any *req)
{
	switch (op) {
	case OP_CREATE:
		trust_memory_drop_name(m, req->create_req.dir, req->create_req.name);
		trust_memory_drop_attr(m, req->create_req.dir);
		break;
	case OP_WRITE:
		trust_memory_drop_attr(m, req->write_req.ino);
		break;
	case OP_SETATTR:
		trust_memory_drop_attr(m, req->setattr_req.ino);
		break;
	case OP_SETXATTR:
		trust_memory_drop_attr(m, req->setxattr_req.ino);
		break;
	case OP_REMOVEXATTR:
		trust_memory_drop_attr(m, req->removexattr_req.ino);
		break;
	case OP_ALLOCATE:
		trust_memory_drop_attr(m, req->allocate_req.ino);
		break;
	case OP_HOLD:
	case OP_PRUNE:
		break;
	case OP_RESTORE:
		trust_memory_drop_name(m, req->restore_req.dir, req->restore_req.name);
		trust_memory_drop_attr(m, req->restore_req.dir);
		break;
	case OP_COPY:
		trust_memory_drop_attr(m, req->copy_req.dst);
		break;
	case OP_PUT:
		trust_memory_drop_name(m, req->put_req.dir, req->put_req.name);
		trust_memory_drop_attr(m, req->put_req.dir);
		trust_memory_drop_attr(m, req->put_req.ino);
		break;
	case OP_UNLINK:
		trust_memory_drop_name(m, req->unlink_req.dir, req->unlink_req.name);
		trust_memory_drop_attr(m, req->unlink_req.dir);
		if (req->unlink_req.ino != 0)
			trust_memory_drop_attr(m, req->unlink_req.ino);
		break;
	case OP_RENAME:
		trust_memory_drop_inode_at(m, req->rename_req.dir, req->rename_req.name);
		trust_memory_drop_name(m, req->rename_req.dir, req->rename_req.name);
		trust_memory_drop_name(m, req->rename_req.to_dir, req->rename_req.to_name);
		trust_memory_drop_attr(m, req->rename_req.dir);
		trust_memory_drop_attr(m, req->rename_req.to_dir);
		break;
	case OP_LINK:
		trust_memory_drop_name(m, req->link_req.dir, req->link_req.name);
		trust_memory_drop_attr(m, req->link_req.dir);
		trust_memory_drop_attr(m, req->link_req.ino);
		break;
	default:
		/* One that is not known here: everything. */
		trust_memory_clear(m);
		break;
	}
}

static void
drop_own(struct trust *p, const struct call *k, uint64_t number, const union m_any *req)
{
	p->memory.own = number;
	drop_changed(&p->memory, k->op->number, req);
	p->memory.own = 0;
}

static bool
decode_request(const struct call *k, union m_any *req)
{
	size_t bulk;

	return codec_decode(k->op->request, k->req.data + FRAME_HEADER_SIZE, k->fields_size, req,
			    (k->op->how & HOW_BULK_IN) != 0 ? &bulk : NULL) == 0;
}

void
trust_sent(struct cfs *c, struct call *k)
{
	struct trust *p = c->trust;
	union m_any req;

	if (p == NULL || !op_is_change(k->op))
		return;
	/* That it was sent is no news to the changes under way. */
	if (decode_request(k, &req)) {
		leases_change_sent(c, k, &req);
		drop_own(p, k, 1, &req);
	}
	k->trust_mark = p->memory.dropped;
}

static void
keep_attr(struct trust *p, const struct m_attr *m)
{
	struct cfs_attr a;

	attr_from_wire(&a, m);
	trust_memory_keep_attr(&p->memory, &a);
}

/* The answer of a change: what it says may be older than what others did since, and the server has told of that first. */
static void
change_answered(struct trust *p, const struct call *k, const union m_any *req,
		const struct m_attr *a, uint64_t dir, struct str name)
{
	bool good = a->promise_ms > 0 && k->lines_lost == 0 &&
		    !trust_memory_was_dropped(&p->memory, k->trust_mark, k->seq, a->ino, dir, name);

	drop_own(p, k, k->seq, req);
	/* Not worth keeping, perhaps, but the server has noted it, and will ask. */
	trust_renew(p, k, k->lines_lost == 0 ? a->promise_ms : 0);
	if (!good)
		return;
	keep_attr(p, a);
	if (dir != 0)
		trust_memory_keep_name(&p->memory, dir, name, a->ino);
}

static void
any_change_answered(struct trust *p, const struct call *k, const union m_any *req,
		    const union m_any *rep)
{
	static const struct str none;

	switch (k->op->number) {
	case OP_CREATE:
		change_answered(p, k, req, &rep->attr_rep.attr, req->create_req.dir,
				req->create_req.name);
		break;
	case OP_WRITE:
		change_answered(p, k, req, &rep->write_rep.attr, 0, none);
		break;
	case OP_SETATTR:
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
	case OP_ALLOCATE:
		change_answered(p, k, req, &rep->attr_rep.attr, 0, none);
		break;
	case OP_COPY:
		change_answered(p, k, req, &rep->copy_rep.attr, 0, none);
		break;
	case OP_PUT:
		change_answered(p, k, req, &rep->put_rep.attr, req->put_req.dir, req->put_req.name);
		break;
	case OP_RESTORE:
		change_answered(p, k, req, &rep->put_rep.attr, req->restore_req.dir,
				req->restore_req.name);
		break;
	case OP_RENAME:
		change_answered(p, k, req, &rep->attr_rep.attr, req->rename_req.to_dir,
				req->rename_req.to_name);
		break;
	case OP_LINK:
		change_answered(p, k, req, &rep->attr_rep.attr, req->link_req.dir,
				req->link_req.name);
		break;
	case OP_UNLINK:
		leases_removed(k->c, rep->unlink_rep.ino);
		drop_own(p, k, k->seq, req);
		/* Its number of links has changed. */
		p->memory.own = k->seq;
		trust_memory_drop_attr(&p->memory, rep->unlink_rep.ino);
		p->memory.own = 0;
		break;
	default:
		drop_own(p, k, k->seq, req);
		break;
	}
}

void
trust_answered(struct cfs *c, struct call *k, const union m_any *rep)
{
	struct trust *p = c->trust;
	union m_any req;

	if (p == NULL)
		return;
	if (k->op->number == OP_PING) {
		trust_renew(p, k, rep->ping_rep.promise_ms);
		return;
	}
	if (op_is_change(k->op)) {
		p->used_ns = now_mono_ns();
		if (decode_request(k, &req))
			any_change_answered(p, k, &req, rep);
		return;
	}
	if (k->op->number == OP_LOOKUP && rep->lookup_rep.attr.promise_ms > 0 &&
	    decode_request(k, &req)) {
		trust_renew(p, k, rep->lookup_rep.attr.promise_ms);
		keep_attr(p, &rep->lookup_rep.attr);
		trust_memory_keep_name(&p->memory, req.lookup_req.dir, req.lookup_req.name,
				       rep->lookup_rep.attr.ino);
	} else if (k->op->number == OP_GETATTR && rep->attr_rep.attr.promise_ms > 0) {
		trust_renew(p, k, rep->attr_rep.attr.promise_ms);
		keep_attr(p, &rep->attr_rep.attr);
	} else if (k->op->number == OP_MAP && rep->map_rep.attr.promise_ms > 0) {
		trust_renew(p, k, rep->map_rep.attr.promise_ms);
		keep_attr(p, &rep->map_rep.attr);
	} else if (k->op->number == OP_READDIR && rep->readdir_rep.promise_ms > 0) {
		trust_renew(p, k, rep->readdir_rep.promise_ms);
		k->trust_mark = atomic_load(&p->epoch);
	} else {
		return;
	}
	p->used_ns = now_mono_ns();
}

void
trust_absent(struct cfs *c, const struct call *k, uint32_t promise_ms)
{
	struct trust *p = c->trust;
	union m_any req;

	if (p == NULL)
		return;
	if (op_is_change(k->op) && decode_request(k, &req)) {
		if (k->op->number == OP_UNLINK)
			leases_not_removed(c, &req);
		drop_own(p, k, k->seq, &req);
	}
	if (promise_ms == 0 || k->op->number != OP_LOOKUP || !decode_request(k, &req))
		return;
	trust_renew(p, k, promise_ms);
	trust_memory_keep_name(&p->memory, req.lookup_req.dir, req.lookup_req.name, 0);
	p->used_ns = now_mono_ns();
}

void
trust_push(struct cfs *c, const struct frame *invalidate)
{
	struct m_invalidate_push push, *m = &push;
	struct trust *p = c->trust;

	if (frame_decode(invalidate, m, NULL, NULL) < 0)
		return;
	if (p == NULL) {
		trust_acknowledge(c, m->push);
		return;
	}
	if (m->ino == 0) {
		leases_drop(c);
		trust_all_void(p);
	} else if ((m->what & 1) != 0) {
		trust_memory_drop_attr(&p->memory, m->ino);
		files_invalidate(c, m->ino);
	}
	if (m->ino != 0 && (m->what & 6) != 0 && m->name.len > 0)
		trust_memory_drop_name(&p->memory, m->ino, m->name);
	else if (m->ino != 0 && (m->what & 6) != 0)
		trust_memory_drop_names(&p->memory, m->ino);
	trust_tell_hook(c, m);
}
