/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/blob_heads.h"

#include <pthread.h>
#include <stdlib.h>

/* Ids are random, so one of their bytes chooses the set and nothing is hashed. */
#define SETS 64u
#define WAYS 4u

struct entry {
	struct id128 id;
	uint64_t used; /* the clock at its last use */
	struct blob_head head;
};

struct blob_heads {
	pthread_mutex_t lock;
	uint64_t clock;
	struct entry *sets[SETS][WAYS];
};

struct blob_heads *
blob_heads_new(void)
{
	struct blob_heads *h = calloc(1, sizeof(*h));

	if (h != NULL && pthread_mutex_init(&h->lock, NULL) != 0) {
		free(h);
		return NULL;
	}
	return h;
}

void
blob_heads_free(struct blob_heads *h)
{
	if (h == NULL)
		return;
	blob_heads_clear(h);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* The slot that holds id, or NULL. The lock is held. */
static struct entry **
find(struct blob_heads *h, const struct id128 *id)
{
	struct entry **set = h->sets[id->b[15] % SETS];

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i] != NULL && id128_equal(&set[i]->id, id))
			return &set[i];
	return NULL;
}

/* The slot to fill next: an empty one, or the one whose last use is longest ago. The lock is held. */
static struct entry **
victim(struct blob_heads *h, const struct id128 *id)
{
	struct entry **set = h->sets[id->b[15] % SETS], **oldest = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i] == NULL)
			return &set[i];
		if (set[i]->used < (*oldest)->used)
			oldest = &set[i];
	}
	return oldest;
}

bool
blob_heads_get(struct blob_heads *h, const struct id128 *id, struct blob_head *out)
{
	struct entry **slot;

	pthread_mutex_lock(&h->lock);
	slot = find(h, id);
	if (slot != NULL) {
		(*slot)->used = ++h->clock;
		*out = (*slot)->head;
	}
	pthread_mutex_unlock(&h->lock);
	return slot != NULL;
}

void
blob_heads_put(struct blob_heads *h, const struct id128 *id, const struct blob_head *head)
{
	struct entry **slot;

	pthread_mutex_lock(&h->lock);
	slot = find(h, id);
	if (slot == NULL)
		slot = victim(h, id);
	if (*slot == NULL)
		*slot = malloc(sizeof(**slot));
	if (*slot != NULL) {
		(*slot)->id = *id;
		(*slot)->used = ++h->clock;
		(*slot)->head = *head;
	}
	pthread_mutex_unlock(&h->lock);
}

void
blob_heads_forget(struct blob_heads *h, const struct id128 *id)
{
	struct entry **slot;

	pthread_mutex_lock(&h->lock);
	slot = find(h, id);
	if (slot != NULL) {
		free(*slot);
		*slot = NULL;
	}
	pthread_mutex_unlock(&h->lock);
}

void
blob_heads_clear(struct blob_heads *h)
{
	pthread_mutex_lock(&h->lock);
	for (unsigned s = 0; s < SETS; s++) {
		for (unsigned i = 0; i < WAYS; i++) {
			free(h->sets[s][i]);
			h->sets[s][i] = NULL;
		}
	}
	pthread_mutex_unlock(&h->lock);
}
