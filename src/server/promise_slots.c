/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Slots and bits of the table: each side's steps. */

#include "base/time.h"
#include "server/promise_table_state.h"

/* No leases for so long for a user whose lease was waited for in vain. */
#define BLAMED_NS (10 * 60 * (uint64_t)NS_PER_S)

#define ADDRESS_BITS 22u /* of process ids, see proc(5), pid_max */

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

static struct bucket *
lease_bucket_of(const struct promise_table *t, uint64_t ino)
{
	return &t->leases[promise_bucket(ino)];
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
	for (unsigned i = 0; i < 2 * PROMISE_BUCKETS; i++) {
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
	promise_lease_end(t, slot);
	if (!atomic_compare_exchange_strong(&s->owner, &owner, 0))
		return;
	atomic_fetch_sub(&t->s->used, 1);
	if (any)
		atomic_fetch_sub(&t->s->ghosts, 1);
}

int
promise_slot_take(struct promise_table *t, const struct id128 *client, uint64_t user,
		  uint64_t address)
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
		promise_lease_end(t, i);
		s->client = *client;
		atomic_store(&s->user, user);
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

static void
note(struct bucket *b, unsigned slot)
{
	_Atomic uint64_t *word = &b->word[slot / 64];

	/* Nobody but this slot's owner changes its bit. */
	if (!(atomic_load_explicit(word, memory_order_relaxed) & bit_of(slot)))
		atomic_fetch_or(word, bit_of(slot));
}

static void
unnote(struct bucket *b, unsigned slot)
{
	atomic_fetch_and(&b->word[slot / 64], ~bit_of(slot));
}

void
promise_note(struct promise_table *t, unsigned slot, uint64_t ino)
{
	note(bucket_of(t, ino), slot);
}

void
promise_unnote(struct promise_table *t, unsigned slot, uint64_t ino)
{
	unnote(bucket_of(t, ino), slot);
}

void
promise_lease_begin(struct promise_table *t, unsigned slot)
{
	atomic_fetch_or(&t->s->leased[slot / 64], bit_of(slot));
}

void
promise_lease_end(struct promise_table *t, unsigned slot)
{
	if (atomic_load(&t->s->leased[slot / 64]) & bit_of(slot))
		atomic_fetch_and(&t->s->leased[slot / 64], ~bit_of(slot));
}

void
promise_lease_note(struct promise_table *t, unsigned slot, uint64_t ino)
{
	note(lease_bucket_of(t, ino), slot);
}

void
promise_lease_unnote(struct promise_table *t, unsigned slot, uint64_t ino)
{
	unnote(lease_bucket_of(t, ino), slot);
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

static uint64_t
blame_place(uint64_t user)
{
	return user % PROMISE_BLAMED;
}

void
promise_lease_blame(struct promise_table *t, uint64_t user, uint64_t now_ns)
{
	atomic_store(&t->s->blamed_ns[blame_place(user)], now_ns);
}

bool
promise_lease_is_blamed(const struct promise_table *t, uint64_t user, uint64_t now_ns)
{
	uint64_t since = atomic_load(&t->s->blamed_ns[blame_place(user)]);

	/* Of another boot it may lie ahead. */
	return since != 0 && since <= now_ns && now_ns - since < BLAMED_NS;
}

/* ---- who looks */

bool
promise_lease_is_on(const struct promise_table *t, unsigned slot)
{
	return (atomic_load(&t->s->leased[slot / 64]) & bit_of(slot)) != 0;
}

bool
promise_leases_others(const struct promise_table *t, int slot)
{
	uint64_t found = 0;

	for (unsigned w = 0; w < PROMISE_WORDS; w++) {
		uint64_t word = atomic_load(&t->s->leased[w]);

		if (slot >= 0 && (unsigned)slot / 64 == w)
			word &= ~bit_of((unsigned)slot);
		found |= word;
	}
	return found != 0;
}

void
promise_lease_everybody(const struct promise_table *t, struct promise_set *set)
{
	for (unsigned w = 0; w < PROMISE_WORDS; w++)
		set->bits[w] |= atomic_load(&t->s->leased[w]);
}

void
promise_lease_holders(const struct promise_table *t, uint64_t ino, struct promise_set *set)
{
	const struct bucket *b = lease_bucket_of(t, ino);

	for (unsigned w = 0; w < PROMISE_WORDS; w++)
		set->bits[w] |= atomic_load(&b->word[w]) & atomic_load(&t->s->leased[w]);
	/* Which those were that a daemon before this one knew of, nobody knows. */
	for (unsigned i = 0; i < PROMISE_SLOTS && atomic_load(&t->s->ghosts) > 0; i++) {
		if (atomic_load(&t->s->slot[i].any) && atomic_load(&t->s->slot[i].owner) != 0)
			set->bits[i / 64] |= bit_of(i) & atomic_load(&t->s->leased[i / 64]);
	}
}

/* ---- both */

struct promise_holder
promise_look(const struct promise_table *t, unsigned slot)
{
	const struct slot *s = &t->s->slot[slot];
	struct promise_holder h = {.owner = atomic_load(&s->owner)};

	h.address = h.owner & ((UINT64_C(1) << ADDRESS_BITS) - 1);
	h.until_ns = atomic_load(&s->until_ns);
	h.client = s->client;
	h.user = atomic_load(&s->user);
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

static bool
is_others(struct promise_table *t, unsigned slot, const struct id128 *client)
{
	struct promise_holder h = promise_look(t, slot);

	return h.owner != 0 && h.until_ns != 0 && !id128_equal(&h.client, client) &&
	       !promise_is_over(t, slot, &h, now_mono_ns());
}

int
promise_next_other(struct promise_table *t, const struct promise_set *set, unsigned from, int own,
		   const struct id128 *client)
{
	for (unsigned slot = from; slot < PROMISE_SLOTS; slot++) {
		if (slot % 64 == 0 && set->bits[slot / 64] == 0)
			slot += 63;
		else if ((set->bits[slot / 64] & bit_of(slot)) && (int)slot != own &&
			 is_others(t, slot, client))
			return (int)slot;
	}
	return -1;
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

void
promise_lease_end_earlier(struct promise_table *t, unsigned slot)
{
	const struct slot *own = &t->s->slot[slot];
	uint64_t mine = atomic_load(&own->owner);

	for (unsigned i = 0; i < PROMISE_SLOTS && promise_leases_others(t, (int)slot); i++) {
		uint64_t owner = atomic_load(&t->s->slot[i].owner);

		/* Serial numbers are in front: a connection made since then has what it has. */
		if (owner != 0 && owner < mine && id128_equal(&t->s->slot[i].client, &own->client))
			promise_lease_end(t, i);
	}
}
