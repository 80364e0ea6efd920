/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_UNDELIVERED_H
#define CFS_CLIENT_CFS_UNDELIVERED_H

/* Part of cfs.h: changes that the server was never told of, and will not be. */

#include "client/cfs.h"

/*
 * One change, or one piece of a write. The calls come in the order of the changes. What the server may have done all the
 * same (its answer did not come) is among them.
 */
struct cfs_undelivered {
	const char *what; /* the operation's name in the protocol */
	struct cfs_ref
	    ref;          /* the file, or the folder that name is in; zeros where neither is said */
	const char *name; /* not terminated; NULL: none */
	size_t name_len;
	/* of WRITE */
	const void *data; /* NULL: a hole */
	uint64_t offset, len;
	bool append; /* at the end, wherever that is; offset counts from there */
};

#endif
