/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_PROMISE_KEY_H
#define CFS_SERVER_PROMISE_KEY_H

/* What the changes of one transaction changed, between promise_keys.c, which notes it, and promise_changes.c. */

#include "server/promise_record.h"
#include "server/promises.h"

/* How the session's own client learns of it, which does not know that its change concerned this inode. */
enum promise_own {
	OWN_KNOWS,
	OWN_ANSWERED, /* by the answer, if that goes out at once; else as by OWN_TOLD */
	OWN_TOLD,     /* by a push */
};

struct promise_key {
	uint64_t ino;
	uint32_t name; /* offset in names */
	uint8_t name_len, what;
	uint8_t
	    names; /* how many of the directory stand for this; over a few it is all of them, and no name */
	uint8_t own; /* enum promise_own */
};

static inline struct promise_key *
promise_key_at(const struct promise_changes *c, unsigned i)
{
	return (struct promise_key *)(void *)c->keys.data + i;
}

static inline struct promise_record
promise_key_record(const struct promise_changes *c, unsigned i)
{
	const struct promise_key *k = promise_key_at(c, i);

	return (struct promise_record){
	    .ino = k->ino,
	    .what = k->what,
	    .name = {.p = k->name_len > 0 ? (const char *)c->names.data + k->name : NULL,
		     .len = k->name_len},
	};
}

#endif
