/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/blob_fds.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/io.h"

/* A slot is free when fd is -1; a forgotten one in use keeps its descriptor but is found by nobody. */
struct slot {
	struct id128 id;
	int fd;
	unsigned users;
	bool forgotten;
	uint64_t used; /* the clock at its last use */
};

struct blob_fds {
	pthread_mutex_t lock;
	uint64_t clock;
	uint64_t forgets; /* calls of forget and clear */
	struct slot slots[BLOB_FDS_MAX];
};

struct blob_fds *
blob_fds_new(void)
{
	struct blob_fds *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		return NULL;
	}
	for (unsigned i = 0; i < BLOB_FDS_MAX; i++)
		c->slots[i].fd = -1;
	return c;
}

void
blob_fds_free(struct blob_fds *c)
{
	if (c == NULL)
		return;
	blob_fds_clear(c);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The slot where id can be found, or -1. The lock is held here and below. */
static int
find(const struct blob_fds *c, const struct id128 *id)
{
	for (unsigned i = 0; i < BLOB_FDS_MAX; i++) {
		const struct slot *s = &c->slots[i];

		if (s->fd >= 0 && !s->forgotten && id128_equal(&s->id, id))
			return (int)i;
	}
	return -1;
}

/* A free slot, or else the unused one whose last use is longest ago; -1 if all are in use. */
static int
victim(const struct blob_fds *c)
{
	int best = -1;

	for (unsigned i = 0; i < BLOB_FDS_MAX; i++) {
		const struct slot *s = &c->slots[i];

		if (s->fd < 0)
			return (int)i;
		if (s->users == 0 && (best < 0 || s->used < c->slots[best].used))
			best = (int)i;
	}
	return best;
}

static void
forget(struct slot *s)
{
	if (s->users == 0)
		fd_close(&s->fd);
	else
		s->forgotten = true;
}

/* Puts a fresh descriptor into a slot, if there is one, and counts its user. */
static int
keep(struct blob_fds *c, const struct id128 *id, int fd)
{
	int i = victim(c);
	struct slot *s;

	if (i < 0)
		return -1;
	s = &c->slots[i];
	fd_close(&s->fd);
	*s = (struct slot){.id = *id, .fd = fd, .users = 1, .used = ++c->clock};
	return i;
}

int
blob_fds_take(struct blob_fds *c, const struct id128 *id, int root_fd, const char *path,
	      int *fd_out, int *slot_out)
{
	uint64_t forgets;
	int i, fd;

	pthread_mutex_lock(&c->lock);
	forgets = c->forgets;
	i = find(c, id);
	if (i >= 0) {
		c->slots[i].users++;
		c->slots[i].used = ++c->clock;
		*fd_out = c->slots[i].fd;
		*slot_out = i;
	}
	pthread_mutex_unlock(&c->lock);
	if (i >= 0)
		return 0;

	/* Two threads may open the same blob at once; both slots are right, the older one ages away. */
	fd = io_openat(root_fd, path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return -1;
	pthread_mutex_lock(&c->lock);
	/* What was removed while it was being opened must not be found afterwards. */
	*slot_out = forgets == c->forgets ? keep(c, id, fd) : -1;
	pthread_mutex_unlock(&c->lock);
	*fd_out = fd;
	return 0;
}

void
blob_fds_give(struct blob_fds *c, int fd, int slot)
{
	if (slot < 0) {
		fd_close(&fd);
		return;
	}
	pthread_mutex_lock(&c->lock);
	c->slots[slot].users--;
	if (c->slots[slot].forgotten && c->slots[slot].users == 0)
		fd_close(&c->slots[slot].fd);
	pthread_mutex_unlock(&c->lock);
}

void
blob_fds_forget(struct blob_fds *c, const struct id128 *id)
{
	int i;

	pthread_mutex_lock(&c->lock);
	c->forgets++;
	while ((i = find(c, id)) >= 0)
		forget(&c->slots[i]);
	pthread_mutex_unlock(&c->lock);
}

void
blob_fds_clear(struct blob_fds *c)
{
	pthread_mutex_lock(&c->lock);
	c->forgets++;
	for (unsigned i = 0; i < BLOB_FDS_MAX; i++)
		if (c->slots[i].fd >= 0)
			forget(&c->slots[i]);
	pthread_mutex_unlock(&c->lock);
}
