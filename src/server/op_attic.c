/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The attic: looking at what was, bringing it back, giving it up. */

#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "store/attic.h"

#define PAGE_BYTES_MAX (256u * 1024)
#define PRUNE_MAX      1024u

struct page {
	struct list versions;
	struct buf *out;
	size_t max_bytes;
	int status;
};

static int
add_version(void *arg, const struct attic_entry *e)
{
	struct page *p = arg;
	struct m_version m = {
	    .id = e->id,
	    .how = (uint8_t)e->how,
	    .version = e->version,
	    .source = e->source,
	    .removed = e->removed_ns,
	    .remover = e->remover,
	    .dir = convert_str(e->path),
	    .name = convert_str(e->name),
	};

	convert_attr(&e->attr, &m.attr);
	if (p->versions.count > 0 &&
	    p->versions.len + msg_version.wire_min + e->path.len + e->name.len > p->max_bytes)
		return 1;
	p->status = codec_list_append(&p->versions, &msg_version, &m, p->out, 0);
	return p->status;
}

static struct page
new_page(struct session *s, uint32_t max_bytes)
{
	return (struct page){
	    .out = &s->scratch,
	    .max_bytes = max_bytes < PAGE_BYTES_MAX ? max_bytes : PAGE_BYTES_MAX,
	};
}

static int
finish(struct call *c, const struct page *p, bool eof, int rc, struct cfs_err *err)
{
	if (rc == 0 && p->status)
		rc = err_code(err, p->status);
	c->rep->versions_rep.eof = eof;
	c->rep->versions_rep.versions = p->versions;
	return rc;
}

int
handle_VERSIONS(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_versions_req *req = &c->req->versions_req;
	struct page p = new_page(s, req->max_bytes);
	bool eof = false;
	int rc = attic_versions(s->store, &s->cred, (struct inode_ref){.ino = req->base},
				convert_view(req->path), req->before, add_version, &p, &eof, err);

	return finish(c, &p, eof, rc, err);
}

int
handle_REMOVED(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_versions_req *req = &c->req->versions_req;
	struct page p = new_page(s, req->max_bytes);
	bool eof = false;
	int rc = attic_removed(s->store, &s->cred, (struct inode_ref){.ino = req->base},
			       convert_view(req->path), req->before, add_version, &p, &eof, err);

	return finish(c, &p, eof, rc, err);
}

int
handle_ATTIC(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_attic_req *req = &c->req->attic_req;
	struct page p = new_page(s, req->max_bytes);
	bool eof = false;
	int rc = attic_list(s->store, &s->cred, req->before, add_version, &p, &eof, err);

	return finish(c, &p, eof, rc, err);
}

int
handle_RESTORE(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_restore_req *req = &c->req->restore_req;
	struct m_put_rep *rep = &c->rep->put_rep;
	const struct restore_args a = {
	    .id = req->id,
	    .source_ino = req->source,
	    .dir = {.ino = req->dir, .gen = req->dir_gen},
	    .name = convert_view(req->name),
	    .ino = req->ino,
	    .stream = s->changes.stream,
	    .noclobber = (req->flags & 1) != 0,
	};
	struct inode_attr attr;
	int rc = attic_restore(s->store, &s->cred, &a, &attr, &rep->replaced, err);

	if (rc == 0)
		convert_attr(&attr, &rep->attr);
	return rc;
}

int
handle_PRUNE(struct session *s, struct call *c, struct cfs_err *err)
{
	struct list entries = c->req->prune_req.entries;
	struct m_prune_rep *rep = &c->rep->prune_rep;
	struct m_attic_entry e;

	if (entries.count > PRUNE_MAX)
		return err_set(err, CFS_EINVAL, "more than %u entries", PRUNE_MAX);
	while (list_next(&entries, &e)) {
		uint64_t bytes;
		int rc = attic_prune(s->store, &s->cred, e.id, e.ino, &bytes, err);

		if (rc < 0)
			return rc;
		rep->count += (uint32_t)rc;
		rep->bytes += bytes;
	}
	return 0;
}
