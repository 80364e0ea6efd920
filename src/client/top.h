/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_TOP_H
#define CFS_CLIENT_TOP_H

#include "client/cfs_top.h"
#include "proto/ops.h"

/* A snapshot from the server's message, which is not needed afterwards. 0 or CFS_ENOMEM. Freed with cfs_top_free(). */
int top_from_wire(struct m_top_rep *rep, struct cfs_top **out);

#endif
