/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Administration of the store: quotas, the removal of what nobody needs, repair. */

#include <string.h>

#include "base/log.h"
#include "proto/codec.h"
#include "server/convert.h"
#include "server/dispatch.h"
#include "server/op_admin.h"
#include "store/events.h"
#include "store/gc.h"
#include "store/quota.h"
#include "store/repair.h"

enum { QUOTA_LOOK = 0, QUOTA_SET = 1, QUOTA_NONE = 2, QUOTA_DEFAULT = 3 };

static int
set_quota(struct session *s, const struct call *c, uint64_t user, struct cfs_err *err)
{
	const struct m_admin_quota_req *req = &c->req->admin_quota_req;
	int rc;

	if (req->what > QUOTA_DEFAULT || (req->what == QUOTA_SET && req->bytes == 0))
		return err_code(err, CFS_EINVAL);
	rc = store_begin(s->store, err);
	if (rc)
		return rc;
	rc = quota_set(s->store, user, req->what == QUOTA_DEFAULT,
		       req->what == QUOTA_SET ? req->bytes : 0, err);
	return admin_finish(s, c, req->user, rc, err);
}

int
handle_ADMIN_QUOTA(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_admin_quota_req *req = &c->req->admin_quota_req;
	char name[PEOPLE_NAME_MAX + 1];
	struct person p;
	struct quota q;
	int rc;

	if (!convert_cstr(req->user, name, sizeof(name)))
		return err_set(err, CFS_EBADNAME, "not a user name");
	rc = people_by_name(s->store, name, &p, err);
	if (rc == 0 && req->what != QUOTA_LOOK)
		rc = set_quota(s, c, p.id, err);
	if (rc == 0)
		rc = quota_get(s->store, p.id, &q, err);
	if (rc)
		return rc;
	c->rep->admin_quota_rep = (struct m_admin_quota_rep){
	    .quota = q.limit,
	    .is_default = q.is_default,
	    .used_bytes = q.used_bytes,
	    .files = q.files,
	    .attic_bytes = q.attic_bytes,
	};
	return 0;
}

#define GC_STEP_MS 200u

enum { GC_LOOK = 0, GC_WORK = 1 };

int
handle_ADMIN_GC(struct session *s, struct call *c, struct cfs_err *err)
{
	struct m_admin_gc_rep *rep = &c->rep->admin_gc_rep;
	struct gc_report r;
	bool more = false;
	int rc;

	if (c->req->admin_gc_req.what == GC_WORK) {
		rc = store_keep(s->store, GC_STEP_MS, &more, err);
		rep->more = more;
		return rc;
	}
	if (c->req->admin_gc_req.what != GC_LOOK)
		return err_code(err, CFS_EINVAL);
	rc = gc_look(s->store, &r, err);
	if (rc)
		return rc;
	rep->blobs = r.blobs;
	rep->blob_bytes = r.blob_bytes;
	rep->waiting = r.waiting;
	rep->waiting_bytes = r.waiting_bytes;
	rep->versions = r.versions;
	rep->version_bytes = r.version_bytes;
	rep->nameless = r.nameless;
	return 0;
}

/* What a scrub found: not the admin's act, but the owner's to know. */
int
handle_DAMAGE(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_damage_req *req = &c->req->damage_req;
	struct event e = {
	    .kind = EVENT_ADMIN,
	    .op = c->op->number,
	    .user_name = {.data = "admin", .len = 5},
	    .path = convert_view(req->path),
	    .version = req->version,
	    .bytes = req->to - req->from,
	    .result = CFS_ECORRUPT,
	};
	char name[PEOPLE_NAME_MAX + 1];
	struct person p;
	uint64_t commit;
	int rc;

	if (!convert_cstr(req->owner, name, sizeof(name)) || req->to <= req->from)
		return err_code(err, CFS_EINVAL);
	rc = people_by_name(s->store, name, &p, err);
	if (rc == 0)
		rc = store_begin(s->store, err);
	if (rc)
		return rc;
	e.owner = p.id;
	rc = events_add(s->store, &e, err);
	if (rc) {
		store_rollback(s->store);
		return rc;
	}
	rc = store_commit(s->store, &commit, err);
	return rc ? rc : store_sync(s->store, commit, err);
}

struct repaired {
	struct list lines;
	struct buf *out;
	int status;
};

static void
add_line(void *arg, const char *text)
{
	struct repaired *r = arg;
	const struct m_line line = {.text = str_from(text)};

	log_warn("repair: %s", text);
	if (r->status == 0)
		r->status = codec_list_append(&r->lines, &msg_line, &line, r->out, 0);
}

int
handle_ADMIN_REPAIR(struct session *s, struct call *c, struct cfs_err *err)
{
	struct repaired r = {.out = &s->scratch};
	int rc = store_repair(s->store, add_line, &r, err);

	if (rc < 0)
		return rc;
	if (r.status)
		return err_code(err, r.status);
	c->rep->admin_repair_rep.count = (uint64_t)rc;
	c->rep->admin_repair_rep.lines = r.lines;
	return 0;
}
