/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "mount.h"

/* Kept for look-ups, all together; the oldest go first. */
#define KEPT_ROWS_MAX 65536u
#define KEPT_MAX      4096u

void
listings_init(struct listings *l)
{
	memset(l, 0, sizeof *l);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->came, NULL);
}

static void
listing_free(struct listing *g)
{
	free(g->rows);
	free(g->names);
	free(g->index);
	free(g->touched);
	free(g);
}

void
listings_fini(struct listings *l)
{
	for (size_t b = 0; b < LISTING_BUCKETS; b++) {
		while (l->buckets[b] != NULL) {
			struct listing *g = l->buckets[b];

			l->buckets[b] = g->next;
			listing_free(g);
		}
	}
	pthread_cond_destroy(&l->came);
	pthread_mutex_destroy(&l->lock);
}

static struct listing **
bucket(struct listings *l, uint64_t dir)
{
	return &l->buckets[(dir * UINT64_C(0x9e3779b97f4a7c15) >> 32) % LISTING_BUCKETS];
}

/* FNV-1a, never 0. A collision only makes something unknown that is known. */
static uint64_t
hash_name(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++) {
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	}
	return h | 1;
}

/* ---- kept and dropped; locked */

static void
unref(struct listings *l, struct listing *g)
{
	struct listing **p = bucket(l, g->dir.ino);

	if (--g->refs > 0) {
		return;
	}
	while (*p != g) {
		p = &(*p)->next;
	}
	*p = g->next;
	listing_free(g);
}

static void
drop_kept(struct listings *l, struct listing *g)
{
	*(g->older != NULL ? &g->older->newer : &l->oldest) = g->newer;
	*(g->newer != NULL ? &g->newer->older : &l->newest) = g->older;
	g->kept = false;
	l->kept--;
	l->kept_rows -= g->n;
	unref(l, g);
}

/* Keeps it in place of an older one, and drops what is old. */
static void
keep(struct mount *m, struct listing *g)
{
	struct listings *l = &m->listings;

	for (struct listing *o = *bucket(l, g->dir.ino), *next; o != NULL; o = next) {
		next = o->next;
		if (o->kept && o->dir.ino == g->dir.ino) {
			drop_kept(l, o);
		}
	}
	/* drop_kept() takes it off the list: NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (l->oldest != NULL && (l->kept >= KEPT_MAX || l->kept_rows + g->n > KEPT_ROWS_MAX ||
				     l->oldest->asked_ns + m->fresh_ns < g->asked_ns)) {
		drop_kept(l, l->oldest);
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	g->refs++;
	g->kept = true;
	g->newer = NULL;
	g->older = l->newest;
	*(l->newest != NULL ? &l->newest->newer : &l->oldest) = g;
	l->newest = g;
	l->kept++;
	l->kept_rows += g->n;
}

void
listing_put(struct listings *l, struct listing *g)
{
	if (g == NULL) {
		return;
	}
	pthread_mutex_lock(&l->lock);
	unref(l, g);
	pthread_mutex_unlock(&l->lock);
}

/* ---- asking */

static struct listing *
listing_new(struct listings *l, struct cfs_ref dir, uint64_t asked_ns, bool coming)
{
	struct listing *g = calloc(1, sizeof *g), **p = bucket(l, dir.ino);

	if (g == NULL) {
		return NULL;
	}
	g->dir = dir;
	g->asked_ns = asked_ns;
	g->refs = 1;
	g->coming = coming;
	pthread_mutex_lock(&l->lock);
	g->next = *p;
	*p = g;
	pthread_mutex_unlock(&l->lock);
	return g;
}

static int
keep_row(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	struct listing *g = arg;
	size_t len = strlen(name) + 1;

	/* One promise for all of it, or none. */
	g->epoch = g->n == 0 || g->epoch == attr->promise_epoch ? attr->promise_epoch : 0;
	if (g->n == g->max) {
		return 1;
	}
	if (g->n == g->cap) {
		size_t cap = g->cap > 0 ? g->cap * 2 : 64;
		struct listing_row *rows = realloc(g->rows, cap * sizeof *rows);

		if (rows == NULL) {
			return CFS_ENOMEM;
		}
		g->rows = rows;
		g->cap = cap;
	}
	if (g->names_cap - g->names_len < len) {
		size_t cap = (g->names_cap + len) * 2;
		char *names = realloc(g->names, cap);

		if (names == NULL) {
			return CFS_ENOMEM;
		}
		g->names = names;
		g->names_cap = cap;
	}
	memcpy(g->names + g->names_len, name, len);
	g->rows[g->n++] = (struct listing_row){
	    .cookie = cookie, .hash = hash_name(name), .attr = *attr, .name = g->names_len};
	g->names_len += len;
	return 0;
}

int
listing_fetch(struct mount *m, struct cfs_ref dir, uint64_t after, size_t max, struct listing **out)
{
	struct listing *g = listing_new(&m->listings, dir, now_mono_ns(), after == 0);
	int rc;

	*out = NULL;
	if (g == NULL) {
		return CFS_ENOMEM;
	}
	g->after = after;
	g->max = max;
	rc = cfs_readdir(m->c, dir, after, keep_row, g, &g->eof, &g->parent, NULL);
	pthread_mutex_lock(&m->listings.lock);
	g->coming = false;
	pthread_cond_broadcast(&m->listings.came);
	if (rc < 0) {
		unref(&m->listings, g);
		g = NULL;
	} else if (after == 0 && m->fresh_ns > 0) {
		keep(m, g);
	}
	pthread_mutex_unlock(&m->listings.lock);
	*out = g;
	return rc < 0 ? rc : 0;
}

void
listing_note_empty(struct mount *m, const struct cfs_attr *dir, uint64_t parent, uint64_t asked_ns)
{
	struct listing *g;

	if (m->fresh_ns == 0 || dir->promise_epoch == 0) {
		return;
	}
	g = listing_new(&m->listings, dir->ref, asked_ns, false);
	if (g == NULL) {
		return;
	}
	g->epoch = dir->promise_epoch;
	g->parent = parent;
	g->eof = true;
	pthread_mutex_lock(&m->listings.lock);
	keep(m, g);
	unref(&m->listings, g);
	pthread_mutex_unlock(&m->listings.lock);
}

/* ---- own changes; locked */

static uint64_t *
touched_slot(const struct listing *g, uint64_t hash)
{
	size_t at = (size_t)hash & (g->touched_size - 1);

	while (g->touched[at] != 0 && g->touched[at] != hash) {
		at = (at + 1) & (g->touched_size - 1);
	}
	return &g->touched[at];
}

static void
add_touched(struct listing *g, uint64_t hash)
{
	uint64_t *slot, *old = g->touched;
	size_t n_old = g->touched_size;

	if (g->n_touched * 2 >= g->touched_size) {
		size_t size = n_old > 0 ? n_old * 2 : 16;
		uint64_t *bigger = calloc(size, sizeof *bigger);

		if (bigger == NULL) {
			g->spoiled = true;
			return;
		}
		g->touched = bigger;
		g->touched_size = size;
		for (size_t i = 0; i < n_old; i++) {
			if (old[i] != 0) {
				*touched_slot(g, old[i]) = old[i];
			}
		}
		free(old);
	}
	slot = touched_slot(g, hash);
	g->n_touched += *slot == 0;
	*slot = hash;
}

static bool
is_touched(const struct listing *g, uint64_t hash)
{
	return g->spoiled || (g->n_touched > 0 && *touched_slot(g, hash) != 0);
}

void
listings_touch(struct listings *l, uint64_t dir, const char *name)
{
	uint64_t hash = hash_name(name);

	pthread_mutex_lock(&l->lock);
	for (struct listing *g = *bucket(l, dir); g != NULL; g = g->next) {
		if (g->dir.ino == dir && *name == '\0') {
			g->spoiled = true;
		} else if (g->dir.ino == dir) {
			add_touched(g, hash);
		}
	}
	pthread_mutex_unlock(&l->lock);
}

/* ---- answers */

static bool
is_fresh(const struct mount *m, const struct listing *g)
{
	return m->fresh_ns > 0 && cfs_promised_ns(m->c, g->epoch) > 0;
}

struct listing *
listing_find_locked(struct mount *m, uint64_t dir)
{
	struct listing *g = *bucket(&m->listings, dir);

	while (g != NULL && !(g->kept && g->dir.ino == dir)) {
		g = g->next;
	}
	return g != NULL && is_fresh(m, g) && !g->spoiled ? g : NULL;
}

static bool
is_coming(struct listings *l, uint64_t dir)
{
	const struct listing *g = *bucket(l, dir);

	while (g != NULL && !(g->coming && g->dir.ino == dir)) {
		g = g->next;
	}
	return g != NULL;
}

int
listing_obtain(struct mount *m, struct cfs_ref dir, size_t max, struct listing **out)
{
	struct listings *l = &m->listings;
	struct listing *g;

	pthread_mutex_lock(&l->lock);
	while (is_coming(l, dir.ino)) {
		pthread_cond_wait(&l->came, &l->lock);
	}
	g = listing_find_locked(m, dir.ino);
	if (g != NULL && g->n_touched > 0) {
		g = NULL;
	}
	if (g != NULL) {
		g->refs++;
	}
	pthread_mutex_unlock(&l->lock);
	*out = g;
	return g != NULL ? 0 : listing_fetch(m, dir, 0, max, out);
}

/* Locked. Without memory there is no index, and nothing is found. */
static const struct listing_row *
find_row(struct listing *g, const char *name, uint64_t hash)
{
	if (g->index == NULL && g->n > 0) {
		size_t size = 16;

		while (size < g->n * 2) {
			size *= 2;
		}
		g->index = calloc(size, sizeof *g->index);
		if (g->index == NULL) {
			g->spoiled = true;
			return NULL;
		}
		g->index_size = size;
		for (size_t i = 0; i < g->n; i++) {
			size_t at = (size_t)(g->rows[i].hash >> 8) & (size - 1);

			while (g->index[at] != 0) {
				at = (at + 1) & (size - 1);
			}
			g->index[at] = (uint32_t)i + 1;
		}
	}
	for (size_t at = (size_t)(hash >> 8); g->n > 0; at++) {
		uint32_t i = g->index[at & (g->index_size - 1)];

		if (i == 0) {
			break;
		}
		if (g->rows[i - 1].hash == hash &&
		    strcmp(g->names + g->rows[i - 1].name, name) == 0) {
			return &g->rows[i - 1];
		}
	}
	return NULL;
}

enum listing_answer
listings_find(struct mount *m, uint64_t dir, const char *name, struct cfs_attr *out,
	      uint64_t *asked_ns_out)
{
	enum listing_answer answer = LISTING_UNKNOWN;
	const struct listing_row *row;
	uint64_t hash = hash_name(name);
	struct listing *g;

	pthread_mutex_lock(&m->listings.lock);
	g = listing_find_locked(m, dir);
	if (g != NULL && !is_touched(g, hash)) {
		row = find_row(g, name, hash);
		*asked_ns_out = g->asked_ns;
		if (row != NULL) {
			*out = row->attr;
			answer = LISTING_FOUND;
		} else if (g->eof && !g->spoiled) {
			*out = (struct cfs_attr){.promise_epoch = g->epoch};
			answer = LISTING_ABSENT;
		}
	}
	pthread_mutex_unlock(&m->listings.lock);
	if (answer == LISTING_FOUND && !inodes_unchanged(&m->inodes, out, *asked_ns_out)) {
		answer = LISTING_UNKNOWN;
	}
	return answer;
}

bool
listing_row_is_good(struct mount *m, struct listing *g, const struct listing_row *row)
{
	bool touched;

	if (!is_fresh(m, g)) {
		return false;
	}
	pthread_mutex_lock(&m->listings.lock);
	touched = is_touched(g, row->hash);
	pthread_mutex_unlock(&m->listings.lock);
	return !touched && inodes_unchanged(&m->inodes, &row->attr, g->asked_ns);
}
