/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What each operation changes of what others may have been promised. */

#include <string.h>

#include "server/convert.h"
#include "server/promise_changes.h"
#include "server/promise_key.h"
#include "server/promise_table.h"

/* Changes come in runs that concern the same directory: so far back it is looked for. */
#define LOOK_BACK  16u
/* More names than this of one directory are told as "all". */
#define NAMES_EACH 250u

/* ---- noting */

/* Whether a late key says this too; of one without a name. */
static bool
has_key(const struct promise_changes *c, const struct promise_key *k)
{
	for (unsigned back = 1; back <= LOOK_BACK && back <= c->count; back++) {
		const struct promise_key *old = promise_key_at(c, c->count - back);

		if (old->ino == k->ino && (old->what & k->what) == k->what && old->name_len == 0 &&
		    old->own >= k->own)
			return true;
	}
	return false;
}

static void
add(struct session *s, uint64_t ino, unsigned what, struct str name, enum promise_own own)
{
	struct promise_changes *c = &s->changed;
	struct promise_key k = {
	    .ino = ino, .what = (uint8_t)what, .name_len = (uint8_t)name.len, .own = (uint8_t)own};

	if (ino == 0 || (name.len == 0 && has_key(c, &k)))
		return;
	k.name = (uint32_t)c->names.len;
	/* Without memory to say what, it is everything. */
	if (name.len > UINT8_MAX || (name.len > 0 && buf_append(&c->names, name.p, name.len)) ||
	    buf_append(&c->keys, &k, sizeof(k)))
		c->everything = true;
	else
		c->count++;
}

/* A name in a directory comes, goes or means something else; the directory's times and size change with it. */
static void
add_name(struct session *s, uint64_t dir, struct str name)
{
	struct promise_changes *c = &s->changed;

	for (unsigned back = 1; back <= LOOK_BACK && back <= c->count; back++) {
		struct promise_key *k = promise_key_at(c, c->count - back);

		if (k->ino != dir || !(k->what & PROMISE_NAMES))
			continue;
		if (k->name_len == 0)
			return;
		k->names++;
		if (k->names <= NAMES_EACH)
			break;
		k->name_len = 0;
		return;
	}
	add(s, dir, PROMISE_ATTR | PROMISE_NAMES, name, OWN_KNOWS);
}

/* What stands under a name now; *is_dir_out may be NULL. 0: nothing. */
static uint64_t
inode_at(struct session *s, uint64_t dir, uint32_t gen, struct str name, bool *is_dir_out)
{
	struct inode_attr a;

	if (names_lookup(s->store, &s->cred, (struct inode_ref){.ino = dir, .gen = gen},
			 convert_view(name), &a, NULL))
		return 0;
	if (is_dir_out)
		*is_dir_out = a.type == INODE_DIR;
	return a.ino;
}

/* The inode loses a name, or all of them. */
static void
add_victim(struct session *s, uint64_t dir, uint32_t gen, struct str name, enum promise_own own)
{
	add(s, inode_at(s, dir, gen, name, NULL), PROMISE_ATTR, (struct str){0}, own);
}

static void
add_attr(struct session *s, uint64_t ino)
{
	add(s, ino, PROMISE_ATTR, (struct str){0}, OWN_KNOWS);
}

/* A moved inode's own time changes, and a directory's way up. */
static void
add_moved(struct session *s, uint64_t dir, uint32_t gen, struct str name, enum promise_own own)
{
	bool is_dir = false;
	uint64_t ino = inode_at(s, dir, gen, name, &is_dir);

	add(s, ino, is_dir ? PROMISE_ATTR | PROMISE_NAMES : PROMISE_ATTR, (struct str){0}, own);
}

static void
note_rename(struct session *s, const struct m_rename_req *r)
{
	add_moved(s, r->dir, r->dir_gen, r->name, OWN_KNOWS);
	if (r->flags & 2)
		add_moved(s, r->to_dir, r->to_gen, r->to_name, OWN_TOLD);
	else
		add_victim(s, r->to_dir, r->to_gen, r->to_name, OWN_TOLD);
	add_name(s, r->dir, r->name);
	add_name(s, r->to_dir, r->to_name);
}

static void
note(struct session *s, unsigned op, const union m_any *req)
{
	switch (op) {
	case OP_CREATE:
		add_name(s, req->create_req.dir, req->create_req.name);
		break;
	case OP_WRITE:
		add_attr(s, req->write_req.ino);
		break;
	case OP_SETATTR:
		add_attr(s, req->setattr_req.ino);
		break;
	case OP_SETXATTR:
		add_attr(s, req->setxattr_req.ino);
		break;
	case OP_REMOVEXATTR:
		add_attr(s, req->removexattr_req.ino);
		break;
	case OP_ALLOCATE:
		add_attr(s, req->allocate_req.ino);
		break;
	case OP_HOLD:
	case OP_PRUNE: /* of the attic, which nobody is promised */
		break;
	case OP_RESTORE:
		add_victim(s, req->restore_req.dir, req->restore_req.dir_gen, req->restore_req.name,
			   OWN_TOLD);
		add_name(s, req->restore_req.dir, req->restore_req.name);
		break;
	case OP_COPY:
		add_attr(s, req->copy_req.dst);
		break;
	case OP_PUT:
		add_victim(s, req->put_req.dir, req->put_req.dir_gen, req->put_req.name, OWN_TOLD);
		add_attr(s, req->put_req.ino);
		add_name(s, req->put_req.dir, req->put_req.name);
		break;
	case OP_UNLINK:
		/* Which inode that is its answer says. */
		add_name(s, req->unlink_req.dir, req->unlink_req.name);
		break;
	case OP_RENAME:
		note_rename(s, &req->rename_req);
		break;
	case OP_LINK:
		add_attr(s, req->link_req.ino);
		add_name(s, req->link_req.dir, req->link_req.name);
		break;
	default:
		/* An operation that is not known here yet. */
		s->changed.everything = true;
		break;
	}
}

unsigned
promise_changes_note(struct session *s, const struct op_desc *op, const union m_any *req)
{
	struct promise_changes *c = &s->changed;
	unsigned mark = c->count;

	if (!s->args->promises)
		return mark;
	/* The client itself may hold what stands under the name. */
	if (s->promises.slot < 0 && !promise_others(s->args->promises, s->promises.slot))
		c->missed = true;
	else
		note(s, op->number, req);
	return mark;
}

void
promise_changes_note_done(struct session *s, const struct op_desc *op, const union m_any *rep)
{
	/* Where something went unnoted everything will be asked for. */
	if (s->args->promises && !s->changed.missed && op->number == OP_UNLINK)
		add(s, rep->unlink_rep.ino, PROMISE_ATTR, (struct str){0}, OWN_ANSWERED);
}

void
promise_changes_undo(struct session *s, unsigned mark)
{
	struct promise_changes *c = &s->changed;

	/* Directories that were merged into "all names" stay so, which is more than needed. */
	c->count = mark;
	c->keys.len = mark * sizeof(struct promise_key);
}

void
promise_changes_repeated(struct session *s, const struct op_desc *op, const union m_any *req)
{
	if (s->args->promises && promise_others(s->args->promises, s->promises.slot))
		note(s, op->number, req);
}

void
promise_changes_note_names(struct session *s, uint64_t dir)
{
	if (s->args->promises)
		add(s, dir, PROMISE_ATTR | PROMISE_NAMES, (struct str){0}, OWN_KNOWS);
}

void
promise_changes_forget(struct session *s)
{
	struct promise_changes *c = &s->changed;

	buf_clear(&c->keys);
	buf_clear(&c->names);
	c->count = 0;
	c->missed = c->everything = false;
}

/* ---- giving with the answer: others who change it come after this transaction, and then see the table */

static void
give(struct session *s, uint64_t dir, struct m_attr *a)
{
	uint32_t ms = promises_renew(s);

	if (ms == 0 || (dir != 0 && !promises_add(s, dir, PROMISE_NAMES)) ||
	    !promises_add(s, a->ino, PROMISE_ATTR))
		return;
	a->promise_ms = ms;
}

void
promise_changes_give(struct session *s, const struct op_desc *op, const union m_any *req,
		     union m_any *rep)
{
	if (s->promises.slot < 0)
		return;
	switch (op->number) {
	case OP_CREATE:
		give(s, req->create_req.dir, &rep->attr_rep.attr);
		/* That a new directory is empty is known too. */
		if (req->create_req.type == INODE_DIR &&
		    !promises_add(s, rep->attr_rep.attr.ino, PROMISE_NAMES))
			rep->attr_rep.attr.promise_ms = 0;
		break;
	case OP_WRITE:
		give(s, 0, &rep->write_rep.attr);
		break;
	case OP_SETATTR:
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
	case OP_ALLOCATE:
		give(s, 0, &rep->attr_rep.attr);
		break;
	case OP_COPY:
		give(s, 0, &rep->copy_rep.attr);
		break;
	case OP_PUT:
		give(s, req->put_req.dir, &rep->put_rep.attr);
		break;
	case OP_RESTORE:
		give(s, req->restore_req.dir, &rep->put_rep.attr);
		break;
	case OP_RENAME:
		give(s, req->rename_req.to_dir, &rep->attr_rep.attr);
		break;
	case OP_LINK:
		give(s, req->link_req.dir, &rep->attr_rep.attr);
		break;
	default:
		break;
	}
}
