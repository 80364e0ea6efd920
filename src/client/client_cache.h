/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CLIENT_CACHE_H
#define CFS_CLIENT_CLIENT_CACHE_H

/*
 * A connection's cache on disk (cfs_options.cache_dir), and the thread that fills it. Nobody waits for that thread: what there
 * is no room for in its queue is not kept. "Locked" as in conn.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/conn.h"
#include "client/disk_cache.h"

struct segment;

/* Bytes that wait to be written at most. */
#define FILL_BYTES_MAX (8u * 1024 * 1024)

/* A part of a blob that is to be kept. */
struct fill_part {
	struct id128 blob;
	uint32_t part, len;
	const unsigned char *data; /* in segment or in copy */
};

struct fill {
	struct fill *next;
	struct segment *segment; /* held; or NULL */
	unsigned char *copy;     /* or NULL */
	uint64_t ino;
	size_t bytes; /* of all parts */
	size_t count;
	struct fill_part parts[];
};

/* Opens what the options name, if they do: c->cache. 0, or as disk_cache_open(). After a fork, if there is one. */
int client_cache_new(struct cfs *c, struct cfs_err *err);
/* What is kept from now on is this store's, and the signed-in user's. */
void client_cache_begin(struct cfs *c, const struct id128 *store);
/* Not locked. Ends the thread. Every file is closed, and nobody else is inside. */
void client_cache_free(struct cfs *c);

struct disk_cache *client_cache_disk(const struct cfs *c);
/* Locked. Whether so many bytes more may wait. */
bool client_cache_has_room(struct cfs *c, size_t bytes);
/* Locked. Takes it. */
void client_cache_fill(struct cfs *c, struct fill *f);

#endif
