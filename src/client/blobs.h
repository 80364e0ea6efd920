/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_BLOBS_H
#define CFS_CLIENT_BLOBS_H

/*
 * A blob on its way to the server. Changes name it by its tag while it is under way and by its id once the server has
 * it; a tag means nothing on another line, so a change that is sent again gets the id put in where it is known by then.
 * All calls locked (conn.h), but outblob_new() and outblob_announce().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rand.h"
#include "client/cfs.h"

struct outblob {
	unsigned refs;
	uint64_t tag;
	bool stored; /* id is valid: the bytes are on the server's stable storage */
	bool failed;
	struct id128 id;
	/* The bytes, where they are kept as long as a change that names it has no answer; a buffer of c->write_bufs when whole. */
	struct cfs *c;
	unsigned char *data;
	size_t size, cap;
};

/* A blob with one reference, or NULL. upload: the number of a transfer that was announced (UPLOADING in ops.def), or 0. */
struct outblob *outblob_new(struct cfs *c, uint32_t upload);
/* Tells the server of a large upload, so that others see it move, without waiting. The upload's number; 0 for a small one. */
uint32_t outblob_announce(struct cfs *c, struct cfs_ref dir, const char *name, uint64_t total);
struct outblob *outblob_ref(struct outblob *b);
/* Gives it its bytes, whose room counts as c->write_bytes already. Takes the buffer. */
void outblob_keep(struct outblob *b, unsigned char *data, size_t size, size_t cap);
/* NULL is fine. */
void outblob_unref(struct outblob *b);

#endif
