/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_HUB_H
#define CFS_SERVER_HUB_H

/*
 * The hub: the one process that listens, forks a session for each connection, counts, reaps, and passes small messages on.
 * It reads no byte of what clients send and holds nothing of theirs. One thread.
 */

#include "base/err.h"
#include "server/config.h"

/*
 * Locks the store, listens, says that it is ready, and serves until TERM or INT. config_path is read again on HUP; config is taken.
 * Returns 0 after an orderly end, or a code when it could not start.
 */
int hub_run(const char *config_path, struct config *config, struct cfs_err *err);

#endif
