/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_EVENT_H
#define CFS_CLIENT_EVENT_H

#include "base/buf.h"
#include "client/cfs.h"
#include "proto/ops.h"

/* Tells each() of one event; its strings are made in b, which may be used again. What each() returned, or CFS_ENOMEM. */
int event_give(struct buf *b, const struct m_event *m, struct str target,
	       int (*each)(void *arg, const struct cfs_event *e), void *arg);

#endif
