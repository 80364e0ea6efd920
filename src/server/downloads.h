/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_DOWNLOADS_H
#define CFS_SERVER_DOWNLOADS_H

/*
 * What the owner of a file is told when others read it (DESIGN 8), by the server's own count (receipts.h). One device's
 * count of a version goes on for an hour over all of its connections: when one is left alone, or ends, what it was sent
 * is put into the store, and whichever reads on starts from there.
 */

#include "server/state.h"

struct read_job;

/*
 * Counts [offset, offset + length) of a file that is about to be sent. 1: that completes a download, and the answer of
 * read goes out behind its event; else 0, or CFS_ENOMEM.
 */
int downloads_count(struct session *s, const struct inode_attr *a, uint64_t offset, uint64_t length,
		    struct read_job *read);

/* change. The event of a download, or what was sent so far; a failure is logged, because the bytes themselves can still be had. */
void downloads_write(struct session *s, struct receipt *r);

/* Hands downloads that were begun and then left alone since before_ns to the next transaction. */
void downloads_expire(struct session *s, uint64_t before_ns);

#endif
