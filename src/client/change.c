/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Changes of the tree, one call each. */

#include <string.h>

#include "client/attr.h"
#include "client/call.h"
#include "client/file.h"
#include "client/trust.h"

/*
 * Sends a change as `how` says and decodes its answer into rep; not with CFS_LATER, where nobody waits for one and its
 * error goes to cfs_sync().
 */
static int
run_change(struct cfs *c, unsigned op, const void *req, enum cfs_how how, void *rep,
	   struct cfs_err *err)
{
	struct call *k;
	int rc = call_new(c, op, req, &k, err);

	if (rc < 0)
		return rc;
	if (how == CFS_DURABLE)
		call_durable(k);
	if (how == CFS_LATER) {
		k->later = true;
		rc = call_start(k, err);
	} else {
		rc = call_run(k, rep, err);
	}
	call_free(k);
	return rc;
}

static int
run_attr_change(struct cfs *c, unsigned op, const void *req, enum cfs_how how,
		struct cfs_attr *attr, struct cfs_err *err)
{
	struct m_attr_rep rep;
	int rc = run_change(c, op, req, how, &rep, err);

	if (rc == 0 && attr != NULL && how != CFS_LATER) {
		attr_from_wire(attr, &rep.attr);
		cfs_promise_check(c, attr);
	}
	return rc;
}

int
cfs_create(struct cfs *c, const struct cfs_create *a, enum cfs_how how, struct cfs_ref *ref_out,
	   struct cfs_attr *attr, struct cfs_err *err)
{
	struct cfs_ref ref;
	struct m_create_req req = {
	    .dir = a->dir.ino,
	    .dir_gen = a->dir.gen,
	    .name = str_from(a->name),
	    .type = (uint8_t)a->type,
	    .mode = a->mode,
	    .uid = a->uid,
	    .gid = a->gid,
	    .mtime = a->mtime_ns,
	    .rdev = a->rdev,
	    .target = str_from(a->target),
	};
	int rc = changes_take_ino(c, &ref, err);

	if (rc < 0)
		return rc;
	req.ino = ref.ino;
	if (ref_out != NULL)
		*ref_out = ref;
	return run_attr_change(c, OP_CREATE, &req, how, attr, err);
}

int
cfs_unlink(struct cfs *c, struct cfs_ref dir, const char *name, bool directory, enum cfs_how how,
	   uint64_t *ino_out, struct cfs_err *err)
{
	struct m_unlink_req req = {
	    .dir = dir.ino, .dir_gen = dir.gen, .name = str_from(name), .directory = directory};
	struct m_unlink_rep rep;

	int rc = run_change(c, OP_UNLINK, &req, how, &rep, err);

	if (rc == 0 && ino_out != NULL && how != CFS_LATER)
		*ino_out = rep.ino;
	files_forget_attr(c, (struct cfs_ref){0});
	return rc;
}

int
cfs_rename(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_ref to_dir,
	   const char *to_name, bool noreplace, bool exchange, enum cfs_how how,
	   struct cfs_err *err)
{
	struct m_rename_req req = {
	    .dir = dir.ino,
	    .dir_gen = dir.gen,
	    .name = str_from(name),
	    .to_dir = to_dir.ino,
	    .to_gen = to_dir.gen,
	    .to_name = str_from(to_name),
	    .flags = (noreplace ? 1u : 0u) | (exchange ? 2u : 0u),
	};

	int rc = run_change(c, OP_RENAME, &req, how, NULL, err);

	files_forget_attr(c, (struct cfs_ref){0});
	return rc;
}

int
cfs_link(struct cfs *c, struct cfs_ref ref, struct cfs_ref dir, const char *name, enum cfs_how how,
	 struct cfs_attr *attr, struct cfs_err *err)
{
	struct m_link_req req = {
	    .ino = ref.ino,
	    .gen = ref.gen,
	    .dir = dir.ino,
	    .dir_gen = dir.gen,
	    .name = str_from(name),
	};

	int rc = run_attr_change(c, OP_LINK, &req, how, attr, err);

	files_forget_attr(c, ref);
	return rc;
}

int
cfs_setattr(struct cfs *c, const struct cfs_setattr *a, enum cfs_how how, struct cfs_attr *attr,
	    struct cfs_err *err)
{
	struct m_setattr_req req = {
	    .ino = a->ref.ino,
	    .gen = a->ref.gen,
	    .valid = a->valid,
	    .mode = a->mode,
	    .uid = a->uid,
	    .gid = a->gid,
	    .size = a->size,
	    .atime = a->atime_ns,
	    .mtime = a->mtime_ns,
	};
	/* What was written before comes before: a time that is set must not be overtaken by gathered bytes. */
	int rc = files_send(c, a->ref, err);

	if (rc < 0)
		return rc;
	rc = run_attr_change(c, OP_SETATTR, &req, how, attr, err);
	files_forget_attr(c, a->ref);
	return rc;
}

int
cfs_copy_range(struct cfs *c, struct cfs_ref src, uint64_t src_offset, uint64_t length,
	       struct cfs_ref dst, uint64_t dst_offset, uint64_t *copied_out, struct cfs_err *err)
{
	struct m_copy_req req = {
	    .src = src.ino,
	    .src_gen = src.gen,
	    .src_offset = src_offset,
	    .length = length,
	    .dst = dst.ino,
	    .dst_gen = dst.gen,
	    .dst_offset = dst_offset,
	};
	struct m_copy_rep rep;
	int rc = files_send(c, src, err);

	if (rc == 0)
		rc = files_send(c, dst, err);
	if (rc == 0)
		rc = run_change(c, OP_COPY, &req, CFS_VISIBLE, &rep, err);
	files_forget_attr(c, dst);
	if (rc == 0 && copied_out != NULL)
		*copied_out = rep.copied;
	return rc;
}

int
cfs_allocate(struct cfs *c, struct cfs_ref ref, bool clear, bool keep_size, uint64_t offset,
	     uint64_t length, struct cfs_attr *attr, struct cfs_err *err)
{
	struct m_allocate_req req = {
	    .ino = ref.ino,
	    .gen = ref.gen,
	    .flags = (keep_size ? 1u : 0u) | (clear ? 2u : 0u),
	    .offset = offset,
	    .length = length,
	};
	int rc = files_send(c, ref, err);

	if (rc < 0)
		return rc;
	rc = run_attr_change(c, OP_ALLOCATE, &req, CFS_VISIBLE, attr, err);
	files_forget_attr(c, ref);
	return rc;
}

int
cfs_hold(struct cfs *c, struct cfs_ref ref, enum cfs_how how, struct cfs_err *err)
{
	struct m_hold_req req = {.ino = ref.ino, .gen = ref.gen};

	return run_change(c, OP_HOLD, &req, how, NULL, err);
}

static int
link_copy(struct cfs *c, const struct cfs_attr *src, struct cfs_ref copy, uint64_t size,
	  struct cfs_ref dir, const char *name, unsigned flags, struct cfs_attr *out,
	  struct cfs_err *err)
{
	struct m_put_req req = {
	    .dir = dir.ino,
	    .dir_gen = dir.gen,
	    .name = str_from(name),
	    .ino = copy.ino,
	    .mode = src->mode,
	    .size = size,
	};
	struct m_put_rep rep;
	int rc;

	if ((flags & CFS_PUT_NOCLOBBER) != 0)
		req.flags |= 2;
	if ((flags & CFS_PUT_SET_MODE) != 0)
		req.flags |= 8;
	rc = run_change(c, OP_PUT, &req, CFS_DURABLE, &rep, err);
	if (rc == 0 && out != NULL)
		attr_from_wire(out, &rep.attr);
	return rc;
}

int
cfs_copy_file(struct cfs *c, const struct cfs_attr *src, struct cfs_ref dir, const char *name,
	      unsigned flags, struct cfs_attr *out, struct cfs_err *err)
{
	struct cfs_create create = {
	    .type = CFS_FILE, .mode = src->mode, .uid = src->uid, .gid = src->gid};
	struct m_copy_req req = {.src = src->ref.ino, .src_gen = src->ref.gen, .length = INT64_MAX};
	struct m_copy_rep rep;
	struct cfs_ref copy;
	int rc = cfs_create(c, &create, CFS_VISIBLE, &copy, NULL, err);

	if (rc < 0)
		return rc;
	req.dst = copy.ino;
	req.dst_gen = copy.gen;
	rc = run_change(c, OP_COPY, &req, CFS_VISIBLE, &rep, err);
	if (rc < 0)
		return rc;
	return link_copy(c, src, copy, rep.attr.size, dir, name, flags, out, err);
}

static bool
all_answered(void *arg)
{
	const struct cfs *c = arg;

	return c->changes.first == NULL;
}

int
cfs_sync(struct cfs *c, struct cfs_err *err)
{
	struct m_sync_req req = {0};
	struct cfs_err later;
	struct waiter w;
	int rc;

	waiter_init(&w, c, all_answered, c, -1);
	w.breakable = true;
	pthread_mutex_lock(&c->lock);
	c->changes.watchers++;
	rc = conn_wait(c, &w, err);
	c->changes.watchers--;
	later = c->changes.later;
	memset(&c->changes.later, 0, sizeof(c->changes.later));
	bool changed = c->changes.state == CHANGES_ATTACHED;
	pthread_mutex_unlock(&c->lock);
	if (rc == 0 && changed)
		rc = call_simple(c, OP_SYNC, &req, NULL, err);
	if (rc == 0 && later.code < 0) {
		if (err != NULL)
			*err = later;
		rc = later.code;
	}
	return rc;
}
