/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_RECORD_H
#define CFS_TESTS_FAULT_RECORD_H

/*
 * The recorder: a library for LD_PRELOAD that writes down, in order, what a program does to the files below one folder
 * (crash/log.h has the form). It stands in for libc's calls and makes the system calls itself. One lock is held over a call and its
 * record, so that the order in the log is the order that happened; not over a flush, which others may overlap.
 *
 * What it cannot see (files changed through shared mappings, by calls inside libc, or by copying in the kernel) it refuses
 * with an abort where it can tell; the replayer finds the rest, because the log's end must equal the folder's. Files
 * named *-shm are left out: SQLite makes them anew after a crash.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../crash/log.h"

#define TOKEN_MARK UINT64_MAX /* stands for the file of marks */

/* False in a program that is not to be recorded: then everything is passed on. */
bool record_on(void);

/* The one lock; all functions below need it but record_give_up(). */
void record_lock(void);
void record_unlock(void);

/* Writes one record with its payload (sizes are filled in). errno stays. */
void record_put(struct record r, const struct iovec *payload, int count);
void record_put_path(enum record_type type, uint64_t token, const char *path);

/* The absolute path of what dir and path name, made plain ("//", "." and ".." resolved as text), into out. */
void record_absolute(int dir, const char *path, char out[PATH_MAX]);

/* The path below the folder, or NULL for what is not watched. */
const char *record_watched(const char *full);

/* What stands for a descriptor's open file, 0 if it is not watched. record_open_token() gives a new one to a file just opened. */
uint64_t record_token(int fd);
void record_set_token(int fd, uint64_t token);
uint64_t record_open_token(int fd, const char *full);

/* A new flush's number. */
uint64_t record_next_flush(void);

/* Says what cannot be recorded and ends the program. */
void record_give_up(const char *what) __attribute__((noreturn));

#endif
