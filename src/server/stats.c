/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/stats.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"
#include "proto/ops.h"

#define SHARDS 8u

/* A reader tries so often to find a slot that is not being written. */
#define TRIES 64

#define OP(number, name, request, reply, who, how, doc)                                            \
	_Static_assert((number) > 0 && (number) < STATS_OPS, #name ": its number has no counter");
#include "proto/ops.def"

struct op_count {
	_Atomic uint64_t sum_ns;
	_Atomic uint64_t buckets[STATS_BUCKETS + 1];
};

struct shard {
	_Alignas(64) struct op_count ops[STATS_OPS];
	_Atomic uint64_t failures[STATS_CODES];
	_Atomic uint64_t counters[STATS_COUNTERS];
};

/*
 * Numbers are single stores. What belongs together is under seq, which is odd while it is being written: a reader that
 * saw the same even number before and after has one state.
 */
struct slot {
	_Alignas(64) _Atomic uint32_t pid; /* 0: free */
	_Atomic uint32_t seq;
	_Atomic uint32_t last_op;
	_Atomic uint64_t ops, failures, bytes_in, bytes_out, last_ns, told;
	bool admin;
	int64_t since_ns;
	uint64_t user_id;
	char user[72], device[136], peer[64];
	struct stats_transfer transfers[STATS_TRANSFERS];
};

struct area {
	struct shard shards[SHARDS];
	struct slot slots[]; /* and one more behind the last, for those that got none */
};

struct stats {
	struct area *area; /* NULL: left */
	size_t size;
	int fd; /* -1 in a process that joined */
	unsigned slots;
	bool *taken;        /* the hub's own: it believes no session */
	unsigned free_from; /* no slot before is free */
};

static struct stats *
new_stats(size_t size, struct cfs_err *err)
{
	struct stats *st = calloc(1, sizeof(*st));

	if (!st) {
		(void)err_code(err, CFS_ENOMEM);
		return NULL;
	}
	st->fd = -1;
	st->size = size;
	st->slots = (unsigned)((size - sizeof(struct area)) / sizeof(struct slot)) - 1;
	return st;
}

static int
map(struct stats *st, int fd, struct cfs_err *err)
{
	void *p = mmap(NULL, st->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return err_set_errno(err, errno, "shared memory of the counters");
	st->area = p;
	return 0;
}

int
stats_new(unsigned slots, struct stats **out, struct cfs_err *err)
{
	size_t size = sizeof(struct area) + ((size_t)slots + 1) * sizeof(struct slot);
	struct stats *st = new_stats(size, err);
	int rc = 0;

	*out = NULL;
	if (!st)
		return CFS_ENOMEM;
	st->taken = calloc(slots, sizeof(*st->taken));
	st->fd = memfd_create("cfs-counters", MFD_CLOEXEC);
	if (!st->taken || st->fd < 0 || ftruncate(st->fd, (off_t)size))
		rc = err_set_errno(err, errno, "memory of the counters");
	if (rc == 0)
		rc = map(st, st->fd, err);
	if (rc) {
		stats_free(st);
		return rc;
	}
	*out = st;
	return 0;
}

void
stats_free(struct stats *st)
{
	if (!st)
		return;
	stats_leave(st);
	free(st->taken);
	free(st);
}

void
stats_leave(struct stats *st)
{
	if (st->area)
		(void)munmap(st->area, st->size);
	st->area = NULL;
	fd_close(&st->fd);
}

int
stats_fd(const struct stats *st)
{
	return st->fd;
}

int
stats_join(int fd, struct stats **out, struct cfs_err *err)
{
	struct stat file;
	struct stats *st;
	int rc;

	*out = NULL;
	if (fstat(fd, &file))
		return err_set_errno(err, errno, "shared memory of the counters");
	st = new_stats((size_t)file.st_size, err);
	if (!st)
		return CFS_ENOMEM;
	rc = map(st, fd, err);
	if (rc) {
		stats_free(st);
		return rc;
	}
	*out = st;
	return 0;
}

int
stats_slot_take(struct stats *st)
{
	while (st->free_from < st->slots && st->taken[st->free_from])
		st->free_from++;
	if (st->free_from == st->slots)
		return -1;
	st->taken[st->free_from] = true;
	return (int)st->free_from;
}

void
stats_slot_free(struct stats *st, int slot)
{
	if (slot < 0)
		return;
	atomic_store(&st->area->slots[slot].pid, 0);
	st->taken[slot] = false;
	if ((unsigned)slot < st->free_from)
		st->free_from = (unsigned)slot;
}

/* ---- writing ---- */

static struct slot *
slot_of(const struct stats *st, int slot)
{
	return &st->area->slots[slot < 0 ? st->slots : (unsigned)slot];
}

static struct shard *
shard_of(const struct stats *st, int slot)
{
	return &st->area->shards[(unsigned)slot % SHARDS];
}

static void
add(_Atomic uint64_t *to, uint64_t n)
{
	(void)atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

/* Of what one process alone writes: no locked instruction. */
static void
add_own(_Atomic uint64_t *to, uint64_t n)
{
	uint64_t now = atomic_load_explicit(to, memory_order_relaxed);

	atomic_store_explicit(to, now + n, memory_order_relaxed);
}

static void
set_own(_Atomic uint64_t *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

static void
write_begin(struct slot *sl)
{
	uint32_t seq = atomic_load_explicit(&sl->seq, memory_order_relaxed);

	/* A process that died while writing left it odd. */
	atomic_store_explicit(&sl->seq, seq | 1u, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void
write_end(struct slot *sl)
{
	uint32_t seq = atomic_load_explicit(&sl->seq, memory_order_relaxed);

	atomic_store_explicit(&sl->seq, seq + 1u, memory_order_release);
}

void
stats_begin(struct stats *st, int slot, uint32_t pid, int64_t since_ns, const char *peer,
	    bool admin)
{
	struct slot *sl = slot_of(st, slot);

	write_begin(sl);
	set_own(&sl->ops, 0);
	set_own(&sl->failures, 0);
	set_own(&sl->bytes_in, 0);
	set_own(&sl->bytes_out, 0);
	set_own(&sl->last_ns, 0);
	set_own(&sl->told, 0);
	sl->admin = admin;
	sl->since_ns = since_ns;
	sl->user_id = 0;
	sl->user[0] = sl->device[0] = '\0';
	(void)snprintf(sl->peer, sizeof(sl->peer), "%s", peer);
	memset(sl->transfers, 0, sizeof(sl->transfers));
	write_end(sl);
	if (slot >= 0)
		atomic_store(&sl->pid, pid);
	stats_count(st, slot, STATS_CONNECTIONS, 1);
}

void
stats_signed_in(struct stats *st, int slot, uint64_t user_id, const char *user, const char *device)
{
	struct slot *sl = slot_of(st, slot);

	write_begin(sl);
	sl->user_id = user_id;
	(void)snprintf(sl->user, sizeof(sl->user), "%s", user);
	(void)snprintf(sl->device, sizeof(sl->device), "%s", device);
	write_end(sl);
	stats_count(st, slot, STATS_SIGNINS, 1);
}

static unsigned
bucket_of(uint64_t ns)
{
	/* The bounds are 16 µs times powers of two; a duration on a bound belongs to it. */
	uint64_t below = ns > 0 ? (ns - 1) / 16000 : 0;
	unsigned i = below == 0 ? 0 : 64 - (unsigned)__builtin_clzll(below);

	return i < STATS_BUCKETS ? i : STATS_BUCKETS;
}

void
stats_op(struct stats *st, int slot, unsigned op, uint64_t came_ns, uint64_t now_ns, int status)
{
	struct slot *sl = slot_of(st, slot);
	struct shard *sh = shard_of(st, slot);
	struct op_count *count = &sh->ops[op % STATS_OPS];
	uint64_t took = now_ns > came_ns ? now_ns - came_ns : 0;

	add(&count->sum_ns, took);
	add(&count->buckets[bucket_of(took)], 1);
	if (status < 0)
		add(&sh->failures[(unsigned)-status % STATS_CODES], 1);
	if (op == 0)
		return;
	add_own(&sl->ops, 1);
	if (status < 0)
		add_own(&sl->failures, 1);
	atomic_store_explicit(&sl->last_op, op, memory_order_relaxed);
	set_own(&sl->last_ns, now_ns);
}

void
stats_bytes(struct stats *st, int slot, uint64_t in, uint64_t out)
{
	struct slot *sl = slot_of(st, slot);
	uint64_t old_in = atomic_load_explicit(&sl->bytes_in, memory_order_relaxed);
	uint64_t old_out = atomic_load_explicit(&sl->bytes_out, memory_order_relaxed);

	if (in != old_in)
		stats_count(st, slot, STATS_BYTES_IN, in - old_in);
	if (out != old_out)
		stats_count(st, slot, STATS_BYTES_OUT, out - old_out);
	set_own(&sl->bytes_in, in);
	set_own(&sl->bytes_out, out);
}

void
stats_told(struct stats *st, int slot, uint64_t event)
{
	set_own(&slot_of(st, slot)->told, event);
}

void
stats_count(struct stats *st, int slot, enum stats_counter what, uint64_t n)
{
	add(&shard_of(st, slot)->counters[what], n);
}

/* ---- transfers ---- */

static struct stats_transfer *
find_transfer(struct slot *sl, enum stats_way way, uint64_t id)
{
	for (unsigned i = 0; i < STATS_TRANSFERS; i++) {
		if (sl->transfers[i].way == (uint32_t)way && sl->transfers[i].id == id)
			return &sl->transfers[i];
	}
	return NULL;
}

void
stats_transfer_begin(struct stats *st, int slot, enum stats_way way, uint64_t id, uint64_t owner,
		     const char *path, uint64_t total)
{
	struct slot *sl = slot_of(st, slot);
	struct stats_transfer *t = &sl->transfers[0];
	size_t len = strlen(path);

	for (unsigned i = 1; i < STATS_TRANSFERS && t->way != STATS_NONE; i++) {
		if (sl->transfers[i].way == STATS_NONE || sl->transfers[i].moved_ns < t->moved_ns)
			t = &sl->transfers[i];
	}
	write_begin(sl);
	t->way = (uint32_t)way;
	t->id = id;
	t->owner = owner;
	t->total = total;
	t->done = 0;
	t->began_ns = t->moved_ns = now_mono_ns();
	(void)snprintf(t->path, sizeof(t->path), "%s",
		       len < sizeof(t->path) ? path : path + len - (sizeof(t->path) - 1));
	write_end(sl);
}

bool
stats_transfer_moved(struct stats *st, int slot, enum stats_way way, uint64_t id, uint64_t bytes)
{
	struct slot *sl = slot_of(st, slot);
	struct stats_transfer *t = find_transfer(sl, way, id);

	if (!t)
		return false;
	write_begin(sl);
	t->done += bytes;
	t->moved_ns = now_mono_ns();
	if (t->done >= t->total)
		t->way = STATS_NONE;
	write_end(sl);
	return true;
}

/* ---- looking ---- */

unsigned
stats_slots(const struct stats *st)
{
	return st->slots;
}

static void
copy_slot(const struct slot *sl, struct stats_session *out)
{
	out->admin = sl->admin;
	out->since_ns = sl->since_ns;
	out->user_id = sl->user_id;
	memcpy(out->user, sl->user, sizeof(out->user));
	memcpy(out->device, sl->device, sizeof(out->device));
	memcpy(out->peer, sl->peer, sizeof(out->peer));
	memcpy(out->transfers, sl->transfers, sizeof(out->transfers));
	out->ops = atomic_load_explicit(&sl->ops, memory_order_relaxed);
	out->failures = atomic_load_explicit(&sl->failures, memory_order_relaxed);
	out->bytes_in = atomic_load_explicit(&sl->bytes_in, memory_order_relaxed);
	out->bytes_out = atomic_load_explicit(&sl->bytes_out, memory_order_relaxed);
	out->last_op = atomic_load_explicit(&sl->last_op, memory_order_relaxed);
	out->last_ns = atomic_load_explicit(&sl->last_ns, memory_order_relaxed);
	out->told = atomic_load_explicit(&sl->told, memory_order_relaxed);
}

static void
make_sound(struct stats_session *out)
{
	uint64_t now = now_mono_ns();

	out->user[sizeof(out->user) - 1] = '\0';
	out->device[sizeof(out->device) - 1] = '\0';
	out->peer[sizeof(out->peer) - 1] = '\0';
	for (unsigned i = 0; i < STATS_TRANSFERS; i++) {
		struct stats_transfer *t = &out->transfers[i];

		t->path[sizeof(t->path) - 1] = '\0';
		if (now > t->moved_ns && now - t->moved_ns > STATS_TRANSFER_IDLE_NS)
			t->way = STATS_NONE;
	}
}

bool
stats_session(const struct stats *st, unsigned slot, struct stats_session *out)
{
	const struct slot *sl = &st->area->slots[slot];

	out->pid = atomic_load(&sl->pid);
	for (int i = 0; out->pid != 0 && i < TRIES; i++) {
		uint32_t seq = atomic_load_explicit(&sl->seq, memory_order_acquire);

		copy_slot(sl, out);
		atomic_thread_fence(memory_order_acquire);
		if (seq % 2 == 0 && atomic_load_explicit(&sl->seq, memory_order_relaxed) == seq) {
			make_sound(out);
			return true;
		}
	}
	return false;
}

static void
add_shard(const struct shard *sh, struct stats_totals *out)
{
	for (unsigned op = 0; op < STATS_OPS; op++) {
		struct stats_op_total *total = &out->ops[op];

		total->sum_ns += atomic_load_explicit(&sh->ops[op].sum_ns, memory_order_relaxed);
		for (unsigned i = 0; i <= STATS_BUCKETS; i++) {
			uint64_t n =
			    atomic_load_explicit(&sh->ops[op].buckets[i], memory_order_relaxed);

			total->buckets[i] += n;
			total->count += n;
		}
	}
	for (unsigned i = 0; i < STATS_CODES; i++)
		out->failures[i] += atomic_load_explicit(&sh->failures[i], memory_order_relaxed);
	for (unsigned i = 0; i < STATS_COUNTERS; i++)
		out->counters[i] += atomic_load_explicit(&sh->counters[i], memory_order_relaxed);
}

void
stats_totals(const struct stats *st, struct stats_totals *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < SHARDS; i++)
		add_shard(&st->area->shards[i], out);
}
