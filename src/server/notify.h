/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_NOTIFY_H
#define CFS_SERVER_NOTIFY_H

#include <stdint.h>

/* Tells a service manager how the daemon is: sd_notify(3)'s protocol, one datagram to the socket in $NOTIFY_SOCKET. */

/* Sends "READY=1", "STOPPING=1", "STATUS=…"; nothing where nobody asked for it, and failure does not matter. */
void notify_manager(const char *state);

/*
 * Sends "WATCHDOG=1" when half of $WATCHDOG_USEC has gone by since *last_ns (0: never), sd_watchdog_enabled(3). Returns for how
 * many milliseconds the caller may sleep before it calls again, or -1: nobody watches this process.
 */
int notify_watchdog(uint64_t *last_ns);

#endif
