/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/impl.h"

/*
 * Files that somebody has open while they lose their names. Whoever has says so now and then, and right before he takes a name
 * away himself; the keeper spares what was held lately. Who is gone says nothing, and needs nobody to clean up behind him.
 */

#define HOLD_NS (3600 * NS_PER_S)

int
content_hold(struct store *s, const struct cred *cred, struct inode_ref ref, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO hold (ino, until) VALUES (?1, ?2)"
					  " ON CONFLICT (ino) DO UPDATE SET until = ?2"};
	struct inode in;
	int rc = store_need_txn(s, err);

	if (rc == 0)
		rc = inode_get(s, cred, ref, &in, err);
	if (rc != 0)
		return rc;
	rc = sql_run(s, &sql, SQL_ARGS(in.a.ino, (uint64_t)(store_now(s) + HOLD_NS)), err);
	return rc < 0 ? rc : 0;
}
