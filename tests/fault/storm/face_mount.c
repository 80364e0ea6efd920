/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files as programs in a mount have them: a new file is written beside the old one, flushed, and renamed over it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "storm.h"

#define FRESH "fresh" /* the new file's name until it is whole */

struct on_mount {
	struct face face;
	const struct server *server;
	char dir[4200];
	int fd; /* of the folder */
};

static struct on_mount *
of(struct face *f)
{
	return CONTAINER_OF(f, struct on_mount, face);
}

static int
write_at(int dir, const char *name, int flags, const struct content *c, size_t offset, bool durable,
	 struct cfs_err *err)
{
	int fd = io_openat(dir, name, O_WRONLY | flags, 0644), rc = 0;

	if (fd < 0)
		return err_set_errno(err, errno, "open");
	if (io_pwrite_full(fd, c->bytes, c->size, offset) != 0)
		rc = err_set_errno(err, errno, "write");
	else if (durable && fsync(fd) != 0)
		rc = err_set_errno(err, errno, "fsync");
	if (close(fd) != 0 && rc == 0)
		rc = err_set_errno(err, errno, "close");
	return rc;
}

static int
mount_put(struct face *f, const char *name, const struct content *c, struct cfs_err *err)
{
	int dir = of(f)->fd, rc = write_at(dir, FRESH, O_CREAT | O_TRUNC, c, 0, true, err);

	if (rc == 0 && renameat(dir, FRESH, dir, name) != 0)
		rc = err_set_errno(err, errno, "rename");
	return rc;
}

static int
mount_write(struct face *f, const char *name, const struct content *bytes, size_t offset,
	    bool durable, struct cfs_err *err)
{
	return write_at(of(f)->fd, name, 0, bytes, offset, durable, err);
}

static int
mount_rename(struct face *f, const char *name, const char *to, struct cfs_err *err)
{
	return renameat(of(f)->fd, name, of(f)->fd, to) == 0 ? 0
							     : err_set_errno(err, errno, "rename");
}

static int
mount_remove(struct face *f, const char *name, struct cfs_err *err)
{
	return unlinkat(of(f)->fd, name, 0) == 0 ? 0 : err_set_errno(err, errno, "unlink");
}

static int
mount_read(struct face *f, const char *name, struct content **out, struct cfs_err *err)
{
	int fd = io_openat(of(f)->fd, name, O_RDONLY, 0), rc = 0;
	struct content *c = NULL;
	struct stat st;

	if (fd < 0)
		return err_set_errno(err, errno, "open");
	if (fstat(fd, &st) != 0)
		rc = err_set_errno(err, errno, "stat");
	if (rc == 0) {
		c = content_new((size_t)st.st_size);
		if (io_read_full(fd, c->bytes, c->size) != (ssize_t)c->size)
			rc = err_set_errno(err, errno, "read");
	}
	fd_close(&fd);
	if (rc != 0)
		content_unref(c);
	else
		*out = c;
	return rc;
}

static int
mount_list(struct face *f, void (*each)(void *arg, const char *name), void *arg,
	   struct cfs_err *err)
{
	DIR *d = opendir(of(f)->dir);
	const struct dirent *e;

	if (d == NULL)
		return err_set_errno(err, errno, "opendir");
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.')
			each(arg, e->d_name);
	}
	(void)closedir(d);
	return 0;
}

static void
mount_free(struct face *f)
{
	const char *const argv[] = {"cfs-mount", "-u", of(f)->dir, NULL};

	fd_close(&of(f)->fd);
	if (server_run(of(f)->server, argv, NULL, 0) != 0)
		(void)fprintf(stderr, "storm: cannot unmount %s\n", of(f)->dir);
	free(of(f));
}

static const struct face_ops mount_ops = {
    .put = mount_put,
    .write = mount_write,
    .rename = mount_rename,
    .remove = mount_remove,
    .read = mount_read,
    .list = mount_list,
    .free = mount_free,
};

struct face *
face_mount_new(const struct server *s, unsigned number, struct cfs_err *err)
{
	struct on_mount *m = calloc(1, sizeof(*m));
	char option[64], profile[32];
	const char *const argv[] = {"cfs-mount", "-P", profile, "-o", option, m->dir, NULL};

	if (m == NULL)
		abort();
	m->server = s;
	m->face.ops = &mount_ops;
	(void)snprintf(m->dir, sizeof(m->dir), "%s/mount", s->folder);
	(void)snprintf(profile, sizeof(profile), "u%u", number);
	(void)snprintf(option, sizeof(option), "timeout=60,subdir=u%u", number);
	(void)mkdir(m->dir, 0700);
	if (server_run(s, argv, NULL, 0) != 0) {
		(void)err_set(err, CFS_EFAIL, "cfs-mount failed");
		free(m);
		return NULL;
	}
	m->fd = io_open(m->dir, O_RDONLY | O_DIRECTORY, 0);
	if (m->fd < 0) {
		(void)err_set_errno(err, errno, "%s", m->dir);
		mount_free(&m->face);
		return NULL;
	}
	return &m->face;
}
