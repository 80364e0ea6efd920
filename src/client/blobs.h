/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_BLOBS_H
#define CFS_CLIENT_BLOBS_H

/*
 * A blob on its way to the server. Changes name it by its tag while it is under way and by its id once the server has
 * it; a tag means nothing on another line, so a change that is sent again gets the id put in where it is known by then.
 * All calls locked (conn.h), but outblob_new().
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rand.h"

struct cfs;

struct outblob {
	unsigned refs;
	uint64_t tag;
	bool stored; /* id is valid: the bytes are on the server's stable storage */
	bool failed;
	struct id128 id;
};

/* A blob with one reference, or NULL. */
struct outblob *outblob_new(struct cfs *c);
struct outblob *outblob_ref(struct outblob *b);
/* NULL is fine. */
void outblob_unref(struct outblob *b);

#endif
