/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The attic: what was, page by page. */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/attr.h"
#include "client/call.h"
#include "proto/codec.h"

#define PAGE_BYTES (64u * 1024)
#define PRUNE_MAX  1024u /* entries of one change */

typedef int version_fn(void *arg, const struct cfs_version *v);

/* A string of the answer for people of C; malloc'd. */
static char *
copy_str(struct str s)
{
	return s.len > 0 ? strndup(s.p, s.len) : strdup("");
}

static int
give_one(const struct m_version *m, version_fn *each, void *arg, struct cfs_err *err)
{
	char *dir = copy_str(m->dir), *name = copy_str(m->name);
	struct cfs_version v = {
	    .id = m->id,
	    .how = (enum cfs_version_how)m->how,
	    .version = m->version,
	    .source = m->source,
	    .removed_ns = m->removed,
	    .remover = m->remover,
	    .dir = dir,
	    .name = name,
	};
	int rc = CFS_ENOMEM;

	attr_from_wire(&v.attr, &m->attr);
	if (dir == NULL || name == NULL)
		err_code(err, rc);
	else
		rc = each(arg, &v);
	free(dir);
	free(name);
	return rc;
}

/* Gives a page out; *before is behind it then. */
static int
give_page(struct list versions, uint64_t *before, version_fn *each, void *arg, struct cfs_err *err)
{
	struct m_version m;
	int rc = 0;

	while (rc == 0 && list_next(&versions, &m)) {
		/* Or a server could lead round for ever. */
		if (m.id != 0 && *before != 0 && m.id >= *before)
			return err_set(err, CFS_EPROTO, "versions that lead back");
		if (m.id != 0)
			*before = m.id;
		rc = give_one(&m, each, arg, err);
	}
	return rc;
}

static int
page(struct cfs *c, unsigned op, const void *req, uint64_t *before, bool *eof, version_fn *each,
     void *arg, struct cfs_err *err)
{
	struct m_versions_rep rep;
	struct call *k;
	int rc = call_new(c, op, req, &k, err);

	if (rc == 0)
		rc = call_run(k, &rep, err);
	if (rc == 0) {
		*eof = rep.eof != 0;
		if (!*eof && rep.versions.count == 0)
			rc = err_set(err, CFS_EPROTO, "an empty page of versions");
	}
	if (rc == 0) {
		rc = give_page(rep.versions, before, each, arg, err);
	}
	call_free(k);
	return rc;
}

static int
by_path(struct cfs *c, unsigned op, struct cfs_ref base, const char *path, version_fn *each,
	void *arg, struct cfs_err *err)
{
	struct m_versions_req req = {
	    .base = base.ino != 0 ? base.ino : c->who.home,
	    .path = str_from(path),
	    .max_bytes = PAGE_BYTES,
	};
	bool eof = false;
	int rc = 0;

	while (rc == 0 && !eof)
		rc = page(c, op, &req, &req.before, &eof, each, arg, err);
	return rc;
}

int
cfs_versions(struct cfs *c, struct cfs_ref base, const char *path, version_fn *each, void *arg,
	     struct cfs_err *err)
{
	return by_path(c, OP_VERSIONS, base, path, each, arg, err);
}

int
cfs_removed(struct cfs *c, struct cfs_ref base, const char *path, version_fn *each, void *arg,
	    struct cfs_err *err)
{
	return by_path(c, OP_REMOVED, base, path, each, arg, err);
}

int
cfs_attic(struct cfs *c, version_fn *each, void *arg, struct cfs_err *err)
{
	struct m_attic_req req = {.max_bytes = PAGE_BYTES};
	bool eof = false;
	int rc = 0;

	while (rc == 0 && !eof)
		rc = page(c, OP_ATTIC, &req, &req.before, &eof, each, arg, err);
	return rc;
}

int
cfs_restore(struct cfs *c, const struct cfs_version *v, struct cfs_ref dir, const char *name,
	    bool noclobber, struct cfs_attr *out, struct cfs_err *err)
{
	struct m_restore_req req = {
	    .id = v->id,
	    .source = v->attr.ref.ino,
	    .dir = dir.ino,
	    .dir_gen = dir.gen,
	    .name = str_from(name),
	    .flags = noclobber ? 1 : 0,
	};
	struct m_put_rep rep;
	struct cfs_ref ref;
	struct call *k;
	int rc = changes_take_ino(c, &ref, err);

	if (rc < 0)
		return rc;
	req.ino = ref.ino;
	rc = call_new(c, OP_RESTORE, &req, &k, err);
	if (rc == 0) {
		call_durable(k);
		rc = call_run(k, &rep, err);
	}
	if (rc == 0 && out != NULL)
		attr_from_wire(out, &rep.attr);
	call_free(k);
	return rc;
}

static int
prune_some(struct cfs *c, const struct cfs_version *v, size_t count, uint64_t *count_out,
	   uint64_t *bytes_out, struct cfs_err *err)
{
	struct m_prune_req req = {0};
	struct m_prune_rep rep;
	struct buf out = BUF_INIT;
	struct call *k = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct m_attic_entry e = {.id = v[i].id, .ino = v[i].attr.ref.ino};

		rc = codec_list_append(&req.entries, &msg_attic_entry, &e, &out, 0);
	}
	if (rc != 0)
		err_code(err, rc);
	else
		rc = call_new(c, OP_PRUNE, &req, &k, err);
	if (rc == 0) {
		call_durable(k);
		rc = call_run(k, &rep, err);
	}
	if (rc == 0) {
		*count_out += rep.count;
		*bytes_out += rep.bytes;
	}
	call_free(k);
	buf_fini(&out);
	return rc;
}

int
cfs_prune(struct cfs *c, const struct cfs_version *v, size_t count, uint64_t *count_out,
	  uint64_t *bytes_out, struct cfs_err *err)
{
	int rc = 0;

	*count_out = *bytes_out = 0;
	for (size_t i = 0; rc == 0 && i < count; i += PRUNE_MAX)
		rc =
		    prune_some(c, v + i, min_size(count - i, PRUNE_MAX), count_out, bytes_out, err);
	return rc;
}
