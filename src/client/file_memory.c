/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The memory of open files: buffers of what was written, and of what is read ahead, which have one bound together however many programs
 * are at it. Room is taken before bytes are: who finds none sends what it has, has the file that was written longest ago send
 * that, or waits for answers. Who waits has gathered nothing, so that nobody waits for bytes that nobody sends.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/blobs.h"
#include "client/file_segment.h"

#define GATHER_MIN 65536u

/* ---- what is kept for reuse; locked */

static size_t
kept_bytes(const struct cfs *c)
{
	return c->read_bufs.count * c->read_bufs.size + c->write_bufs.count * c->write_bufs.size;
}

static bool
has_memory(const struct cfs *c, size_t more)
{
	return c->write_bytes + c->ahead_bytes + kept_bytes(c) + more <= FILE_MEMORY_MAX;
}

static void
free_kept(struct cfs *c)
{
	bufs_trim(&c->read_bufs);
	bufs_trim(&c->write_bufs);
}

void
file_make_memory(struct cfs *c, size_t more)
{
	c->memory_used = true;
	if (!has_memory(c, more))
		free_kept(c);
}

void
file_memory_rest(struct cfs *c)
{
	free_kept(c);
	if (!c->memory_used || c->write_bytes + c->ahead_bytes > 0)
		return;
	c->memory_used = false;
	pthread_mutex_unlock(&c->lock);
	/* What many threads freed lies about between what lives. */
	malloc_trim(0);
	pthread_mutex_lock(&c->lock);
}

void *
file_take_buf(struct cfs *c, struct bufs *pool)
{
	if (pool->count == 0)
		file_make_memory(c, pool->size);
	return bufs_get(pool);
}

void
file_keep_buf(struct cfs *c, struct bufs *pool, void *p)
{
	if (has_memory(c, pool->size))
		bufs_put(pool, p);
	else
		free(p);
}

/* ---- the bound; locked */

static size_t
rest_of_memory(size_t taken, size_t least, size_t most)
{
	size_t rest = FILE_MEMORY_MAX - min_size(taken, FILE_MEMORY_MAX);

	return min_size(max_size(rest, least), most);
}

size_t
file_ahead_max(const struct cfs *c)
{
	return rest_of_memory(c->write_bytes, FILE_AHEAD_MIN, FILE_AHEAD_MAX);
}

static bool
writes_have_room(const struct cfs *c, size_t more)
{
	size_t max = rest_of_memory(c->ahead_bytes, FILE_WRITES_MIN, FILE_WRITES_MAX);

	return c->write_bytes + more <= max;
}

static bool
may_gather(const struct cfs *c, size_t more)
{
	return c->gather_bytes + more <= FILE_GATHER_MAX;
}

static bool
is_free(const struct cfs *c, size_t more)
{
	return may_gather(c, more) && writes_have_room(c, more);
}

static void
count_gather(struct cfs_file *f, size_t cap)
{
	struct cfs *c = f->c;

	c->write_bytes += cap - f->gather_cap;
	c->gather_bytes += cap - f->gather_cap;
	f->gather_cap = cap;
}

/* ---- others give way; locked, unlocks meanwhile */

/* What was gathered longest ago, of a file that nobody is writing; its write_lock is taken. NULL: there is none. */
static struct cfs_file *
lock_oldest(struct cfs *c, const struct cfs_file *but)
{
	struct cfs_file *oldest = NULL;

	for (struct cfs_file *f = c->files; f != NULL; f = f->next) {
		if (f == but || !f->gathered || (oldest != NULL && f->written > oldest->written))
			continue;
		/* In no order with the caller's own, so it must not be waited for. */
		if (pthread_mutex_trylock(&f->write_lock) != 0)
			continue;
		if (oldest != NULL)
			pthread_mutex_unlock(&oldest->write_lock);
		oldest = f;
	}
	return oldest;
}

static bool
send_oldest(struct cfs *c, const struct cfs_file *but)
{
	struct cfs_file *f = lock_oldest(c, but);
	struct cfs_err err = CFS_ERR_INIT;

	if (f == NULL)
		return false;
	f->refs++;
	pthread_mutex_unlock(&c->lock);
	int rc = file_send_gathered(f, false, &err);
	file_let_go(f);
	pthread_mutex_lock(&c->lock);
	/* For its own writers to hear of. */
	if (rc < 0 && f->error.code == 0)
		f->error = err;
	file_unref(f);
	return true;
}

/* ---- waiting; locked, unlocks meanwhile */

void
file_room_changed(struct cfs *c)
{
	if (atomic_load(&c->room_waiters) == 0)
		return;
	c->room_changes++;
	conn_wake_all(c);
}

void
file_let_go(struct cfs_file *f)
{
	struct cfs *c = f->c;

	pthread_mutex_unlock(&f->write_lock);
	/* Who found it taken had counted itself before. */
	if (atomic_load(&c->room_waiters) == 0)
		return;
	pthread_mutex_lock(&c->lock);
	file_room_changed(c);
	pthread_mutex_unlock(&c->lock);
}

struct room {
	const struct cfs *c;
	size_t more;
	uint64_t seen;
};

static bool
may_have_room(void *arg)
{
	const struct room *r = arg;

	return writes_have_room(r->c, r->more) || r->c->room_changes != r->seen;
}

/* Until there may be some: whoever waits looks again, since others that did may have been first. */
static int
wait_for_room(struct cfs *c, size_t more, struct cfs_err *err)
{
	struct room r = {.c = c, .more = more, .seen = c->room_changes};
	struct waiter w;

	waiter_init(&w, c, may_have_room, &r, -1);
	w.breakable = true;
	return conn_wait(c, &w, err);
}

/* ---- growing */

static size_t
doubled(const struct cfs_file *f, size_t need)
{
	size_t cap = max_size(f->gather_cap, GATHER_MIN);

	while (cap < need)
		cap *= 2;
	return cap;
}

/* Small for a small file; whole at once where a whole blob will come, since growing copies. */
static size_t
cap_wanted(const struct cfs_file *f, size_t need)
{
	return f->filled || need > CFS_BLOB_MAX / 4 ? CFS_BLOB_MAX : doubled(f, need);
}

/*
 * Locked, may wait. Counts the buffer as one of *cap bytes, or fewer if there is less room. With nothing under way no answer will
 * come: then what others gathered is sent, or those who are gathering it have first to be done with it.
 */
static int
take_room(struct cfs_file *f, size_t need, size_t *cap, struct cfs_err *err)
{
	struct cfs *c = f->c;
	int rc = 0;

	if (!is_free(c, *cap - f->gather_cap) && f->gather_len == 0)
		*cap = doubled(f, need);
	size_t more = *cap - f->gather_cap;
	atomic_fetch_add(&c->room_waiters, 1);
	while (rc == 0 && !is_free(c, more)) {
		bool others = !may_gather(c, more) || c->write_bytes == c->gather_bytes;

		if (others && send_oldest(c, f))
			continue;
		if (f->gather_len > 0)
			rc = CFS_EBUSY;
		else if (writes_have_room(c, more))
			break;
		else
			rc = wait_for_room(c, more, err);
	}
	atomic_fetch_sub(&c->room_waiters, 1);
	if (rc == 0)
		count_gather(f, *cap);
	return rc;
}

/* Not locked: the bytes are of who has write_lock. */
static unsigned char *
move_to(struct cfs_file *f, unsigned char *p)
{
	if (p != NULL && f->gather_len > 0)
		memcpy(p, f->gather, f->gather_len);
	if (p != NULL)
		free(f->gather);
	return p;
}

int
file_gather_grow(struct cfs_file *f, size_t need, struct cfs_err *err)
{
	struct cfs *c = f->c;
	size_t cap, before = f->gather_cap;
	unsigned char *p = NULL;

	if (need <= f->gather_cap)
		return 0;
	cap = cap_wanted(f, need);
	pthread_mutex_lock(&c->lock);
	int rc = take_room(f, need, &cap, err);
	if (rc == 0 && cap == CFS_BLOB_MAX)
		p = file_take_buf(c, &c->write_bufs);
	else if (rc == 0)
		file_make_memory(c, cap - before);
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		return rc;
	p = cap == CFS_BLOB_MAX ? move_to(f, p) : realloc(f->gather, cap);
	if (p != NULL) {
		f->gather = p;
		return 0;
	}
	pthread_mutex_lock(&c->lock);
	count_gather(f, before);
	pthread_mutex_unlock(&c->lock);
	return err_code(err, CFS_ENOMEM);
}

/* ---- the end of a buffer; locked */

static void
gather_forget(struct cfs_file *f)
{
	f->gather = NULL;
	f->gather_len = f->gather_cap = 0;
}

void
file_gather_free(struct cfs_file *f)
{
	struct cfs *c = f->c;
	size_t cap = f->gather_cap;

	count_gather(f, 0);
	if (cap == CFS_BLOB_MAX)
		file_keep_buf(c, &c->write_bufs, f->gather);
	else
		free(f->gather);
	gather_forget(f);
	f->piece_count = 0;
	if (cap > 0)
		file_room_changed(c);
}

void
file_gather_send(struct cfs_file *f, struct outblob *b)
{
	size_t cap = max_size(f->gather_len, GATHER_MIN);
	void *less = cap <= f->gather_cap / 2 ? realloc(f->gather, cap) : NULL;

	if (less != NULL) {
		f->gather = less;
		count_gather(f, cap);
	}
	f->c->gather_bytes -= f->gather_cap;
	outblob_keep(b, f->gather, f->gather_len, f->gather_cap);
	gather_forget(f);
}
