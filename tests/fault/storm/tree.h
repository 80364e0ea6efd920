/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_TREE_H
#define CFS_TESTS_FAULT_TREE_H

/* What a client knows of its files: what each holds, or, of an operation that failed, what it held before and would hold after. */

#include <stdbool.h>
#include <stddef.h>

#include "../crash/rng.h"

#define TREE_FILES    12u
#define TREE_SIZE_MAX (6u * 1024 * 1024)

/* Bytes of a file; several places may have the same. NULL stands for no file. */
struct content {
	unsigned refs;
	size_t size;
	unsigned char bytes[];
};

struct content *content_new(size_t size);
struct content *content_ref(struct content *c);
void content_unref(struct content *c);
bool content_equal(const struct content *a, const struct content *b);

enum act_kind { ACT_PUT, ACT_WRITE, ACT_RENAME, ACT_REMOVE, ACT_READ };

/* One operation: bytes of a put or a write; after: what the files hold then. */
struct act {
	enum act_kind kind;
	unsigned file, to;
	size_t offset;
	struct content *bytes;
	struct content *after, *to_after;
};

struct doubt {
	unsigned files[2], count;
	struct content *before[2], *after[2];
};

struct tree {
	struct content *now[TREE_FILES];
	bool doubtful[TREE_FILES];
	struct doubt doubts[TREE_FILES];
	unsigned doubt_count;
};

void tree_fini(struct tree *t);

/* An operation that can be done now on files that are not in doubt; false when there are none. act_fini() it. */
bool tree_draw(const struct tree *t, struct rng *rng, struct act *out);
void act_fini(struct act *a);

/* It was done; it failed, and may be done all the same. */
void tree_done(struct tree *t, const struct act *a);
void tree_failed(struct tree *t, const struct act *a);

/*
 * found has every file as it is now. Settles what was in doubt. Returns TREE_FILES when all is as it may be, else the first file that is
 * not; the tree goes on from what was found.
 */
unsigned tree_settle(struct tree *t, struct content *const found[TREE_FILES]);

#endif
