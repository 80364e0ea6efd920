/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_LOCAL_H
#define CFS_CLIENT_LOCAL_H

/* Local files as the source and the target of transfers. For workers: nothing here is shared but the cancel flag. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct source {
	int fd;
	bool
	    regular; /* read by offset; else from where it is, waiting for more as long as *cancel is false */
	const atomic_bool *cancel;
};

/*
 * Reads up to size bytes behind *offset (of the content, which begins at start of the file). With sparse, a hole there is
 * skipped: *offset moves to the next data, or to the end with *len_out 0. *end_out: nothing is behind what was read.
 */
int source_read(const struct source *src, uint64_t start, bool sparse, size_t size,
		uint64_t *offset, void *buf, size_t *len_out, bool *end_out, struct cfs_err *err);

/*
 * Where a download goes: a temporary file that takes its final name when it is complete, or a descriptor that is written
 * in order.
 */
struct target {
	int fd;
	bool in_order; /* a descriptor */
	uint64_t end;  /* of what was written */
	bool owned;    /* close it */
	char *path;    /* final name; NULL: none */
	char *temp;    /* name until then */
	const atomic_bool *cancel;
};

struct target_want {
	const char *path;
	bool noclobber;
	bool nofollow;     /* a symbolic link is replaced, not written through */
	bool regular_only; /* nothing that opening or writing could wait for */
	bool absent;       /* nothing is there, as the caller knows: it is not looked for */
	uint32_t mode;     /* of a new file, less the umask */
	uint64_t number;   /* of the temporary name: one that nobody else has */
};
/*
 * Opens for a path: a temporary file beside it (beside what it points to, if it is a symbolic link), which has the
 * permissions of the file that it replaces, or where the path is a device, fifo or socket, that itself; with regular_only
 * nothing is opened then and 1 returned. CFS_EEXIST with noclobber when there is something, CFS_EISDIR. With absent,
 * target_commit() tells of what came there meanwhile all the same, or replaces it.
 */
int target_open(struct target *t, const struct target_want *w, struct cfs_err *err);
/* Takes a descriptor, not owned. */
void target_from_fd(struct target *t, int fd);
/* Writes at offset, or next in order. CFS_ELOCALSPACE, CFS_ELOCALIO. */
int target_write(struct target *t, const void *p, size_t n, uint64_t offset, struct cfs_err *err);
/* n zero bytes: left out in a file, written to anything else. */
int target_zeros(const struct target *t, uint64_t n, uint64_t offset, struct cfs_err *err);

struct target_meta {
	uint64_t size;
	bool noclobber, set_mode, set_times;
	uint32_t mode;
	int64_t atime_ns, mtime_ns;
};
/* All is written: sets what is wanted and gives the file its name. */
int target_commit(struct target *t, const struct target_meta *m, struct cfs_err *err);
/* Starts again from nothing; false where some of the `written` bytes have left already. */
bool target_restart(struct target *t, uint64_t written);
/* Closes; removes the temporary file if it was not committed. */
void target_fini(struct target *t);

#endif
