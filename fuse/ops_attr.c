/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/time.h"
#include "mount.h"

/* Attributes: what stat, chmod, truncate, touch, access and df ask for. */

/* Bits of cfs_setattr.valid, see client/cfs.h. */
enum {
	SET_MODE = 1,
	SET_UID = 2,
	SET_GID = 4,
	SET_SIZE = 8,
	SET_ATIME = 16,
	SET_MTIME = 32,
	SET_ATIME_NOW = 64,
	SET_MTIME_NOW = 128,
};

static bool
is_remembered(struct mount *m, struct inode *i, struct cfs_attr *out, uint64_t *asked_ns_out)
{
	bool good;

	pthread_mutex_lock(&i->lock);
	/* A name that was removed or moved may have been this one's. */
	good = i->attr_ns != 0 && m->fresh_ns > 0 &&
	       cfs_promised_ns(m->c, i->attr.promise_epoch) > 0 &&
	       atomic_load(&m->inodes.linked_ns) < i->attr_ns && inode_is_unchanged(i, i->attr_ns);
	if (good) {
		*out = i->attr;
		*asked_ns_out = i->attr_ns;
	}
	pthread_mutex_unlock(&i->lock);
	return good;
}

/* Sends what was written first; false if there is no such thing, or it failed (then the size is as the writer sees it). */
static bool
look_behind_writes(struct inode *i, struct cfs_attr *out, uint64_t *size_out)
{
	int rc;

	if ((!atomic_load(&i->dirty) && atomic_load(&i->changing) == 0) || !inode_share(i)) {
		return false;
	}
	rc = inode_flush(i, out);
	if (rc != 0) {
		*size_out = cfs_file_size(i->file);
	}
	inode_close(i);
	return rc == 0;
}

/* A directory that was removed goes on without entries for who is in it, as its files do for who has them open. */
static bool
was_directory(struct inode *i, struct cfs_attr *out)
{
	bool was;

	pthread_mutex_lock(&i->lock);
	was = i->attr_ns != 0 && i->attr.type == CFS_DIR;
	if (was) {
		*out = i->attr;
		out->nlink = 0;
	}
	pthread_mutex_unlock(&i->lock);
	return was;
}

static int
look(struct mount *m, struct inode *i, bool remembered, struct cfs_attr *out,
     uint64_t *asked_ns_out)
{
	uint64_t size = UINT64_MAX;
	int rc;

	if (remembered && is_remembered(m, i, out, asked_ns_out)) {
		return 0;
	}
	*asked_ns_out = now_mono_ns();
	if (look_behind_writes(i, out, &size)) {
		return 0;
	}
	rc = cfs_getattr(m->c, i->ref, out, NULL);
	if (rc == CFS_ESTALE && was_directory(i, out)) {
		return 0;
	}
	if (rc == 0 && size != UINT64_MAX) {
		out->size = size;
	} else if (rc == 0) {
		inode_note(i, out, *asked_ns_out);
	}
	return rc;
}

int
inode_look(struct mount *m, struct inode *i, bool remembered, struct cfs_attr *out,
	   uint64_t *asked_ns_out)
{
	int rc = look(m, i, remembered, out, asked_ns_out);

	if (rc == 0 && out->nlink == 0 && out->type == CFS_FILE) {
		holder_note(m, i);
	}
	return rc;
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	struct cfs_attr a;
	uint64_t asked_ns;
	/* The kernel asks again after each read, for the time of the last access alone. */
	int rc = i != NULL ? inode_look(m, i, true, &a, &asked_ns) : CFS_ESTALE;

	(void)fi;
	if (rc == 0) {
		if (inode_is_past(i, &a)) {
			a.mode &= ~UINT32_C(0222);
		}
		reply_attr(req, &a, asked_ns);
	} else {
		reply_code(req, rc);
	}
	inode_put(&m->inodes, i);
}

static int64_t
to_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

/* The kernel's mask in the protocol's bits. */
static struct cfs_setattr
setattr_request(struct cfs_ref ref, const struct stat *st, int to_set)
{
	static const struct {
		int fuse;
		uint32_t cfs;
	} bits[] = {
	    {FUSE_SET_ATTR_MODE, SET_MODE},
	    {FUSE_SET_ATTR_UID, SET_UID},
	    {FUSE_SET_ATTR_GID, SET_GID},
	    {FUSE_SET_ATTR_SIZE, SET_SIZE},
	    {FUSE_SET_ATTR_ATIME, SET_ATIME},
	    {FUSE_SET_ATTR_MTIME, SET_MTIME},
	    {FUSE_SET_ATTR_ATIME_NOW, SET_ATIME_NOW},
	    {FUSE_SET_ATTR_MTIME_NOW, SET_MTIME_NOW},
	};
	struct cfs_setattr set = {
	    .ref = ref,
	    .mode = st->st_mode & 07777,
	    .uid = st->st_uid,
	    .gid = st->st_gid,
	    .size = (uint64_t)st->st_size,
	    .atime_ns = to_ns(&st->st_atim),
	    .mtime_ns = to_ns(&st->st_mtim),
	};

	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
		if ((to_set & bits[i].fuse) != 0) {
			set.valid |= bits[i].cfs;
		}
	}
	/* "Now" comes together with the plain bit. */
	if ((set.valid & SET_ATIME_NOW) != 0) {
		set.valid &= ~(uint32_t)SET_ATIME;
	}
	if ((set.valid & SET_MTIME_NOW) != 0) {
		set.valid &= ~(uint32_t)SET_MTIME;
	}
	return set;
}

/* With ids=mine everything is the mounting user's: giving it to him changes nothing, to anybody else is refused. */
static int
check_owner(const struct mount *m, struct cfs_setattr *set)
{
	bool same = ((set->valid & SET_UID) == 0 || set->uid == m->uid) &&
		    ((set->valid & SET_GID) == 0 || set->gid == m->gid);

	if (m->stored_ids) {
		return 0;
	}
	set->valid &= ~(uint32_t)(SET_UID | SET_GID);
	return same ? 0 : CFS_EPERM;
}

/* Changes attributes, behind what was written; an open file learns of a new size. */
static int
set_attr(struct mount *m, struct inode *i, const struct cfs_setattr *set, struct cfs_attr *out)
{
	bool open = inode_share(i);
	int rc = 0;

	if (open && atomic_load(&i->dirty)) {
		rc = inode_flush(i, NULL);
	}
	inode_change_begin(i);
	if (rc == 0) {
		rc = cfs_setattr(m->c, set, CFS_VISIBLE, out, NULL);
	}
	if (rc == 0 && open && (set->valid & SET_SIZE) != 0) {
		rc = cfs_file_truncate(i->file, set->size, NULL);
	}
	inode_change_end(i);
	if (open) {
		inode_close(i);
	}
	return rc;
}

int
inode_truncate(struct mount *m, struct inode *i, uint64_t size, struct cfs_attr *out)
{
	const struct cfs_setattr set = {.ref = i->ref, .valid = SET_SIZE, .size = size};

	return set_attr(m, i, &set, out);
}

static void
op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	struct cfs_setattr set = {0};
	struct cfs_attr a;
	uint64_t asked_ns = 0;
	int rc = i != NULL ? 0 : CFS_ESTALE;

	(void)fi;
	if (rc == 0) {
		set = setattr_request(i->ref, st, to_set);
		rc = check_owner(m, &set);
	}
	if (rc == 0 && set.valid == 0) {
		rc = inode_look(m, i, false, &a, &asked_ns);
	} else if (rc == 0) {
		rc = set_attr(m, i, &set, &a);
		asked_ns = now_mono_ns();
		if (rc == 0) {
			cfs_promise_check(m->c, &a);
		}
	}
	if (rc == 0) {
		reply_attr(req, &a, asked_ns);
	} else {
		reply_code(req, rc);
	}
	inode_put(&m->inodes, i);
}

/* The kernel asks this without default_permissions; reading is for the server to refuse. */
static void
op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct mount *m = mount_of(req);
	struct inode *i;
	struct cfs_attr a;
	uint64_t asked_ns;
	int rc = 0;

	if ((mask & (W_OK | X_OK)) == 0) {
		reply_code(req, 0);
		return;
	}
	i = inode_get(&m->inodes, ino);
	rc = i != NULL ? inode_look(m, i, true, &a, &asked_ns) : CFS_ESTALE;
	if (rc == 0 && (mask & W_OK) != 0 && m->read_only) {
		rc = CFS_EREADONLY;
	} else if (rc == 0 && (((mask & W_OK) != 0 && !attr_is_own(m, &a)) ||
			       ((mask & X_OK) != 0 && a.type != CFS_DIR && (a.mode & 0111) == 0))) {
		rc = CFS_EDENIED;
	}
	reply_code(req, rc);
	inode_put(&m->inodes, i);
}

/* The server's word on its space; while there is no line, or no answer, what it said last. */
static int
ask_space(struct mount *m, struct cfs_space *out)
{
	bool known = atomic_load(&m->total_bytes) != 0;
	int rc = known && !cfs_is_online(m->c) ? CFS_ENET : cfs_statfs(m->c, out, NULL);

	if (rc == 0) {
		atomic_store(&m->total_bytes, out->total_bytes);
		atomic_store(&m->free_bytes, out->free_bytes);
	} else if (known && (rc == CFS_ENET || rc == CFS_ETIMEDOUT)) {
		*out = (struct cfs_space){.total_bytes = atomic_load(&m->total_bytes),
					  .free_bytes = atomic_load(&m->free_bytes)};
		rc = 0;
	}
	return rc;
}

static void
op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	struct cfs_space space;
	int rc = ask_space(m, &space);

	(void)ino;
	if (rc != 0) {
		reply_code(req, rc);
		return;
	}
	fuse_reply_statfs(
	    req,
	    &(const struct statvfs){
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_blocks = space.total_bytes / 4096,
		.f_bfree = space.free_bytes / 4096,
		.f_bavail = space.free_bytes / 4096,
		/* There is no limit of inodes; what cannot be counted is 0, as btrfs does it. */
		.f_namemax = 255,
	    });
}

void
ops_attrs(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = op_getattr;
	ops->setattr = op_setattr;
	ops->access = op_access;
	ops->statfs = op_statfs;
}
