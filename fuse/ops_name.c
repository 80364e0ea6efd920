/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/time.h"
#include "mount.h"
#include "place.h"

/* Names: look-up, making, removing, renaming, links. */

/* ---- look-up */

/* What a whole listing costs beside one round trip, and how large one may be to be worth it. */
#define ROW_NS         UINT64_C(4000)
#define SEARCH_ROWS    4096u
#define ROWS_UNKNOWN   256u
#define SEARCH_PAUSE_S 10
/* Far away, a listing of so many rows is asked for at once. */
#define FAR_ROWS       256u

/*
 * One look-up after the other in one directory is a search: when they have cost as much as a listing of it would, the listing
 * is asked for, which answers the rest. So a search costs at most twice what it could, and usually far less.
 */
static bool
note_search(struct inode *dir, uint64_t began_ns, uint64_t took_ns)
{
	uint64_t rows, cost;
	bool list;

	pthread_mutex_lock(&dir->lock);
	if (began_ns < dir->search_from_ns) {
		/* It was tried lately, and the directory is too large. */
		pthread_mutex_unlock(&dir->lock);
		return false;
	}
	if (began_ns - dir->search_from_ns > (uint64_t)NS_PER_S) {
		dir->searched_ns = 0;
	}
	dir->search_from_ns = began_ns;
	dir->searched_ns += took_ns;
	rows = dir->attr_ns != 0 ? dir->attr.size : ROWS_UNKNOWN;
	cost = took_ns + rows * ROW_NS;
	list = rows <= SEARCH_ROWS && dir->searched_ns > cost;
	pthread_mutex_unlock(&dir->lock);
	return list;
}

static void
list_searched(struct mount *m, struct inode *dir)
{
	struct listing *g = NULL;

	if (listing_obtain(m, dir->ref, SEARCH_ROWS, &g) != 0 || !g->eof) {
		pthread_mutex_lock(&dir->lock);
		dir->search_from_ns = now_mono_ns() + SEARCH_PAUSE_S * (uint64_t)NS_PER_S;
		pthread_mutex_unlock(&dir->lock);
	}
	listing_put(&m->listings, g);
}

/*
 * Where a round trip takes long, the listing of a small directory costs no more than the look-up of one name, and answers
 * the next ones too.
 */
static bool
is_worth_listing(struct mount *m, struct inode *dir)
{
	bool worth;

	if (!mount_is_far(m)) {
		return false;
	}
	pthread_mutex_lock(&dir->lock);
	worth =
	    dir->attr_ns != 0 && dir->attr.size <= FAR_ROWS && now_mono_ns() >= dir->search_from_ns;
	pthread_mutex_unlock(&dir->lock);
	return worth;
}

/* Asks the server; what this mount wrote to the file and did not send yet counts. */
static int
ask(struct mount *m, struct inode *dir, const char *name, struct cfs_attr *a, uint64_t *asked_ns)
{
	struct inode *i;
	int rc;

	*asked_ns = now_mono_ns();
	rc = ahead_wants_content(&m->ahead) ? cfs_lookup_ahead(m->c, dir->ref, name, a, NULL)
					    : cfs_lookup(m->c, dir->ref, name, a, NULL);
	atomic_store(&m->look_ns, now_mono_ns() - *asked_ns);
	if (note_search(dir, *asked_ns, now_mono_ns() - *asked_ns)) {
		list_searched(m, dir);
	}
	if (rc != 0 || inodes_unchanged(&m->inodes, a, *asked_ns)) {
		return rc;
	}
	i = inode_get(&m->inodes, inode_id(&m->inodes, a->ref.ino));
	if (i != NULL) {
		rc = inode_look(m, i, false, a, asked_ns);
		inode_put(&m->inodes, i);
	}
	return rc;
}

int
name_look(struct mount *m, struct inode *dir, const char *name, struct cfs_attr *a,
	  uint64_t *asked_ns, bool *asked_out)
{
	enum listing_answer answer;

	/* The kernel asks for names that could not be made, too. */
	if (strlen(name) > NAME_MAX) {
		return CFS_ENAMETOOLONG;
	}
	answer = listings_find(m, dir->ref.ino, name, a, asked_ns);

	if (answer == LISTING_UNKNOWN && is_worth_listing(m, dir)) {
		list_searched(m, dir);
		answer = listings_find(m, dir->ref.ino, name, a, asked_ns);
	}
	*asked_out = answer == LISTING_UNKNOWN;
	if (answer == LISTING_UNKNOWN) {
		return ask(m, dir, name, a, asked_ns);
	}
	return answer == LISTING_FOUND ? 0 : CFS_ENOENT;
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct inode *dir = inode_get(&m->inodes, parent);
	struct inode *found = NULL;
	struct cfs_attr a = {0};
	uint64_t asked_ns = 0;
	bool asked = false;
	int rc = dir != NULL ? dir_code(dir, name_look(m, dir, name, &a, &asked_ns, &asked))
			     : CFS_ESTALE;

	if (rc == 0 && asked && (found = inode_obtain(&m->inodes, a.ref)) != NULL) {
		atomic_store(&found->looked_up, true);
	}
	if (rc == 0) {
		reply_entry(req, dir, name, &a, asked_ns);
	} else if (rc == CFS_ENOENT && m->negative_timeout > 0 && a.promise_epoch != 0) {
		const struct fuse_entry_param none = {
		    .entry_timeout =
			name_time_left(m, m->negative_timeout, a.promise_epoch, dir, asked_ns)};

		fuse_reply_entry(req, &none);
	} else {
		reply_code(req, rc);
	}
	inode_put(&m->inodes, found);
	inode_put(&m->inodes, dir);
}

static void
op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	inode_forget(&mount_of(req)->inodes, ino, n);
	fuse_reply_none(req);
}

static void
op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		inode_forget(&mount_of(req)->inodes, forgets[i].ino, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

/* ---- changes of names */

int
name_change_begin(struct mount *m, fuse_ino_t parent, const char *name, struct name_change *out)
{
	*out = (struct name_change){.dir = inode_get(&m->inodes, parent), .name = name};
	if (out->dir == NULL) {
		return CFS_ESTALE;
	}
	atomic_fetch_add(&m->replay.changing, 1);
	inode_change_begin(out->dir);
	listings_touch(&m->listings, out->dir->ref.ino, name);
	return 0;
}

void
name_change_end(struct mount *m, struct name_change *n)
{
	if (n->dir == NULL) {
		return;
	}
	/* Once more: somebody may have begun to ask in between, and nobody knows which state he is told. */
	listings_touch(&m->listings, n->dir->ref.ino, n->name);
	inode_change_end(n->dir);
	atomic_fetch_sub(&m->replay.changing, 1);
	inode_put(&m->inodes, n->dir);
}

int
dir_code(struct inode *dir, int code)
{
	return code == CFS_ESTALE && atomic_exchange(&dir->gone, true) ? CFS_ENOENT : code;
}

static enum cfs_type
type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return CFS_DIR;
	case S_IFLNK:
		return CFS_SYMLINK;
	case S_IFIFO:
		return CFS_FIFO;
	case S_IFCHR:
		return CFS_CHR;
	case S_IFBLK:
		return CFS_BLK;
	case S_IFSOCK:
		return CFS_SOCK;
	default:
		return CFS_FILE;
	}
}

static void
make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev,
     const char *target)
{
	struct mount *m = mount_of(req);
	const struct fuse_ctx *who = fuse_req_ctx(req);
	struct name_change n;
	struct cfs_attr a;
	struct cfs_create create = {
	    .name = name,
	    .type = type_of(mode),
	    .mode = mode & 07777,
	    .uid = who->uid,
	    .gid = who->gid,
	    .rdev = rdev,
	    .target = target,
	};
	uint64_t now;
	int rc = name_change_begin(m, parent, name, &n);

	if (rc == 0) {
		create.dir = n.dir->ref;
		rc = dir_code(n.dir, cfs_create(m->c, &create, CFS_VISIBLE, NULL, &a, NULL));
	}
	now = now_mono_ns();
	if (rc == 0) {
		cfs_promise_check(m->c, &a);
	}
	if (rc == 0 && a.type == CFS_DIR) {
		listing_note_empty(m, &a, create.dir.ino, now);
	}
	if (rc == 0) {
		reply_entry(req, n.dir, name, &a, now);
	} else {
		reply_code(req, rc);
	}
	name_change_end(m, &n);
}

static void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	make(req, parent, name, mode, rdev, NULL);
}

static void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	make(req, parent, name, S_IFDIR | (mode & 07777), 0, NULL);
}

static void
op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	make(req, parent, name, S_IFLNK | 0777, 0, target);
}

static uint64_t
place_in(const struct name_change *n)
{
	return place_of(n->dir->ref.ino, n->name, strlen(n->name));
}

/* One removal so soon after another, and more will follow. */
#define REMOVALS_NS (200 * (uint64_t)NS_PER_MS)

bool
name_removals(struct mount *m)
{
	return now_mono_ns() - atomic_load(&m->removed_ns) < REMOVALS_NS;
}

/*
 * Who removes many names has them removed without waiting for each, in directories that nobody else knows at the moment.
 * What is open is left to the ordinary way, which has the server keep it.
 */
static bool
removed_ahead(struct mount *m, const struct name_change *n, bool directory)
{
	bool many = name_removals(m);
	struct inode *i = place_find(&m->inodes, place_in(n), PLACE_NOW);
	bool done = false;

	atomic_store(&m->removed_ns, now_mono_ns());
	if (i != NULL && (directory || !inode_is_open(i))) {
		done = cfs_unlink_ahead(m->c, n->dir->ref, n->name, directory, i->ref.ino);
	}
	if (done) {
		inode_put(&m->inodes, inodes_note_foreign(&m->inodes, i->ref.ino, true));
	} else if (i != NULL && many) {
		cfs_lease_ask(m->c, n->dir->ref);
	}
	inode_put(&m->inodes, i);
	return done;
}

static void
remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, bool directory)
{
	struct mount *m = mount_of(req);
	struct name_change n;
	uint64_t ino = 0;
	int rc = name_change_begin(m, parent, name, &n);
	bool ahead = rc == 0 && removed_ahead(m, &n, directory);

	if (rc == 0 && !directory && !ahead) {
		holder_before(m, n.dir, name);
	}
	if (rc == 0 && !ahead) {
		rc = dir_code(
		    n.dir, cfs_unlink(m->c, n.dir->ref, name, directory, CFS_VISIBLE, &ino, NULL));
	}
	if (rc == 0 && !ahead) {
		/* What was asked before says one link more. */
		inode_put(&m->inodes, inodes_note_foreign(&m->inodes, ino, true));
	}
	if (rc == 0) {
		place_removed(&m->inodes, place_in(&n));
	}
	name_change_end(m, &n);
	inodes_note_links(&m->inodes);
	reply_code(req, rc);
}

static void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, false);
}

static void
op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, true);
}

static void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
	  const char *to_name, unsigned flags)
{
	struct mount *m = mount_of(req);
	struct name_change from, to = {0};
	int rc;

	if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	rc = name_change_begin(m, parent, name, &from);
	if (rc == 0) {
		rc = name_change_begin(m, to_parent, to_name, &to);
	}
	if (rc == 0 && (flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)) == 0) {
		holder_before(m, to.dir, to_name);
	}
	if (rc == 0) {
		rc = cfs_rename(m->c, from.dir->ref, name, to.dir->ref, to_name,
				(flags & RENAME_NOREPLACE) != 0, (flags & RENAME_EXCHANGE) != 0,
				CFS_VISIBLE, NULL);
	}
	if (rc == 0) {
		place_renamed(&m->inodes, place_in(&from), place_in(&to),
			      (flags & RENAME_EXCHANGE) != 0);
	}
	name_change_end(m, &to);
	name_change_end(m, &from);
	inodes_note_links(&m->inodes);
	reply_code(req, rc);
}

static void
op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct inode *i = inode_get(&m->inodes, ino);
	struct name_change n;
	struct cfs_attr a;
	uint64_t asked_ns = 0;
	int rc = name_change_begin(m, parent, name, &n);

	if (rc == 0 && i == NULL) {
		rc = CFS_ESTALE;
	} else if (rc == 0) {
		inode_change_begin(i);
		rc = cfs_link(m->c, i->ref, n.dir->ref, name, CFS_VISIBLE, &a, NULL);
		inode_change_end(i);
	}
	inodes_note_links(&m->inodes);
	asked_ns = now_mono_ns();
	if (rc == 0 && atomic_load(&i->dirty)) {
		rc = inode_look(m, i, false, &a, &asked_ns);
	} else if (rc == 0) {
		cfs_promise_check(m->c, &a);
	}
	if (rc == 0) {
		reply_entry(req, n.dir, name, &a, asked_ns);
	} else {
		reply_code(req, rc);
	}
	name_change_end(m, &n);
	inode_put(&m->inodes, i);
}

static void
op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	char target[4096];
	int rc = cfs_readlink(m->c, inode_ref(&m->inodes, ino), target, NULL);

	if (rc == 0) {
		fuse_reply_readlink(req, target);
	} else {
		reply_code(req, rc);
	}
}

void
ops_names(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = op_lookup;
	ops->forget = op_forget;
	ops->forget_multi = op_forget_multi;
	ops->mknod = op_mknod;
	ops->mkdir = op_mkdir;
	ops->symlink = op_symlink;
	ops->unlink = op_unlink;
	ops->rmdir = op_rmdir;
	ops->rename = op_rename;
	ops->link = op_link;
	ops->readlink = op_readlink;
}
