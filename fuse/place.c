/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "place.h"

#include <stdlib.h>

uint64_t
place_of(uint64_t dir_ino, const char *name, size_t len)
{
	/* FNV-1a over the name, begun from the directory's number; the multiplier spreads what that leaves (Knuth). */
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (dir_ino * UINT64_C(0x9e3779b97f4a7c15));

	for (size_t i = 0; i < len; i++) {
		h = (h ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
	}
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 29;
	return h != 0 ? h : 1;
}

static struct inode **
bucket_of(const struct inodes *t, uint64_t place)
{
	return &t->places[(size_t)place & (t->n_buckets - 1)];
}

void
place_take(struct inodes *t, struct inode *i)
{
	struct inode **at;

	if (i->place == 0) {
		return;
	}
	at = bucket_of(t, i->place);
	while (*at != i) {
		at = &(*at)->place_next;
	}
	*at = i->place_next;
	i->place = 0;
	i->place_next = NULL;
}

/* Locked. */
static void
leave(struct inodes *t, uint64_t place)
{
	for (struct inode *i = *bucket_of(t, place); i != NULL; i = i->place_next) {
		i->left = i->left || i->place == place;
	}
}

void
place_put(struct inodes *t, struct inode *i, uint64_t place)
{
	struct inode **at;

	i->left = false;
	if (i->place == place && (place == 0 || *bucket_of(t, place) == i)) {
		return;
	}
	place_take(t, i);
	if (place == 0) {
		return;
	}
	leave(t, place);
	at = bucket_of(t, place);
	i->place = place;
	i->place_next = *at;
	*at = i;
}

/* Those of one old bucket, the oldest first, so that each is put before those that it was behind. */
static void
rehash(struct inodes *t, struct inode *i)
{
	struct inode *reversed = NULL;

	while (i != NULL) {
		struct inode *next = i->place_next;

		i->place_next = reversed;
		reversed = i;
		i = next;
	}
	while (reversed != NULL) {
		struct inode *next = reversed->place_next, **at = bucket_of(t, reversed->place);

		reversed->place_next = *at;
		*at = reversed;
		reversed = next;
	}
}

void
place_rehash(struct inodes *t, struct inode **old, size_t n_old)
{
	for (size_t b = 0; b < n_old; b++) {
		rehash(t, old[b]);
	}
}

/* Locked. */
static struct inode *
find(struct inodes *t, uint64_t place, enum place_which which)
{
	struct inode *found = NULL;

	for (struct inode *i = *bucket_of(t, place); i != NULL; i = i->place_next) {
		if (i->place != place || i->lookups == 0) {
			continue;
		}
		if (which == PLACE_NOW) {
			return i->left ? NULL : i;
		}
		found = i;
	}
	return found;
}

struct inode *
place_find(struct inodes *t, uint64_t place, enum place_which which)
{
	struct inode *found;

	pthread_mutex_lock(&t->lock);
	found = find(t, place, which);
	if (found != NULL) {
		found->refs++;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

struct inode *
place_known(struct inodes *t, uint64_t ino)
{
	struct inode *i = inode_get(t, inode_id(t, ino));
	bool known;

	if (i == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&t->lock);
	known = i->lookups > 0 || ino == t->top;
	pthread_mutex_unlock(&t->lock);
	if (!known) {
		inode_put(t, i);
	}
	return known ? i : NULL;
}

bool
place_is_known(struct inodes *t, const struct inode *i)
{
	bool known;

	pthread_mutex_lock(&t->lock);
	known = i->place != 0;
	pthread_mutex_unlock(&t->lock);
	return known;
}

void
place_removed(struct inodes *t, uint64_t place)
{
	pthread_mutex_lock(&t->lock);
	leave(t, place);
	pthread_mutex_unlock(&t->lock);
}

void
place_renamed(struct inodes *t, uint64_t from, uint64_t to, bool exchange)
{
	struct inode *i, *old;

	pthread_mutex_lock(&t->lock);
	i = find(t, from, PLACE_NOW);
	old = find(t, to, PLACE_NOW);
	leave(t, from);
	leave(t, to);
	if (i != NULL) {
		place_put(t, i, to);
	}
	if (old != NULL && exchange) {
		place_put(t, old, from);
	}
	pthread_mutex_unlock(&t->lock);
}

void
place_move(struct inodes *t, struct inode *i, uint64_t place)
{
	pthread_mutex_lock(&t->lock);
	place_put(t, i, place);
	pthread_mutex_unlock(&t->lock);
}
