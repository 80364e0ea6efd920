/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/client_cache.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "client/file_segment.h"

struct client_cache {
	struct disk_cache *disk;
	pthread_t thread;

	pthread_mutex_t lock; /* guards all below; c->lock may be held when it is taken */
	pthread_cond_t cond;
	struct fill *first, **last;
	size_t bytes; /* waiting, or being written */
	bool stop;
};

/* ---- the thread */

static void
fill_free(struct cfs *c, struct fill *f)
{
	if (f->segment != NULL) {
		pthread_mutex_lock(&c->lock);
		segment_release(f->segment);
		pthread_mutex_unlock(&c->lock);
	}
	free(f->copy);
	free(f);
}

static struct fill *
next_fill(struct client_cache *k)
{
	struct fill *f = k->first;

	k->first = f->next;
	if (k->first == NULL)
		k->last = &k->first;
	return f;
}

static void *
fill_main(void *arg)
{
	struct cfs *c = arg;
	struct client_cache *k = c->cache;

	pthread_mutex_lock(&k->lock);
	while (!k->stop || k->first != NULL) {
		struct fill *f;
		size_t bytes;
		bool stop = k->stop;

		if (k->first == NULL) {
			pthread_cond_wait(&k->cond, &k->lock);
			continue;
		}
		f = next_fill(k);
		pthread_mutex_unlock(&k->lock);
		bytes = f->bytes;
		for (size_t i = 0; i < f->count && !stop; i++)
			disk_cache_put(k->disk, &f->parts[i].blob, f->parts[i].part,
				       f->parts[i].data, f->parts[i].len, f->ino);
		fill_free(c, f);
		pthread_mutex_lock(&k->lock);
		k->bytes -= bytes;
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

bool
client_cache_has_room(struct cfs *c, size_t bytes)
{
	struct client_cache *k = c->cache;
	bool room;

	pthread_mutex_lock(&k->lock);
	room = k->bytes + bytes <= FILL_BYTES_MAX;
	pthread_mutex_unlock(&k->lock);
	return room;
}

void
client_cache_fill(struct cfs *c, struct fill *f)
{
	struct client_cache *k = c->cache;

	pthread_mutex_lock(&k->lock);
	f->next = NULL;
	*k->last = f;
	k->last = &f->next;
	k->bytes += f->bytes;
	pthread_cond_signal(&k->cond);
	pthread_mutex_unlock(&k->lock);
}

/* ---- life */

int
client_cache_new(struct cfs *c, struct cfs_err *err)
{
	struct client_cache *k;
	sigset_t all, old;
	int rc;

	if (c->options.cache_dir == NULL)
		return 0;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return err_code(err, CFS_ENOMEM);
	rc = disk_cache_open(c->options.cache_dir, c->options.cache_size, &k->disk, err);
	if (rc != 0) {
		free(k);
		return err_wrap(err, "cache_dir");
	}
	k->last = &k->first;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->cond, NULL);
	c->cache = k;
	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&k->thread, NULL, fill_main, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		return 0;
	disk_cache_close(k->disk);
	free(k);
	c->cache = NULL;
	return err_set_errno(err, rc, "thread");
}

void
client_cache_begin(struct cfs *c, const struct id128 *store)
{
	unsigned char name[sizeof(store->b) + 8];
	struct sha256 hash = {{0}};

	if (c->cache == NULL)
		return;
	memcpy(name, store->b, sizeof(store->b));
	store_le64(name + sizeof(store->b), c->who.user_id);
	/* Without memory for it they are all alike; ids are unique by themselves. */
	(void)sha256_once(NULL, name, sizeof(name), &hash);
	disk_cache_set_scope(c->cache->disk, load_le64(hash.b));
}

void
client_cache_free(struct cfs *c)
{
	struct client_cache *k = c->cache;

	if (k == NULL)
		return;
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->cond);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	disk_cache_close(k->disk);
	pthread_cond_destroy(&k->cond);
	pthread_mutex_destroy(&k->lock);
	free(k);
	c->cache = NULL;
}

struct disk_cache *
client_cache_disk(const struct cfs *c)
{
	return c->cache->disk;
}
