/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pages.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/time.h"
#include "mount.h"

/* A store that is begun has at least so much left of its promise. */
#define PROMISE_MIN_NS (NS_PER_S / 2)
#define LAPSED_NS      ((uint64_t)NS_PER_S)
#define LOOK_MS        10
/* In one call, which nothing ends before its end: see pages.h. */
#define UNITS_AT_ONCE  16u

/* A request that waits for a store to end; it bars others. */
struct pages_waiting {
	struct pages_waiting *next;
	fuse_req_t req;
	struct inode *i; /* held */
	fuse_ino_t ino;
	struct fuse_file_info fi;
	bool has_fi;
	/* SETATTR; 0: OPEN */
	int to_set;
	struct stat st;
};

void
pages_init(struct pages *p, struct mount *m)
{
	pthread_condattr_t monotonic;

	memset(p, 0, sizeof *p);
	p->m = m;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void
pages_fini(struct pages *p)
{
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->lock);
}

/* Locked. */
static struct pages_store *
find_store(const struct pages *p, const struct inode *i)
{
	struct pages_store *s = p->stores;

	while (s != NULL && s->i != i) {
		s = s->next;
	}
	return s;
}

/* ---- reads */

/* Locked. What of the answer is being stored: stores that meet in it are neighbours. */
static bool
copy_stored(const struct pages *p, struct pages_read *r)
{
	for (const struct pages_store *s = p->stores; s != NULL; s = s->next) {
		uint64_t from = s->offset > r->offset ? s->offset : r->offset;
		uint64_t to = min_u64(s->offset + s->size, r->offset + r->size);
		size_t at = (size_t)(from - r->offset);

		if (s->i != r->i || from >= to) {
			continue;
		}
		if (r->copy == NULL) {
			r->copy = malloc(r->size);
			r->from = at;
		}
		if (r->copy == NULL) {
			return false;
		}
		memcpy(r->copy + at, s->data + (from - s->offset), (size_t)(to - from));
		r->from = min_size(r->from, at);
		r->to = max_size(r->to, (size_t)(to - r->offset));
	}
	return true;
}

int
pages_read_begin(struct pages *p, struct inode *i, uint64_t offset, size_t size,
		 struct pages_read *r)
{
	bool good;

	*r = (struct pages_read){.i = i, .offset = offset, .size = size};
	pthread_mutex_lock(&p->lock);
	good = copy_stored(p, r);
	r->next = p->reads;
	r->prev = &p->reads;
	if (r->next != NULL) {
		r->next->prev = &r->next;
	}
	p->reads = r;
	pthread_mutex_unlock(&p->lock);
	return good ? 0 : CFS_ENOMEM;
}

void
pages_read_end(struct pages *p, struct pages_read *r)
{
	pthread_mutex_lock(&p->lock);
	*r->prev = r->next;
	if (r->next != NULL) {
		r->next->prev = r->prev;
	}
	pthread_mutex_unlock(&p->lock);
	free(r->copy);
}

/* ---- stores */

/* Whether the bytes are how the file is, for as long at least. */
static bool
is_good(const struct pages *p, const struct pages_store *s, uint64_t for_ns)
{
	return inode_is_unchanged(s->i, s->since_ns) && cfs_promised_ns(p->m->c, s->epoch) > for_ns;
}

static bool
is_skipped(const struct pages_store *s, size_t unit)
{
	return (s->skip[unit / 64] >> unit % 64 & 1) != 0;
}

/* Locked. Leaves out what is being read. */
static void
skip_reads(const struct pages *p, struct pages_store *s)
{
	memset(s->skip, 0, sizeof s->skip);
	for (const struct pages_read *r = p->reads; r != NULL; r = r->next) {
		if (r->i != s->i) {
			continue;
		}
		for (size_t unit = 0; unit * PAGES_UNIT < s->size; unit++) {
			uint64_t at = s->offset + unit * PAGES_UNIT;

			if (at + PAGES_UNIT > r->offset && at < r->offset + r->size) {
				s->skip[unit / 64] |= UINT64_C(1) << unit % 64;
			}
		}
	}
}

static bool
begin(struct pages *p, struct pages_store *s)
{
	bool good;

	pthread_mutex_lock(&p->lock);
	good = !p->ending && atomic_load(&s->i->barred) == 0 && is_good(p, s, PROMISE_MIN_NS);
	if (good) {
		skip_reads(p, s);
		s->next = p->stores;
		p->stores = s;
		atomic_fetch_add(&p->store_count, 1);
	}
	pthread_mutex_unlock(&p->lock);
	return good;
}

/* An error is as good as an end: what is not there is read. Ends early when somebody waits for that. */
static void
put(const struct pages *p, struct fuse_session *session, fuse_ino_t id, const struct pages_store *s)
{
	size_t units = s->size / PAGES_UNIT, from = 0;
	int rc = 0;

	while (rc == 0 && from < units && atomic_load(&s->i->barred) == 0 && is_good(p, s, 0)) {
		struct fuse_bufvec bytes = FUSE_BUFVEC_INIT(0);
		size_t to = from;

		while (to < units && to - from < UNITS_AT_ONCE && !is_skipped(s, to)) {
			to++;
		}
		if (to > from) {
			bytes.buf[0].mem = s->data + from * PAGES_UNIT;
			bytes.buf[0].size = (to - from) * PAGES_UNIT;
			rc = fuse_lowlevel_notify_store(session, id,
							(off_t)(s->offset + from * PAGES_UNIT),
							&bytes, FUSE_BUF_NO_SPLICE);
		}
		from = to > from ? to : from + 1;
	}
}

static void
end(struct pages *p, struct pages_store *s)
{
	struct pages_store **at = &p->stores;

	pthread_mutex_lock(&p->lock);
	while (*at != s) {
		at = &(*at)->next;
	}
	*at = s->next;
	atomic_fetch_sub(&p->store_count, 1);
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
}

/* The next request that has nothing to wait for any more. */
static struct pages_waiting *
take_waiting(struct pages *p)
{
	struct pages_waiting **at = &p->waiting, *w;

	pthread_mutex_lock(&p->lock);
	while (*at != NULL && find_store(p, (*at)->i) != NULL) {
		at = &(*at)->next;
	}
	w = *at;
	if (w != NULL) {
		*at = w->next;
	}
	pthread_mutex_unlock(&p->lock);
	return w;
}

static void
go_on(struct pages *p)
{
	struct pages_waiting *w;

	while ((w = take_waiting(p)) != NULL) {
		struct fuse_file_info *fi = w->has_fi ? &w->fi : NULL;

		if (w->to_set != 0) {
			p->plain.setattr(w->req, w->ino, &w->st, w->to_set, fi);
		} else {
			p->plain.open(w->req, w->ino, fi);
		}
		pages_unbar(w->i);
		inode_put(&p->m->inodes, w->i);
		free(w);
	}
}

bool
pages_store(struct pages *p, struct pages_store *s)
{
	struct fuse_session *session = atomic_load(&p->m->invals.session);
	fuse_ino_t id = inode_id(&p->m->inodes, s->i->ref.ino);

	if (session == NULL || !begin(p, s)) {
		return false;
	}
	put(p, session, id, s);
	if (!is_good(p, s, 0)) {
		fuse_lowlevel_notify_inval_inode(session, id, (off_t)s->offset, (off_t)s->size);
	}
	end(p, s);
	go_on(p);
	return true;
}

/* Whoever waits here needs a thread that serves requests. */
void
pages_stop(struct pages *p, struct fuse_session *session)
{
	struct fuse_buf request = {.mem = NULL};
	struct pollfd kernel = {.fd = fuse_session_fd(session), .events = POLLIN};

	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_mutex_unlock(&p->lock);
	while (atomic_load(&p->store_count) > 0) {
		if (poll(&kernel, 1, LOOK_MS) > 0 && (kernel.revents & POLLIN) != 0 &&
		    fuse_session_receive_buf(session, &request) > 0) {
			fuse_session_process_buf(session, &request);
		}
	}
	free(request.mem);
}

/* ---- who makes old what is stored */

bool
pages_bar(struct pages *p, struct inode *i)
{
	bool none;

	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&i->barred, 1);
	none = find_store(p, i) == NULL;
	pthread_mutex_unlock(&p->lock);
	return none;
}

void
pages_unbar(struct inode *i)
{
	atomic_fetch_sub(&i->barred, 1);
}

void
pages_drop(struct pages *p, struct inode *i)
{
	struct fuse_session *session;

	pthread_mutex_lock(&p->lock);
	/* Of two threads that store in turn one is always at it. */
	atomic_fetch_add(&i->barred, 1);
	while (find_store(p, i) != NULL) {
		pthread_cond_wait(&p->cond, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	session = atomic_load(&p->m->invals.session);
	if (session != NULL) {
		fuse_lowlevel_notify_inval_inode(session, inode_id(&p->m->inodes, i->ref.ino), 0,
						 0);
	}
	pages_unbar(i);
}

/* Locked. */
static bool
has_lapsed(const struct pages *p, uint64_t ino)
{
	for (const struct pages_store *s = p->stores; s != NULL; s = s->next) {
		if (s->i->ref.ino == ino && cfs_promised_ns(p->m->c, s->epoch) == 0) {
			return true;
		}
	}
	return false;
}

void
pages_await_lapsed(struct pages *p, uint64_t ino)
{
	uint64_t until_ns;
	struct timespec until;

	if (atomic_load(&p->store_count) == 0) {
		return;
	}
	until_ns = now_mono_ns() + LAPSED_NS;
	until = (struct timespec){.tv_sec = (time_t)(until_ns / (uint64_t)NS_PER_S),
				  .tv_nsec = (long)(until_ns % (uint64_t)NS_PER_S)};
	pthread_mutex_lock(&p->lock);
	while (has_lapsed(p, ino) && now_mono_ns() < until_ns) {
		pthread_cond_timedwait(&p->cond, &p->lock, &until);
	}
	pthread_mutex_unlock(&p->lock);
}

/* Whether the request can go on at once; else it waits, or is answered with an error. The inode is barred and held. */
static bool
may_go_on(struct pages *p, const struct pages_waiting *what)
{
	struct pages_waiting *w = NULL;
	bool may;

	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&what->i->barred, 1);
	may = find_store(p, what->i) == NULL;
	if (!may && (w = malloc(sizeof *w)) != NULL) {
		*w = *what;
		w->next = p->waiting;
		p->waiting = w;
	}
	pthread_mutex_unlock(&p->lock);
	if (!may && w == NULL) {
		reply_code(what->req, CFS_ENOMEM);
		pages_unbar(what->i);
		inode_put(&p->m->inodes, what->i);
	}
	return may;
}

static void
before_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct pages *p = &mount_of(req)->pages;
	bool changes = (fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC) != 0;
	struct pages_waiting w = {.req = req, .ino = ino, .fi = *fi, .has_fi = true};

	w.i = changes ? inode_get(&p->m->inodes, ino) : NULL;
	if (w.i == NULL) {
		p->plain.open(req, ino, fi);
	} else if (may_go_on(p, &w)) {
		p->plain.open(req, ino, fi);
		pages_unbar(w.i);
		inode_put(&p->m->inodes, w.i);
	}
}

static void
before_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
	       struct fuse_file_info *fi)
{
	struct pages *p = &mount_of(req)->pages;
	struct pages_waiting w = {
	    .req = req, .ino = ino, .to_set = to_set, .st = *st, .has_fi = fi != NULL};

	if (fi != NULL) {
		w.fi = *fi;
	}
	w.i = (to_set & FUSE_SET_ATTR_SIZE) != 0 ? inode_get(&p->m->inodes, ino) : NULL;
	if (w.i == NULL) {
		p->plain.setattr(req, ino, st, to_set, fi);
	} else if (may_go_on(p, &w)) {
		p->plain.setattr(req, ino, st, to_set, fi);
		pages_unbar(w.i);
		inode_put(&p->m->inodes, w.i);
	}
}

void
pages_wrap(struct pages *p, struct fuse_lowlevel_ops *ops)
{
	p->plain = *ops;
	ops->open = before_open;
	ops->setattr = before_setattr;
}
