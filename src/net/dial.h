/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_DIAL_H
#define CFS_NET_DIAL_H

/* Connecting. Blocks up to a deadline; any thread. The resolver itself (getaddrinfo(3)) keeps its own time. */

#include <stdint.h>

#include "base/err.h"

/*
 * Connects to host (a name or an IPv4 or IPv6 literal) and port: all its addresses, the next one starting 250 ms after the
 * one before, the first that answers wins (RFC 8305, less its sorting, which getaddrinfo has done). Returns 0 and a
 * non-blocking, close-on-exec socket with TCP_NODELAY; or CFS_ENET ("cannot reach HOST:PORT: Connection refused"),
 * CFS_ETIMEDOUT ("cannot reach HOST:PORT: timed out").
 */
int dial_tcp(const char *host, uint16_t port, uint64_t deadline, int *fd_out, struct cfs_err *err);

/* Connects to a Unix socket. Returns 0 and a non-blocking, close-on-exec socket, or CFS_ENET, CFS_EDENIED. */
int dial_unix(const char *path, int *fd_out, struct cfs_err *err);

#endif
