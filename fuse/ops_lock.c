/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/time.h"
#include "handle.h"
#include "mount.h"

/* A request that the server has answered, or (req NULL) a lock that is lost. */
struct lock_news {
	struct lock_news *next;
	struct mount *m;
	fuse_req_t req;
	struct inode *i; /* held */
	uint64_t lost;   /* the inode's number */
	uintptr_t loser; /* a handle that had it, to be compared alone */
	int code;
	struct cfs_attr attr;
};

/* ---- the thread that answers */

static void
answer(struct mount *m, struct lock_news *n)
{
	/* Whoever began it has not let go of it yet. */
	pthread_mutex_lock(&m->locks.begin);
	pthread_mutex_unlock(&m->locks.begin);
	if (n->code == 0 && inode_is_news(n->i, &n->attr)) {
		pages_drop(&m->pages, n->i);
	}
	reply_code(n->req, n->code);
	inode_put(&m->inodes, n->i);
	free(n);
}

/* What was written under the lock must not come after what others wrote since; what was written without it is sent. */
static void
forget_written(struct mount *m, const struct lock_news *n)
{
	struct inode *i = inode_get(&m->inodes, inode_id(&m->inodes, n->lost));
	struct cfs_attr a;

	if (i != NULL && atomic_load(&i->dirty) && atomic_load(&i->writer) == n->loser &&
	    inode_share(i)) {
		cfs_file_discard(i->file);
		atomic_store(&i->dirty, false);
		if (cfs_getattr(m->c, i->ref, &a, NULL) == 0) {
			cfs_file_changed(i->file, a.size);
		}
		inode_close(i);
	}
	if (i != NULL) {
		pages_drop(&m->pages, i);
	}
	inode_put(&m->inodes, i);
}

static void *
run(void *arg)
{
	struct mount *m = arg;
	struct mount_locks *l = &m->locks;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		struct lock_news *n = l->first;

		if (n == NULL) {
			pthread_cond_wait(&l->cond, &l->lock);
			continue;
		}
		l->first = n->next;
		if (l->first == NULL) {
			l->last = &l->first;
		}
		pthread_mutex_unlock(&l->lock);
		if (n->req != NULL) {
			answer(m, n);
		} else {
			forget_written(m, n);
			free(n);
		}
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void
push(struct mount_locks *l, struct lock_news *n)
{
	pthread_mutex_lock(&l->lock);
	n->next = NULL;
	*l->last = n;
	l->last = &n->next;
	pthread_cond_signal(&l->cond);
	pthread_mutex_unlock(&l->lock);
}

static bool
start_thread(struct mount *m)
{
	struct mount_locks *l = &m->locks;

	pthread_mutex_lock(&l->lock);
	if (!l->thread_runs && !l->stop) {
		l->thread_runs = pthread_create(&l->thread, NULL, run, m) == 0;
	}
	bool runs = l->thread_runs;
	pthread_mutex_unlock(&l->lock);
	return runs;
}

void
mount_locks_init(struct mount_locks *l)
{
	pthread_mutex_init(&l->begin, NULL);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->cond, NULL);
	l->last = &l->first;
}

void
mount_locks_stop(struct mount_locks *l)
{
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->cond);
	pthread_mutex_unlock(&l->lock);
	if (l->thread_runs) {
		pthread_join(l->thread, NULL);
	}
}

void
mount_locks_fini(struct mount_locks *l)
{
	while (l->first != NULL) {
		struct lock_news *n = l->first;

		l->first = n->next;
		free(n);
	}
	pthread_cond_destroy(&l->cond);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->begin);
}

static bool
has_owner(const struct handle_locks *h, const struct cfs_lock *of)
{
	bool has = of->kind == CFS_LOCK_WHOLE && h->has_whole && h->whole == of->owner;

	for (size_t i = 0; !has && of->kind == CFS_LOCK_BYTES && i < h->count; i++) {
		has = h->owners[i] == of->owner;
	}
	return has;
}

void
mount_lock_lost(void *arg, const struct cfs_lock *lost)
{
	struct mount *m = arg;
	struct lock_news *n = calloc(1, sizeof *n);

	if (n != NULL) {
		n->lost = lost->ref.ino;
	}
	pthread_mutex_lock(&m->locks.lock);
	for (struct handle_locks *h = m->locks.holders; h != NULL; h = h->next) {
		if (h->ino == lost->ref.ino && has_owner(h, lost)) {
			atomic_store(&h->lost, true);
			if (n != NULL) {
				n->loser = handle_number(h);
			}
		}
	}
	pthread_mutex_unlock(&m->locks.lock);
	/* Without memory pages that the kernel has stay readable; what is asked through the handle fails all the same. */
	if (n != NULL) {
		push(&m->locks, n);
	}
}

/* ---- requests */

static void
done(void *arg, int code, const struct cfs_attr *attr)
{
	struct lock_news *n = arg;

	n->code = code;
	if (attr != NULL) {
		n->attr = *attr;
	}
	push(&n->m->locks, n);
}

static void
on_interrupt(fuse_req_t req, void *ticket)
{
	cfs_lock_cancel(mount_of(req)->c, (uint64_t)(uintptr_t)ticket);
}

/* What was written goes first: whoever has the lock next must see it, and our own must not look like somebody else's. */
static int
send_written(struct inode *i)
{
	struct cfs_attr a;

	return atomic_load(&i->dirty) ? inode_flush(i, &a) : 0;
}

static void
take(fuse_req_t req, struct inode *i, const struct cfs_lock *l, bool wait)
{
	struct mount *m = mount_of(req);
	struct lock_news *n = calloc(1, sizeof *n);
	uint64_t ticket = 0;
	int rc = n != NULL && start_thread(m) ? 0 : CFS_ENOMEM;

	if (rc == 0) {
		*n = (struct lock_news){
		    .m = m,
		    .req = req,
		    .i = inode_get(&m->inodes, inode_id(&m->inodes, i->ref.ino))};
		pthread_mutex_lock(&m->locks.begin);
		rc = cfs_lock_start(m->c, l, wait, done, n, &ticket, NULL);
		if (rc == 0) {
			fuse_req_interrupt_func(req, on_interrupt, (void *)(uintptr_t)ticket);
		}
		pthread_mutex_unlock(&m->locks.begin);
	}
	if (rc != 0) {
		if (n != NULL && n->i != NULL) {
			inode_put(&m->inodes, n->i);
		}
		free(n);
		reply_code(req, rc);
	}
}

static int
give_back(struct mount *m, struct inode *i, struct cfs_lock *l)
{
	int rc;

	l->type = CFS_LOCK_NONE;
	if (!cfs_lock_held(m->c, l)) {
		return 0;
	}
	/* An error of it stays for the next write, fsync or close. */
	send_written(i);
	rc = cfs_lock(m->c, l, false, NULL, NULL);
	/* A line that is lost for good takes the lock with it. */
	return rc == CFS_ENET || rc == CFS_ETIMEDOUT ? 0 : rc;
}

static void
set(fuse_req_t req, struct fuse_file_info *fi, struct cfs_lock *l, bool wait)
{
	struct inode *i = handle_inode(fi);
	int rc;

	if (l->type == CFS_LOCK_NONE) {
		reply_code(req, give_back(mount_of(req), i, l));
		return;
	}
	rc = send_written(i);
	if (rc != 0) {
		reply_code(req, rc);
		return;
	}
	take(req, i, l, wait);
}

static struct cfs_lock
bytes(const struct fuse_file_info *fi, const struct flock *f)
{
	return (struct cfs_lock){
	    .ref = handle_inode(fi)->ref,
	    .owner = fi->lock_owner,
	    .pid = (uint32_t)f->l_pid,
	    .kind = CFS_LOCK_BYTES,
	    .type = f->l_type == F_UNLCK   ? CFS_LOCK_NONE
		    : f->l_type == F_RDLCK ? CFS_LOCK_READ
					   : CFS_LOCK_WRITE,
	    .start = (uint64_t)f->l_start,
	    .end = f->l_len == 0 ? CFS_LOCK_END : (uint64_t)(f->l_start + f->l_len - 1),
	};
}

static struct cfs_lock
whole(const struct inode *i, uint64_t owner, enum cfs_lock_type type)
{
	return (struct cfs_lock){.ref = i->ref,
				 .owner = owner,
				 .kind = CFS_LOCK_WHOLE,
				 .type = type,
				 .end = CFS_LOCK_END};
}

static void
op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock)
{
	const struct cfs_lock l = bytes(fi, lock);
	struct flock answer = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	struct cfs_lock found;
	int rc = cfs_lock_test(mount_of(req)->c, &l, &found, NULL);

	(void)ino;
	if (rc != 0) {
		reply_code(req, rc);
		return;
	}
	if (found.type != CFS_LOCK_NONE) {
		answer.l_type = found.type == CFS_LOCK_READ ? F_RDLCK : F_WRLCK;
		answer.l_start = (off_t)found.start;
		answer.l_len = found.end >= INT64_MAX ? 0 : (off_t)(found.end - found.start + 1);
		answer.l_pid = (pid_t)found.pid;
	}
	fuse_reply_lock(req, &answer);
}

/* Locked. */
static void
join_holders(struct mount_locks *l, struct handle_locks *h, uint64_t ino)
{
	if (h->ino != 0) {
		return;
	}
	h->ino = ino;
	h->next = l->holders;
	h->prev = &l->holders;
	if (h->next != NULL) {
		h->next->prev = &h->next;
	}
	l->holders = h;
}

static void
leave_holders(struct mount_locks *l, struct handle_locks *h)
{
	pthread_mutex_lock(&l->lock);
	if (h->ino != 0) {
		*h->prev = h->next;
		if (h->next != NULL) {
			h->next->prev = h->prev;
		}
		h->ino = 0;
	}
	pthread_mutex_unlock(&l->lock);
}

static bool
note_owner(struct mount *m, struct handle_locks *h, uint64_t ino, uint64_t owner)
{
	uint64_t *more;
	size_t i = 0;

	pthread_mutex_lock(&m->locks.lock);
	join_holders(&m->locks, h, ino);
	while (i < h->count && h->owners[i] != owner) {
		i++;
	}
	if (i == h->count) {
		more = reallocarray(h->owners, h->count + 1, sizeof *more);
		if (more != NULL) {
			h->owners = more;
			h->owners[h->count++] = owner;
		} else {
			i = SIZE_MAX;
		}
	}
	pthread_mutex_unlock(&m->locks.lock);
	return i != SIZE_MAX;
}

static void
op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct flock *lock, int sleep)
{
	struct cfs_lock l = bytes(fi, lock);

	(void)ino;
	if (l.type != CFS_LOCK_NONE && !note_owner(mount_of(req), &handle_of(fi)->locks,
						   handle_inode(fi)->ref.ino, fi->lock_owner)) {
		reply_code(req, CFS_ENOLCK);
		return;
	}
	set(req, fi, &l, sleep != 0);
}

static void
op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, int op)
{
	int how = op & ~LOCK_NB;
	struct cfs_lock l = whole(handle_inode(fi), fi->lock_owner,
				  how == LOCK_UN   ? CFS_LOCK_NONE
				  : how == LOCK_SH ? CFS_LOCK_READ
						   : CFS_LOCK_WRITE);

	(void)ino;
	if (l.type != CFS_LOCK_NONE) {
		struct mount *m = mount_of(req);
		struct handle_locks *h = &handle_of(fi)->locks;

		pthread_mutex_lock(&m->locks.lock);
		join_holders(&m->locks, h, l.ref.ino);
		h->whole = fi->lock_owner;
		h->has_whole = true;
		pthread_mutex_unlock(&m->locks.lock);
	}
	set(req, fi, &l, (op & LOCK_NB) == 0);
}

/* ---- closing */

static void
give_back_bytes(struct mount *m, struct inode *i, uint64_t owner)
{
	struct cfs_lock l = {
	    .ref = i->ref, .owner = owner, .kind = CFS_LOCK_BYTES, .end = CFS_LOCK_END};

	give_back(m, i, &l);
}

void
handle_flushed(struct mount *m, struct inode *i, struct handle_locks *h, uint64_t owner)
{
	/* fcntl(2): any close of the file by the process. */
	give_back_bytes(m, i, owner);
	pthread_mutex_lock(&m->locks.lock);
	for (size_t n = 0; n < h->count; n++) {
		if (h->owners[n] == owner) {
			h->owners[n] = h->owners[--h->count];
			break;
		}
	}
	pthread_mutex_unlock(&m->locks.lock);
}

void
handle_released(struct mount *m, struct inode *i, struct handle_locks *h, bool whole_file,
		uint64_t owner)
{
	struct cfs_lock l = whole(i, owner, CFS_LOCK_NONE);

	leave_holders(&m->locks, h);
	if (whole_file) {
		give_back(m, i, &l);
	}
	/* Locks of the open file description itself: no close(2) is told of with their owner. */
	for (size_t n = 0; n < h->count; n++) {
		give_back_bytes(m, i, h->owners[n]);
	}
	free(h->owners);
}

void
ops_locks(struct fuse_lowlevel_ops *ops)
{
	ops->getlk = op_getlk;
	ops->setlk = op_setlk;
	ops->flock = op_flock;
}
