/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

struct content *
content_new(size_t size)
{
	struct content *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		abort();
	c->refs = 1;
	c->size = size;
	return c;
}

struct content *
content_ref(struct content *c)
{
	if (c != NULL)
		c->refs++;
	return c;
}

void
content_unref(struct content *c)
{
	if (c != NULL && --c->refs == 0)
		free(c);
}

bool
content_equal(const struct content *a, const struct content *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static void
set(struct content **at, struct content *c)
{
	struct content *old = *at;

	*at = content_ref(c);
	content_unref(old);
}

/* ---- operations ---- */

/* On both sides of what is kept inline; now and then several blobs. */
static size_t
draw_size(struct rng *rng)
{
	unsigned kind = rng_below(rng, 100);

	if (kind < 4)
		return 0;
	if (kind < 45)
		return 1 + rng_below(rng, 12000);
	if (kind < 55)
		return 32768 - 2 + rng_below(rng, 5);
	if (kind < 97)
		return 32769 + rng_below(rng, 200000);
	return TREE_SIZE_MAX - rng_below(rng, 3000000);
}

static struct content *
random_bytes(struct rng *rng, size_t size)
{
	struct content *c = content_new(size);

	for (size_t i = 0; i < size; i += 8) {
		uint64_t v = rng_next(rng);

		memcpy(c->bytes + i, &v, size - i < 8 ? size - i : 8);
	}
	return c;
}

/* The old content with bytes in their place. */
static struct content *
patched(const struct content *old, const struct content *bytes, size_t offset)
{
	size_t end = offset + bytes->size;
	struct content *c = content_new(end > old->size ? end : old->size);

	memcpy(c->bytes, old->bytes, old->size);
	memcpy(c->bytes + offset, bytes->bytes, bytes->size);
	return c;
}

static void
draw_write(const struct content *old, struct rng *rng, struct act *a)
{
	size_t size = 1 + rng_below(rng, 90000);

	a->offset = old->size > 0 ? rng_below(rng, old->size + 1) : 0;
	if (a->offset + size > TREE_SIZE_MAX)
		a->offset = 0;
	a->bytes = random_bytes(rng, size);
	a->after = patched(old, a->bytes, a->offset);
}

static unsigned
sure_file(const struct tree *t, struct rng *rng)
{
	unsigned first = rng_below(rng, TREE_FILES);

	for (unsigned i = 0; i < TREE_FILES; i++) {
		if (!t->doubtful[(first + i) % TREE_FILES])
			return (first + i) % TREE_FILES;
	}
	return TREE_FILES;
}

bool
tree_draw(const struct tree *t, struct rng *rng, struct act *out)
{
	unsigned kind = rng_below(rng, 100);

	*out = (struct act){.kind = ACT_PUT, .file = sure_file(t, rng), .to = sure_file(t, rng)};
	if (out->file == TREE_FILES)
		return false;
	if (kind < 15)
		out->kind = ACT_READ;
	else if (t->now[out->file] != NULL && kind < 45)
		out->kind = ACT_WRITE;
	else if (t->now[out->file] != NULL && kind < 60 && out->to != out->file)
		out->kind = ACT_RENAME;
	else if (t->now[out->file] != NULL && kind < 68)
		out->kind = ACT_REMOVE;
	switch (out->kind) {
	case ACT_PUT:
		out->bytes = random_bytes(rng, draw_size(rng));
		out->after = content_ref(out->bytes);
		break;
	case ACT_WRITE:
		draw_write(t->now[out->file], rng, out);
		break;
	case ACT_RENAME:
		out->to_after = content_ref(t->now[out->file]);
		break;
	case ACT_REMOVE:
	case ACT_READ:
		break;
	}
	return true;
}

void
act_fini(struct act *a)
{
	content_unref(a->bytes);
	content_unref(a->after);
	content_unref(a->to_after);
}

/* ---- what is known ---- */

static void
doubt_fini(struct doubt *d)
{
	for (unsigned i = 0; i < d->count; i++) {
		content_unref(d->before[i]);
		content_unref(d->after[i]);
	}
	d->count = 0;
}

void
tree_fini(struct tree *t)
{
	for (unsigned i = 0; i < TREE_FILES; i++)
		set(&t->now[i], NULL);
	for (unsigned i = 0; i < t->doubt_count; i++)
		doubt_fini(&t->doubts[i]);
	*t = (struct tree){0};
}

void
tree_done(struct tree *t, const struct act *a)
{
	if (a->kind == ACT_READ)
		return;
	set(&t->now[a->file], a->after);
	if (a->kind == ACT_RENAME)
		set(&t->now[a->to], a->to_after);
}

static void
add(struct tree *t, struct doubt *d, unsigned file, struct content *after)
{
	d->files[d->count] = file;
	d->before[d->count] = content_ref(t->now[file]);
	d->after[d->count++] = content_ref(after);
	t->doubtful[file] = true;
}

void
tree_failed(struct tree *t, const struct act *a)
{
	struct doubt *d = &t->doubts[t->doubt_count];

	if (a->kind == ACT_READ)
		return;
	t->doubt_count++;
	add(t, d, a->file, a->after);
	if (a->kind == ACT_RENAME)
		add(t, d, a->to, a->to_after);
}

static bool
is_all(const struct doubt *d, struct content *const *states,
       struct content *const found[TREE_FILES])
{
	for (unsigned i = 0; i < d->count; i++) {
		if (!content_equal(states[i], found[d->files[i]]))
			return false;
	}
	return true;
}

unsigned
tree_settle(struct tree *t, struct content *const found[TREE_FILES])
{
	unsigned wrong = TREE_FILES;

	for (unsigned i = 0; i < t->doubt_count; i++) {
		struct doubt *d = &t->doubts[i];

		if (!is_all(d, d->before, found) && !is_all(d, d->after, found) &&
		    wrong == TREE_FILES)
			wrong = d->files[0];
		doubt_fini(d);
	}
	t->doubt_count = 0;
	for (unsigned i = 0; i < TREE_FILES; i++) {
		if (!t->doubtful[i] && !content_equal(t->now[i], found[i]) && wrong == TREE_FILES)
			wrong = i;
		t->doubtful[i] = false;
		set(&t->now[i], found[i]);
	}
	return wrong;
}
