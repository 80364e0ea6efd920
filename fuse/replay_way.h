/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_REPLAY_WAY_H
#define CFS_FUSE_REPLAY_WAY_H

/* Where the news happened, in what the kernel knows, and how the replaying thread gets there. That thread's alone, but for the first. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "replay.h"

/* A path of the news in what the kernel knows. */
struct spot {
	struct inode *dir; /* held; NULL: the kernel does not know it */
	const char *way;   /* from the top to the directory, way_len bytes */
	size_t way_len;
	const char *name;
};

/* Any thread. False: not below the top, or the kernel does not know its directory. dir is for inode_put() in any case. */
bool spot_find(struct replay *r, const char *path, struct spot *out);
/* See place.h. */
uint64_t spot_place(const struct spot *s);
bool spot_is_dir(struct inode *i);

/* Goes into the mount, and notes which file system that is: 0, or what is in the way, as a negative errno. */
int replay_enter(struct replay *r);
/* Out of the mount, which can then be unmounted. */
void replay_leave(struct replay *r);
/* Into the directory, and no other. */
bool replay_go(struct replay *r, const struct spot *s);

/*
 * The absolute path, through the way in, of a name in the directory that lies that way from the top; way NULL: in the way in itself. out
 * has room for PATH_MAX.
 */
bool replay_path(const struct replay *r, const char *way, size_t way_len, const char *name,
		 char *out);
/* Which file system and inode an open file is, or what stands under a name. Asks nobody. */
bool replay_what_is(int fd, const char *name, dev_t *dev_out, uint64_t *ino_out);

#endif
