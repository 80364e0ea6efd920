/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/time.h"
#include "mount.h"
#include "versions_list.h"

/*
 * Node ids: bit 63 alone and a directory's number: its .versions; bits 63 and 62 and a place in the table: a directory
 * for one name in there.
 */
#define VIRTUAL  (UINT64_C(1) << 63)
#define FOR_NAME (UINT64_C(1) << 62)

#define DIR_MODE 0555

static bool
is_virtual(fuse_ino_t id)
{
	return (id & VIRTUAL) != 0;
}

static bool
is_for_name(fuse_ino_t id)
{
	return (id & (VIRTUAL | FOR_NAME)) == (VIRTUAL | FOR_NAME);
}

static struct versions *
versions_of(fuse_req_t req)
{
	return &mount_of(req)->versions;
}

void
versions_init(struct versions *v)
{
	*v = (struct versions){0};
	pthread_mutex_init(&v->lock, NULL);
}

void
versions_fini(struct versions *v)
{
	for (size_t i = 0; i < v->count; i++) {
		free(v->dirs[i].name);
	}
	free(v->dirs);
	pthread_mutex_destroy(&v->lock);
}

/* ---- the table of .versions/NAME ---- */

/* Locked. The place of a name, or a free one; count when there is none. */
static size_t
place_for(const struct versions *v, struct cfs_ref dir, const char *name)
{
	size_t free_place = v->count;

	for (size_t i = 0; i < v->count; i++) {
		const struct versions_dir *d = &v->dirs[i];

		if (d->dir.ino == dir.ino && d->dir.gen == dir.gen && strcmp(d->name, name) == 0) {
			return i;
		}
		if (d->dir.ino == 0) {
			free_place = i;
		}
	}
	return free_place;
}

/* Locked. Makes room for more. */
static bool
grow(struct versions *v)
{
	size_t count = v->count == 0 ? 16 : v->count * 2;
	struct versions_dir *dirs = realloc(v->dirs, count * sizeof *dirs);

	if (dirs == NULL) {
		return false;
	}
	memset(dirs + v->count, 0, (count - v->count) * sizeof *dirs);
	v->dirs = dirs;
	v->count = count;
	return true;
}

/* Counts a look-up; the node id, or 0 without memory. */
static fuse_ino_t
remember(struct versions *v, struct cfs_ref dir, const char *name)
{
	fuse_ino_t id = 0;
	size_t i;

	pthread_mutex_lock(&v->lock);
	i = place_for(v, dir, name);
	if (i < v->count || grow(v)) {
		struct versions_dir *d = &v->dirs[i];

		if (d->dir.ino == 0) {
			*d = (struct versions_dir){.dir = dir, .name = strdup(name)};
		}
		if (d->name != NULL) {
			d->lookups++;
			id = VIRTUAL | FOR_NAME | i;
		} else {
			d->dir.ino = 0;
		}
	}
	pthread_mutex_unlock(&v->lock);
	return id;
}

static void
forget(struct versions *v, fuse_ino_t id, uint64_t n)
{
	size_t i = (size_t)(id & ~(VIRTUAL | FOR_NAME));

	if (!is_for_name(id)) {
		return;
	}
	pthread_mutex_lock(&v->lock);
	if (i < v->count && v->dirs[i].dir.ino != 0) {
		struct versions_dir *d = &v->dirs[i];

		d->lookups -= n < d->lookups ? n : d->lookups;
		if (d->lookups == 0) {
			free(d->name);
			*d = (struct versions_dir){0};
		}
	}
	pthread_mutex_unlock(&v->lock);
}

/* The directory and, malloc'd, the name that an id stands for; false if it stands for none any more, or without memory. */
static bool
recall(struct mount *m, fuse_ino_t id, struct cfs_ref *dir, char **name)
{
	struct versions *v = &m->versions;
	size_t i = (size_t)(id & ~(VIRTUAL | FOR_NAME));
	bool found = false;

	*name = NULL;
	if (!is_for_name(id)) {
		*dir = inode_ref(&m->inodes, id & ~VIRTUAL);
		return true;
	}
	pthread_mutex_lock(&v->lock);
	if (i < v->count && v->dirs[i].dir.ino != 0) {
		*dir = v->dirs[i].dir;
		*name = strdup(v->dirs[i].name);
		found = *name != NULL;
	}
	pthread_mutex_unlock(&v->lock);
	return found;
}

/* ---- answers ---- */

static void
dir_stat(const struct mount *m, fuse_ino_t id, struct stat *st)
{
	memset(st, 0, sizeof *st);
	st->st_ino = id;
	st->st_mode = S_IFDIR | DIR_MODE;
	st->st_nlink = 2;
	st->st_uid = m->uid;
	st->st_gid = m->gid;
	st->st_size = 4096;
}

static void
reply_dir(fuse_req_t req, fuse_ino_t id)
{
	struct fuse_entry_param e = {.ino = id, .generation = 1};

	dir_stat(mount_of(req), id, &e.attr);
	if (fuse_reply_entry(req, &e) == -ENOENT) {
		forget(versions_of(req), id, 1);
	}
}

/* The kernel asks for its attributes by number alone, too. */
static void
note_past(struct mount *m, fuse_ino_t id)
{
	struct inode *i = inode_get(&m->inodes, id);

	if (i != NULL) {
		atomic_store(&i->past, true);
	}
	inode_put(&m->inodes, i);
}

static void
reply_version(fuse_req_t req, const struct cfs_attr *a)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e;

	if (!attr_to_entry(m, NULL, NULL, a, now_mono_ns(), &e)) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	/* It may be given up or restored at any time, and cannot be written. */
	e.entry_timeout = 0;
	e.attr.st_mode &= ~(mode_t)0222;
	note_past(m, e.ino);
	if (fuse_reply_entry(req, &e) == -ENOENT) {
		inode_forget(&m->inodes, e.ino, 1);
	}
}

/* A name in a virtual directory. */
static void
look_up(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct versions_list list = {0};
	struct cfs_attr attr;
	struct cfs_ref dir;
	char *file = NULL;
	fuse_ino_t id;
	int rc = recall(m, parent, &dir, &file) ? 0 : CFS_ESTALE;

	if (rc == 0) {
		rc = versions_list_name(m->c, dir, file != NULL ? file : name, &list);
	}
	if (rc == 0 && file != NULL) {
		rc = versions_list_find(&list, name, &attr) ? 0 : CFS_ENOENT;
	} else if (rc == 0 && list.n == 0 && !list.present) {
		rc = CFS_ENOENT;
	}
	versions_list_fini(&list);
	if (rc != 0) {
		reply_code(req, rc);
	} else if (file != NULL) {
		reply_version(req, &attr);
	} else if ((id = remember(&m->versions, dir, name)) != 0) {
		reply_dir(req, id);
	} else {
		fuse_reply_err(req, ENOMEM);
	}
	free(file);
}

/* ---- the handlers ---- */

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);

	if (is_virtual(parent)) {
		look_up(req, parent, name);
	} else if (strcmp(name, VERSIONS_NAME) == 0) {
		reply_dir(req, VIRTUAL | parent);
	} else {
		m->versions.plain.lookup(req, parent, name);
	}
}

static void
op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	struct versions *v = versions_of(req);

	if (!is_virtual(ino)) {
		v->plain.forget(req, ino, n);
		return;
	}
	forget(v, ino, n);
	fuse_reply_none(req);
}

static void
op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct versions *v = versions_of(req);
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_virtual(forgets[i].ino)) {
			forget(v, forgets[i].ino, forgets[i].nlookup);
		} else {
			forgets[kept++] = forgets[i];
		}
	}
	v->plain.forget_multi(req, kept, forgets);
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct stat st;

	if (!is_virtual(ino)) {
		m->versions.plain.getattr(req, ino, fi);
		return;
	}
	dir_stat(m, ino, &st);
	fuse_reply_attr(req, &st, 0);
}

/* The whole listing is made when the directory is opened: it is short. */
static void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct versions_list *list;
	struct cfs_ref dir;
	char *name = NULL;
	int rc;

	if (!is_virtual(ino)) {
		m->versions.plain.opendir(req, ino, fi);
		return;
	}
	list = calloc(1, sizeof *list);
	rc = list != NULL ? 0 : CFS_ENOMEM;
	if (rc == 0 && !recall(m, ino, &dir, &name)) {
		rc = CFS_ESTALE;
	}
	if (rc == 0) {
		rc = name != NULL ? versions_list_name(m->c, dir, name, list)
				  : versions_list_dir(m->c, dir, list);
	}
	free(name);
	fi->fh = (uintptr_t)list;
	if (rc != 0) {
		reply_code(req, rc);
	} else if (fuse_reply_open(req, fi) == 0) {
		return;
	}
	versions_list_fini(list);
	free(list);
}

static void
op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct versions_list *list = (struct versions_list *)(uintptr_t)fi->fh;

	if (!is_virtual(ino)) {
		versions_of(req)->plain.releasedir(req, ino, fi);
		return;
	}
	versions_list_fini(list);
	free(list);
	fuse_reply_err(req, 0);
}

/* Entries from off on; with plus as entries whose inodes the kernel is to look up by itself. */
static void
read_dir(fuse_req_t req, const struct versions_list *list, size_t size, off_t off, bool plus)
{
	char *buf = malloc(size);
	size_t used = 0;

	for (size_t i = (size_t)off; buf != NULL && i < list->n + 2; i++) {
		const char *name = i == 0 ? "." : i == 1 ? ".." : list->v[i - 2].name;
		struct fuse_entry_param e = {0};
		size_t n;

		/* Any number but 0 and all ones will do: stat(2) tells the real one. */
		e.attr.st_ino = i < 2 ? 1 : list->v[i - 2].ino;
		e.attr.st_mode = i < 2 || list->v[i - 2].is_dir ? S_IFDIR : S_IFREG;
		n = plus ? fuse_add_direntry_plus(req, buf + used, size - used, name, &e,
						  (off_t)i + 1)
			 : fuse_add_direntry(req, buf + used, size - used, name, &e.attr,
					     (off_t)i + 1);
		if (n > size - used) {
			break;
		}
		used += n;
	}
	if (buf == NULL) {
		fuse_reply_err(req, ENOMEM);
	} else {
		fuse_reply_buf(req, buf, used);
	}
	free(buf);
}

static void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	if (is_virtual(ino)) {
		read_dir(req, (struct versions_list *)(uintptr_t)fi->fh, size, off, false);
	} else {
		versions_of(req)->plain.readdir(req, ino, size, off, fi);
	}
}

static void
op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	if (is_virtual(ino)) {
		read_dir(req, (struct versions_list *)(uintptr_t)fi->fh, size, off, true);
	} else {
		versions_of(req)->plain.readdirplus(req, ino, size, off, fi);
	}
}

/* ---- what changes nothing here ---- */

static void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	if (is_virtual(parent)) {
		fuse_reply_err(req, EROFS);
	} else {
		versions_of(req)->plain.mkdir(req, parent, name, mode);
	}
}

static void
op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	  struct fuse_file_info *fi)
{
	if (is_virtual(parent)) {
		fuse_reply_err(req, EROFS);
	} else {
		versions_of(req)->plain.create(req, parent, name, mode, fi);
	}
}

static void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (is_virtual(parent)) {
		fuse_reply_err(req, EROFS);
	} else {
		versions_of(req)->plain.unlink(req, parent, name);
	}
}

static void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to, const char *to_name,
	  unsigned flags)
{
	if (is_virtual(parent) || is_virtual(to)) {
		fuse_reply_err(req, EROFS);
	} else {
		versions_of(req)->plain.rename(req, parent, name, to, to_name, flags);
	}
}

static void
op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int valid, struct fuse_file_info *fi)
{
	if (is_virtual(ino)) {
		fuse_reply_err(req, EROFS);
	} else {
		versions_of(req)->plain.setattr(req, ino, st, valid, fi);
	}
}

void
versions_wrap(struct versions *v, struct fuse_lowlevel_ops *ops)
{
	v->plain = *ops;
	ops->lookup = op_lookup;
	ops->forget = op_forget;
	ops->forget_multi = op_forget_multi;
	ops->getattr = op_getattr;
	ops->opendir = op_opendir;
	ops->releasedir = op_releasedir;
	ops->readdir = op_readdir;
	if (ops->readdirplus != NULL) {
		ops->readdirplus = op_readdirplus;
	}
	ops->mkdir = op_mkdir;
	ops->create = op_create;
	ops->unlink = op_unlink;
	ops->rename = op_rename;
	ops->setattr = op_setattr;
}
