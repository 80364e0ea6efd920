/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BLOB_FDS_H
#define CFS_STORE_BLOB_FDS_H

/*
 * Descriptors of blobs that were read lately, so that random reads do not open the file each time. Any thread.
 */

#include "store/types.h"

#define BLOB_FDS_MAX 64u

struct blob_fds;

/* NULL when memory is out. Free it when nobody holds a slot. */
struct blob_fds *blob_fds_new(void);
void blob_fds_free(struct blob_fds *c);

/*
 * The descriptor of id, opened (read-only, at path below root_fd) if it is not kept yet, in *fd_out. *slot_out is for
 * blob_fds_give(), which must follow; the descriptor stays open until then whatever happens to the cache. 0, or -1 with errno.
 */
int blob_fds_take(struct blob_fds *c, const struct id128 *id, int root_fd, const char *path,
		  int *fd_out, int *slot_out);
void blob_fds_give(struct blob_fds *c, int fd, int slot);

/* Forgets id, or all: descriptors are closed as soon as nobody uses them. */
void blob_fds_forget(struct blob_fds *c, const struct id128 *id);
void blob_fds_clear(struct blob_fds *c);

#endif
