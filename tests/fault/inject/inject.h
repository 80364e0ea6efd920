/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_INJECT_H
#define CFS_TESTS_FAULT_INJECT_H

/*
 * A library for LD_PRELOAD that stands between cfsd and the disk, and makes calls on the store's files fail on order. What is ordered,
 * and what has happened, stands in a file that all processes of the daemon map: it is mapped when the program starts, before
 * any sandbox, and inherited. Whoever gives the orders maps it too (tests/fault/storm).
 *
 * Files are told apart by their names: no other is touched. It makes no system call that a session's sandbox does not know.
 */

#include <stdatomic.h>
#include <stdint.h>

#define INJECT_ENV "CFS_INJECT" /* path of the control file, sizeof(struct inject) bytes */

enum inject_class {
	INJECT_BLOB = 1,   /* a blob's file */
	INJECT_LOG = 2,    /* the database's log */
	INJECT_DB = 4,     /* the database */
	INJECT_FOLDER = 8, /* a folder of blobs */
};

enum inject_call {
	INJECT_WRITE = 1,  /* write(2) and its kin */
	INJECT_FLUSH = 2,  /* fsync(2), fdatasync(2) */
	INJECT_NAME = 4,   /* rename(2), link(2), unlink(2) and their kin */
	INJECT_CREATE = 8, /* open(2) with O_CREAT */
};

enum inject_how {
	INJECT_ERROR =
	    1, /* the call does nothing and fails with `error`; a blob that is not flushed loses its second half */
	INJECT_SHORT = 2, /* a write does half of it and says so; nothing else is meant */
	INJECT_TEAR =
	    3, /* a write does half of it; then nothing reaches the disk any more: whoever tries dies */
	INJECT_LIE = 4, /* a flush says that it is done and does nothing, each time */
};

/* Bytes of the database's log that no flush covers. */
struct inject_range {
	uint64_t offset, length;
};
#define INJECT_RANGES 8192u

struct inject {
	/* The order. `armed` is set last; it is taken back by the call that it hits, unless `lasting`. */
	_Atomic uint32_t armed;
	uint32_t calls, classes, how;
	int32_t error; /* errno */
	uint32_t lasting;
	_Atomic int64_t countdown; /* the call that fails, 1: the next one */
	/* What has happened. */
	_Atomic uint32_t dead;      /* a tear: nothing reaches the disk */
	_Atomic uint32_t hits;      /* calls that failed, of any kind */
	_Atomic uint32_t log_flush; /* of those, flushes of the database's log */
	_Atomic uint32_t ranges_lock;
	uint32_t range_count, ranges_lost; /* lost: there were too many to be kept */
	uint64_t ranges_dropped;           /* by flushes so far */
	struct inject_range ranges[INJECT_RANGES];
};

#endif
