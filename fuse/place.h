/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_PLACE_H
#define CFS_FUSE_PLACE_H

/*
 * Under which name the kernel knows an inode: that which it was told of last, as one number made of the directory's and
 * the name, so that an inode costs the mount no more memory for it. Two names with one number would have somebody be told of
 * the wrong change, and nothing worse.
 *
 * Of two inodes at one place the later one is there now, and the kernel has not been told yet that the other is not.
 */

#include <stddef.h>
#include <stdint.h>

#include "inode.h"

/* The number of a place: never 0. */
uint64_t place_of(uint64_t dir_ino, const char *name, size_t len);

/* Locked: for the table itself. */
void place_put(struct inodes *t, struct inode *i, uint64_t place);
void place_take(struct inodes *t, struct inode *i);
/* Puts all of the old index into the new one, which is empty. */
void place_rehash(struct inodes *t, struct inode **old, size_t n_old);

enum place_which { PLACE_NOW, PLACE_BEFORE };

/* What the kernel knows at a place, held until inode_put(): what is there now, or the oldest of all. NULL: nothing. */
struct inode *place_find(struct inodes *t, uint64_t place, enum place_which which);
/* The kernel's own removal, or rename, is done: as long as it keeps others from those names. */
void place_removed(struct inodes *t, uint64_t place);
void place_renamed(struct inodes *t, uint64_t from, uint64_t to, bool exchange);
/* The inode of that number if the kernel knows it, held until inode_put(). */
struct inode *place_known(struct inodes *t, uint64_t ino);

/* Whether it is known where the inode is. */
bool place_is_known(struct inodes *t, const struct inode *i);

/* It is there now; 0: nowhere any more. */
void place_move(struct inodes *t, struct inode *i, uint64_t place);

#endif
