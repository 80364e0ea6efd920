/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SANDBOX_H
#define CFS_SERVER_SANDBOX_H

/*
 * What the hub's children give up before they read the first byte of anybody: names in the file system, privileges, and all
 * system calls that their role does not need. Made once by the hub, so that a fork has little to do; entered by the child,
 * in two steps, one way, before it starts a thread (threads inherit it).
 *
 * The lists by role are sandbox_calls.c (system calls) and sandbox_paths.c (files). A process that makes another call is
 * killed, and the hub's log names the call: that is what to add, or what somebody tried.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum sandbox_role {
	SANDBOX_SESSION, /* talks to strangers; the store's files, reached from a directory that it is handed */
	SANDBOX_ADMIN,  /* a session of the admin socket: the same, its directory from the start */
	SANDBOX_KEEPER, /* the store's files */
	SANDBOX_METRICS, /* the same, a file anywhere, and connections of its own; its root and directory stay */
	SANDBOX_AUDIT,  /* the same without connections */
	SANDBOX_SIGNER, /* the server's key */
	SANDBOX_DOOR,   /* the store's files, with memory for hashing passwords */
	SANDBOX_MAKER, /* as SANDBOX_SESSION, but it may make processes, which are to become that by sandbox_part() */
	SANDBOX_ROLES
};

struct sandbox;

/* Files outside the store, which the role of that name writes; NULL: none. */
struct sandbox_files {
	const char *metrics, *audit;
};

/*
 * Prepares all roles for a store and those files (NULL: none of them). Says in the log what this kernel or these privileges lack, and
 * goes on with the rest. hub: its process. Returns 0 or a code; freed with sandbox_free(), in children too.
 */
int sandbox_new(const char *store_path, const struct sandbox_files *files, pid_t hub,
		struct sandbox **out, struct cfs_err *err);
void sandbox_free(struct sandbox *sb);

/*
 * First step: the root becomes an empty directory (for an admin's session and the keeper the working directory is the store), no
 * privileges are left, memory, descriptors and core files are bounded, and the process dies with the hub. From here on the
 * store is "." wherever it is reached at all, but for SANDBOX_METRICS and SANDBOX_AUDIT.
 */
int sandbox_drop(struct sandbox *sb, enum sandbox_role role, struct cfs_err *err);

/*
 * Second step: only the role's files (Landlock) and system calls (seccomp). report_fd: the socket to the hub, told by a HUB_FORBIDDEN
 * of the call that the process dies of.
 */
int sandbox_lock(struct sandbox *sb, enum sandbox_role role, int report_fd, struct cfs_err *err);

/*
 * In a process that one in SANDBOX_MAKER has made: gives up what that may do more, so that it is in SANDBOX_SESSION. report_fd as above.
 * sandbox_strip(), in the maker before, closes what neither needs.
 */
void sandbox_strip(struct sandbox *sb);
int sandbox_part(struct sandbox *sb, int report_fd, struct cfs_err *err);

/* Both, for tests and for what needs no order. */
int sandbox_enter(struct sandbox *sb, enum sandbox_role role, int report_fd, struct cfs_err *err);

/* A descriptor of the store's directory, borrowed, that is good for fchdir(2): what a session is handed. */
int sandbox_store_fd(const struct sandbox *sb);

/* The name of a system call of this machine; to be freed. NULL if it has none. */
char *sandbox_call_name(int number);

#endif
