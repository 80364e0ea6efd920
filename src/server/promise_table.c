/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/promise_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"

#define ADDRESS_BITS 22u /* of process ids, see proc(5), pid_max */
#define MAGIC        UINT64_C(0x31736f7270736663)

struct slot {
	_Atomic uint64_t owner; /* a serial number and the address; 0: free */
	_Atomic uint64_t until_ns;
	struct id128 client; /* written before until_ns is first set */
	_Atomic uint32_t dead;
	_Atomic uint32_t any; /* a ghost of an earlier daemon, whose bits are lost */
	uint64_t spare[3];    /* to a cache line */
};

/* The file. */
struct slots {
	uint64_t magic;
	char boot[40]; /* that the times belong to */
	_Atomic uint64_t serial;
	_Atomic uint32_t used, ghosts;
	struct slot slot[PROMISE_SLOTS];
};

struct bucket {
	_Atomic uint64_t word[PROMISE_WORDS];
};

struct promise_table {
	struct slots *s;
	struct bucket *b;
	int slots_fd, bits_fd; /* -1 in a process that joined */
};

/* ---- made and kept */

static void
read_boot_id(char out[40])
{
	int fd = io_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0);

	memset(out, 0, 40);
	/* Without one every start counts as another boot's, which only waits longer. */
	if (fd >= 0 && io_read_full(fd, out, 36) != 36)
		memset(out, 0, 40);
	fd_close(&fd);
}

/* What an earlier daemon left: nobody is behind those slots, and clients may trust what they were promised. */
static void
make_ghosts(struct slots *s, int64_t grace_ms)
{
	uint64_t now = now_mono_ns(), latest = now + (uint64_t)(grace_ms * NS_PER_MS);
	char boot[40];
	bool same;

	read_boot_id(boot);
	same = boot[0] != '\0' && memcmp(boot, s->boot, sizeof(boot)) == 0;
	memcpy(s->boot, boot, sizeof(boot));
	if (s->magic != MAGIC)
		memset(s->slot, 0, sizeof(s->slot));
	s->magic = MAGIC;
	s->used = s->ghosts = 0;
	for (unsigned i = 0; i < PROMISE_SLOTS; i++) {
		struct slot *slot = &s->slot[i];
		uint64_t until = slot->until_ns;

		if (!same || until > latest)
			until = until > 0 ? latest : 0;
		if (slot->owner == 0 || until <= now) {
			memset(slot, 0, sizeof(*slot));
			continue;
		}
		slot->until_ns = until;
		slot->dead = slot->any = 1;
		s->used++;
		s->ghosts++;
	}
}

static void *
map(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

#define BITS_SIZE (sizeof(struct bucket) * PROMISE_BUCKETS)

static int
map_both(struct promise_table *t, int slots_fd, int bits_fd, struct cfs_err *err)
{
	t->s = map(slots_fd, sizeof(*t->s));
	t->b = t->s ? map(bits_fd, BITS_SIZE) : NULL;
	return t->b ? 0 : err_set_errno(err, errno, "read promises");
}

static int
open_slots(struct promise_table *t, const char *dir, struct cfs_err *err)
{
	char path[4096];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/promises", dir ? dir : "(memory)");
	t->slots_fd = dir ? io_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600)
			  : memfd_create("cfs-promises", MFD_CLOEXEC);
	if (t->slots_fd < 0)
		return err_set_errno(err, errno, "%s", path);
	/* Room on the disk, or a full one would end the processes that write to it. */
	rc = posix_fallocate(t->slots_fd, 0, sizeof(*t->s));
	return rc ? err_set_errno(err, rc, "%s", path) : 0;
}

static int
open_bits(struct promise_table *t, struct cfs_err *err)
{
	t->bits_fd = memfd_create("cfs-promised", MFD_CLOEXEC);
	if (t->bits_fd < 0 || ftruncate(t->bits_fd, BITS_SIZE))
		return err_set_errno(err, errno, "table of read promises");
	return 0;
}

static struct promise_table *
new_table(struct cfs_err *err)
{
	struct promise_table *t = calloc(1, sizeof(*t));

	if (t)
		t->slots_fd = t->bits_fd = -1;
	else
		(void)err_code(err, CFS_ENOMEM);
	return t;
}

int
promise_table_new(const char *dir, int64_t grace_ms, struct promise_table **out,
		  struct cfs_err *err)
{
	struct promise_table *t = new_table(err);
	int rc;

	*out = NULL;
	if (!t)
		return CFS_ENOMEM;
	rc = open_slots(t, dir, err);
	if (rc == 0)
		rc = open_bits(t, err);
	if (rc == 0)
		rc = map_both(t, t->slots_fd, t->bits_fd, err);
	if (rc) {
		promise_table_free(t);
		return rc;
	}
	make_ghosts(t->s, grace_ms);
	*out = t;
	return 0;
}

void
promise_table_free(struct promise_table *t)
{
	if (!t)
		return;
	promise_table_leave(t);
	free(t);
}

/* ---- in other processes */

void
promise_table_leave(struct promise_table *t)
{
	if (t->s)
		(void)munmap(t->s, sizeof(*t->s));
	if (t->b)
		(void)munmap(t->b, BITS_SIZE);
	t->s = NULL;
	t->b = NULL;
	fd_close(&t->slots_fd);
	fd_close(&t->bits_fd);
}

void
promise_table_fds(const struct promise_table *t, int fds[PROMISE_FDS])
{
	fds[0] = t->slots_fd;
	fds[1] = t->bits_fd;
}

int
promise_table_join(const int fds[PROMISE_FDS], struct promise_table **out, struct cfs_err *err)
{
	struct promise_table *t = new_table(err);
	int rc;

	*out = NULL;
	if (!t)
		return CFS_ENOMEM;
	rc = map_both(t, fds[0], fds[1], err);
	if (rc) {
		promise_table_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

/* ---- slots */

unsigned
promise_bucket(uint64_t ino)
{
	/* Numbers come in runs; the multiplier spreads them (Knuth, 64-bit golden ratio). */
	return (unsigned)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (PROMISE_BUCKETS - 1);
}

static struct bucket *
bucket_of(const struct promise_table *t, uint64_t ino)
{
	return &t->b[promise_bucket(ino)];
}

static uint64_t
bit_of(unsigned slot)
{
	return UINT64_C(1) << slot % 64;
}

/* Bits of whoever had the slot before mean nothing any more. */
static void
sweep(struct promise_table *t, unsigned slot)
{
	for (unsigned i = 0; i < PROMISE_BUCKETS; i++) {
		_Atomic uint64_t *word = &t->b[i].word[slot / 64];

		if (atomic_load_explicit(word, memory_order_relaxed) & bit_of(slot))
			atomic_fetch_and(word, ~bit_of(slot));
	}
}

/* Frees a slot that is still this occupation's. */
static void
vacate(struct promise_table *t, unsigned slot, uint64_t owner)
{
	struct slot *s = &t->s->slot[slot];
	uint32_t any = atomic_load(&s->any);

	atomic_store(&s->until_ns, 0);
	if (!atomic_compare_exchange_strong(&s->owner, &owner, 0))
		return;
	atomic_fetch_sub(&t->s->used, 1);
	if (any)
		atomic_fetch_sub(&t->s->ghosts, 1);
}

int
promise_slot_take(struct promise_table *t, const struct id128 *client, uint64_t address)
{
	uint64_t serial = atomic_fetch_add(&t->s->serial, 1) + 1;
	uint64_t mine = serial << ADDRESS_BITS | address, now = now_mono_ns();

	for (unsigned i = 0; i < PROMISE_SLOTS; i++) {
		struct slot *s = &t->s->slot[i];
		uint64_t owner = atomic_load(&s->owner);

		if (owner != 0 && atomic_load(&s->dead) && atomic_load(&s->until_ns) <= now) {
			vacate(t, i, owner);
			owner = 0;
		}
		if (owner != 0 || !atomic_compare_exchange_strong(&s->owner, &owner, mine))
			continue;
		atomic_fetch_add(&t->s->used, 1);
		atomic_store(&s->until_ns, 0);
		atomic_store(&s->dead, 0);
		atomic_store(&s->any, 0);
		s->client = *client;
		sweep(t, i);
		return (int)i;
	}
	return CFS_EBUSY;
}

void
promise_slot_release(struct promise_table *t, unsigned slot)
{
	vacate(t, slot, atomic_load(&t->s->slot[slot].owner));
}

void
promise_slot_abandon(struct promise_table *t, unsigned slot)
{
	if (atomic_load(&t->s->slot[slot].until_ns) <= now_mono_ns())
		promise_slot_release(t, slot);
	else
		atomic_store(&t->s->slot[slot].dead, 1);
}

bool
promise_slots_abandon_of(struct promise_table *t, uint64_t address)
{
	const uint64_t mask = (UINT64_C(1) << ADDRESS_BITS) - 1;
	bool found = false;

	for (unsigned i = 0; i < PROMISE_SLOTS && atomic_load(&t->s->used) > 0; i++) {
		uint64_t owner = atomic_load(&t->s->slot[i].owner);

		if (owner == 0 || (owner & mask) != address || atomic_load(&t->s->slot[i].dead))
			continue;
		promise_slot_abandon(t, i);
		found = true;
	}
	return found;
}

bool
promise_renew(struct promise_table *t, unsigned slot, uint64_t until_ns)
{
	_Atomic uint64_t *until = &t->s->slot[slot].until_ns;
	uint64_t old = atomic_load(until);

	while (old != 0 && !atomic_compare_exchange_weak(until, &old, until_ns))
		continue;
	return old != 0;
}

void
promise_revive(struct promise_table *t, unsigned slot, uint64_t until_ns)
{
	atomic_store(&t->s->slot[slot].until_ns, until_ns);
}

void
promise_note(struct promise_table *t, unsigned slot, uint64_t ino)
{
	_Atomic uint64_t *word = &bucket_of(t, ino)->word[slot / 64];

	/* Nobody but this slot's owner changes its bit. */
	if (!(atomic_load_explicit(word, memory_order_relaxed) & bit_of(slot)))
		atomic_fetch_or(word, bit_of(slot));
}

void
promise_unnote(struct promise_table *t, unsigned slot, uint64_t ino)
{
	atomic_fetch_and(&bucket_of(t, ino)->word[slot / 64], ~bit_of(slot));
}

/* ---- changers */

bool
promise_others(const struct promise_table *t, int slot)
{
	return atomic_load(&t->s->used) > (slot >= 0);
}

void
promise_everybody(const struct promise_table *t, struct promise_set *set)
{
	for (unsigned i = 0; i < PROMISE_SLOTS; i++) {
		if (atomic_load(&t->s->slot[i].owner) != 0)
			set->bits[i / 64] |= bit_of(i);
	}
}

void
promise_holders(const struct promise_table *t, uint64_t ino, struct promise_set *set)
{
	const struct bucket *b = bucket_of(t, ino);

	for (unsigned w = 0; w < PROMISE_WORDS; w++)
		set->bits[w] |= atomic_load(&b->word[w]);
	for (unsigned i = 0; i < PROMISE_SLOTS && atomic_load(&t->s->ghosts) > 0; i++) {
		if (atomic_load(&t->s->slot[i].any) && atomic_load(&t->s->slot[i].owner) != 0)
			set->bits[i / 64] |= bit_of(i);
	}
}

struct promise_holder
promise_look(const struct promise_table *t, unsigned slot)
{
	const struct slot *s = &t->s->slot[slot];
	struct promise_holder h = {.owner = atomic_load(&s->owner)};

	h.address = h.owner & ((UINT64_C(1) << ADDRESS_BITS) - 1);
	h.until_ns = atomic_load(&s->until_ns);
	h.client = s->client;
	return h;
}

bool
promise_is_over(struct promise_table *t, unsigned slot, const struct promise_holder *seen,
		uint64_t now_ns)
{
	struct slot *s = &t->s->slot[slot];
	uint64_t until = atomic_load(&s->until_ns);

	while (until != 0 && until <= now_ns && atomic_load(&s->owner) == seen->owner &&
	       !atomic_compare_exchange_weak(&s->until_ns, &until, 0))
		continue;
	if (atomic_load(&s->owner) != seen->owner)
		return true;
	if (until > now_ns)
		return false;
	if (atomic_load(&s->dead))
		vacate(t, slot, seen->owner);
	return true;
}

void
promise_void_client(struct promise_table *t, const struct id128 *client, int but_slot)
{
	for (unsigned i = 0; i < PROMISE_SLOTS && atomic_load(&t->s->used) > 0; i++) {
		struct slot *s = &t->s->slot[i];

		if ((int)i != but_slot && atomic_load(&s->owner) != 0 &&
		    id128_equal(&s->client, client))
			atomic_store(&s->until_ns, 0);
	}
}
