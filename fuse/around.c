/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "around.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/time.h"
#include "mount.h"

/* Larger reads are the kernel's own reading ahead. */
#define SMALL_MAX (64u * 1024)
/* A piece of less is not worth it, nor are fewer reads in one a sign. */
#define PIECE_MIN (64u * 1024)
#define READS_MIN 8u
/* As long as no piece was fetched: between the round trip alone and as many of them as the piece has blocks. */
#define GUESS     16u
/* Reads that lie further apart have nothing to do with each other. */
#define PAUSE_NS  (10 * (uint64_t)NS_PER_S)

/* Pieces that are remembered: one stands in one of WAYS places, the least recently read gives way. */
#define PIECES (4096u)
#define WAYS   4u

/* So often a thread that waits for the server is interrupted at the end. */
#define LOOK_NS (20 * NS_PER_MS)

struct around_piece {
	uint64_t ino; /* 0: none */
	uint64_t piece;
	uint64_t cost_ns, read_ns; /* of its reads; when the last one was */
	unsigned reads;
};

void
around_init(struct around *a, struct mount *m)
{
	memset(a, 0, sizeof *a);
	a->m = m;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->cond, NULL);
}

void
around_fini(struct around *a)
{
	free(a->pieces);
	pthread_cond_destroy(&a->cond);
	pthread_mutex_destroy(&a->lock);
}

/* ---- fetching */

/* The file as it is now, under a promise, if any of it may be given to the kernel at all. */
static bool
is_fetchable(struct mount *m, struct inode *i, struct cfs_attr *a, uint64_t *since_ns)
{
	return inode_look(m, i, true, a, since_ns) == 0 && a->type == CFS_FILE && a->nlink > 0 &&
	       attr_is_own(m, a) && cfs_promised_ns(m->c, a->promise_epoch) > 0;
}

/* Returns what it took, or 0 if it was nothing. The inode is open. */
static uint64_t
fetch(struct around *a, struct inode *i, uint64_t piece, unsigned char *buf)
{
	struct mount *m = a->m;
	uint64_t began = now_mono_ns();
	struct pages_store s = {.i = i, .data = buf, .offset = piece * AROUND_PIECE};
	struct cfs_attr attr;
	ssize_t n;

	if (!is_fetchable(m, i, &attr, &s.since_ns) || attr.size <= s.offset) {
		return 0;
	}
	s.epoch = attr.promise_epoch;
	s.size = (size_t)min_u64(attr.size - s.offset, AROUND_PIECE) & ~(size_t)(PAGES_UNIT - 1);
	if (s.size < PIECE_MIN) {
		return 0;
	}
	n = cfs_file_pread_apart(i->file, buf, s.size, s.offset, NULL);
	if (n != (ssize_t)s.size || !pages_store(&m->pages, &s)) {
		return 0;
	}
	return (now_mono_ns() - began) * AROUND_PIECE / s.size;
}

static void
do_job(struct around *a, const struct around_job *job, unsigned char *buf)
{
	uint64_t took = 0;

	if (buf != NULL && atomic_load(&job->i->barred) == 0 && inode_share(job->i)) {
		took = fetch(a, job->i, job->piece, buf);
		inode_close(job->i);
	}
	inode_put(&a->m->inodes, job->i);
	pthread_mutex_lock(&a->lock);
	if (took != 0) {
		a->piece_ns = a->piece_ns == 0 ? took : (3 * a->piece_ns + took) / 4;
	}
	pthread_mutex_unlock(&a->lock);
}

static void *
run(void *arg)
{
	struct around *a = arg;
	unsigned char *buf = NULL;

	pthread_setname_np(pthread_self(), "cfs-around");
	pthread_mutex_lock(&a->lock);
	for (;;) {
		struct around_job job;

		if (a->count == 0) {
			free(buf);
			buf = NULL;
			if (a->ending) {
				break;
			}
			a->idle++;
			pthread_cond_wait(&a->cond, &a->lock);
			a->idle--;
			continue;
		}
		job = a->queue[a->first];
		a->first = (a->first + 1) % AROUND_QUEUE;
		a->count--;
		pthread_mutex_unlock(&a->lock);
		if (buf == NULL && posix_memalign((void **)&buf, PAGES_UNIT, AROUND_PIECE) != 0) {
			buf = NULL;
		}
		do_job(a, &job, buf);
		pthread_mutex_lock(&a->lock);
	}
	a->running--;
	pthread_cond_broadcast(&a->cond);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

void
around_stop(struct around *a)
{
	unsigned started;

	pthread_mutex_lock(&a->lock);
	a->ending = true;
	started = a->running;
	while (a->count > 0) {
		inode_put(&a->m->inodes, a->queue[a->first].i);
		a->first = (a->first + 1) % AROUND_QUEUE;
		a->count--;
	}
	pthread_cond_broadcast(&a->cond);
	while (a->running > 0) {
		struct timespec until;

		pthread_mutex_unlock(&a->lock);
		for (unsigned n = 0; n < started; n++) {
			cfs_interrupt_thread(a->m->c, a->threads[n]);
		}
		pthread_mutex_lock(&a->lock);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_NS;
		until.tv_sec += until.tv_nsec / NS_PER_S;
		until.tv_nsec %= NS_PER_S;
		if (a->running > 0) {
			pthread_cond_timedwait(&a->cond, &a->lock, &until);
		}
	}
	pthread_mutex_unlock(&a->lock);
	for (unsigned n = 0; n < started; n++) {
		pthread_join(a->threads[n], NULL);
	}
}

/* Locked. Signals are for the thread that serves. */
static void
start_thread(struct around *a)
{
	sigset_t all, old;

	if (a->idle > 0 || a->running == AROUND_THREADS) {
		return;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&a->threads[a->running], NULL, run, a) == 0) {
		a->running++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Locked. */
static bool
is_queued(const struct around *a, const struct inode *i, uint64_t piece)
{
	for (size_t n = 0; n < a->count; n++) {
		const struct around_job *job = &a->queue[(a->first + n) % AROUND_QUEUE];

		if (job->i == i && job->piece == piece) {
			return true;
		}
	}
	return false;
}

/* Locked. False: there is too much to do already, or nobody to do it. */
static bool
push(struct around *a, struct inode *i, uint64_t piece)
{
	struct around_job *job = &a->queue[(a->first + a->count) % AROUND_QUEUE];

	if (a->count == AROUND_QUEUE || a->ending || is_queued(a, i, piece)) {
		return false;
	}
	start_thread(a);
	if (a->running == 0) {
		return false;
	}
	job->i = inode_get(&a->m->inodes, inode_id(&a->m->inodes, i->ref.ino));
	job->piece = piece;
	a->count++;
	pthread_cond_signal(&a->cond);
	return true;
}

/* ---- who reads what */

/* Locked. What is known of the piece, perhaps nothing; NULL without memory. */
static struct around_piece *
find_piece(struct around *a, uint64_t ino, uint64_t piece, uint64_t now)
{
	uint64_t hash = (ino * UINT64_C(0x9e3779b97f4a7c15) + piece) * UINT64_C(0xff51afd7ed558ccd);
	struct around_piece *set, *p;

	if (a->pieces == NULL) {
		a->pieces = calloc(PIECES, sizeof *a->pieces);
	}
	if (a->pieces == NULL) {
		return NULL;
	}
	set = p = &a->pieces[(hash >> 32) % (PIECES / WAYS) * WAYS];
	for (size_t way = 0; way < WAYS; way++) {
		if (set[way].ino == ino && set[way].piece == piece) {
			p = &set[way];
			break;
		}
		if (set[way].read_ns < p->read_ns) {
			p = &set[way];
		}
	}
	if (p->ino != ino || p->piece != piece || now - p->read_ns > PAUSE_NS) {
		*p = (struct around_piece){.ino = ino, .piece = piece};
	}
	return p;
}

/* Locked. */
static void
note(struct around *a, struct inode *i, uint64_t piece, uint64_t took_ns)
{
	uint64_t now = now_mono_ns();
	uint64_t cost = a->piece_ns != 0 ? a->piece_ns : GUESS * took_ns;
	struct around_piece *p = find_piece(a, i->ref.ino, piece, now);

	if (p == NULL) {
		return;
	}
	p->read_ns = now;
	p->cost_ns += took_ns;
	p->reads++;
	if (p->reads >= READS_MIN && p->cost_ns >= cost && push(a, i, piece)) {
		p->cost_ns = 0;
		p->reads = 0;
	}
}

void
around_read(struct around *a, struct inode *i, uint64_t offset, size_t size, uint64_t took_ns,
	    bool counts)
{
	bool goes_on = atomic_exchange(&i->read_to, offset + size) == offset;

	if (!counts || goes_on || size > SMALL_MAX || a->m->fresh_ns == 0 ||
	    atomic_load(&i->barred) > 0) {
		return;
	}
	pthread_mutex_lock(&a->lock);
	note(a, i, offset / AROUND_PIECE, took_ns);
	pthread_mutex_unlock(&a->lock);
}
