/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/blobs.h"

#include <stdlib.h>

#include "client/conn.h"

struct outblob *
outblob_new(struct cfs *c)
{
	struct outblob *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->refs = 1;
	pthread_mutex_lock(&c->lock);
	b->tag = ++c->changes.last_tag;
	pthread_mutex_unlock(&c->lock);
	return b;
}

struct outblob *
outblob_ref(struct outblob *b)
{
	b->refs++;
	return b;
}

void
outblob_unref(struct outblob *b)
{
	if (b != NULL && --b->refs == 0)
		free(b);
}
