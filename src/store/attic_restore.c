/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/impl.h"

/* The inode that an entry keeps: 1, 0 if there is no such entry, or a code. */
static int
find_kept(struct store *s, uint64_t id, uint64_t ino, struct inode *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT kind FROM attic WHERE id = ?1 AND ino = ?2"};
	uint64_t kind;
	int rc = sql_get(s, &sql, SQL_ARGS(id, ino), &kind, err);

	if (rc == 1 && kind != ATTIC_CONTENT)
		return err_set(err, CFS_EINVAL, "no content is kept with this entry");
	return rc == 1 ? inode_find(s, ino, out, err) : rc;
}

int
attic_restore(struct store *s, const struct cred *cred, const struct restore_args *a,
	      struct inode_attr *out, uint64_t *replaced_out, struct cfs_err *err)
{
	struct inode source, in;
	struct put_args put = {
	    .dir = a->dir,
	    .name = a->name,
	    .ino = a->ino,
	    .stream = a->stream,
	    .make_inode = true,
	    .noclobber = a->noclobber,
	};
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = find_kept(s, a->id, a->source_ino, &source, err);
	if (rc == 0 || (rc == 1 && !cred_owns(cred, source.a.owner)))
		rc = err_set(err, CFS_ENOENT, "no such version");
	if (rc < 0)
		return rc;
	rc = content_put_copy(s, cred, &put, &source, &in, replaced_out, err);
	if (rc == 0)
		rc = attic_note(s, cred, &in, in.parent, a->name, source.a.version, err);
	*out = in.a;
	return rc;
}
