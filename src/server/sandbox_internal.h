/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SANDBOX_INTERNAL_H
#define CFS_SERVER_SANDBOX_INTERNAL_H

/* What the sandbox's files share. Not for other modules. */

#include <linux/filter.h>

#include "server/sandbox.h"

/* Sanitizers need address space and a few calls of their own. */
#if defined(CFS_SAN_ADDRESS) || defined(CFS_SAN_THREAD)
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif

/* The filter of a role as the kernel takes it: *out_filter is malloc()ed. */
int sandbox_filter_new(enum sandbox_role role, struct sock_fprog *out, struct cfs_err *err);

/* What turns the maker's filter into a session's, laid over it. */
int sandbox_filter_part(struct sock_fprog *out, struct cfs_err *err);

/* The ruleset of a role, -1 and 0 where the kernel has no Landlock. dir_fd: another directory that it writes in; -1 none. */
int sandbox_paths_new(enum sandbox_role role, int store_fd, int dir_fd, int *fd_out,
		      struct cfs_err *err);

/* The version of Landlock here; 0: none. */
int sandbox_landlock_version(void);

#endif
