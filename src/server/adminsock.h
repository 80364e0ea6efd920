/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_ADMINSOCK_H
#define CFS_SERVER_ADMINSOCK_H

/*
 * The admin socket's place: [server] admin_socket, or admin.sock in the store. A path too long for a socket address (108
 * bytes, unix(7)) is reached through /proc/self/fd of its directory.
 */

#include <limits.h>

#include "net/listen.h"
#include "server/config.h"

/* Listens there, mode 0600; path_out is what the caller unlinks at the end. As listen_unix(). */
int adminsock_listen(const struct config *c, struct listener *l, char path_out[PATH_MAX],
		     struct cfs_err *err);

/* Connects to the daemon: 0 and *fd_out, or CFS_ENET when none answers. */
int adminsock_dial(const struct config *c, int *fd_out, struct cfs_err *err);

#endif
