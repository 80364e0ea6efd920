/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/lock_flag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

int
lock_flag_init(struct lock_flag *f, const char *path, const char *folder)
{
	f->path = strdup(path);
	f->folder = strdup(folder);
	if (f->path == NULL || f->folder == NULL)
		return CFS_ENOMEM;
	f->up = access(path, F_OK) == 0;
	return 0;
}

void
lock_flag_fini(struct lock_flag *f)
{
	free(f->path);
	free(f->folder);
}

int
lock_flag_raise(struct lock_flag *f)
{
	int fd, rc = -1;

	if (f->up)
		return 0;
	fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		rc = io_fsync(fd);
	if (rc == 0)
		rc = io_fsync_dir(AT_FDCWD, f->folder);
	if (rc)
		log_error("%s: %s; no locks are given", f->path, strerror(errno));
	fd_close(&fd);
	f->up = rc == 0;
	return rc ? CFS_ENOLCK : 0;
}

void
lock_flag_lower(struct lock_flag *f)
{
	if (unlink(f->path) && errno != ENOENT)
		log_warn("%s: %s", f->path, strerror(errno));
	f->up = false;
}
