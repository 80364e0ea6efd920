/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/children.h"

#include <stdlib.h>

#include "base/io.h"

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
	free(c->slots);
	*c = (struct children){0};
}

static int
grow(struct children *c)
{
	uint32_t cap = c->cap ? c->cap * 2 : 16;
	struct child **slots = realloc(c->slots, cap * sizeof(struct child *));

	if (!slots)
		return -1;
	for (uint32_t i = c->cap; i < cap; i++)
		slots[i] = NULL;
	c->slots = slots;
	c->cap = cap;
	return 0;
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
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return false;
		(*at)->key = child->key;
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
	free(gone);
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
	copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	*copy = *child;
	if (copy->role == CHILD_SESSION && !count_in(c, copy)) {
		free(copy);
		return NULL;
	}
	while (c->slots[c->free_from])
		c->free_from++;
	copy->index = c->free_from;
	copy->serial = ++c->serials;
	c->slots[copy->index] = copy;
	c->count++;
	copy->next = NULL;
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
	*find_pid(c, child->pid) = child->next;
	c->slots[child->index] = NULL;
	if (child->index < c->free_from)
		c->free_from = child->index;
	c->count--;
	fd_close(&child->fd);
	free(child);
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

struct child *
children_at(const struct children *c, uint32_t index, uint64_t serial)
{
	struct child *child = index < c->cap ? c->slots[index] : NULL;

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
