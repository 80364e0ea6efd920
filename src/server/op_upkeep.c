/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Administration of the store: quotas. */

#include "server/convert.h"
#include "server/dispatch.h"
#include "server/op_admin.h"
#include "store/quota.h"

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
