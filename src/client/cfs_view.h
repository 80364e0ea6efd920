/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_VIEW_H
#define CFS_CLIENT_CFS_VIEW_H

/* The part of cfs.h for those who hand on what they read. */

#include "client/cfs.h"

struct segment;

/*
 * cfs_file_pread() without a copy, where that can be: the bytes are where they came in, valid until cfs_view_done(). The connection
 * has to be open for as long.
 */
struct cfs_view {
	const void *data;
	size_t len;
	/* the library's */
	struct cfs *c;
	struct segment *segment;
	void *copy;
};
int cfs_file_view(struct cfs_file *f, size_t size, uint64_t offset, struct cfs_view *out,
		  struct cfs_err *err);
void cfs_view_done(struct cfs_view *v);

#endif
