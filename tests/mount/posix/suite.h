/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_POSIX_SUITE_H
#define CFS_TESTS_POSIX_SUITE_H

/*
 * What the Linux manual pages say that calls on files do, case by case, on any directory. Each case runs in a process
 * of its own, in an empty directory of its own, which is its working directory; so it may change its umask, its user and
 * leave descriptors open. A check that fails says where and ends the case.
 *
 * The suite itself is known to be right by running it on a local directory.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum suite_need {
	NEED_ROOT = 1,   /* becomes other users */
	NEED_OWNERS = 2, /* the file system keeps owners (not with ids=mine) */
	NEED_NODEV = 4,  /* makes device nodes */
	ONLY_CFS = 8,    /* what no other file system has */
};

struct suite_case {
	const char *name;
	void (*run)(void);
	unsigned needs;
};

/* Ended by an entry without a name. */
extern const struct suite_case open_cases[], name_cases[], link_cases[], rename_cases[],
    data_cases[], map_cases[], space_cases[], attr_cases[], owner_cases[], xattr_cases[],
    dir_cases[];

/* Whether the directory is a mount of cfs-mount, as the command line said. */
bool suite_on_cfs(void);
/* Ends the case as skipped: what a local file system cannot do. */
_Noreturn void suite_skip(const char *why);

void suite_check(bool good, const char *text, const char *file, int line);
/* The value of a call that must not return -1. */
long suite_ok(long value, const char *text, const char *file, int line);
/* A call that must return -1 with this errno. */
void suite_fails(int error, long value, const char *text, const char *file, int line);

#define T(condition)       suite_check((condition), #condition, __FILE__, __LINE__)
#define OK(call)           suite_ok((long)(call), #call, __FILE__, __LINE__)
#define FD(call)           ((int)suite_ok((long)(call), #call, __FILE__, __LINE__))
#define FAILS(error, call) suite_fails((error), (long)(call), #call, __FILE__, __LINE__)

/* ---- helpers; all of them end the case when they cannot do what they say */

/* A file of mode 0644 with this content. */
void make(const char *path, const char *text);
int open_new(const char *path);
bool holds(const char *path, const char *text);
/* Not following a symbolic link. */
struct stat stat_of(const char *path);
struct stat fstat_of(int fd);
bool exists(const char *path);
/* A name of n bytes; valid until the next call. */
const char *long_name(size_t n);
/* Waits until the file system's clock has gone on, so that a later change has a later time. */
void tick(void);
int64_t mtime_of(const char *path);
int64_t ctime_of(const char *path);
int64_t ns_of(const struct timespec *t);
/* Becomes this user and group without any rights of root's. */
void become(uid_t uid, gid_t gid);
/* n bytes that differ from place to place. */
void pattern(unsigned char *p, size_t n, unsigned seed);

#endif
