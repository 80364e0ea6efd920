/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_DISK_H
#define CFS_TESTS_FAULT_DISK_H

/*
 * What a disk may hold after a power cut. A struct disk plays a log forwards and knows at each point which changes are
 * promised (a flush that covers them has ended) and which are not. disk_crash() writes out one of the states that may be found
 * then, chosen by a random number.
 *
 * The model. Bytes: a file's writes are promised by a flush of that file; of the others any may be there, in any combination,
 * whole or torn into sectors of 512 bytes, and the size may have grown without its bytes (zeros). Names: made, removed and
 * renamed ones are promised by a flush of their folder. Of the others there may be, one rule a state:
 *   journal  a prefix of all changes of names, which any flush of anything extends (ext4, XFS)
 *   folder   for each folder a prefix; flushing a file promises no name
 *   name     for each name a prefix (what POSIX leaves open)
 * A rename is never half done. Not modelled: a drive that breaks its promises, sectors that rot, reordering across a flush.
 */

#include "log.h"
#include "rng.h"

/* What is made wrong on purpose, to see that the checker notices. */
enum disk_lie {
	LIE_NONE,
	LIE_SWAP,      /* a blob's flush counts only after the next flush of the database's log */
	LIE_NO_BLOBS,  /* flushes of blobs promise nothing */
	LIE_NO_NAMES,  /* flushes of the blobs' folders promise nothing */
	LIE_NO_COMMIT, /* flushes of the database's log promise nothing */
};

struct disk;

struct disk *disk_new(enum disk_lie lie);
void disk_free(struct disk *d);

/* Plays one record; payload stays valid as long as the disk. NULL, or what is wrong with the log. */
const char *disk_play(struct disk *d, const struct record *r, const unsigned char *payload);

/* Writes a state that a crash now may leave into the empty folder dir. *rng decides. NULL, or what failed. */
const char *disk_crash(struct disk *d, struct rng *rng, int dir);

/*
 * Compares everything that was played with the folder that it was recorded in: then nothing escaped the recorder. NULL, or a
 * path that differs (valid as long as the disk, or static).
 */
const char *disk_compare(struct disk *d, int dir);

#endif
