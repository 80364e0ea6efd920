/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_NOTIFY_H
#define CFS_SERVER_NOTIFY_H

/* Tells a service manager how the daemon is: sd_notify(3)'s protocol, one datagram to the socket in $NOTIFY_SOCKET. */

/* Sends "READY=1", "STOPPING=1", "STATUS=…"; nothing where nobody asked for it, and failure does not matter. */
void notify_manager(const char *state);

#endif
