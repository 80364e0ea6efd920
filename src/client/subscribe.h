/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_SUBSCRIBE_H
#define CFS_CLIENT_SUBSCRIBE_H

/* The connection's side of a subscription: what arrives for it. */

#include "client/conn.h"
#include "proto/frame.h"

/* Locked, in whatever thread leads: keeps a NOTICE or OVERFLOW for the reader thread. */
void subscription_push(struct cfs_subscription *sub, const struct frame *f);
/* Locked. Something happened to the line that the reader may wait for. */
void subscription_wake(struct cfs_subscription *sub);

#endif
