/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/time.h"
#include "handle.h"
#include "mount.h"
#include "place.h"

/* Open files. All handles of an inode share one cfs_file, so that each sees what the others wrote. */

static bool
for_reading(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) == O_RDONLY;
}

static bool
is_append(const struct fuse_file_info *fi)
{
	return (fi->flags & O_APPEND) != 0;
}

static void
drop_handle(struct inode *i, struct handle *h)
{
	if (h->writes) {
		pages_unbar(i);
	}
	free(h);
}

/*
 * Makes a handle, which takes the caller's hold of the inode until release. A file of the own tree is always opened to be
 * written, so that a later handle that writes can share it; what a handle may do is the kernel's business.
 */
static int
attach(struct mount *m, struct inode *i, const struct cfs_attr *a, struct fuse_file_info *fi)
{
	/* What has no name any more is opened here as an old version alone (versions.h). */
	bool writable = !m->read_only && attr_is_own(m, a) && a->nlink > 0, keep_cache = false;
	struct handle *h;
	int rc;

	if (!writable && !for_reading(fi)) {
		return m->read_only ? CFS_EREADONLY : CFS_EDENIED;
	}
	h = calloc(1, sizeof *h);
	if (h == NULL) {
		return CFS_ENOMEM;
	}
	h->writes = !for_reading(fi);
	h->searched = attr_is_own(m, a) && (fi->flags & O_DIRECT) == 0;
	/* An OPEN has waited for what is being stored; for a CREATE of a file that was there the kernel comes again, with an OPEN. */
	rc = h->writes && !pages_bar(&m->pages, i) ? CFS_ESTALE : 0;
	if (rc == 0) {
		rc = inode_open(m->c, i, a, writable, &keep_cache);
	}
	fi->keep_cache = keep_cache;
	/* Pages are of no use to who appends, and would stand where the kernel guessed. A handle that reads may be mapped. */
	fi->direct_io = is_append(fi) && (fi->flags & O_ACCMODE) == O_WRONLY;
	/* What is only read needs no flush at close(2), but that gives back its owner's locks. */
	fi->noflush = for_reading(fi) && m->locks.local_bytes;
	if (rc != 0) {
		drop_handle(i, h);
		return rc;
	}
	h->inode = i;
	fi->fh = (uintptr_t)h;
	return 0;
}

static void
detach(struct mount *m, const struct fuse_file_info *fi)
{
	struct inode *i = handle_inode(fi);

	inode_close(i);
	drop_handle(i, handle_of(fi));
	inode_put(&m->inodes, i);
}

static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	struct cfs_attr a;
	uint64_t asked_ns;
	bool attached = false, past = false;
	int rc = i != NULL ? inode_look(m, i, true, &a, &asked_ns) : CFS_ESTALE;

	if (rc == 0) {
		past = inode_is_past(i, &a);
		rc = attach(m, i, &a, fi);
		attached = rc == 0;
	}
	if (rc == 0 && !past && !place_is_known(&m->inodes, i)) {
		holder_hold(m, i);
	}
	if (rc == 0 && (fi->flags & O_TRUNC) != 0) {
		fi->keep_cache = 0;
		rc = inode_truncate(m, i, 0, &a);
	}
	if (rc == 0 && for_reading(fi) && !fi->keep_cache) {
		ahead_opened(&m->ahead, i, &a);
	}
	if (rc == 0) {
		rc = fuse_reply_open(req, fi) == -ENOENT ? CFS_ECANCELED : 0;
	} else {
		reply_code(req, rc);
	}
	if (rc != 0 && attached) {
		detach(m, fi);
	} else if (rc != 0) {
		inode_put(&m->inodes, i);
	}
}

/* The change goes on until name_change_end(). A new file, or one that somebody else made between the kernel's look-up and now: without O_EXCL that is no error. */
static int
create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, int flags,
       struct name_change *n, struct cfs_attr *a)
{
	struct mount *m = mount_of(req);
	const struct fuse_ctx *who = fuse_req_ctx(req);
	struct cfs_create make = {
	    .name = name,
	    .type = CFS_FILE,
	    .mode = mode & 07777,
	    .uid = who->uid,
	    .gid = who->gid,
	};
	int rc = name_change_begin(m, parent, name, n);

	if (rc == 0) {
		make.dir = n->dir->ref;
		rc = dir_code(n->dir, cfs_create(m->c, &make, CFS_VISIBLE, NULL, a, NULL));
	}
	if (rc == CFS_EEXIST && (flags & O_EXCL) == 0) {
		rc = cfs_lookup(m->c, make.dir, name, a, NULL);
		if (rc == 0 && a->type == CFS_DIR) {
			rc = CFS_EISDIR;
		} else if (rc == 0 && a->type != CFS_FILE) {
			/* The kernel looks again, and follows it or opens it itself. */
			rc = CFS_ESTALE;
		}
	}
	return rc;
}

static void
op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	  struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e = {0};
	struct inode *i = NULL;
	struct name_change n;
	struct cfs_attr a;
	uint64_t now;
	int rc = create(req, parent, name, mode, fi->flags, &n, &a);

	now = now_mono_ns();
	if (rc == 0) {
		cfs_promise_check(m->c, &a);
	}
	if (rc == 0) {
		i = inode_obtain(&m->inodes, a.ref);
		rc = i != NULL ? attach(m, i, &a, fi) : CFS_ENOMEM;
	}
	if (rc == 0 && (fi->flags & O_TRUNC) != 0 && a.size > 0) {
		rc = inode_truncate(m, i, 0, &a);
		if (rc != 0) {
			detach(m, fi);
			i = NULL;
		}
	}
	if (rc != 0) {
		inode_put(&m->inodes, i);
		reply_code(req, rc);
	} else if (!attr_to_entry(m, n.dir, name, &a, now, &e)) {
		detach(m, fi);
		fuse_reply_err(req, ENOMEM);
	} else if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		inode_forget(&m->inodes, e.ino, 1);
		detach(m, fi);
	}
	name_change_end(m, &n);
}

/* The kernel asks again at once for what it could not read ahead: what had no answer in its time does not get it twice. */
#define READ_AGAIN_NS (200 * (uint64_t)1000000)

static int
read_view(struct mount *m, struct inode *i, size_t size, off_t off, struct cfs_view *v)
{
	uint64_t unread = atomic_load(&i->unread_ns);
	int rc;

	if (unread != 0 && now_mono_ns() - unread < READ_AGAIN_NS && !cfs_is_online(m->c)) {
		return CFS_ENET;
	}
	rc = cfs_file_view(i->file, size, (uint64_t)off, v, NULL);
	if (rc == CFS_ENET || rc == CFS_ETIMEDOUT) {
		atomic_store(&i->unread_ns, now_mono_ns());
	}
	return rc;
}

/* From the server; what is being stored stands over that. */
static void
read_and_reply(fuse_req_t req, struct inode *i, struct pages_read *r)
{
	struct cfs_view v;
	int rc = read_view(mount_of(req), i, r->size, (off_t)r->offset, &v);

	if (rc < 0) {
		reply_code(req, rc);
		return;
	}
	if (r->copy == NULL) {
		fuse_reply_buf(req, v.data, v.len);
	} else {
		memcpy(r->copy, v.data, min_size(v.len, r->from));
		if (v.len > r->to) {
			memcpy(r->copy + r->to, (const char *)v.data + r->to, v.len - r->to);
		}
		fuse_reply_buf(req, (const char *)r->copy, max_size(v.len, r->to));
	}
	cfs_view_done(&v);
}

static void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct inode *i = handle_inode(fi);
	/* Once it is answered the program may close, and the handle and its inode go. */
	struct inode *held = inode_get(&m->inodes, ino);
	bool counts = handle_of(fi)->searched;
	uint64_t began = now_mono_ns();
	struct pages_read r;
	int rc = pages_read_begin(&m->pages, i, (uint64_t)off, size, &r);

	if (rc == 0) {
		rc = handle_check(fi);
	}
	if (rc < 0) {
		reply_code(req, rc);
	} else if (r.copy != NULL && r.to - r.from == size) {
		fuse_reply_buf(req, (const char *)r.copy, size);
	} else {
		read_and_reply(req, i, &r);
	}
	pages_read_end(&m->pages, &r);
	around_read(&m->around, i, (uint64_t)off, size, now_mono_ns() - began, counts && rc == 0);
	inode_put(&m->inodes, held);
}

static void
op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	 struct fuse_file_info *fi)
{
	struct inode *i = handle_inode(fi);
	ssize_t n = handle_check(fi);

	(void)ino;
	if (n == 0) {
		n = inode_take_error(i);
	}
	if (n == 0) {
		uintptr_t writer = handle_number(&handle_of(fi)->locks);

		inode_change_begin(i);
		if (!atomic_load(&i->dirty)) {
			atomic_store(&i->writer, writer);
		} else if (atomic_load(&i->writer) != writer) {
			atomic_store(&i->writer, 1);
		}
		atomic_store(&i->dirty, true);
		/* The offset of a handle that appends is the kernel's guess; the server knows. */
		n = is_append(fi) && !fi->writepage
			? cfs_file_append(i->file, buf, size, NULL)
			: cfs_file_pwrite(i->file, buf, size, (uint64_t)off, NULL);
		inode_change_end(i);
	}
	if (n < 0) {
		reply_code(req, (int)n);
	} else {
		fuse_reply_write(req, (size_t)n);
	}
}

/* close(2) of one descriptor: everything written is visible to everybody when it returns, or an error says why not. */
static void
op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct inode *i = handle_inode(fi);
	int rc, flushed = 0;

	(void)ino;
	/* A handle that only reads asks for no flush, and what it was opened for is not said here. */
	if (atomic_load(&i->dirty) || atomic_load(&i->changing) > 0) {
		struct cfs_attr a;

		flushed = inode_flush(i, &a);
	}
	handle_flushed(mount_of(req), i, &handle_of(fi)->locks, fi->lock_owner);
	rc = inode_take_error(i);
	if (rc == 0 && flushed == CFS_ECANCELED) {
		rc = flushed;
	}
	reply_code(req, rc != 0 ? rc : handle_check(fi));
}

static void
op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct inode *i = handle_inode(fi);
	int rc, earlier;

	(void)ino;
	(void)datasync;
	inode_change_begin(i);
	rc = cfs_file_fsync(i->file, NULL);
	inode_change_end(i);
	earlier = inode_take_error(i);
	rc = rc != 0 ? rc : earlier;
	reply_code(req, rc != 0 ? rc : handle_check(fi));
}

static void
op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_released(mount_of(req), handle_inode(fi), &handle_of(fi)->locks, fi->flock_release,
			fi->lock_owner);
	detach(mount_of(req), fi);
	reply_code(req, 0);
}

void
ops_files(struct fuse_lowlevel_ops *ops)
{
	ops->open = op_open;
	ops->create = op_create;
	ops->read = op_read;
	ops->write = op_write;
	ops->flush = op_flush;
	ops->fsync = op_fsync;
	ops->release = op_release;
}
