/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_CLIENTTEST_H
#define CFS_TESTS_CLIENTTEST_H

/*
 * A client against a whole server (servertest.h), over lines that can be cut: each dial starts another session. Helpers
 * assert.
 */

#include "servertest.h"

#include <stdatomic.h>

#include "client/cfs.h"
#include "client/client.h"

#define CLIENTTEST_LINES 64

struct clienttest {
	struct servertest *server;
	struct peer lines[CLIENTTEST_LINES];
	unsigned dialled;
	char who;
	/* Cut the line when so many bytes were sent (or received) on it; 0: never. Taken by the next dial, once. */
	atomic_size_t cut_sent, cut_received;
	atomic_size_t cut_always; /* the same as cut_sent for every line */
	atomic_uint refuse;       /* dials to refuse */
};

int clienttest_setup(void **state);
int clienttest_teardown(void **state);

/* A client signed in as 'a' (alice) or 'b' (bob). */
struct cfs *client_start(struct clienttest *t, char who, const struct cfs_options *o);

/* A file of pseudo-random bytes (by seed), open at its start, its name gone; and its bytes in memory (free()). */
int make_source(size_t size, unsigned seed);
unsigned char *make_bytes(size_t size, unsigned seed);

/* Puts bytes as name into the user's own tree through a transfer; returns what cfs_xfer_finish() did. */
int put_bytes(struct cfs *c, const char *name, size_t size, unsigned seed);
/* Gets it into a file and compares. */
void expect_content(struct cfs *c, const char *path, size_t size, unsigned seed);

/* Opens a file; writes to one that is open; reads, and compares. */
struct cfs_file *open_file(struct cfs *c, const char *path, bool writable);
void write_at(struct cfs_file *f, const void *p, size_t n, uint64_t offset);
void expect_at(struct cfs_file *f, const void *want, size_t n, uint64_t offset);

#endif
