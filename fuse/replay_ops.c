/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "mount.h"
#include "place.h"
#include "replay.h"

/* What the replaying thread's requests are answered. Everybody else's go on to the handlers of the mount. */

/* Numbers of inodes that stand in, and alone that of the way in. Neither the store's nor those of .versions have it so. */
#define STAND_IN (UINT64_C(1) << 62)

/* What its open files have for a handle. */
static const char handle;

fuse_ino_t
replay_way_in(void)
{
	return STAND_IN;
}

void
replay_stand_in(const struct mount *m, fuse_ino_t id, enum cfs_type type, struct stat *st)
{
	const struct cfs_attr a = {
	    .ref.ino = id,
	    .type = type,
	    .mode = type == CFS_DIR ? 0700 : 0600,
	    .nlink = 2, /* so that a name less is not the end of it */
	    .uid = m->uid,
	    .gid = m->gid,
	    .owner = cfs_whoami(m->c)->user_id,
	};

	attr_to_stat(m, &a, st);
}

static struct replay *
replay_of(fuse_req_t req)
{
	return &mount_of(req)->replay;
}

static bool
is_ours(fuse_req_t req)
{
	int tid = atomic_load_explicit(&replay_of(req)->tid, memory_order_relaxed);

	return tid != 0 && fuse_req_ctx(req)->pid == tid;
}

/* ---- what is expected */

static struct replay_name *
find_name(struct replay *r, fuse_ino_t dir, const char *name)
{
	for (size_t i = 0; i < 2; i++) {
		struct replay_name *n = &r->names[i];

		if (r->call != REPLAY_NOTHING && n->name != NULL && n->dir == dir &&
		    strcmp(n->name, name) == 0) {
			return n;
		}
	}
	return NULL;
}

static struct replay_name *
find_id(struct replay *r, fuse_ino_t id)
{
	for (size_t i = 0; i < 2; i++) {
		struct replay_name *n = &r->names[i];

		if (r->call != REPLAY_NOTHING && n->name != NULL && n->entry.id == id) {
			return n;
		}
	}
	return NULL;
}

/* Something has changed it since that was asked for: the kernel must not be told what was before. */
static bool
is_outdated(const struct replay_entry *e)
{
	return e->real != NULL && e->asked_ns != 0 && e->attr.type == CFS_FILE &&
	       !inode_is_unchanged(e->real, e->asked_ns);
}

/* ---- answers */

static void
reply_stand_in(fuse_req_t req, fuse_ino_t id, const struct stat *st)
{
	/* Without a time: the next look is at what is there. */
	const struct fuse_entry_param e = {.ino = id, .generation = 1, .attr = *st};

	fuse_reply_entry(req, &e);
}

static void
reply_real(fuse_req_t req, const struct cfs_attr *a)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e;

	/* Not to be remembered: neither the name nor the attributes were asked for just now. */
	if (!attr_to_entry(m, NULL, NULL, a, 0, &e)) {
		fuse_reply_err(req, ENOMEM);
	} else if (fuse_reply_entry(req, &e) == -ENOENT) {
		inode_forget(&m->inodes, e.ino, 1);
	}
}

static void
reply_name(fuse_req_t req, const struct replay_entry *e)
{
	if (is_outdated(e)) {
		fuse_reply_err(req, EAGAIN);
	} else if (e->real != NULL) {
		reply_real(req, &e->attr);
	} else {
		reply_stand_in(req, e->id, &e->st);
	}
}

/* A directory on the way; what the kernel was told of it lately is good enough. */
static void
reply_way(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	uint64_t place = place_of(inode_number(&m->inodes, parent), name, strlen(name));
	struct inode *i = place_find(&m->inodes, place, PLACE_NOW);
	struct cfs_attr a = {0};

	if (i != NULL) {
		pthread_mutex_lock(&i->lock);
		a = i->attr;
		pthread_mutex_unlock(&i->lock);
	}
	if (a.type == CFS_DIR) {
		reply_real(req, &a);
	} else {
		fuse_reply_err(req, ENOENT);
	}
	inode_put(&m->inodes, i);
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct replay *r = replay_of(req);
	struct replay_name *n, found = {0};
	struct stat st;

	if (!is_ours(req)) {
		r->plain.lookup(req, parent, name);
		return;
	}
	if (parent == FUSE_ROOT_ID && strcmp(name, r->way_in) == 0) {
		replay_stand_in(r->m, STAND_IN, CFS_DIR, &st);
		reply_stand_in(req, STAND_IN, &st);
		return;
	}
	pthread_mutex_lock(&r->call_lock);
	n = find_name(r, parent, name);
	if (n != NULL) {
		n->asked = true;
		found = *n;
	}
	pthread_mutex_unlock(&r->call_lock);
	if (found.name == NULL) {
		reply_way(req, parent, name);
	} else if (found.there) {
		reply_name(req, &found.entry);
	} else {
		fuse_reply_err(req, ENOENT);
	}
}

static void
reply_made(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct replay *r = replay_of(req);
	struct replay_name *n, found = {0};

	pthread_mutex_lock(&r->call_lock);
	n = r->call == REPLAY_MAKE ? find_name(r, parent, name) : NULL;
	if (n != NULL) {
		n->there = true;
		found = *n;
	}
	pthread_mutex_unlock(&r->call_lock);
	if (found.name == NULL) {
		fuse_reply_err(req, EIO);
	} else {
		reply_name(req, &found.entry);
	}
}

static void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	if (is_ours(req)) {
		reply_made(req, parent, name);
	} else {
		replay_of(req)->plain.mknod(req, parent, name, mode, rdev);
	}
}

static void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	if (is_ours(req)) {
		reply_made(req, parent, name);
	} else {
		replay_of(req)->plain.mkdir(req, parent, name, mode);
	}
}

static void
op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	if (is_ours(req)) {
		reply_made(req, parent, name);
	} else {
		replay_of(req)->plain.symlink(req, target, parent, name);
	}
}

/*
 * Only what was looked up in this very call is taken away: else the kernel goes by what it remembers, which may be something newer. ESTALE
 * has it look the name up.
 */
static void
reply_removed(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct replay *r = replay_of(req);
	struct replay_name *n;
	int code = EIO;

	pthread_mutex_lock(&r->call_lock);
	n = r->call == REPLAY_REMOVE ? find_name(r, parent, name) : NULL;
	if (n != NULL) {
		code = n->asked ? 0 : ESTALE;
		n->there = !n->asked;
	}
	pthread_mutex_unlock(&r->call_lock);
	fuse_reply_err(req, code);
}

static void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (is_ours(req)) {
		reply_removed(req, parent, name);
	} else {
		replay_of(req)->plain.unlink(req, parent, name);
	}
}

static void
op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (is_ours(req)) {
		reply_removed(req, parent, name);
	} else {
		replay_of(req)->plain.rmdir(req, parent, name);
	}
}

static void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to, const char *to_name,
	  unsigned flags)
{
	struct replay *r = replay_of(req);
	struct replay_name *from, *target;
	int code = EIO;

	if (!is_ours(req)) {
		r->plain.rename(req, parent, name, to, to_name, flags);
		return;
	}
	pthread_mutex_lock(&r->call_lock);
	from = r->call == REPLAY_MOVE ? find_name(r, parent, name) : NULL;
	target = from != NULL ? find_name(r, to, to_name) : NULL;
	if (from == &r->names[0] && target == &r->names[1]) {
		code = from->asked && target->asked ? 0 : ESTALE;
	}
	pthread_mutex_unlock(&r->call_lock);
	fuse_reply_err(req, code);
}

/* Whether that is the file that the call is about; if not, the kernel is told to look the name up. */
static bool
is_expected(fuse_req_t req, fuse_ino_t id)
{
	struct replay *r = replay_of(req);
	bool expected;

	pthread_mutex_lock(&r->call_lock);
	expected = r->call == REPLAY_CHANGE && find_id(r, id) != NULL;
	pthread_mutex_unlock(&r->call_lock);
	if (!expected) {
		fuse_reply_err(req, ESTALE);
	}
	return expected;
}

static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (!is_ours(req)) {
		replay_of(req)->plain.open(req, ino, fi);
	} else if (is_expected(req, ino)) {
		fi->fh = (uintptr_t)&handle;
		fi->keep_cache = 1;
		fi->noflush = 1;
		fuse_reply_open(req, fi);
	}
}

/* Neither of these calls is answered with attributes, which might be older by then than what the kernel knows. */
static void
op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
	     struct fuse_file_info *fi)
{
	if (fi->fh == (uintptr_t)&handle) {
		fuse_reply_err(req, 0);
	} else {
		replay_of(req)->plain.fallocate(req, ino, mode, off, len, fi);
	}
}

static void
op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
	    int flags)
{
	if (!is_ours(req)) {
		replay_of(req)->plain.setxattr(req, ino, name, value, size, flags);
	} else if (is_expected(req, ino)) {
		fuse_reply_err(req, 0);
	}
}

/* Whether the file has capabilities to be taken away, as before each write. */
static void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	if (is_ours(req)) {
		fuse_reply_err(req, ENODATA);
	} else {
		replay_of(req)->plain.getxattr(req, ino, name, size);
	}
}

static void
op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int valid, struct fuse_file_info *fi)
{
	if (is_ours(req)) {
		fuse_reply_err(req, EIO);
	} else {
		replay_of(req)->plain.setattr(req, ino, st, valid, fi);
	}
}

/* The kernel looks at the directories on the way, too. */
static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct replay *r = replay_of(req);
	struct inode *i;
	struct stat st;
	struct cfs_attr a = {0};

	if (!is_ours(req)) {
		r->plain.getattr(req, ino, fi);
		return;
	}
	if ((ino & STAND_IN) != 0) {
		replay_stand_in(r->m, ino, CFS_DIR, &st);
		fuse_reply_attr(req, &st, 0);
		return;
	}
	i = inode_get(&r->m->inodes, ino);
	if (i != NULL) {
		pthread_mutex_lock(&i->lock);
		a = i->attr;
		pthread_mutex_unlock(&i->lock);
	}
	if (a.type == CFS_DIR) {
		reply_attr(req, &a, 0);
	} else {
		fuse_reply_err(req, ESTALE);
	}
	inode_put(&r->m->inodes, i);
}

static void
op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	if (is_ours(req)) {
		fuse_reply_err(req, 0);
	} else {
		replay_of(req)->plain.access(req, ino, mask);
	}
}

static void
op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (fi->fh == (uintptr_t)&handle) {
		fuse_reply_err(req, 0);
	} else {
		replay_of(req)->plain.flush(req, ino, fi);
	}
}

static void
op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (fi->fh == (uintptr_t)&handle) {
		fuse_reply_err(req, 0);
	} else {
		replay_of(req)->plain.release(req, ino, fi);
	}
}

void
replay_wrap(struct replay *r, struct fuse_lowlevel_ops *ops)
{
	r->plain = *ops;
	ops->lookup = op_lookup;
	ops->mknod = op_mknod;
	ops->mkdir = op_mkdir;
	ops->symlink = op_symlink;
	ops->unlink = op_unlink;
	ops->rmdir = op_rmdir;
	ops->rename = op_rename;
	ops->open = op_open;
	ops->fallocate = op_fallocate;
	ops->setxattr = op_setxattr;
	ops->getxattr = op_getxattr;
	ops->setattr = op_setattr;
	ops->getattr = op_getattr;
	ops->access = op_access;
	ops->flush = op_flush;
	ops->release = op_release;
}
