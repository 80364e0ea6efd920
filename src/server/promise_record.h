/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_PROMISE_RECORD_H
#define CFS_SERVER_PROMISE_RECORD_H

/* What was changed, as it travels between sessions: an inode (0: anything), PROMISE_ bits, perhaps one name. */

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/str.h"

struct promise_record {
	uint64_t ino;
	uint8_t what;
	struct str name; /* for PROMISE_NAMES; empty: any */
};

#define PROMISE_RECORD_HEAD 10u

static inline size_t
promise_record_size(const struct promise_record *r)
{
	return PROMISE_RECORD_HEAD + r->name.len;
}

/* p has room for promise_record_size() bytes; the name is no longer than 255. */
static inline void
promise_record_put(unsigned char *p, const struct promise_record *r)
{
	store_le64(p, r->ino);
	p[8] = r->what;
	p[9] = (unsigned char)r->name.len;
	if (r->name.len > 0)
		memcpy(p + PROMISE_RECORD_HEAD, r->name.p, r->name.len);
}

/* Takes the next one off the front; the name is a view. False at the end, or where it is cut short. */
static inline bool
promise_record_next(struct str *rest, struct promise_record *out)
{
	const unsigned char *p = (const unsigned char *)rest->p;

	if (rest->len < PROMISE_RECORD_HEAD || rest->len < PROMISE_RECORD_HEAD + (size_t)p[9])
		return false;
	*out = (struct promise_record){
	    .ino = load_le64(p),
	    .what = p[8],
	    .name = {.p = (const char *)p + PROMISE_RECORD_HEAD, .len = p[9]},
	};
	rest->p += promise_record_size(out);
	rest->len -= promise_record_size(out);
	return true;
}

#endif
