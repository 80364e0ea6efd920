/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_CUTS_H
#define CFS_TESTS_CUTS_H

/*
 * Calls on files of a mount while its line to the server is held, and cut, by the proxy of tests/lib/proxy.
 *
 * A kind of call has three parts. Each case of it runs in a process of its own (case.c) in an empty directory of its own,
 * which is its working directory: begin() on a line that is well, act() on one that is held, right() when it is well again.
 * main.c says which lines are cut when, and how.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kind {
	const char *name;
	void (*begin)(void);
	long (*act)(void);       /* as a system call: -1 and errno */
	void (*right)(long got); /* checks what act() returned, and that it was done exactly once */
	unsigned how;
};

enum {
	KIND_REMEMBERED = 1, /* a mount may answer from what it remembers */
	KIND_BULK = 2,       /* moves so much that one answer of many is held */
};

/* Ended by an entry without a name. */
extern const struct kind name_kinds[], rename_kinds[], data_kinds[], attr_kinds[], lock_kinds[];

/* ---- checks: one that fails says where, and ends the case */

void check(bool good, const char *text, const char *file, int line);
long check_ok(long value, const char *text, const char *file, int line);

#define T(condition) check((condition), #condition, __FILE__, __LINE__)
#define OK(call)     check_ok((long)(call), #call, __FILE__, __LINE__)
#define FD(call)     ((int)check_ok((long)(call), #call, __FILE__, __LINE__))

/* A file with these bytes; whether it has them, and no others. */
void make(const char *path, const void *p, size_t n);
bool holds(const char *path, const void *p, size_t n);
bool exists(const char *path);
/* Names in the working directory. */
unsigned names_here(void);
/* n bytes that differ from place to place; valid until the end. */
const unsigned char *pattern(size_t n);

/* ---- line.c: the proxy */

/* One command; ends the program when it is refused. */
void line_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Where the proxy is told things. */
void line_init(const char *control);
/* Bytes that the proxy holds back now. */
unsigned long long line_held(void);
/* Connections that it has taken so far. */
unsigned long long line_accepted(void);

/* ---- case.c */

enum stage { STAGE_BEGUN, STAGE_ACTING, STAGE_DONE, STAGE_RIGHT, STAGE_FAILED };

struct cut_case {
	const struct kind *kind;
	pid_t pid;
	int fd; /* of the socket to its process */
	enum stage stage;
	long got;
	int error;
	int64_t began_ms, took_ms;
};

/* Starts it in a new directory below the working directory; it has begun when this returns. False: it failed, and said so. */
bool case_begin(struct cut_case *c, const struct kind *k, unsigned number);
/* Has it act; returns when it is about to. */
void case_act(struct cut_case *c);
/* Whether it has acted; waits for that at most so long. */
bool case_done(struct cut_case *c, int wait_ms);
/* Whether it waits in the kernel. */
bool case_is_stuck(const struct cut_case *c);
/* Has it look whether all is right. */
bool case_right(struct cut_case *c);
/* Ends it, removes nothing. */
void case_end(struct cut_case *c);
int64_t now_ms(void);

#endif
