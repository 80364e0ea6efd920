/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/time.h"
#include "mount.h"
#include "place.h"

/* What suits cp and cat: as large as the kernel's own reading ahead, and no waste for those who read lines. */
#define IO_BLOCK (128 * 1024)

struct mount *
mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static mode_t
type_bits(enum cfs_type type)
{
	static const mode_t bits[] = {
	    [CFS_FILE] = S_IFREG,  [CFS_DIR] = S_IFDIR, [CFS_SYMLINK] = S_IFLNK,
	    [CFS_FIFO] = S_IFIFO,  [CFS_CHR] = S_IFCHR, [CFS_BLK] = S_IFBLK,
	    [CFS_SOCK] = S_IFSOCK,
	};

	/* A type from the future is a file that nobody can do much with. */
	return (unsigned)type < sizeof bits / sizeof *bits ? bits[type] : S_IFREG;
}

static struct timespec
to_timespec(int64_t ns)
{
	int64_t s = ns / NS_PER_S, rest = ns % NS_PER_S;

	/* Before 1970 the remainder is negative; tv_nsec must not be. */
	if (rest < 0) {
		s--;
		rest += NS_PER_S;
	}
	return (struct timespec){.tv_sec = s, .tv_nsec = (long)rest};
}

bool
attr_is_own(const struct mount *m, const struct cfs_attr *a)
{
	return a->owner == cfs_whoami(m->c)->user_id;
}

void
attr_to_stat(const struct mount *m, const struct cfs_attr *a, struct stat *st)
{
	memset(st, 0, sizeof *st);
	st->st_ino = inode_id(&m->inodes, a->ref.ino);
	st->st_mode = type_bits(a->type) | (a->mode & 07777);
	if (!m->stored_ids) {
		st->st_mode &= ~(m->umask | (attr_is_own(m, a) ? 0 : (mode_t)0222));
	}
	st->st_nlink = a->nlink;
	st->st_uid = m->stored_ids ? a->uid : m->uid;
	st->st_gid = m->stored_ids ? a->gid : m->gid;
	st->st_size = a->type == CFS_DIR ? 4096 : (off_t)a->size;
	st->st_blocks = (blkcnt_t)((a->stored + 511) / 512);
	st->st_blksize = IO_BLOCK;
	st->st_rdev = (dev_t)a->rdev;
	st->st_atim = to_timespec(a->atime_ns);
	st->st_mtim = to_timespec(a->mtime_ns);
	st->st_ctim = to_timespec(a->ctime_ns);
}

double
time_left(const struct mount *m, double timeout, uint64_t epoch)
{
	double left = (double)cfs_promised_ns(m->c, epoch) * 1e-9;

	return left < timeout ? left : timeout;
}

double
name_time_left(const struct mount *m, double timeout, uint64_t epoch, const struct inode *dir,
	       uint64_t asked_ns)
{
	if (dir == NULL || inode_is_shared(dir) || asked_ns <= atomic_load(&dir->shared_ns)) {
		return 0;
	}
	return time_left(m, timeout, epoch);
}

/* Of attributes that may have been changed since they were asked for. */
static double
attr_time_left(struct mount *m, const struct cfs_attr *a, uint64_t asked_ns)
{
	pages_await_lapsed(&m->pages, a->ref.ino);
	return inodes_unchanged(&m->inodes, a, asked_ns)
		   ? time_left(m, m->attr_timeout, a->promise_epoch)
		   : 0;
}

bool
attr_to_entry(struct mount *m, const struct inode *dir, const char *name, const struct cfs_attr *a,
	      uint64_t asked_ns, struct fuse_entry_param *e)
{
	uint64_t place = dir != NULL ? place_of(dir->ref.ino, name, strlen(name)) : 0;

	memset(e, 0, sizeof *e);
	e->ino = inode_id(&m->inodes, a->ref.ino);
	e->generation = a->ref.gen;
	e->attr_timeout = attr_time_left(m, a, asked_ns);
	e->entry_timeout = name_time_left(m, m->entry_timeout, a->promise_epoch, dir, asked_ns);
	attr_to_stat(m, a, &e->attr);
	return inode_remember(&m->inodes, a, dir != NULL ? dir->ref.ino : 0, place, asked_ns);
}

void
reply_code(fuse_req_t req, int code)
{
	fuse_reply_err(req, err_to_errno(code));
}

void
reply_attr(fuse_req_t req, const struct cfs_attr *a, uint64_t asked_ns)
{
	struct mount *m = mount_of(req);
	struct stat st;

	attr_to_stat(m, a, &st);
	fuse_reply_attr(req, &st, attr_time_left(m, a, asked_ns));
}

void
reply_entry(fuse_req_t req, const struct inode *dir, const char *name, const struct cfs_attr *a,
	    uint64_t asked_ns)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e;

	if (!attr_to_entry(m, dir, name, a, asked_ns, &e)) {
		fuse_reply_err(req, ENOMEM);
	} else if (fuse_reply_entry(req, &e) == -ENOENT) {
		/* Interrupted: the kernel does not count this look-up. */
		inode_forget(&m->inodes, e.ino, 1);
	}
}
