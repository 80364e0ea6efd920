/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/brief.h"

#include "store/types.h"

/* FNV-1a, by whose steps each folder of a path costs one of its bytes. Whoever makes two collide wins a look in vain. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

/* Bits that a folder sets in the filter, from different parts of its hash. */
#define FOLDER_BITS 3u

static uint64_t
hash_step(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * HASH_PRIME;
}

uint64_t
events_dir(struct bytes_view dir)
{
	const uint8_t *bytes = dir.data;
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < dir.len; i++)
		hash = hash_step(hash, bytes[i]);
	return hash;
}

/* The low bits of FNV-1a mix little: the high ones choose. */
static unsigned
bit_of(uint64_t hash, unsigned n)
{
	return (unsigned)(hash >> (57 - 7 * n)) & 127u;
}

static void
add_folder(uint64_t dirs[2], uint64_t hash)
{
	for (unsigned n = 0; n < FOLDER_BITS; n++) {
		unsigned bit = bit_of(hash, n);

		dirs[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

/* Itself and what it is in: "/a/b" is in "", "/a" and "/a/b". */
static void
add_path(uint64_t dirs[2], struct bytes_view path)
{
	const uint8_t *bytes = path.data;
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < path.len; i++) {
		if (bytes[i] == '/')
			add_folder(dirs, hash);
		hash = hash_step(hash, bytes[i]);
	}
	add_folder(dirs, hash);
}

void
brief_write(struct brief ring[BRIEFS], const struct event *e)
{
	struct brief *b = &ring[e->id % BRIEFS];
	uint64_t dirs[2] = {0};

	add_path(dirs, e->path);
	add_path(dirs, e->target);
	atomic_store(&b->id, 0);
	atomic_store(&b->owner, e->owner);
	atomic_store(&b->user, e->user);
	atomic_store(&b->dirs[0], dirs[0]);
	atomic_store(&b->dirs[1], dirs[1]);
	atomic_store(&b->kind, (unsigned)e->kind);
	atomic_store(&b->id, e->id);
}

/* As the statements of events_list() choose; whether a receipt was seen is not known here. */
static bool
may_know(const struct cred *cred, unsigned filter, uint64_t owner, uint64_t user, unsigned kind)
{
	if (filter & (EVENTS_MINE | EVENTS_UNSEEN))
		return kind == EVENT_DOWNLOAD && owner == cred->user && user != cred->user;
	if (cred->admin || owner == cred->user || user == cred->user)
		return true;
	return (filter & EVENTS_VISIBLE) != 0 && !cred->trees_private && kind == EVENT_CHANGE;
}

static bool
may_be_within(const uint64_t dirs[2], const struct event_want *want)
{
	for (size_t i = 0; i < want->dir_count; i++) {
		uint64_t needs[2] = {0};

		add_folder(needs, want->dirs[i]);
		if ((dirs[0] & needs[0]) == needs[0] && (dirs[1] & needs[1]) == needs[1])
			return true;
	}
	return want->dir_count == 0;
}

static bool
may_be_wanted(const struct brief ring[BRIEFS], const struct cred *cred,
	      const struct event_want *want, uint64_t id)
{
	const struct brief *b = &ring[id % BRIEFS];
	bool whole = atomic_load(&b->id) == id;
	uint64_t owner = atomic_load(&b->owner), user = atomic_load(&b->user);
	const uint64_t dirs[2] = {atomic_load(&b->dirs[0]), atomic_load(&b->dirs[1])};
	unsigned kind = atomic_load(&b->kind);

	/* A newer one may have taken its place meanwhile. */
	if (!whole || atomic_load(&b->id) != id)
		return true;
	return (want->kinds == 0 || (want->kinds & UINT32_C(1) << kind) != 0) &&
	       may_know(cred, want->filter, owner, user, kind) && may_be_within(dirs, want);
}

uint64_t
brief_pass(const struct brief ring[BRIEFS], const struct cred *cred, const struct event_want *want,
	   uint64_t since, uint64_t newest)
{
	while (since < newest && !may_be_wanted(ring, cred, want, since + 1))
		since++;
	return since;
}

uint64_t
brief_run(const struct brief ring[BRIEFS], const struct cred *cred, const struct event_want *want,
	  uint64_t since, uint64_t newest)
{
	/* Of those nothing is known. */
	if (newest > BRIEFS && since < newest - BRIEFS)
		since = newest - BRIEFS;
	while (since < newest && may_be_wanted(ring, cred, want, since + 1))
		since++;
	return since;
}
