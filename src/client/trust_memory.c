/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/trust_memory.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 32768u

struct kept_attr {
	struct kept_attr *next;
	struct cfs_attr attr;
};

struct kept_name {
	struct kept_name *next;
	uint64_t hash, dir, ino;
	uint32_t turn; /* of the directory, when it was kept */
	size_t len;
	char name[];
};

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 29;
}

/* FNV-1a over the name, begun with the directory. */
static uint64_t
hash_name(uint64_t dir, struct str name)
{
	uint64_t h = mix(dir) ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)name.p[i]) * UINT64_C(0x100000001b3);
	return mix(h);
}

/* What stands in the log for all names of a directory. */
static uint64_t
key_of_names(uint64_t dir)
{
	return mix(~dir);
}

int
trust_memory_init(struct trust_memory *m, size_t content_bytes)
{
	memset(m, 0, sizeof(*m));
	contents_init(&m->contents, content_bytes);
	m->attrs = calloc(BUCKETS, sizeof(struct kept_attr *));
	m->names = calloc(BUCKETS, sizeof(struct kept_name *));
	if (m->attrs != NULL && m->names != NULL)
		return 0;
	free(m->attrs);
	free(m->names);
	return CFS_ENOMEM;
}

static void
clear_attrs(struct trust_memory *m)
{
	for (size_t b = 0; b < BUCKETS && m->attr_count > 0; b++) {
		while (m->attrs[b] != NULL) {
			struct kept_attr *a = m->attrs[b];

			m->attrs[b] = a->next;
			m->attr_count--;
			free(a);
		}
	}
}

static void
clear_names(struct trust_memory *m)
{
	for (size_t b = 0; b < BUCKETS && m->name_count > 0; b++) {
		while (m->names[b] != NULL) {
			struct kept_name *n = m->names[b];

			m->names[b] = n->next;
			m->name_count--;
			free(n);
		}
	}
}

void
trust_memory_fini(struct trust_memory *m)
{
	clear_attrs(m);
	clear_names(m);
	contents_fini(&m->contents);
	free(m->attrs);
	free(m->names);
}

void
trust_memory_clear(struct trust_memory *m)
{
	clear_attrs(m);
	clear_names(m);
	contents_clear(&m->contents);
	/* Nothing that is under way now may be kept. */
	m->dropped += TRUST_LOG + 1;
}

static struct kept_attr **
attr_at(const struct trust_memory *m, uint64_t ino)
{
	struct kept_attr **at = &m->attrs[mix(ino) % BUCKETS];

	while (*at != NULL && (*at)->attr.ref.ino != ino)
		at = &(*at)->next;
	return at;
}

static struct kept_name **
name_at(const struct trust_memory *m, uint64_t dir, struct str name, uint64_t hash)
{
	struct kept_name **at = &m->names[hash % BUCKETS];

	while (*at != NULL && ((*at)->hash != hash || (*at)->dir != dir || (*at)->len != name.len ||
			       memcmp((*at)->name, name.p, name.len) != 0))
		at = &(*at)->next;
	return at;
}

void
trust_memory_keep_attr(struct trust_memory *m, const struct cfs_attr *a)
{
	struct kept_attr *e = *attr_at(m, a->ref.ino);

	if (e == NULL) {
		if (m->attr_count >= TRUST_MEMORY_MAX)
			clear_attrs(m);
		struct kept_attr **bucket = &m->attrs[mix(a->ref.ino) % BUCKETS];

		e = malloc(sizeof(*e));
		if (e == NULL)
			return;
		e->next = *bucket;
		*bucket = e;
		m->attr_count++;
	}
	e->attr = *a;
}

void
trust_memory_keep_name(struct trust_memory *m, uint64_t dir, struct str name, uint64_t ino)
{
	uint64_t hash = hash_name(dir, name);
	struct kept_name *e = *name_at(m, dir, name, hash);

	if (name.len == 0)
		return;
	if (e == NULL) {
		if (m->name_count >= TRUST_MEMORY_MAX)
			clear_names(m);
		e = malloc(sizeof(*e) + name.len);
		if (e == NULL)
			return;
		e->hash = hash;
		e->dir = dir;
		e->len = name.len;
		memcpy(e->name, name.p, name.len);
		e->next = m->names[hash % BUCKETS];
		m->names[hash % BUCKETS] = e;
		m->name_count++;
	}
	e->turn = m->dir_turn[mix(dir) % TRUST_DIRS];
	e->ino = ino;
}

const struct cfs_attr *
trust_memory_attr(const struct trust_memory *m, uint64_t ino)
{
	const struct kept_attr *e = *attr_at(m, ino);

	return e != NULL ? &e->attr : NULL;
}

bool
trust_memory_name(const struct trust_memory *m, uint64_t dir, struct str name, uint64_t *ino_out)
{
	const struct kept_name *e = *name_at(m, dir, name, hash_name(dir, name));

	if (e == NULL || e->turn != m->dir_turn[mix(dir) % TRUST_DIRS])
		return false;
	*ino_out = e->ino;
	return true;
}

/* ---- dropping */

static void
log_drop(struct trust_memory *m, uint64_t key)
{
	m->log[m->dropped % TRUST_LOG].key = key;
	m->log[m->dropped++ % TRUST_LOG].own = m->own;
}

void
trust_memory_drop_attr(struct trust_memory *m, uint64_t ino)
{
	struct kept_attr **at = attr_at(m, ino), *e = *at;

	log_drop(m, mix(ino));
	contents_drop(&m->contents, ino);
	if (e == NULL)
		return;
	*at = e->next;
	m->attr_count--;
	free(e);
}

void
trust_memory_drop_name(struct trust_memory *m, uint64_t dir, struct str name)
{
	uint64_t hash = hash_name(dir, name);
	struct kept_name **at = name_at(m, dir, name, hash), *e = *at;

	log_drop(m, hash);
	if (e == NULL)
		return;
	*at = e->next;
	m->name_count--;
	free(e);
}

void
trust_memory_drop_names(struct trust_memory *m, uint64_t dir)
{
	log_drop(m, key_of_names(dir));
	m->dir_turn[mix(dir) % TRUST_DIRS]++;
}

void
trust_memory_drop_inode_at(struct trust_memory *m, uint64_t dir, struct str name)
{
	uint64_t ino;

	if (trust_memory_name(m, dir, name, &ino) && ino != 0)
		trust_memory_drop_attr(m, ino);
}

bool
trust_memory_was_dropped(const struct trust_memory *m, uint64_t mark, uint64_t own, uint64_t ino,
			 uint64_t dir, struct str name)
{
	uint64_t keys[3] = {mix(ino), mix(ino), mix(ino)};

	if (m->dropped - mark > TRUST_LOG)
		return true;
	if (dir != 0) {
		keys[1] = hash_name(dir, name);
		keys[2] = key_of_names(dir);
	}
	for (uint64_t i = mark; i < m->dropped; i++) {
		uint64_t key = m->log[i % TRUST_LOG].key, by = m->log[i % TRUST_LOG].own;

		if (by != 0 && by <= own)
			continue;
		if (key == keys[0] || key == keys[1] || key == keys[2])
			return true;
	}
	return false;
}
