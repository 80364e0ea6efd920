/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_OPTIONS_H
#define CFS_FUSE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* What cfs-mount was asked for: cfs-mount [REMOTE] DIR [-o …], cfs-mount -u DIR. Strings point into argv or `words`. */
struct options {
	bool unmount, foreground, debug, no_inotify;
	bool fake, sloppy; /* of mount.cfs */
	bool ignored;
	const char *ignored_value;
	const char *remote; /* NULL: the root of all trees */
	const char *dir;
	const char *profile;
	const char *subdir;
	double attr_timeout, entry_timeout, negative_timeout; /* seconds */
	int64_t timeout_ms;
	int64_t max_inodes;    /* that are remembered without need */
	const char *cache_dir; /* NULL: no cache on disk */
	uint64_t cache_size;   /* bytes; 0: not given */
	bool read_only, stored_ids, local_bytes, local_whole, non_empty;
	unsigned umask;    /* bits that modes are shown without, with ids=mine */
	int64_t uid, gid;  /* whose the files appear to be; -1: the caller's */
	struct buf passed; /* options for libfuse, joined by commas, NUL-terminated */
	char *words;       /* storage of -o */
};

enum options_result { OPTIONS_RUN = 0, OPTIONS_DONE = 1 };

/*
 * Reads the command line; also as mount(8) calls mount.cfs: "REMOTE DIR -o a,b". OPTIONS_DONE: help or version was
 * printed. CFS_EUSAGE names the option that is not known.
 */
int options_parse(struct options *o, int argc, char **argv, struct cfs_err *err);
void options_fini(struct options *o);

/* options_sshfs.c. Whether a word of -o is one of sshfs's: 1, and what to know of it was said; 0; or CFS_EUSAGE. */
int options_take_of_sshfs(const char *word, struct cfs_err *err);

#endif
