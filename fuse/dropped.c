/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dropped.h"

#include <stdlib.h>

#define WORD_BITS 64u

struct dropped_pages {
	uint64_t ino, version;
};

int
dropped_init(struct dropped *d)
{
	*d = (struct dropped){.known = calloc(DROPPED_NUMBERS / WORD_BITS, sizeof(uint64_t))};
	d->pages = calloc(DROPPED_PAGES, sizeof *d->pages);
	return d->known != NULL && d->pages != NULL ? 0 : CFS_ENOMEM;
}

void
dropped_fini(struct dropped *d)
{
	free(d->known);
	free(d->pages);
}

static uint64_t *
word_of(const struct dropped *d, uint64_t ino)
{
	return &d->known[ino % DROPPED_NUMBERS / WORD_BITS];
}

static uint64_t
bit_of(uint64_t ino)
{
	return UINT64_C(1) << ino % WORD_BITS;
}

/* Whether all from first to last may be of this generation, for all that is known of others. */
static bool
is_free(const struct dropped *d, uint64_t first, uint64_t last, uint32_t gen)
{
	for (size_t i = 0; i < d->n_gens; i++) {
		if (d->gens[i].gen != gen && first <= d->gens[i].last && d->gens[i].first <= last) {
			return false;
		}
	}
	return true;
}

static bool
note_gen(struct dropped *d, struct cfs_ref ref)
{
	uint64_t first = ref.ino, last = ref.ino;
	size_t i = 0;

	while (i < d->n_gens && d->gens[i].gen != ref.gen) {
		i++;
	}
	if (i < d->n_gens) {
		first = d->gens[i].first < first ? d->gens[i].first : first;
		last = d->gens[i].last > last ? d->gens[i].last : last;
	}
	if (i == DROPPED_GENS || !is_free(d, first, last, ref.gen)) {
		return false;
	}
	d->n_gens += i == d->n_gens;
	d->gens[i].gen = ref.gen;
	d->gens[i].first = first;
	d->gens[i].last = last;
	return true;
}

bool
dropped_add(struct dropped *d, struct cfs_ref ref)
{
	if (!note_gen(d, ref)) {
		return false;
	}
	/* For good: the kernel may look it up again while it says that it has forgotten it. */
	*word_of(d, ref.ino) |= bit_of(ref.ino);
	return true;
}

bool
dropped_find(const struct dropped *d, uint64_t ino, struct cfs_ref *out)
{
	if ((*word_of(d, ino) & bit_of(ino)) == 0) {
		return false;
	}
	for (size_t i = 0; i < d->n_gens; i++) {
		if (d->gens[i].first <= ino && ino <= d->gens[i].last) {
			*out = (struct cfs_ref){.ino = ino, .gen = d->gens[i].gen};
			return true;
		}
	}
	return false;
}

void
dropped_note_pages(struct dropped *d, uint64_t ino, uint64_t version)
{
	struct dropped_pages *p = &d->pages[ino % DROPPED_PAGES];

	/* What has none makes no room. */
	if (version != 0 || p->ino == ino) {
		*p = (struct dropped_pages){.ino = ino, .version = version};
	}
}

uint64_t
dropped_pages(const struct dropped *d, uint64_t ino)
{
	const struct dropped_pages *p = &d->pages[ino % DROPPED_PAGES];

	return p->ino == ino ? p->version : 0;
}

void
dropped_note_change(struct dropped *d, uint64_t ino, uint64_t ns)
{
	size_t slot = (size_t)ino % DROPPED_CHANGES;

	if (ns <= d->lost_ns || (d->changes[slot].ino == ino && ns <= d->changes[slot].ns)) {
		return;
	}
	if (d->changes[slot].ino != ino && d->changes[slot].ns > d->lost_ns) {
		d->lost_ns = d->changes[slot].ns;
	}
	d->changes[slot].ino = ino;
	d->changes[slot].ns = ns;
}

uint64_t
dropped_changed_ns(const struct dropped *d, uint64_t ino)
{
	size_t slot = (size_t)ino % DROPPED_CHANGES;
	uint64_t ns = d->changes[slot].ino == ino ? d->changes[slot].ns : 0;

	return ns > d->lost_ns ? ns : d->lost_ns;
}
