/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SANDBOX_H
#define CFS_SERVER_SANDBOX_H

/* What a process that talks to strangers gives up before it reads their first byte. */

#include "base/err.h"

/*
 * One way: no new privileges through exec, no core files (they would hold secrets and content), few descriptors. Threads
 * started later inherit it.
 */
int sandbox_enter(struct cfs_err *err);

#endif
