/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_LOOK_H
#define CFS_CLIENT_LOOK_H

/* A look-up whose answer may bring the content of a small file along. */

#include "client/call.h"

/* Room for the content. answered() is struct call's done: k->dst has k->dst_len bytes. */
struct look_data {
	void *data; /* of CFS_INLINE_MAX bytes */
	void (*answered)(struct call *k);
};

/* As cfs_lookup(). data may be NULL. */
int look_up(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_attr *out,
	    const struct look_data *data, struct cfs_err *err);

#endif
