/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_TAGS_H
#define CFS_SERVER_TAGS_H

/*
 * The client's own numbers for the blobs that it sends, so that a change can name one whose answer has not come yet.
 * A tag is known from BLOB_PUT on; the oldest finished ones are forgotten when there are many. One thread.
 */

#include <stdint.h>

#include "base/rand.h"

struct tags;

struct tag {
	uint64_t number;
	struct id128 blob; /* status 0 */
	uint32_t length;   /* status 0 */
	int status;        /* 0 may be named, CFS_EBUSY under way, else why there is no such blob */
	struct tag *next_same, *next_older;
};

/* NULL when memory is out. */
struct tags *tags_new(void);
void tags_free(struct tags *t);

/* Makes a tag with status CFS_EBUSY: 0, CFS_EINVAL (0, or known already), CFS_ENOMEM. Borrowed; lives at least until it is finished. */
int tags_add(struct tags *t, uint64_t number, struct tag **out);

/* NULL if there is no such tag. */
struct tag *tags_find(const struct tags *t, uint64_t number);

#endif
