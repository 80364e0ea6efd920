/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_FDSTREAM_H
#define CFS_NET_FDSTREAM_H

/* A stream (proto/stream.h) straight over a descriptor: Unix sockets, socketpairs, plain TCP, pipes. */

#include "proto/stream.h"

/*
 * A stream over fd, which it owns from here on and makes non-blocking. NULL, with fd still the caller's, when memory is
 * out. A write to a closed socket is CFS_ENET and raises no SIGPIPE; over pipes the process must ignore SIGPIPE.
 */
struct stream *fdstream_new(int fd);

#endif
