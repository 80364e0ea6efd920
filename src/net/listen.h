/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_NET_LISTEN_H
#define CFS_NET_LISTEN_H

/* Listening sockets: non-blocking, close-on-exec. */

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define LISTEN_MAX 16

/* Plain data: sockets that listen. */
struct listener {
	int fds[LISTEN_MAX];
	size_t count;
};

/*
 * Listens on every address of a list like "127.0.0.1:7440, [::]:7440 files.example" (separated by spaces or commas; as
 * hostport_parse(), with CFS_PORT where there is none); a name with several addresses means all of them. An IPv6 socket
 * takes IPv6 alone (IPV6_V6ONLY), so 0.0.0.0 and [::] stand beside each other; an empty host (":7440") is both. Port 0 takes
 * a free one, the same for all addresses of that entry. Adds to *l (start with count = 0). Returns 0 or a code with "cannot
 * listen on ADDRESS: …", and then nothing was added.
 */
int listen_tcp(struct listener *l, const char *addresses, struct cfs_err *err);

/* Whether listen_tcp() can read the list: 0, or CFS_EINVAL and why not. No name is looked up. */
int listen_check(const char *addresses, struct cfs_err *err);

/*
 * Listens on a Unix socket with this mode. A socket file that nobody listens on any more is replaced; one that answers is
 * CFS_ELOCKED; any other file there is CFS_EEXIST. The file is the caller's to unlink at the end. Adds to *l.
 */
int listen_unix(struct listener *l, const char *path, mode_t mode, struct cfs_err *err);

/* Closes all. */
void listener_close(struct listener *l);

/*
 * The next connection as a non-blocking, close-on-exec socket; or CFS_EBUSY when there is none now (or the peer was gone
 * again already), or another code (out of descriptors or memory: wait a little before the next try).
 */
int listen_accept(int listen_fd, struct cfs_err *err);

/* Who is at the other end of a Unix socket (SO_PEERCRED, unix(7)): as of its connect. Returns 0 or a code. */
int peer_credentials(int fd, uid_t *uid_out, gid_t *gid_out, pid_t *pid_out, struct cfs_err *err);

#endif
