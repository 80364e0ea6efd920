/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_LOG_H
#define CFS_TESTS_FAULT_LOG_H

/*
 * What the recorder (tests/fault/record/record.c) writes and the replayer reads: one record for each call that changed
 * something below the watched folder, in the order in which the calls returned. Native byte order: a log is read on the
 * machine that made it.
 */

#include <stdint.h>

/* The recorder is loaded with LD_PRELOAD and told by the environment. All three are absolute paths without links. */
#define RECORD_ENV_DIR  "CFS_RECORD_DIR"  /* the folder that is watched */
#define RECORD_ENV_LOG  "CFS_RECORD_LOG"  /* where records go, outside of it */
#define RECORD_ENV_MARK "CFS_RECORD_MARK" /* each write to this file becomes a mark in the log */

/*
 * A token stands for one open file description; paths are relative to the folder, "" is the folder itself. A flush has two
 * records: it covers what was recorded before its beginning, and promises it from its end on.
 */
enum record_type {
	RECORD_CREATE = 1, /* token; payload: path, which was not there before */
	RECORD_OPEN,       /* token; payload: path */
	RECORD_WRITE,      /* token, offset; payload: bytes */
	RECORD_TRUNCATE,   /* token, length */
	RECORD_ALLOCATE,   /* token, offset, length: zeros where nothing was, the size grows */
	RECORD_MKDIR,      /* payload: path */
	RECORD_UNLINK,     /* payload: path, of a file or an empty folder */
	RECORD_RENAME,     /* payload: from, NUL, to */
	RECORD_FLUSH,      /* token, offset: the flush's number */
	RECORD_FLUSHED,    /* offset: the flush's number */
	RECORD_MARK,       /* payload: text */
};

struct record {
	uint32_t type;
	uint32_t size; /* bytes of payload that follow, without padding */
	uint64_t token, offset, length;
};

#endif
