/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "news.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "place.h"

void
news_init(struct news_queue *q)
{
	memset(q, 0, sizeof *q);
	q->last = &q->first;
}

void
news_fini(struct news_queue *q)
{
	struct news *n;

	while ((n = news_pop(q)) != NULL) {
		free(n);
	}
}

static struct news **
bucket_of(struct news_queue *q, const char *path)
{
	return &q->buckets[place_of(0, path, strlen(path)) % NEWS_BUCKETS];
}

/* What is told of this path from now on is another matter. */
static void
seal(struct news_queue *q, const char *path)
{
	struct news **at = bucket_of(q, path);

	while (*at != NULL) {
		if (strcmp((*at)->path, path) == 0) {
			*at = (*at)->same;
		} else {
			at = &(*at)->same;
		}
	}
}

static struct news *
find_open(struct news_queue *q, const char *path, uint64_t ino)
{
	struct news *n = *bucket_of(q, path);

	while (n != NULL && (n->ino != ino || strcmp(n->path, path) != 0)) {
		n = n->same;
	}
	return n;
}

static enum news_taken
append(struct news_queue *q, enum news_kind kind, unsigned what, const struct cfs_event *e)
{
	size_t path_len = strlen(e->path) + 1, target_len = strlen(e->target) + 1;
	struct news *n = q->n < NEWS_MAX ? malloc(sizeof *n + path_len + target_len) : NULL;

	if (n == NULL) {
		return NEWS_FULL;
	}
	*n = (struct news){.kind = kind, .what = what, .ino = e->ino, .path = (char *)(n + 1)};
	memcpy(n->path, e->path, path_len);
	if (kind == NEWS_RENAME) {
		n->target = n->path + path_len;
		memcpy(n->target, e->target, target_len);
	}
	*q->last = n;
	q->last = &n->next;
	q->n++;
	if (kind == NEWS_FILE) {
		struct news **at = bucket_of(q, n->path);

		n->same = *at;
		*at = n;
	}
	return NEWS_TAKEN;
}

/* An operation on one file; 0: none that is told of. */
static unsigned
what_of(const struct cfs_event *e)
{
	static const struct {
		const char *op;
		unsigned what;
	} ops[] = {
	    {"CREATE", NEWS_CREATED},
	    {"WRITE", NEWS_MODIFIED | NEWS_IS_FILE},
	    {"COPY", NEWS_MODIFIED | NEWS_IS_FILE},
	    {"ALLOCATE", NEWS_MODIFIED | NEWS_IS_FILE},
	    {"SETATTR", NEWS_ATTRIB},
	    {"SETXATTR", NEWS_ATTRIB},
	    {"REMOVEXATTR", NEWS_ATTRIB},
	    {"RESTORE", NEWS_CREATED},
	};
	const char *op = cfs_op_name(e->op);

	if (strcmp(op, "PUT") == 0) {
		/* The first version of a name is new. */
		return (e->version > 1 ? NEWS_REPLACED : NEWS_CREATED) | NEWS_MODIFIED |
		       NEWS_IS_FILE;
	}
	if (strcmp(op, "SETATTR") == 0 && e->version != 0) {
		/* It was cut. */
		return NEWS_MODIFIED | NEWS_IS_FILE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (strcmp(op, ops[i].op) == 0) {
			return ops[i].what;
		}
	}
	return 0;
}

static enum news_taken
add_link(struct news_queue *q, const struct cfs_event *e)
{
	struct cfs_event made = *e;

	/* It has one more name now, which is what a directory's watcher is told. */
	made.path = e->target;
	seal(q, made.path);
	return append(q, NEWS_FILE, NEWS_CREATED, &made);
}

enum news_taken
news_add(struct news_queue *q, const struct cfs_event *e)
{
	const char *op = cfs_op_name(e->op);
	struct news *n;
	unsigned what;

	if (strcmp(op, "UNLINK") == 0) {
		seal(q, e->path);
		return append(q, NEWS_DELETE, 0, e);
	}
	if (strcmp(op, "RENAME") == 0) {
		seal(q, e->path);
		seal(q, e->target);
		return append(q, NEWS_RENAME, 0, e);
	}
	if (strcmp(op, "LINK") == 0) {
		return add_link(q, e);
	}
	what = what_of(e);
	if (what == 0) {
		return NEWS_NOTHING;
	}
	n = find_open(q, e->path, e->ino);
	if (n != NULL && (what & (NEWS_CREATED | NEWS_REPLACED)) == 0) {
		n->what |= what;
		return NEWS_TAKEN;
	}
	if ((what & (NEWS_CREATED | NEWS_REPLACED)) != 0) {
		seal(q, e->path);
	}
	return append(q, NEWS_FILE, what, e);
}

struct news *
news_pop(struct news_queue *q)
{
	struct news *n = q->first, **at;

	if (n == NULL) {
		return NULL;
	}
	q->first = n->next;
	if (q->first == NULL) {
		q->last = &q->first;
	}
	q->n--;
	for (at = bucket_of(q, n->path); *at != NULL; at = &(*at)->same) {
		if (*at == n) {
			*at = n->same;
			break;
		}
	}
	n->next = n->same = NULL;
	return n;
}
