/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_FDPASS_H
#define CFS_BASE_FDPASS_H

/* Messages with descriptors over a Unix socket that keeps their boundaries (SCM_RIGHTS, unix(7)). No state. */

#include <stddef.h>
#include <sys/types.h>

#define FDPASS_MAX 8

/* Sends one message with count (up to FDPASS_MAX) descriptors, which stay the caller's. flags as send(2)'s; MSG_NOSIGNAL is added. 0, or -1 with errno. */
int fdpass_send(int sock, const void *msg, size_t n, const int *fds, size_t count, int flags);

/*
 * Receives one message of at most n bytes and its descriptors (close-on-exec, the caller's; places without one are -1). flags as recv(2)'s.
 * Returns its length, 0 at the end, or -1 with errno; a message that is longer, or has more descriptors, is EMSGSIZE.
 */
ssize_t fdpass_receive(int sock, void *msg, size_t n, int fds[FDPASS_MAX], int flags);

/* Closes those that are there. */
void fdpass_close(int fds[FDPASS_MAX]);

#endif
