/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/bufs.h"

#include <stdlib.h>

void *
bufs_get(struct bufs *b)
{
	return b->count > 0 ? b->kept[--b->count] : malloc(b->size);
}

void
bufs_put(struct bufs *b, void *p)
{
	if (p != NULL && b->count < BUFS_KEPT)
		b->kept[b->count++] = p;
	else
		free(p);
}

void
bufs_trim(struct bufs *b)
{
	while (b->count > 0)
		free(b->kept[--b->count]);
}
