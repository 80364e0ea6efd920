/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replay_way.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount.h"
#include "place.h"

uint64_t
spot_place(const struct spot *s)
{
	return place_of(s->dir->ref.ino, s->name, strlen(s->name));
}

bool
spot_is_dir(struct inode *i)
{
	bool dir;

	pthread_mutex_lock(&i->lock);
	dir = i->attr.type == CFS_DIR;
	pthread_mutex_unlock(&i->lock);
	return dir;
}

bool
spot_find(struct replay *r, const char *path, struct spot *out)
{
	struct inodes *t = &r->m->inodes;
	size_t top_len = strlen(r->top);
	const char *slash;

	*out = (struct spot){0};
	if (path == NULL || strncmp(path, r->top, top_len) != 0 || path[top_len] != '/') {
		return false;
	}
	out->way = out->name = path + top_len + 1;
	out->dir = place_known(t, t->top);
	while (out->dir != NULL && (slash = strchr(out->name, '/')) != NULL) {
		uint64_t place =
		    place_of(out->dir->ref.ino, out->name, (size_t)(slash - out->name));
		struct inode *next = place_find(t, place, PLACE_NOW);

		inode_put(t, out->dir);
		out->dir = next;
		if (next != NULL && !spot_is_dir(next)) {
			inode_put(t, next);
			out->dir = NULL;
		}
		out->way_len = (size_t)(slash - out->way);
		out->name = slash + 1;
	}
	return out->dir != NULL;
}

/* ---- going there */

bool
replay_what_is(int fd, const char *name, dev_t *dev_out, uint64_t *ino_out)
{
	struct statx st;
	int flags = AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;

	if (statx(fd, name, flags, STATX_INO, &st) != 0) {
		return false;
	}
	*dev_out = makedev(st.stx_dev_major, st.stx_dev_minor);
	*ino_out = st.stx_ino;
	return true;
}

void
replay_leave(struct replay *r)
{
	r->at = 0;
	if (chdir("/") != 0) {
		/* There is no directory to go to; the mount stays busy for as long. */
		return;
	}
}

int
replay_enter(struct replay *r)
{
	char path[PATH_MAX];
	uint64_t ino = 0;

	if ((size_t)snprintf(path, sizeof path, "%s/%s/..", r->dir, r->way_in) >= sizeof path) {
		return -ENAMETOOLONG;
	}
	if (chdir(path) != 0) {
		return -errno;
	}
	return replay_what_is(AT_FDCWD, ".", &r->dev, &ino) && ino == FUSE_ROOT_ID ? 0 : -ESTALE;
}

bool
replay_path(const struct replay *r, const char *way, size_t way_len, const char *name, char *out)
{
	int n =
	    snprintf(out, PATH_MAX, "%s/%s/%s%.*s%s%s", r->dir, r->way_in, way != NULL ? "../" : "",
		     (int)way_len, way != NULL ? way : "", way_len > 0 ? "/" : "", name);

	return n > 0 && n < PATH_MAX;
}

bool
replay_go(struct replay *r, const struct spot *s)
{
	char path[PATH_MAX];
	uint64_t ino = 0;
	dev_t dev = 0;

	if (r->at == s->dir->ref.ino) {
		return true;
	}
	r->at = 0;
	if (!replay_path(r, s->way, s->way_len, "", path) || chdir(path) != 0) {
		return false;
	}
	if (!replay_what_is(AT_FDCWD, ".", &dev, &ino) || dev != r->dev ||
	    ino != inode_id(&r->m->inodes, s->dir->ref.ino)) {
		replay_leave(r);
		return false;
	}
	r->at = s->dir->ref.ino;
	return true;
}
