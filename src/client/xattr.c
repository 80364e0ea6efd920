/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Extended attributes. */

#include <string.h>

#include "client/attr.h"
#include "client/call.h"
#include "client/file.h"

static int
get(struct cfs *c, unsigned op, const void *req, void *buf, size_t *len, struct cfs_err *err)
{
	struct call *k;
	int rc = call_new(c, op, req, &k, err);

	if (rc == 0) {
		call_take_bulk(k, buf, *len);
		rc = call_run(k, NULL, err);
	}
	if (rc == 0)
		*len = k->dst_len;
	call_free(k);
	return rc;
}

int
cfs_getxattr(struct cfs *c, struct cfs_ref ref, const char *name, void *buf, size_t *len,
	     struct cfs_err *err)
{
	struct m_xattr_req req = {.ino = ref.ino, .gen = ref.gen, .name = str_from(name)};

	return get(c, OP_GETXATTR, &req, buf, len, err);
}

int
cfs_listxattr(struct cfs *c, struct cfs_ref ref, void *buf, size_t *len, struct cfs_err *err)
{
	struct m_inode_req req = {.ino = ref.ino, .gen = ref.gen};

	return get(c, OP_LISTXATTR, &req, buf, len, err);
}

int
cfs_setxattr(struct cfs *c, struct cfs_ref ref, const char *name, const void *value, size_t len,
	     bool create, bool replace, struct cfs_err *err)
{
	struct m_setxattr_req req = {
	    .ino = ref.ino,
	    .gen = ref.gen,
	    .name = str_from(name),
	    .flags = (create ? 1u : 0u) | (replace ? 2u : 0u),
	};
	struct call *k;
	int rc = call_new(c, OP_SETXATTR, &req, &k, err);

	if (rc == 0 && len > 0 && call_copy_bulk(k, value, len) != 0)
		rc = err_code(err, CFS_ENOMEM);
	if (rc == 0)
		rc = call_run(k, NULL, err);
	call_free(k);
	files_forget_attr(c, ref);
	return rc;
}

int
cfs_removexattr(struct cfs *c, struct cfs_ref ref, const char *name, struct cfs_err *err)
{
	struct m_removexattr_req req = {.ino = ref.ino, .gen = ref.gen, .name = str_from(name)};

	int rc = call_simple(c, OP_REMOVEXATTR, &req, NULL, err);

	files_forget_attr(c, ref);
	return rc;
}
