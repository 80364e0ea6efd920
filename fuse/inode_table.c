/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fuse_lowlevel.h>
#include <stdlib.h>

#include "base/time.h"
#include "inode.h"
#include "place.h"

/* The table of inodes, by number. */

#define FIRST_BUCKETS 1024u

/* Buckets that the hand passes at most when an entry is made: more than what two rounds take for each entry that goes. */
#define HAND_STEPS 16u

int
inodes_init(struct inodes *t, size_t max)
{
	*t = (struct inodes){.n_buckets = FIRST_BUCKETS, .max = max, .max_dirs = max / 2};
	t->buckets = calloc(t->n_buckets, sizeof(struct inode *));
	t->places = calloc(t->n_buckets, sizeof(struct inode *));
	if (dropped_init(&t->dropped) != 0 || t->buckets == NULL || t->places == NULL) {
		dropped_fini(&t->dropped);
		free(t->buckets);
		free(t->places);
		return CFS_ENOMEM;
	}
	pthread_mutex_init(&t->lock, NULL);
	return 0;
}

static void
inode_free(struct inode *i)
{
	cfs_file_close(i->file, NULL);
	pthread_mutex_destroy(&i->lock);
	free(i);
}

void
inodes_fini(struct inodes *t)
{
	for (size_t b = 0; b < t->n_buckets; b++) {
		while (t->buckets[b] != NULL) {
			struct inode *i = t->buckets[b];

			t->buckets[b] = i->next;
			inode_free(i);
		}
	}
	free(t->buckets);
	free(t->places);
	dropped_fini(&t->dropped);
	pthread_mutex_destroy(&t->lock);
}

static size_t
bucket(const struct inodes *t, uint64_t ino)
{
	/* Numbers come in runs; the multiplier spreads them over the table (Knuth, 64-bit golden ratio). */
	return (size_t)((ino * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (t->n_buckets - 1);
}

static struct inode **
find(struct inodes *t, uint64_t ino)
{
	struct inode **p = &t->buckets[bucket(t, ino)];

	while (*p != NULL && (*p)->ref.ino != ino) {
		p = &(*p)->next;
	}
	return p;
}

/* Doubles the table; without memory it stays as it is and only gets slower. */
static void
grow(struct inodes *t)
{
	size_t n_old = t->n_buckets;
	struct inode **old = t->buckets, **old_places = t->places;
	struct inode **buckets = calloc(n_old * 2, sizeof(struct inode *));
	struct inode **places = calloc(n_old * 2, sizeof(struct inode *));

	if (buckets == NULL || places == NULL) {
		free(buckets);
		free(places);
		return;
	}
	t->buckets = buckets;
	t->places = places;
	t->n_buckets = n_old * 2;
	place_rehash(t, old_places, n_old);
	free(old_places);
	for (size_t b = 0; b < n_old; b++) {
		for (struct inode *i = old[b], *next; i != NULL; i = next) {
			struct inode **p = &t->buckets[bucket(t, i->ref.ino)];

			next = i->next;
			i->next = *p;
			*p = i;
		}
	}
	free(old);
}

/* ---- made and dropped; locked */

/* Takes an entry out of the table, to be freed. */
static struct inode *
take_out(struct inodes *t, struct inode **p)
{
	struct inode *i = *p;

	*p = i->next;
	t->n--;
	t->n_dirs -= i->counted_dir;
	place_take(t, i);
	/* Older attributes of this inode stay wrong when nobody knows it any more. */
	dropped_note_change(&t->dropped, i->ref.ino, atomic_load(&i->changed_ns));
	return i;
}

/* Takes the entry out of the table if nothing holds it; the caller frees it without the lock. */
static struct inode *
drop_unused(struct inodes *t, struct inode **p)
{
	const struct inode *i = *p;

	return i == NULL || i->lookups > 0 || i->refs > 0 ? NULL : take_out(t, p);
}

/*
 * Whether nobody misses the entry until it is made again. What is open, being changed or being told of is held; the rest
 * of what an entry knows is a matter of speed.
 */
static bool
is_spare(const struct inodes *t, const struct inode *i)
{
	return !i->used && i->refs == 0 && !atomic_load(&i->gone) && !inode_is_shared(i) &&
	       (!i->counted_dir || t->n_dirs > t->max_dirs);
}

/* Drops all that was not used since the hand came by last. */
static void
pass_bucket(struct inodes *t, size_t b)
{
	struct inode **p = &t->buckets[b];

	while (*p != NULL) {
		struct inode *i = *p;

		if (is_spare(t, i) && dropped_add(&t->dropped, i->ref)) {
			dropped_note_pages(&t->dropped, i->ref.ino, i->cached_version);
			inode_free(take_out(t, p));
		} else {
			i->used = false;
			p = &i->next;
		}
	}
}

/* For one more entry. What cannot be dropped stays, and the table is larger for as long. */
static void
make_room(struct inodes *t)
{
	for (unsigned steps = 0; t->n >= t->max && steps < HAND_STEPS; steps++) {
		t->hand = (t->hand + 1) & (t->n_buckets - 1);
		pass_bucket(t, t->hand);
	}
}

/* The entry for ref, made if need be. */
static struct inode *
obtain(struct inodes *t, struct cfs_ref ref)
{
	struct inode **p, *i = *find(t, ref.ino);
	struct cfs_ref was;

	if (i != NULL) {
		i->used = true;
		return i;
	}
	i = calloc(1, sizeof *i);
	if (i == NULL) {
		return NULL;
	}
	make_room(t);
	i->ref = ref;
	if (dropped_find(&t->dropped, ref.ino, &was) && was.gen == ref.gen) {
		/* How often it was looked up is not known any more, but the kernel will forget all of that at once. */
		i->lookups = 1;
		i->cached_version = dropped_pages(&t->dropped, ref.ino);
		atomic_store(&i->opened_version, i->cached_version);
	}
	atomic_store(&i->changed_ns, dropped_changed_ns(&t->dropped, ref.ino));
	pthread_mutex_init(&i->lock, NULL);
	p = &t->buckets[bucket(t, ref.ino)];
	i->next = *p;
	*p = i;
	if (++t->n > t->n_buckets) {
		grow(t);
	}
	return i;
}

/* The entry, made again if the kernel may know it, held once more; or NULL. */
static struct inode *
recall(struct inodes *t, uint64_t ino)
{
	struct inode *i = *find(t, ino);
	struct cfs_ref ref;

	if (i == NULL && dropped_find(&t->dropped, ino, &ref)) {
		i = obtain(t, ref);
	}
	if (i != NULL) {
		i->used = true;
		i->refs++;
	}
	return i;
}

/* ---- for others */

int
inodes_set_top(struct inodes *t, struct cfs_ref top)
{
	t->top = top.ino;
	return inode_obtain(t, top) != NULL ? 0 : CFS_ENOMEM;
}

uint64_t
inode_id(const struct inodes *t, uint64_t ino)
{
	return ino == t->top ? FUSE_ROOT_ID : ino;
}

uint64_t
inode_number(const struct inodes *t, uint64_t id)
{
	return id == FUSE_ROOT_ID ? t->top : id;
}

struct inode *
inode_get(struct inodes *t, uint64_t id)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = recall(t, inode_number(t, id));
	pthread_mutex_unlock(&t->lock);
	return i;
}

struct inode *
inode_obtain(struct inodes *t, struct cfs_ref ref)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = obtain(t, ref);
	if (i != NULL) {
		i->refs++;
	}
	pthread_mutex_unlock(&t->lock);
	return i;
}

void
inode_put(struct inodes *t, struct inode *i)
{
	struct inode *gone = NULL;

	if (i == NULL) {
		return;
	}
	pthread_mutex_lock(&t->lock);
	if (--i->refs == 0) {
		gone = drop_unused(t, find(t, i->ref.ino));
	}
	pthread_mutex_unlock(&t->lock);
	if (gone != NULL) {
		inode_free(gone);
	}
}

/* Those that handles or threads hold, each held once more; the caller frees the array. */
static struct inode **
hold_used(struct inodes *t, size_t *count_out)
{
	struct inode **used = NULL;
	size_t n = 0, cap = 0;

	pthread_mutex_lock(&t->lock);
	for (size_t b = 0; b < t->n_buckets; b++) {
		for (struct inode *i = t->buckets[b]; i != NULL; i = i->next) {
			if (i->refs > 0 && n == cap) {
				struct inode **more =
				    realloc(used, (cap * 2 + 16) * sizeof(struct inode *));

				if (more == NULL) {
					break;
				}
				used = more;
				cap = cap * 2 + 16;
			}
			if (i->refs > 0) {
				i->refs++;
				used[n++] = i;
			}
		}
	}
	pthread_mutex_unlock(&t->lock);
	*count_out = n;
	return used;
}

void
inodes_each_open(struct inodes *t, void (*each)(void *arg, struct inode *i), void *arg)
{
	size_t n = 0;
	struct inode **used = hold_used(t, &n);

	for (size_t k = 0; k < n; k++) {
		bool open;

		pthread_mutex_lock(&used[k]->lock);
		open = used[k]->opens > 0;
		pthread_mutex_unlock(&used[k]->lock);
		if (open) {
			each(arg, used[k]);
		}
		inode_put(t, used[k]);
	}
	free(used);
}

struct cfs_ref
inode_ref(struct inodes *t, uint64_t id)
{
	struct cfs_ref ref = {.ino = inode_number(t, id)};
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = *find(t, ref.ino);
	if (i != NULL) {
		i->used = true;
		ref = i->ref;
	} else {
		dropped_find(&t->dropped, ref.ino, &ref);
	}
	pthread_mutex_unlock(&t->lock);
	return ref;
}

bool
inode_remember(struct inodes *t, const struct cfs_attr *a, uint64_t dir, uint64_t place,
	       uint64_t asked_ns)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = obtain(t, a->ref);
	if (i != NULL) {
		i->lookups++;
		i->refs++;
		if (a->type == CFS_DIR && !i->counted_dir) {
			i->counted_dir = true;
			t->n_dirs++;
		}
		if (place != 0) {
			place_put(t, i, place);
		}
	}
	pthread_mutex_unlock(&t->lock);
	if (i == NULL) {
		return false;
	}
	if (dir != 0) {
		atomic_store(&i->dir, dir);
	}
	if (asked_ns != 0) {
		inode_note(i, a, asked_ns);
	}
	inode_put(t, i);
	return true;
}

void
inode_forget(struct inodes *t, uint64_t id, uint64_t n)
{
	struct inode **p, *gone = NULL;

	pthread_mutex_lock(&t->lock);
	p = find(t, inode_number(t, id));
	if (*p != NULL) {
		(*p)->lookups -= n < (*p)->lookups ? n : (*p)->lookups;
		gone = drop_unused(t, p);
	}
	pthread_mutex_unlock(&t->lock);
	if (gone != NULL) {
		inode_free(gone);
	}
}

bool
inodes_unchanged(struct inodes *t, const struct cfs_attr *a, uint64_t since_ns)
{
	const struct inode *i;
	bool unchanged;

	if (a->type != CFS_DIR && a->nlink > 1 && atomic_load(&t->linked_ns) >= since_ns) {
		return false;
	}
	pthread_mutex_lock(&t->lock);
	i = *find(t, a->ref.ino);
	unchanged = (i == NULL || inode_is_unchanged(i, since_ns)) &&
		    dropped_changed_ns(&t->dropped, a->ref.ino) < since_ns;
	pthread_mutex_unlock(&t->lock);
	return unchanged;
}

bool
inodes_was_opened(struct inodes *t, const struct cfs_attr *a)
{
	const struct inode *i;
	bool was;

	pthread_mutex_lock(&t->lock);
	i = *find(t, a->ref.ino);
	was = i != NULL && atomic_load(&i->opened_version) == a->version;
	pthread_mutex_unlock(&t->lock);
	return was;
}

void
inodes_note_links(struct inodes *t)
{
	atomic_store(&t->linked_ns, now_mono_ns());
}

struct inode *
inodes_note_foreign(struct inodes *t, uint64_t ino, bool changed)
{
	struct inode *i;

	pthread_mutex_lock(&t->lock);
	i = recall(t, ino);
	if (changed && i != NULL) {
		atomic_store(&i->changed_ns, now_mono_ns());
	} else if (changed) {
		dropped_note_change(&t->dropped, ino, now_mono_ns());
	}
	pthread_mutex_unlock(&t->lock);
	return i;
}
