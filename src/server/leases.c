/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/leases.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "server/promise_table.h"
#include "server/promises.h"

struct lease {
	struct lease *next;
	uint64_t dir;
	struct buf inos; /* uint64_t: the directory, and what is in it */
	uint64_t parent; /* of the directory */
	bool ends;       /* with the transaction under way */
	bool has_links;
};

static size_t
ino_count(const struct lease *l)
{
	return l->inos.len / sizeof(uint64_t);
}

static uint64_t
ino_at(const struct lease *l, size_t i)
{
	uint64_t ino;

	memcpy(&ino, l->inos.data + i * sizeof(ino), sizeof(ino));
	return ino;
}

static void
lease_free(struct lease *l)
{
	if (!l)
		return;
	buf_fini(&l->inos);
	free(l);
}

void
leases_fini(struct session *s)
{
	/* The bits stay: what the client did is perhaps still to come, on another connection. */
	while (s->leases.first) {
		struct lease *l = s->leases.first;

		s->leases.first = l->next;
		lease_free(l);
	}
	free(s->leases.bucket_rows);
}

/* ---- bits */

static void
set_bits(struct session *s, const struct lease *l)
{
	for (size_t i = 0; i < ino_count(l); i++) {
		s->leases.bucket_rows[promise_bucket(ino_at(l, i))]++;
		promise_lease_note(s->args->promises, (unsigned)s->promises.slot, ino_at(l, i));
	}
}

static void
clear_bits(struct session *s, const struct lease *l)
{
	for (size_t i = 0; i < ino_count(l); i++) {
		if (--s->leases.bucket_rows[promise_bucket(ino_at(l, i))] == 0)
			promise_lease_unnote(s->args->promises, (unsigned)s->promises.slot,
					     ino_at(l, i));
	}
}

/* Takes the lease out, at *at; the last one leaves the slot without any. */
static void
end_at(struct session *s, struct lease **at)
{
	struct lease *l = *at;

	*at = l->next;
	clear_bits(s, l);
	lease_free(l);
	if (--s->leases.count == 0)
		promise_lease_end(s->args->promises, (unsigned)s->promises.slot);
}

void
leases_forget(struct session *s)
{
	while (s->leases.first)
		end_at(s, &s->leases.first);
}

/* ---- taking */

static bool
may_take(struct session *s)
{
	const struct promises *p = &s->promises;

	if (p->slot < 0 || s->ending || s->leases.count >= LEASES_MAX ||
	    promise_lease_is_blamed(s->args->promises, s->me.id, now_mono_ns()))
		return false;
	/* A client that is still to act on a push does not know yet what is there. */
	if (promises_renew(s) == 0 || p->pushes)
		return false;
	if (!s->leases.bucket_rows)
		s->leases.bucket_rows = calloc(PROMISE_BUCKETS, sizeof(*s->leases.bucket_rows));
	return s->leases.bucket_rows != NULL;
}

static int
add_ino(struct lease *l, uint64_t ino)
{
	return buf_append(&l->inos, &ino, sizeof(ino));
}

static int
add_entry(void *arg, uint64_t cookie, struct bytes_view name, const struct inode_attr *attr)
{
	(void)cookie;
	(void)name;
	struct lease *l = arg;

	/* A file's number of links is to be seen at its other names, too, which are anywhere. */
	l->has_links = l->has_links || (attr->type != INODE_DIR && attr->nlink > 1);
	return l->has_links ? 1 : add_ino(l, attr->ino);
}

/* The directory and what is in it; NULL in *out: it takes too long, or is not of the kind. */
static int
read_directory(struct session *s, struct inode_ref dir, struct lease **out, struct cfs_err *err)
{
	struct inode_attr a;
	bool eof = false;
	int rc = names_getattr(s->store, &s->cred, dir, &a, err);

	*out = NULL;
	if (rc || a.type != INODE_DIR || a.owner != s->cred.user || a.size > LEASE_NAMES_MAX)
		return rc;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return err_code(err, CFS_ENOMEM);
	(*out)->dir = dir.ino;
	rc = add_ino(*out, dir.ino);
	if (rc == 0)
		rc = names_readdir(s->store, &s->cred, dir, 0, add_entry, *out, &eof,
				   &(*out)->parent, err);
	if (rc || !eof || (*out)->has_links || ino_count(*out) != a.size + 1) {
		lease_free(*out);
		*out = NULL;
	}
	return rc;
}

/* Whether another client may have a lease on the inode, or have been promised something of it that it still trusts. */
static bool
is_known_to_others(struct session *s, uint64_t ino)
{
	struct promise_table *t = s->args->promises;
	struct promise_set set = {{0}};

	promise_holders(t, ino, &set);
	promise_lease_holders(t, ino, &set);
	return promise_next_other(t, &set, 0, s->promises.slot, &s->promises.client) >= 0;
}

static bool
is_only_ours(struct session *s, const struct lease *l)
{
	if (!promise_others(s->args->promises, s->promises.slot))
		return true;
	for (size_t i = 0; i < ino_count(l); i++) {
		if (is_known_to_others(s, ino_at(l, i)))
			return false;
	}
	return true;
}

static void
end_with_commit(struct session *s, uint64_t dir)
{
	for (struct lease *l = s->leases.first; l; l = l->next) {
		if (l->dir == dir)
			l->ends = s->leases.ending = true;
	}
}

static int
take(struct session *s, struct inode_ref dir, struct m_lease_rep *rep, struct cfs_err *err)
{
	struct lease *l;
	int rc;

	if (!may_take(s))
		return 0;
	rc = read_directory(s, dir, &l, err);
	if (rc || !l)
		return rc;
	/* What was done under an earlier one may be in this very transaction. */
	end_with_commit(s, dir.ino);
	l->next = s->leases.first;
	s->leases.first = l;
	s->leases.count++;
	/* First the bits, then the look: who promises something meanwhile does it the other way round. */
	promise_lease_begin(s->args->promises, (unsigned)s->promises.slot);
	set_bits(s, l);
	rep->granted = is_only_ours(s, l);
	rep->names = (uint32_t)ino_count(l) - 1;
	rep->parent = l->parent;
	if (!rep->granted)
		end_at(s, &s->leases.first);
	return 0;
}

/* ---- ending */

/* Those that cover the inode; 0: all. */
static void
end_covering(struct session *s, uint64_t ino)
{
	for (struct lease *l = s->leases.first; l; l = l->next) {
		for (size_t i = 0; i < ino_count(l) && !l->ends; i++)
			l->ends = ino == 0 || ino_at(l, i) == ino;
		s->leases.ending = s->leases.ending || l->ends;
	}
}

int
leases_do(struct session *s, const struct m_lease_req *req, struct m_lease_rep *rep,
	  struct cfs_err *err)
{
	struct inode_ref dir = {.ino = req->dir, .gen = req->gen};

	if (!s->args->promises)
		return 0;
	if (!req->back)
		return take(s, dir, rep, err);
	if (req->dir != 0) {
		end_with_commit(s, req->dir);
	} else {
		/* Not what is taken behind this in the same transaction. */
		end_covering(s, 0);
		s->leases.ending = s->leases.earlier_end = true;
	}
	return 0;
}

void
leases_note_change(struct session *s, const struct op_desc *op, const union m_any *req,
		   const union m_any *rep)
{
	if (!s->leases.first)
		return;
	switch (op->number) {
	case OP_CREATE:
		end_with_commit(s, req->create_req.dir);
		break;
	case OP_PUT:
		end_with_commit(s, req->put_req.dir);
		break;
	case OP_RESTORE:
		end_with_commit(s, req->restore_req.dir);
		break;
	case OP_LINK:
		end_with_commit(s, req->link_req.dir);
		end_covering(s, req->link_req.ino);
		break;
	case OP_RENAME:
		end_with_commit(s, req->rename_req.dir);
		end_with_commit(s, req->rename_req.to_dir);
		break;
	case OP_UNLINK:
		if (req->unlink_req.directory)
			end_with_commit(s, rep->unlink_rep.ino);
		break;
	default:
		break;
	}
}

void
leases_committed(struct session *s)
{
	struct lease **at = &s->leases.first;

	if (!s->leases.ending)
		return;
	while (*at) {
		if ((*at)->ends)
			end_at(s, at);
		else
			at = &(*at)->next;
	}
	if (s->leases.earlier_end && s->promises.slot >= 0)
		promise_lease_end_earlier(s->args->promises, (unsigned)s->promises.slot);
	s->leases.ending = s->leases.earlier_end = false;
}

void
leases_undone(struct session *s)
{
	for (struct lease *l = s->leases.first; l; l = l->next)
		l->ends = false;
	s->leases.ending = s->leases.earlier_end = false;
}
