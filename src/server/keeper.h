/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_KEEPER_H
#define CFS_SERVER_KEEPER_H

/*
 * The keeper's process: makes everything durable within a second, and cleans up behind everybody. Runs until the hub's
 * socket ends (then everything is flushed a last time). Returns the process's exit status.
 */

#include "store/store.h"

int keeper_run(const struct store_conf *conf, struct store_shared *shared, int hub_fd);

#endif
