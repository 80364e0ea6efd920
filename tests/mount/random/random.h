/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_RANDOM_H
#define CFS_TESTS_RANDOM_H

/*
 * Random operations on two directories at once: one on a local file system, which is the model, and one on a mount.
 * What each call returns, and what is there afterwards, must be the same on both.
 *
 * An operation is drawn from the seed alone and never from what came before, so that any part of a sequence can be run
 * again: that is how a failure is made short.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum op_kind {
	OP_OPEN,
	OP_CLOSE,
	OP_PWRITE,
	OP_WRITE, /* at the handle's place: what O_APPEND is about */
	OP_PREAD,
	OP_FTRUNCATE,
	OP_TRUNCATE,
	OP_FALLOCATE,
	OP_COPY,
	OP_MAP_WRITE,
	OP_MAP_READ,
	OP_FSYNC,
	OP_FSTAT,
	OP_STAT,
	OP_MKDIR,
	OP_RMDIR,
	OP_CLEAR, /* many removals, one after the other, in a directory that was filled for them */
	OP_UNLINK,
	OP_RENAME,
	OP_LINK,
	OP_SYMLINK,
	OP_READLINK,
	OP_MKFIFO,
	OP_READDIR,
	OP_CHMOD,
	OP_UTIME,
	OP_SETXATTR,
	OP_GETXATTR,
	OP_REMOVEXATTR,
	OP_LISTXATTR,
	OP_KINDS
};

#define SLOTS       6u  /* handles */
#define PATHS       30u /* see path_text() */
#define XATTRS      4u
/* Of the paths, those that are directories if they are there. */
#define DIRECTORIES 4u
extern const unsigned directories[DIRECTORIES];
#define SIZE_MAX_ (256u * 1024)

struct op {
	int kind;              /* enum op_kind */
	unsigned path, to;     /* of PATHS */
	unsigned slot, source; /* of SLOTS */
	int flags;             /* of the call */
	uint32_t offset, length, value;
	unsigned turn; /* of two mounts, which one (its lowest bit) */
};

/* One side, while it runs. */
struct side {
	int dir;
	int fds[SLOTS]; /* -1: closed */
};

/* What an operation told. */
struct result {
	long value; /* -1: failed */
	int error;
	uint64_t digest; /* of bytes, names or attributes that came */
	size_t length;
};

/* ---- plan.c ---- */

/* A generator of numbers; the state is the seed at first. */
uint32_t rnd(uint64_t *state);
void op_draw(uint64_t *state, bool zero_range, struct op *out);
/* One line that says what is done, as a person would write it. */
void op_print(unsigned number, const struct op *op);
/* Relative path, NUL-terminated; valid for ever. */
const char *path_text(unsigned path);
const char *xattr_name(unsigned value);
/* Whether the operation is one on an open slot. */
bool is_on_handle(int kind);

/* ---- act.c ---- */

void op_act(struct side *s, const struct op *op, struct result *out);
void side_close(struct side *s);

/* ---- compare.c ---- */

/* Whether both sides hold the same below every path; prints the first difference unless quiet. */
bool sides_agree(const struct side *model, const struct side *tried, bool quiet);
/* The same for one path. */
bool path_agrees(const struct side *model, const struct side *tried, unsigned path, bool quiet);
/* Whether two attributes of one path (or handle) agree; *what_out says what does not. */
struct stat;
bool stats_agree(const struct stat *a, const struct stat *b, const char **what_out);
uint64_t digest_of(uint64_t start, const void *p, size_t n);
/* As a result: fails with errno, or the digest of what must be the same. */
void result_stat(struct result *out, int rc, const struct stat *st);

/* ---- turns.c ---- */

/* Does it on one of two mounts, and has it told to everybody: which one, or -1: the handles are on different ones. */
int turn_act(struct side tried[2], const struct op *op, struct result *out);
/* Whether the other mount sees at once what was done; prints the first difference unless quiet. */
bool turn_agrees(struct side *model, struct side *other, const struct op *op, bool quiet);

#endif
