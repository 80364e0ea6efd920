/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_ADDR_H
#define CFS_NET_ADDR_H

/* Text forms of network addresses. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define CFS_PORT 7440

/* Room for a host name (RFC 1035: 253 bytes) or literal with its NUL, and for "[host]:port" with its NUL. */
#define HOST_SIZE     256
#define HOSTPORT_SIZE (HOST_SIZE + 8)

/*
 * Splits "host", "host:port", "1.2.3.4:port", "[::1]", "[::1]:port", "::1" (a bare IPv6 literal has no port), ":port" (an
 * empty host: every address). host loses its brackets; port is default_port where none is given. port 0 is taken.
 * Returns 0 or CFS_EINVAL.
 */
int hostport_parse(const char *text, uint16_t default_port, char host[HOST_SIZE],
		   uint16_t *port_out, struct cfs_err *err);

/* "host:port", an IPv6 literal in brackets. Returns out. */
char *hostport_format(char out[HOSTPORT_SIZE], const char *host, uint16_t port);

/* The numeric "address:port" of a socket address ("unix" for AF_UNIX). Returns out. */
char *addr_format(char out[HOSTPORT_SIZE], const struct sockaddr_storage *addr);

/* The same of a socket's own end or its peer's; "?" if there is none. Returns out. */
char *addr_format_local(char out[HOSTPORT_SIZE], int fd);
char *addr_format_peer(char out[HOSTPORT_SIZE], int fd);

/* The port of a socket's own end; 0 if it has none. */
uint16_t addr_local_port(int fd);

#endif
