/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Extended attributes; and those that the server answers from what it knows. */

#include <stdio.h>
#include <string.h>

#include "server/convert.h"
#include "server/dispatch.h"
#include "server/sum.h"
#include "store/people.h"
#include "store/xattr.h"

#define OWN_PREFIX "user.cfs."

static int
append_owner(struct session *s, const struct inode_attr *attr, struct cfs_err *err)
{
	struct person p;
	int rc = people_by_id(s->store, attr->owner, &p, err);

	if (rc)
		return rc;
	return buf_append_str(&s->scratch, p.name) ? err_code(err, CFS_ENOMEM) : 0;
}

static int
append_version(struct session *s, const struct inode_attr *attr, struct cfs_err *err)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)attr->version);
	return buf_append_str(&s->scratch, text) ? err_code(err, CFS_ENOMEM) : 0;
}

static int
append_sum(struct session *s, const struct inode_attr *attr, struct cfs_err *err)
{
	struct m_sum_rep rep = {0};
	char hex[SHA256_HEX_SIZE];
	int rc;

	if (attr->type != INODE_FILE)
		return err_code(err, CFS_ENODATA);
	rc = sum_known(s, (struct inode_ref){.ino = attr->ino, .gen = attr->gen}, &rep, err);
	if (rc <= 0)
		return rc ? rc : err_code(err, CFS_ENODATA);
	return buf_append_str(&s->scratch, sha256_hex(hex, &rep.hash)) ? err_code(err, CFS_ENOMEM)
								       : 0;
}

/* What the server knows of the inode, as text without a NUL. */
static int
append_known(struct session *s, struct inode_ref ref, struct bytes_view name, struct cfs_err *err)
{
	static const struct {
		const char *name;
		int (*append)(struct session *s, const struct inode_attr *attr,
			      struct cfs_err *err);
	} known[] = {
	    {OWN_PREFIX "owner", append_owner},
	    {OWN_PREFIX "version", append_version},
	    {OWN_PREFIX "sha256", append_sum},
	};
	struct inode_attr attr;
	int rc = names_getattr(s->store, &s->cred, ref, &attr, err);

	for (size_t i = 0; i < ARRAY_SIZE(known) && rc == 0; i++) {
		if (strlen(known[i].name) == name.len &&
		    memcmp(known[i].name, name.data, name.len) == 0)
			return known[i].append(s, &attr, err);
	}
	return rc ? rc : err_code(err, CFS_ENODATA);
}

static int
answer_scratch(struct session *s, struct call *c, int rc)
{
	if (rc == 0) {
		c->bulk_out = (struct bytes_view){.data = s->scratch.data, .len = s->scratch.len};
		c->rep->xattr_rep.size = (uint32_t)s->scratch.len;
	}
	return rc;
}

int
handle_GETXATTR(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_xattr_req *req = &c->req->xattr_req;
	struct inode_ref ref = {.ino = req->ino, .gen = req->gen};
	struct bytes_view name = convert_view(req->name);
	size_t own = strlen(OWN_PREFIX);
	int rc;

	if (name.len > own && memcmp(name.data, OWN_PREFIX, own) == 0)
		rc = append_known(s, ref, name, err);
	else
		rc = xattr_get(s->store, &s->cred, ref, name, &s->scratch, err);
	return answer_scratch(s, c, rc);
}

int
handle_LISTXATTR(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_inode_req *req = &c->req->inode_req;
	struct inode_ref ref = {.ino = req->ino, .gen = req->gen};

	return answer_scratch(s, c, xattr_list(s->store, &s->cred, ref, &s->scratch, err));
}

int
handle_SETXATTR(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_setxattr_req *req = &c->req->setxattr_req;
	struct inode_attr attr;
	int rc = xattr_set(s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
			   convert_view(req->name), c->bulk_in, req->flags, &attr, err);

	if (rc == 0)
		convert_attr(&attr, &c->rep->attr_rep.attr);
	return rc;
}

int
handle_REMOVEXATTR(struct session *s, struct call *c, struct cfs_err *err)
{
	const struct m_removexattr_req *req = &c->req->removexattr_req;
	struct inode_attr attr;
	int rc =
	    xattr_remove(s->store, &s->cred, (struct inode_ref){.ino = req->ino, .gen = req->gen},
			 convert_view(req->name), &attr, err);

	if (rc == 0)
		convert_attr(&attr, &c->rep->attr_rep.attr);
	return rc;
}
