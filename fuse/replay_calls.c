/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "replay_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/time.h"
#include "mount.h"
#include "place.h"
#include "replay_way.h"

/* What is changed while it is being told of is tried again. */
#define TRIES 4u

bool
replay_is_known(struct replay *r, const char *path)
{
	struct spot s;
	bool known = spot_find(r, path, &s);

	inode_put(&r->m->inodes, s.dir);
	return known;
}

/* ---- what is expected */

static void
expect(struct replay *r, enum replay_call call, const struct replay_name *a,
       const struct replay_name *b)
{
	pthread_mutex_lock(&r->call_lock);
	r->call = call;
	r->names[0] = a != NULL ? *a : (struct replay_name){0};
	r->names[1] = b != NULL ? *b : (struct replay_name){0};
	pthread_mutex_unlock(&r->call_lock);
}

static struct replay_entry
stand_in(struct replay *r, enum cfs_type type)
{
	struct replay_entry e = {.id = replay_way_in() | ++r->stands};

	e.attr.type = type;
	replay_stand_in(r->m, e.id, type, &e.st);
	return e;
}

/* What is there, as it is now. False: this mount is changing it, or it is gone. */
static bool
as_it_is(struct replay *r, struct inode *i, struct replay_entry *out)
{
	struct mount *m = r->m;

	*out = (struct replay_entry){.real = i, .id = inode_id(&m->inodes, i->ref.ino)};
	if (atomic_load(&i->changing) > 0 || atomic_load(&i->dirty)) {
		return false;
	}
	return inode_look(m, i, true, &out->attr, &out->asked_ns) == 0;
}

/* What was there, for the kernel to take away; NULL or not to be had: one that stands in. */
static struct replay_entry
as_it_was(struct replay *r, struct inode *i)
{
	struct replay_entry e = {.real = i};
	struct cfs_attr now;
	uint64_t asked_ns;
	int rc;

	if (i == NULL || atomic_load(&i->changing) > 0 || atomic_load(&i->dirty)) {
		return stand_in(r, i != NULL && spot_is_dir(i) ? CFS_DIR : CFS_FILE);
	}
	e.id = inode_id(&r->m->inodes, i->ref.ino);
	pthread_mutex_lock(&i->lock);
	e.attr = i->attr;
	pthread_mutex_unlock(&i->lock);
	if (e.attr.type == CFS_DIR) {
		return e;
	}
	/* Other names that it has, and this one. */
	cfs_promise_drop(r->m->c, i->ref.ino, 0, NULL);
	asked_ns = now_mono_ns();
	rc = cfs_getattr(r->m->c, i->ref, &now, NULL);
	if (rc == 0) {
		e.asked_ns = asked_ns;
		e.attr = now;
		e.attr.nlink++;
	} else if (rc == CFS_ESTALE && e.attr.type != 0) {
		e.attr.nlink = 1;
	} else {
		return stand_in(r, CFS_FILE);
	}
	return e;
}

static struct replay_name
named(struct replay *r, const struct spot *s, bool there, struct replay_entry entry)
{
	return (struct replay_name){.dir = inode_id(&r->m->inodes, s->dir->ref.ino),
				    .name = s->name,
				    .there = there,
				    .entry = entry};
}

/* ---- calls */

static void
make(struct replay *r, const struct spot *s, enum cfs_type type)
{
	const struct replay_name n = named(r, s, false, stand_in(r, type));

	if (!replay_go(r, s)) {
		return;
	}
	expect(r, REPLAY_MAKE, &n, NULL);
	if ((type == CFS_DIR ? mkdir(s->name, 0700)
	     : type == CFS_SYMLINK
		 ? symlink("-", s->name)
		 : mknod(s->name, (n.entry.st.st_mode & S_IFMT) | 0600, 0)) != 0) {
		/* What the kernel refuses (a device) nobody is told of. */
	}
	expect(r, REPLAY_NOTHING, NULL, NULL);
}

/* Opened, written to, where nothing is written, and closed. 0 or a negative errno. */
static int
modify(const struct replay *r, const char *name)
{
	int fd = open(name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc;
	uint64_t ino = 0;
	dev_t dev = 0;

	if (fd < 0) {
		return -errno;
	}
	rc = !replay_what_is(fd, "", &dev, &ino) || dev != r->dev ? -EXDEV
	     : fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1) != 0      ? -errno
								  : 0;
	close(fd);
	return rc;
}

/* An attribute of this name is set, and kept nowhere. */
static int
touch(const struct replay *r, const char *name)
{
	uint64_t ino = 0;
	dev_t dev = 0;

	if (!replay_what_is(AT_FDCWD, name, &dev, &ino) || dev != r->dev) {
		return -EXDEV;
	}
	return lsetxattr(name, "user.cfs.told", "", 0, 0) != 0 ? -errno : 0;
}

/* i NULL: what the kernel does not know. */
static void
change(struct replay *r, const struct spot *s, struct inode *i, bool content)
{
	struct replay_name n = named(r, s, true, stand_in(r, CFS_FILE));
	int rc = -EAGAIN;

	/* Again if it was changed meanwhile: the kernel must be told of nothing that is old. */
	for (unsigned tries = 0; tries < TRIES && rc == -EAGAIN && replay_go(r, s); tries++) {
		if (i != NULL && !as_it_is(r, i, &n.entry)) {
			return;
		}
		if (content && n.entry.attr.type != CFS_FILE) {
			return;
		}
		expect(r, REPLAY_CHANGE, &n, NULL);
		rc = content ? modify(r, s->name) : touch(r, s->name);
		expect(r, REPLAY_NOTHING, NULL, NULL);
	}
}

/* i NULL: what the kernel does not know. */
static void
remove_it(struct replay *r, const struct spot *s, struct inode *i, bool directory)
{
	int rc = -EAGAIN;

	for (unsigned tries = 0; tries < TRIES && rc == -EAGAIN && replay_go(r, s); tries++) {
		const struct replay_name n = named(
		    r, s, true,
		    i != NULL ? as_it_was(r, i) : stand_in(r, directory ? CFS_DIR : CFS_FILE));

		expect(r, REPLAY_REMOVE, &n, NULL);
		rc = (directory ? rmdir(s->name) : unlink(s->name)) != 0 ? -errno : 0;
		expect(r, REPLAY_NOTHING, NULL, NULL);
	}
}

/*
 * From NULL: out of the way in, which nobody watches; to NULL: into it. replaced (may be NULL): what the kernel knows where it comes
 * to.
 */
static int
move(struct replay *r, const struct spot *from, const struct spot *to,
     const struct replay_entry *what, struct inode *replaced)
{
	const struct spot *here = from != NULL ? from : to;
	struct replay_name names[2];
	char path[PATH_MAX];
	bool ok;
	int rc;

	names[0] = named(r, here, true, *what);
	names[1] = named(r, to != NULL ? to : here, replaced != NULL, as_it_was(r, replaced));
	if (from == NULL) {
		names[0].dir = replay_way_in();
	}
	if (to == NULL) {
		names[1].dir = replay_way_in();
	}
	if (from != NULL && to != NULL) {
		ok = replay_path(r, to->way, to->way_len, to->name, path);
	} else {
		ok = replay_path(r, NULL, 0, here->name, path);
	}
	if (!ok || !replay_go(r, here)) {
		return -ESTALE;
	}
	expect(r, REPLAY_MOVE, &names[0], &names[1]);
	rc = (from != NULL ? rename(from->name, path) : rename(path, to->name)) != 0 ? -errno : 0;
	expect(r, REPLAY_NOTHING, NULL, NULL);
	return rc;
}

/* ---- news */

/* What the kernel knows of that number (0: none), held. If its entry was dropped, what it is has to be asked. */
static struct inode *
find_known(struct replay *r, uint64_t ino)
{
	struct inode *i = ino != 0 ? place_known(&r->m->inodes, ino) : NULL;
	struct cfs_attr a;
	uint64_t asked_ns;
	bool bare = false;

	if (i != NULL) {
		pthread_mutex_lock(&i->lock);
		bare = i->attr_ns == 0;
		pthread_mutex_unlock(&i->lock);
	}
	if (bare && inode_look(r->m, i, false, &a, &asked_ns) != 0) {
		inode_put(&r->m->inodes, i);
		i = NULL;
	}
	return i;
}

/*
 * The same change's invalidation may come after its event: what is told from here on, and what watchers look at then, must be
 * new. i (NULL: the kernel does not know it) is what was changed.
 */
static void
forget_old(struct replay *r, const struct spot *s, struct inode *i, bool content)
{
	struct mount *m = r->m;
	uint64_t dir = s->dir->ref.ino;

	cfs_promise_drop(m->c, i != NULL ? i->ref.ino : 0, dir, s->name);
	listings_touch(&m->listings, dir, s->name);
	inode_put(&m->inodes, inodes_note_foreign(&m->inodes, dir, true));
	if (i == NULL) {
		return;
	}
	inode_put(&m->inodes, inodes_note_foreign(&m->inodes, i->ref.ino, true));
	if (content) {
		pages_drop(&m->pages, i);
	}
}

/* What stands under a name that the kernel does not know yet. */
static enum cfs_type
look_type(struct replay *r, const struct spot *s)
{
	struct cfs_attr a;
	uint64_t asked_ns;
	bool asked;

	if (name_look(r->m, s->dir, s->name, &a, &asked_ns, &asked) != 0) {
		return CFS_FILE;
	}
	if (a.type == CFS_DIR) {
		r->dirs[r->dirs_next++ % REPLAY_DIRS] = a.ref.ino;
	}
	return a.type;
}

/*
 * What an inode is that the kernel knows (i), or that is told of by its number alone: what was seen to be a directory may have been moved or
 * removed since, and the news never say what they are of. s: where it should be, NULL if nowhere.
 */
static enum cfs_type
type_of(struct replay *r, struct inode *i, uint64_t ino, const struct spot *s)
{
	if (i != NULL) {
		return spot_is_dir(i) ? CFS_DIR : CFS_FILE;
	}
	for (size_t at = 0; ino != 0 && at < REPLAY_DIRS; at++) {
		if (r->dirs[at] == ino) {
			return CFS_DIR;
		}
	}
	return s != NULL ? look_type(r, s) : CFS_FILE;
}

static void
appear(struct replay *r, const struct spot *s, const struct news *n, struct inode *i)
{
	enum cfs_type type = type_of(r, i, n->ino, (n->what & NEWS_IS_FILE) == 0 ? s : NULL);

	if (i == NULL || type != CFS_DIR) {
		make(r, s, type);
	} else {
		/* Somebody has found the directory already, and may be in it: it cannot be made once more. */
		change(r, s, i, false);
	}
}

/* What the kernel knew at a place before other came there, held; NULL: nothing that is not there any more. */
static struct inode *
find_gone(struct replay *r, const struct spot *s, const struct inode *other)
{
	struct inode *i = place_find(&r->m->inodes, spot_place(s), PLACE_BEFORE);
	struct cfs_attr now;
	uint64_t asked_ns;
	bool asked;

	/* It may have come there after what the news tell of. */
	if (i != NULL &&
	    (i == other || (name_look(r->m, s->dir, s->name, &now, &asked_ns, &asked) == 0 &&
			    now.ref.ino == i->ref.ino))) {
		inode_put(&r->m->inodes, i);
		i = NULL;
	}
	return i;
}

static void
replace(struct replay *r, const struct spot *s, const struct inode *i)
{
	struct inode *old = find_gone(r, s, i);
	const struct replay_entry e = stand_in(r, CFS_FILE);

	(void)move(r, NULL, s, &e, old);
	if (old != NULL) {
		place_move(&r->m->inodes, old, 0);
	}
	inode_put(&r->m->inodes, old);
}

static void
replay_file(struct replay *r, const struct news *n)
{
	struct inodes *t = &r->m->inodes;
	struct inode *i = find_known(r, n->ino);
	struct spot s;

	if (spot_find(r, n->path, &s)) {
		forget_old(r, &s, i, (n->what & NEWS_MODIFIED) != 0);
		if ((n->what & NEWS_CREATED) != 0) {
			appear(r, &s, n, i);
		} else if ((n->what & NEWS_REPLACED) != 0) {
			replace(r, &s, i);
		}
		if ((n->what & NEWS_ATTRIB) != 0) {
			change(r, &s, i, false);
		}
		if ((n->what & NEWS_MODIFIED) != 0) {
			change(r, &s, i, true);
		}
	}
	inode_put(t, s.dir);
	inode_put(t, i);
}

static void
replay_delete(struct replay *r, const struct news *n)
{
	struct inodes *t = &r->m->inodes;
	struct inode *i = NULL;
	struct spot s;

	if (spot_find(r, n->path, &s)) {
		forget_old(r, &s, NULL, false);
		i = find_gone(r, &s, NULL);
		remove_it(r, &s, i, type_of(r, i, n->ino, NULL) == CFS_DIR);
		if (i != NULL) {
			place_move(t, i, 0);
		}
	}
	inode_put(t, i);
	inode_put(t, s.dir);
}

/* Both directories are known to the kernel, and so is i, or it is NULL. */
static void
move_between(struct replay *r, const struct spot *from, const struct spot *to, struct inode *i,
	     enum cfs_type type)
{
	struct inodes *t = &r->m->inodes;
	struct inode *old = find_gone(r, to, i);
	bool directory = type == CFS_DIR, found = i != NULL && i->place == spot_place(to);
	struct replay_entry e = stand_in(r, type);
	int rc = -EAGAIN;

	for (unsigned tries = 0; tries < TRIES && rc == -EAGAIN; tries++) {
		if (i != NULL && !found && directory) {
			e = as_it_was(r, i);
		} else if (i != NULL && !found && !as_it_is(r, i, &e)) {
			e = stand_in(r, CFS_FILE);
		}
		/* Somebody has found the directory there already, and may be in it. */
		rc = move(r, from, found && directory ? NULL : to, &e, old);
	}
	if (i != NULL) {
		place_move(t, i, spot_place(to));
	}
	if (old != NULL) {
		place_move(t, old, 0);
	}
	inode_put(t, old);
}

static void
replay_rename(struct replay *r, const struct news *n)
{
	struct inodes *t = &r->m->inodes;
	struct inode *i = find_known(r, n->ino);
	struct spot from, to;
	bool known_from = spot_find(r, n->path, &from), known_to = spot_find(r, n->target, &to);
	enum cfs_type type;

	if (known_from) {
		forget_old(r, &from, i, false);
	}
	if (known_to) {
		forget_old(r, &to, i, false);
	}
	type = type_of(r, i, n->ino, known_to ? &to : NULL);
	if (known_from && known_to) {
		move_between(r, &from, &to, i, type);
	} else if (known_from || known_to) {
		struct replay_entry e = stand_in(r, type);

		(void)move(r, known_from ? &from : NULL, known_to ? &to : NULL, &e, NULL);
		if (i != NULL) {
			place_move(t, i, known_to ? spot_place(&to) : 0);
		}
	}
	inode_put(t, from.dir);
	inode_put(t, to.dir);
	inode_put(t, i);
}

void
replay_news(struct replay *r, const struct news *n)
{
	switch (n->kind) {
	case NEWS_FILE:
		replay_file(r, n);
		break;
	case NEWS_DELETE:
		replay_delete(r, n);
		break;
	case NEWS_RENAME:
		replay_rename(r, n);
		break;
	}
}
