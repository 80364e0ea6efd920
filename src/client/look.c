/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Calls that only look. */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/attr.h"
#include "client/call.h"
#include "client/look.h"
#include "client/trust.h"
#include "proto/codec.h"

void
attr_from_wire(struct cfs_attr *out, const struct m_attr *m)
{
	*out = (struct cfs_attr){
	    .ref = {.ino = m->ino, .gen = m->gen},
	    .type = (enum cfs_type)m->type,
	    .mode = m->mode,
	    .nlink = m->nlink,
	    .uid = m->uid,
	    .gid = m->gid,
	    .size = m->size,
	    .stored = m->stored,
	    .version = m->version,
	    .atime_ns = m->atime,
	    .mtime_ns = m->mtime,
	    .ctime_ns = m->ctime,
	    .btime_ns = m->btime,
	    .owner = m->owner,
	    .uploader = m->uploader,
	    .rdev = m->rdev,
	};
}

static int
walk(struct cfs *c, const char *path, uint32_t flags, struct cfs_place *out, struct cfs_err *err)
{
	struct m_walk_req req = {.base = c->who.home, .path = str_from(path), .flags = flags};
	struct m_walk_rep rep;
	struct call *k;
	int rc = call_new(c, OP_WALK, &req, &k, err);

	if (rc == 0)
		rc = call_run(k, &rep, err);
	if (rc == 0) {
		memset(out, 0, sizeof(*out));
		out->found = rep.found != 0;
		if (out->found)
			attr_from_wire(&out->attr, &rep.attr);
		out->parent = (struct cfs_ref){.ino = rep.parent, .gen = rep.parent_gen};
		out->parent_owner = rep.parent_owner;
		memcpy(out->name, rep.name.p, min_size(rep.name.len, sizeof(out->name) - 1));
	}
	call_free(k);
	return rc;
}

int
cfs_stat(struct cfs *c, const char *path, bool nofollow, struct cfs_attr *out, struct cfs_err *err)
{
	struct cfs_place place;
	int rc = walk(c, path, nofollow ? 1 : 0, &place, err);

	if (rc == 0 && !place.found)
		rc = err_code(err, CFS_ENOENT);
	if (rc == 0)
		*out = place.attr;
	return rc;
}

int
cfs_place(struct cfs *c, const char *path, bool nofollow, struct cfs_place *out,
	  struct cfs_err *err)
{
	return walk(c, path, nofollow ? 3 : 2, out, err);
}

static bool
knows_name(struct cfs *c, struct cfs_ref dir, const char *name, bool *found, struct cfs_attr *out)
{
	bool known;

	pthread_mutex_lock(&c->lock);
	known = trust_find_name(c, dir.ino, name, found, out);
	pthread_mutex_unlock(&c->lock);
	return known;
}

int
look_up(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_attr *out,
	const struct look_data *data, struct cfs_err *err)
{
	struct m_lookup_req req = {.dir = dir.ino, .gen = dir.gen, .name = str_from(name)};
	struct m_lookup_rep rep;
	struct call *k;
	bool found;
	int rc;

	if (knows_name(c, dir, name, &found, out))
		return found ? 0 : err_code(err, CFS_ENOENT);
	req.data_max = data != NULL ? CFS_INLINE_MAX : 0;
	rc = call_new(c, OP_LOOKUP, &req, &k, err);
	if (rc == 0) {
		if (data != NULL) {
			call_take_bulk(k, data->data, CFS_INLINE_MAX);
			k->done = data->answered;
		}
		rc = call_run(k, &rep, err);
	}
	if (rc == 0) {
		attr_from_wire(out, &rep.attr);
		cfs_promise_check(c, out);
	}
	call_free(k);
	if (rc == CFS_ENOENT && !(knows_name(c, dir, name, &found, out) && !found))
		out->promise_epoch = 0;
	return rc;
}

int
cfs_lookup(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_attr *out,
	   struct cfs_err *err)
{
	return look_up(c, dir, name, out, NULL, err);
}

int
cfs_getattr(struct cfs *c, struct cfs_ref ref, struct cfs_attr *out, struct cfs_err *err)
{
	struct m_inode_req req = {.ino = ref.ino, .gen = ref.gen};
	struct m_attr_rep rep;
	bool known;
	int rc;

	pthread_mutex_lock(&c->lock);
	known = trust_find_attr(c, ref, out);
	pthread_mutex_unlock(&c->lock);
	if (known)
		return 0;
	rc = call_simple(c, OP_GETATTR, &req, &rep, err);
	if (rc == 0) {
		attr_from_wire(out, &rep.attr);
		cfs_promise_check(c, out);
	}
	return rc;
}

int
cfs_readlink(struct cfs *c, struct cfs_ref ref, char buf[4096], struct cfs_err *err)
{
	struct m_inode_req req = {.ino = ref.ino, .gen = ref.gen};
	struct m_readlink_rep rep;
	struct call *k;
	int rc = call_new(c, OP_READLINK, &req, &k, err);

	if (rc == 0)
		rc = call_run(k, &rep, err);
	if (rc == 0) {
		size_t n = min_size(rep.target.len, 4095);

		memcpy(buf, rep.target.p, n);
		buf[n] = '\0';
	}
	call_free(k);
	return rc;
}

int
cfs_seek(struct cfs *c, struct cfs_ref ref, uint64_t offset, bool hole, uint64_t *offset_out,
	 struct cfs_err *err)
{
	struct m_seek_req req = {.ino = ref.ino, .gen = ref.gen, .offset = offset, .hole = hole};
	struct m_seek_rep rep;
	int rc = call_simple(c, OP_SEEK, &req, &rep, err);

	if (rc == 0)
		*offset_out = rep.offset;
	return rc;
}

int
cfs_statfs(struct cfs *c, struct cfs_space *out, struct cfs_err *err)
{
	struct m_empty req = {0};
	struct m_statfs_rep rep;
	int rc = call_simple(c, OP_STATFS, &req, &rep, err);

	if (rc == 0)
		*out = (struct cfs_space){
		    .total_bytes = rep.total_bytes,
		    .free_bytes = rep.free_bytes,
		    .used_bytes = rep.used_bytes,
		    .files = rep.files,
		    .attic_bytes = rep.attic_bytes,
		    .quota = rep.quota,
		};
	return rc;
}

int
cfs_sum(struct cfs *c, struct cfs_ref ref, struct sha256 *out, uint64_t *version_out,
	struct cfs_err *err)
{
	struct m_inode_req req = {.ino = ref.ino, .gen = ref.gen};
	struct m_sum_rep rep;
	int rc = call_simple(c, OP_SUM, &req, &rep, err);

	if (rc < 0)
		return rc;
	*out = rep.hash;
	if (version_out != NULL)
		*version_out = rep.version;
	return 0;
}
