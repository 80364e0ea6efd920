/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/adminsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/io.h"
#include "net/dial.h"

#define SOCKET_NAME "admin.sock"
#define SHORT_MAX   sizeof(((struct sockaddr_un *)0)->sun_path)

/* The socket's whole path in full, and one that fits a socket address in fit; *dir_out (-1: not needed) must stay open for it. */
static int
find(const struct config *c, char full[PATH_MAX], char fit[SHORT_MAX], int *dir_out,
     struct cfs_err *err)
{
	const char *slash;
	char dir[PATH_MAX];
	int n;

	*dir_out = -1;
	n = c->admin_socket ? snprintf(full, PATH_MAX, "%s", c->admin_socket)
			    : snprintf(full, PATH_MAX, "%s/%s", c->path, SOCKET_NAME);
	if (n < 0 || n >= PATH_MAX)
		return err_set(err, CFS_ENAMETOOLONG, "the admin socket's path is too long");
	if ((size_t)n < SHORT_MAX) {
		memcpy(fit, full, (size_t)n + 1);
		return 0;
	}
	slash = strrchr(full, '/');
	if (!slash || strlen(slash) > SHORT_MAX / 2)
		return err_set(err, CFS_ENAMETOOLONG, "the admin socket's name is too long");
	memcpy(dir, full, (size_t)(slash - full));
	dir[slash - full] = '\0';
	*dir_out = io_open(dir, O_PATH | O_DIRECTORY, 0);
	if (*dir_out < 0)
		return err_set_errno(err, errno, "open %s", dir);
	(void)snprintf(fit, SHORT_MAX, "/proc/self/fd/%d%s", *dir_out, slash);
	return 0;
}

int
adminsock_listen(const struct config *c, struct listener *l, char path_out[PATH_MAX],
		 struct cfs_err *err)
{
	char full[PATH_MAX], fit[SHORT_MAX];
	int dir, rc;

	rc = find(c, full, fit, &dir, err);
	if (rc == 0)
		rc = listen_unix(l, fit, 0600, err);
	if (rc == 0)
		memcpy(path_out, full, PATH_MAX);
	fd_close(&dir);
	return rc;
}

int
adminsock_dial(const struct config *c, int *fd_out, struct cfs_err *err)
{
	char full[PATH_MAX], fit[SHORT_MAX];
	int dir, rc;

	rc = find(c, full, fit, &dir, err);
	if (rc == 0)
		rc = dial_unix(fit, fd_out, err);
	fd_close(&dir);
	return rc;
}
