/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_LOGRING_H
#define CFS_SERVER_LOGRING_H

/*
 * The last lines that the server's processes logged, in memory that they share, for who watches. Writers never wait: each
 * takes the next number and its place; a reader leaves out what is being written. As with the counters, whoever took a
 * session over can write here, so it is for reading alone.
 */

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

#define LOGRING_TEXT 224u /* bytes kept of a line, its NUL included */

struct logring;

/* *fd_out (the caller's to close) is what another process joins with. */
int logring_new(struct logring **out, int *fd_out, struct cfs_err *err);
int logring_join(int fd, struct logring **out, struct cfs_err *err);
/* Unmaps it; NULL is fine. */
void logring_free(struct logring *r);

/* Keeps a message; a log_tee_fn. */
void logring_put(void *ring, enum log_level level, const char *text, size_t len);

/* The number of the newest line, 0: none yet. Numbers count from 1. */
uint64_t logring_newest(const struct logring *r);

struct logring_line {
	uint64_t number;
	int64_t time_ns;
	int level;
	char text[LOGRING_TEXT];
};

/* The line of a number: whether it is still there, whole. */
bool logring_get(const struct logring *r, uint64_t number, struct logring_line *out);

/* How many lines are kept. */
unsigned logring_size(void);

#endif
