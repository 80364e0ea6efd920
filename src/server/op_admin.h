/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_OP_ADMIN_H
#define CFS_SERVER_OP_ADMIN_H

#include "server/state.h"

/*
 * Ends the transaction of an admin's act, which came out as rc: with its event, about `user`, and on stable storage, or
 * not at all. Returns rc or why it failed then.
 */
int admin_finish(struct session *s, const struct call *c, struct str user, int rc,
		 struct cfs_err *err);

#endif
