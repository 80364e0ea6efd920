/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mount.h"

/*
 * Listing directories. The kernel asks for a few kilobytes at a time; a handle holds the listing that the last question to
 * the server brought, so that one serves many of the kernel's. Offsets are the server's cookies, shifted by the two
 * places of "." and "..", and stay good while others change the directory.
 */

/* Rows that one question brings at most (a row takes about 200 bytes). */
#define ROWS_MAX 16384u

enum { OFF_START, OFF_DOT, OFF_DOTDOT };

struct dir {
	pthread_mutex_t lock;
	struct cfs_ref ref;
	struct listing *listing;
};

static struct dir *
dir_of(const struct fuse_file_info *fi)
{
	return (struct dir *)(uintptr_t)fi->fh;
}

static void
dir_free(struct mount *m, struct dir *d)
{
	listing_put(&m->listings, d->listing);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct dir *d = calloc(1, sizeof *d);

	if (d == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	d->ref = inode_ref(&m->inodes, ino);
	if (name_removals(m)) {
		/* What is in here goes next. */
		cfs_lease_ask(m->c, d->ref);
	}
	pthread_mutex_init(&d->lock, NULL);
	fi->fh = (uintptr_t)d;
	if (fuse_reply_open(req, fi) == -ENOENT) {
		dir_free(m, d);
	}
}

static void
op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	dir_free(mount_of(req), dir_of(fi));
	reply_code(req, 0);
}

static int
fetch(struct mount *m, struct dir *d, uint64_t after)
{
	int rc;

	listing_put(&m->listings, d->listing);
	d->listing = NULL;
	if (after != 0) {
		return listing_fetch(m, d->ref, after, ROWS_MAX, &d->listing);
	}
	rc = listing_obtain(m, d->ref, ROWS_MAX, &d->listing);
	if (rc == 0) {
		ahead_listed(&m->ahead, d->listing);
	}
	return rc;
}

/* Index of the row behind a cookie, asking the server if it is not here; the number of rows at the end of the directory. */
static int
seek_row(struct mount *m, struct dir *d, uint64_t after, size_t *index_out)
{
	const struct listing *g = d->listing;
	size_t lo = 0, hi = g != NULL ? g->n : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (g->rows[mid].cookie <= after) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	*index_out = lo;
	/* The rows at hand answer if they reach from before the cookie to behind it, or to the end. */
	if (g != NULL && g->after <= after && (lo < g->n || g->eof)) {
		return 0;
	}
	*index_out = 0;
	return fetch(m, d, after);
}

struct reply {
	fuse_req_t req;
	struct mount *m;
	bool plus;
	char *buf;
	size_t size, used;
	uint64_t *counted; /* inodes that it looks up */
	size_t n_counted;
	struct inode *dir; /* NULL: without memory for it nothing is looked up */
};

/* Less than what the smallest entry with attributes takes. */
#define ENTRY_MIN 128u

/* Adds a name without a look-up; false if it does not fit any more. */
static bool
add_plain(struct reply *r, const char *name, const struct cfs_attr *a, off_t next)
{
	struct fuse_entry_param e;
	char *at = r->buf + r->used;
	size_t left = r->size - r->used, need;

	memset(&e, 0, sizeof e);
	attr_to_stat(r->m, a, &e.attr);
	/* Node 0 says that the kernel learns nothing but the name, number and type, and counts no look-up. */
	need = r->plus ? fuse_add_direntry_plus(r->req, at, left, name, &e, next)
		       : fuse_add_direntry(r->req, at, left, name, &e.attr, next);
	if (need > left) {
		return false;
	}
	r->used += need;
	return true;
}

/* Adds a name and looks it up for the kernel. */
static bool
add_entry(struct reply *r, const char *name, const struct cfs_attr *a, uint64_t asked_ns,
	  off_t next)
{
	struct fuse_entry_param e;
	size_t left = r->size - r->used;
	size_t need = fuse_add_direntry_plus(r->req, NULL, 0, name, NULL, next);

	if (need > left || !attr_to_entry(r->m, r->dir, name, a, asked_ns, &e)) {
		return false;
	}
	r->used += fuse_add_direntry_plus(r->req, r->buf + r->used, left, name, &e, next);
	r->counted[r->n_counted++] = e.ino;
	return true;
}

static bool
add_row(struct reply *r, struct listing *g, const struct listing_row *row)
{
	const char *name = g->names + row->name;
	off_t next = (off_t)(row->cookie + OFF_DOTDOT);

	/*
	 * What is not known to be as the kernel knows it must not be told with attributes: the kernel would believe an old size.
	 */
	if (r->plus && r->dir != NULL && listing_row_is_good(r->m, g, row)) {
		return add_entry(r, name, &row->attr, g->asked_ns, next);
	}
	return add_plain(r, name, &row->attr, next);
}

/* "." and ".." by their numbers alone; the kernel looks nothing up for them. */
static bool
add_dots(struct reply *r, const struct dir *d, uint64_t *place)
{
	struct cfs_attr self = {.ref.ino = d->ref.ino, .type = CFS_DIR}, parent = self;

	if (d->listing->parent != 0 && d->ref.ino != r->m->top.ino) {
		parent.ref.ino = d->listing->parent;
	}
	if (*place == OFF_START) {
		if (!add_plain(r, ".", &self, OFF_DOT)) {
			return false;
		}
		*place = OFF_DOT;
	}
	if (*place == OFF_DOT) {
		if (!add_plain(r, "..", &parent, OFF_DOTDOT)) {
			return false;
		}
		*place = OFF_DOTDOT;
	}
	return true;
}

static int
list(struct reply *r, struct dir *d, uint64_t place)
{
	size_t i;
	int rc = 0;

	if (place == OFF_START || place == OFF_DOT) {
		/* ".." needs the parent's number, which comes with the first rows; a rewind reads anew. */
		rc = fetch(r->m, d, 0);
		if (rc != 0 || !add_dots(r, d, &place)) {
			return rc;
		}
	}
	rc = seek_row(r->m, d, place - OFF_DOTDOT, &i);
	while (rc == 0 && i < d->listing->n && add_row(r, d->listing, &d->listing->rows[i])) {
		i++;
	}
	return r->used > 0 ? 0 : rc;
}

static void
read_dir(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct dir *d = dir_of(fi);
	struct mount *m = mount_of(req);
	struct reply r = {.req = req, .m = m, .plus = plus, .size = size};
	int rc;

	r.buf = malloc(size);
	r.counted = calloc(size / ENTRY_MIN + 1, sizeof *r.counted);
	if (r.buf == NULL || r.counted == NULL) {
		fuse_reply_err(req, ENOMEM);
		goto out;
	}
	r.dir = inode_obtain(&m->inodes, d->ref);
	pthread_mutex_lock(&d->lock);
	rc = list(&r, d, (uint64_t)off);
	pthread_mutex_unlock(&d->lock);
	if (rc != 0) {
		/* What is gone has no entries any more. */
		reply_code(req, rc == CFS_ESTALE ? CFS_ENOENT : rc);
	} else if (fuse_reply_buf(req, r.buf, r.used) == -ENOENT) {
		/* The kernel did not take the answer: it counted no look-up. */
		while (r.n_counted > 0) {
			inode_forget(&m->inodes, r.counted[--r.n_counted], 1);
		}
	}
out:
	inode_put(&m->inodes, r.dir);
	free(r.counted);
	free(r.buf);
}

static void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	read_dir(req, size, off, fi, false);
}

static void
op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	read_dir(req, size, off, fi, true);
}

/* Every earlier change of this mount is on stable storage. */
static void
op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	reply_code(req, cfs_sync(mount_of(req)->c, NULL));
}

void
ops_dirs(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = op_opendir;
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->releasedir = op_releasedir;
	ops->fsyncdir = op_fsyncdir;
}
