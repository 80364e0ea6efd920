/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_UNDELIVERED_H
#define CFS_CLIENT_UNDELIVERED_H

/* Tells whoever wants to keep them of changes that will not reach the server (cfs_options.undelivered). */

struct call;
struct cfs;
struct cfs_undelivered;

/* Locked. The change ends without the server's word, or never began. */
void undelivered_tell(const struct call *k);
/* Locked. A write of which no change was made. */
void undelivered_write(struct cfs *c, const struct cfs_undelivered *u);

#endif
