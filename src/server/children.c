/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/children.h"

#include <stdlib.h>

#include "base/io.h"

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

struct child *
children_add(struct children *c, const struct child *child)
{
	struct child *copy;
	uint32_t i = 0;

	if (c->count == c->cap && grow(c))
		return NULL;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return NULL;
	while (c->slots[i])
		i++;
	*copy = *child;
	copy->index = i;
	c->slots[i] = copy;
	c->count++;
	if (copy->role == CHILD_SESSION) {
		c->sessions++;
		c->unauthenticated += !copy->signed_in;
	}
	return copy;
}

void
children_remove(struct children *c, struct child *child)
{
	if (child->role == CHILD_SESSION) {
		c->sessions--;
		c->unauthenticated -= !child->signed_in;
	}
	c->slots[child->index] = NULL;
	c->count--;
	fd_close(&child->fd);
	free(child);
}

void
children_signed_in(struct children *c, struct child *child)
{
	if (child->role == CHILD_SESSION && !child->signed_in)
		c->unauthenticated--;
	child->signed_in = true;
}

struct child *
children_find(const struct children *c, pid_t pid)
{
	for (uint32_t i = 0; i < c->cap; i++) {
		if (c->slots[i] && c->slots[i]->pid == pid)
			return c->slots[i];
	}
	return NULL;
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

uint32_t
children_from_address(const struct children *c, const struct addr_key *key,
		      uint32_t *unauthenticated_out)
{
	uint32_t n = 0, unauthenticated = 0;

	for (uint32_t i = 0; i < c->cap; i++) {
		const struct child *child = c->slots[i];

		if (!child || child->role != CHILD_SESSION || !addr_key_equal(&child->key, key))
			continue;
		n++;
		unauthenticated += !child->signed_in;
	}
	if (unauthenticated_out)
		*unauthenticated_out = unauthenticated;
	return n;
}
