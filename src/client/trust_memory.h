/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_TRUST_MEMORY_H
#define CFS_CLIENT_TRUST_MEMORY_H

/*
 * Attributes and contents by inode and names by directory, bounded, and a log of what was dropped lately. Knows nothing of time: what is in
 * here was promised and not taken back. No locks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "client/cfs.h"
#include "client/contents.h"

/* Things kept of each kind; a full table begins anew. */
#define TRUST_MEMORY_MAX 65536u
/* Drops remembered: an answer older than that many is not kept. */
#define TRUST_LOG        256u
#define TRUST_DIRS       4096u

struct kept_attr;
struct kept_name;

struct trust_memory {
	struct kept_attr **attrs;
	struct kept_name **names;
	struct contents contents; /* dropped with the attributes */
	size_t attr_count, name_count;
	/* Counted up when all names of a directory (or of one that shares its place) are dropped. */
	uint32_t dir_turn[TRUST_DIRS];
	uint64_t dropped; /* drops so far */
	uint64_t
	    own; /* drops from here on are the client's own change of that number; 0: others' */
	struct {
		uint64_t key, own;
	} log[TRUST_LOG];
};

int trust_memory_init(struct trust_memory *m, size_t content_bytes);
void trust_memory_fini(struct trust_memory *m);
void trust_memory_clear(struct trust_memory *m);

/* Without memory nothing is kept. ino 0: the name does not exist. */
void trust_memory_keep_attr(struct trust_memory *m, const struct cfs_attr *a);
void trust_memory_keep_name(struct trust_memory *m, uint64_t dir, struct str name, uint64_t ino);

/* Borrowed until the next change; NULL: not known. */
const struct cfs_attr *trust_memory_attr(const struct trust_memory *m, uint64_t ino);
bool trust_memory_name(const struct trust_memory *m, uint64_t dir, struct str name,
		       uint64_t *ino_out);

void trust_memory_drop_attr(struct trust_memory *m, uint64_t ino);
void trust_memory_drop_name(struct trust_memory *m, uint64_t dir, struct str name);
/* All names of a directory. */
void trust_memory_drop_names(struct trust_memory *m, uint64_t dir);
/* The attributes of what is known to stand under a name. */
void trust_memory_drop_inode_at(struct trust_memory *m, uint64_t dir, struct str name);

/*
 * Whether the inode's attributes, or the name (dir not 0), may have been dropped since m->dropped was mark, by others or by an
 * own change with a greater number than own.
 */
bool trust_memory_was_dropped(const struct trust_memory *m, uint64_t mark, uint64_t own,
			      uint64_t ino, uint64_t dir, struct str name);

#endif
