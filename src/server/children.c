/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/children.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

/* Of the bits for descriptors. */
#define ENDS_STEP ((size_t)512)

/* Whole pages, of whatever size these are. */
#define SLOTS_FIRST (65536u / sizeof(struct child *))

struct address {
	struct address *next;
	struct addr_key key;
	uint32_t count, unauthenticated;
};

void
children_clear(struct children *c)
{
	for (uint32_t i = 0; i < c->cap; i++) {
		if (c->slots[i])
			children_remove(c, c->slots[i]);
	}
	unforked_end(c->slots, c->cap * sizeof(struct child *));
	free(c->ends);
	unforked_clear(&c->places);
	unforked_clear(&c->addresses);
	*c = (struct children){0};
}

static int
grow(struct children *c)
{
	uint32_t cap = c->cap ? c->cap * 2 : SLOTS_FIRST;
	struct child **slots =
	    unforked_grow(c->slots, c->cap * sizeof(struct child *), cap * sizeof(struct child *));

	if (!slots)
		return -1;
	c->slots = slots;
	c->cap = cap;
	return 0;
}

/* ---- the hub's ends of the sockets ---- */

static int
room_for_end(struct children *c, int fd)
{
	size_t byte = (size_t)fd / 8;

	if (byte >= c->ends_bytes) {
		size_t bytes = (byte / ENDS_STEP + 1) * ENDS_STEP;
		unsigned char *ends = realloc(c->ends, bytes);

		if (!ends)
			return -1;
		memset(ends + c->ends_bytes, 0, bytes - c->ends_bytes);
		c->ends = ends;
		c->ends_bytes = bytes;
	}
	return 0;
}

void
children_hang_up(struct children *c, struct child *child)
{
	if (child->fd < 0)
		return;
	c->ends[child->fd / 8] &= (unsigned char)~(1u << child->fd % 8);
	fd_close(&child->fd);
}

static bool
is_end(const struct children *c, unsigned fd)
{
	return fd / 8 < c->ends_bytes && (c->ends[fd / 8] >> fd % 8 & 1);
}

/* They stand side by side, nearly all: new descriptors get the lowest numbers. */
void
children_close_ends(const struct children *c)
{
	for (unsigned fd = 0; fd < c->ends_bytes * 8; fd++) {
		unsigned first = fd;

		while (is_end(c, fd))
			fd++;
		if (fd > first)
			(void)close_range(first, fd - 1, 0);
	}
}

/* ---- addresses ---- */

static struct address **
find_address(struct children *c, const struct addr_key *key)
{
	uint32_t hash = (uint32_t)key->family;
	struct address **at;

	for (size_t i = 0; i < sizeof(key->b); i++)
		hash = hash * 31 + key->b[i];
	at = &c->by_address[hash % CHILDREN_BUCKETS];
	while (*at && !addr_key_equal(&(*at)->key, key))
		at = &(*at)->next;
	return at;
}

static bool
count_in(struct children *c, const struct child *child)
{
	struct address **at = find_address(c, &child->key);

	if (!*at) {
		c->addresses.size = sizeof(**at);
		*at = unforked_take(&c->addresses);
		if (!*at)
			return false;
		**at = (struct address){.key = child->key};
	}
	(*at)->count++;
	(*at)->unauthenticated += !child->signed_in;
	c->sessions++;
	c->unauthenticated += !child->signed_in;
	return true;
}

static void
count_out(struct children *c, const struct child *child)
{
	struct address **at = find_address(c, &child->key), *gone = *at;

	c->sessions--;
	c->unauthenticated -= !child->signed_in;
	gone->unauthenticated -= !child->signed_in;
	if (--gone->count > 0)
		return;
	*at = gone->next;
	unforked_give(&c->addresses, gone);
}

uint32_t
children_from_address(struct children *c, const struct addr_key *key, uint32_t *unauthenticated_out)
{
	const struct address *a = *find_address(c, key);

	if (unauthenticated_out)
		*unauthenticated_out = a ? a->unauthenticated : 0;
	return a ? a->count : 0;
}

/* ---- processes ---- */

static struct child **
find_pid(struct children *c, pid_t pid)
{
	struct child **at = &c->by_pid[(uint32_t)pid % CHILDREN_BUCKETS];

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	return at;
}

struct child *
children_add(struct children *c, const struct child *child)
{
	struct child *copy;

	if (c->count == c->cap && grow(c))
		return NULL;
	c->places.size = sizeof(*copy);
	copy = unforked_take(&c->places);
	if (!copy)
		return NULL;
	*copy = *child;
	if ((copy->fd >= 0 && room_for_end(c, copy->fd)) ||
	    (copy->role == CHILD_SESSION && !count_in(c, copy))) {
		unforked_give(&c->places, copy);
		return NULL;
	}
	if (copy->fd >= 0)
		c->ends[copy->fd / 8] |= (unsigned char)(1u << copy->fd % 8);
	while (c->slots[c->free_from])
		c->free_from++;
	copy->index = c->free_from;
	copy->serial = ++c->serials;
	c->slots[copy->index] = copy;
	c->count++;
	copy->next = NULL;
	if (copy->pid > 0)
		*find_pid(c, copy->pid) = copy;
	if (child_is_service(copy->role))
		c->services[copy->role] = copy;
	return copy;
}

void
children_remove(struct children *c, struct child *child)
{
	if (child->role == CHILD_SESSION)
		count_out(c, child);
	if (c->services[child->role] == child)
		c->services[child->role] = NULL;
	if (child->pid > 0)
		*find_pid(c, child->pid) = child->next;
	c->slots[child->index] = NULL;
	if (child->index < c->free_from)
		c->free_from = child->index;
	c->count--;
	children_hang_up(c, child);
	unforked_give(&c->places, child);
}

bool
children_wait(struct children *c, const struct addr_key *key, int fd)
{
	const struct child waiting = {.key = *key};

	if (room_for_end(c, fd) || !count_in(c, &waiting))
		return false;
	c->ends[fd / 8] |= (unsigned char)(1u << fd % 8);
	return true;
}

void
children_wait_ended(struct children *c, const struct addr_key *key, int fd)
{
	const struct child waiting = {.key = *key};

	count_out(c, &waiting);
	c->ends[fd / 8] &= (unsigned char)~(1u << fd % 8);
}

void
children_signed_in(struct children *c, struct child *child)
{
	if (child->role == CHILD_SESSION && !child->signed_in) {
		c->unauthenticated--;
		(*find_address(c, &child->key))->unauthenticated--;
	}
	child->signed_in = true;
}

struct child *
children_find(struct children *c, pid_t pid)
{
	return *find_pid(c, pid);
}

void
children_made(struct children *c, struct child *child, pid_t pid)
{
	child->pid = pid;
	*find_pid(c, pid) = child;
}

struct child *
children_get(const struct children *c, uint32_t index)
{
	return index < c->cap ? c->slots[index] : NULL;
}

struct child *
children_at(const struct children *c, uint32_t index, uint64_t serial)
{
	struct child *child = children_get(c, index);

	return child && child->serial == serial ? child : NULL;
}

struct child *
children_from(const struct children *c, uint32_t index)
{
	for (uint32_t i = index; i < c->cap; i++) {
		if (c->slots[i])
			return c->slots[i];
	}
	return NULL;
}
