/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_ACTIVATION_H
#define CFS_SERVER_ACTIVATION_H

/*
 * Sockets that a service manager has opened for the daemon, sd_listen_fds(3): $LISTEN_FDS of them from descriptor 3 on, for the
 * process $LISTEN_PID, with names in $LISTEN_FDNAMES. The protocol is three variables, so there is no library for it here.
 */

#include "base/err.h"
#include "net/listen.h"

/* Closes what whoever started this process has left open: all but the standard descriptors and what was passed. The first thing that a daemon does. */
void activation_close_others(void);

/*
 * Adds what was passed to this process: a Unix socket to *admin, those of IPv4 and IPv6 to *net, all of them made non-blocking
 * and close-on-exec. Nothing is added where nothing was passed. Takes the variables out of the environment, so no child
 * believes they are for it. Call once, before anything else opens descriptors. Returns 0; or CFS_EINVAL for a descriptor that
 * is no listening stream socket, or for more than a listener holds.
 */
int activation_take(struct listener *net, struct listener *admin, struct cfs_err *err);

#endif
