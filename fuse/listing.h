/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_LISTING_H
#define CFS_FUSE_LISTING_H

/*
 * What directories hold. A listing is what the server answered to one question, with the moment of asking; it does not
 * change afterwards. While it lives it is told of the names that this mount, or somebody else, changes in its directory, and
 * says nothing about those any more. Handles of directories read from it, and look-ups are answered from it while it is
 * promised: a name that is not in a whole listing does not exist.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cfs.h"

#define LISTING_BUCKETS 256u

struct mount;

struct listing_row {
	uint64_t cookie;
	uint64_t hash; /* of the name */
	struct cfs_attr attr;
	size_t name; /* offset in names */
};

struct listing {
	struct listing *next;          /* in its bucket */
	struct listing *older, *newer; /* of those kept for look-ups */
	unsigned refs;
	struct cfs_ref dir;
	uint64_t after;    /* the rows stand behind this cookie */
	uint64_t asked_ns; /* before the question was sent */
	uint64_t parent;
	uint64_t epoch;           /* of the promise that all of it was given under; 0 none */
	struct listing_row *rows; /* by cookie */
	size_t n, cap, max;
	char *names;
	size_t names_len, names_cap;
	bool eof;        /* nothing stands behind the last row */
	bool coming;     /* asked for from the start, and not answered yet */
	bool kept;       /* for look-ups */
	uint32_t *index; /* rows by hash, made by the first look-up; 0: free, else row + 1 */
	size_t index_size;
	uint64_t *touched; /* hashes of names changed by this mount, open addressing; 0: free */
	size_t n_touched, touched_size;
	bool spoiled; /* all names were changed, or memory is out: trust nothing */
	/* of a walk (ahead.h): rows that were read, asked for, and how many in a row */
	size_t read_row, asked_row;
	unsigned hits;
};

struct listings {
	pthread_mutex_t lock;
	pthread_cond_t came; /* one that was coming */
	struct listing *buckets[LISTING_BUCKETS];
	struct listing *oldest, *newest; /* kept ones */
	size_t kept_rows, kept;
};

enum listing_answer { LISTING_UNKNOWN, LISTING_FOUND, LISTING_ABSENT };

void listings_init(struct listings *l);
void listings_fini(struct listings *l);

/*
 * Asks the server for the rows behind a cookie, at most max. One from the start is kept for look-ups and for others who list.
 * Put back with listing_put().
 */
int listing_fetch(struct mount *m, struct cfs_ref dir, uint64_t after, size_t max,
		  struct listing **out);
/*
 * The listing from the start: one that is kept, promised and untouched, or one that somebody has asked for just now and that turns
 * out to be so, or else as listing_fetch().
 */
int listing_obtain(struct mount *m, struct cfs_ref dir, size_t max, struct listing **out);
/* With the lock, and borrowed for as long: a kept listing that is promised; names of it may have been touched. */
struct listing *listing_find_locked(struct mount *m, uint64_t dir);
void listing_put(struct listings *l, struct listing *g);
/* The directory was just made by this mount, with these attributes: it is empty, and its names are promised with it. */
void listing_note_empty(struct mount *m, const struct cfs_attr *dir, uint64_t parent,
			uint64_t asked_ns);

/* What the kept listings say of a name; the attributes are good too, and as of *asked_ns_out. Absent: out has the promise. */
enum listing_answer listings_find(struct mount *m, uint64_t dir, const char *name,
				  struct cfs_attr *out, uint64_t *asked_ns_out);
/* This mount is about to change, or has changed, a name; or somebody else has. Empty: any name. */
void listings_touch(struct listings *l, uint64_t dir, const char *name);
/* Whether the row may be told with its attributes. */
bool listing_row_is_good(struct mount *m, struct listing *g, const struct listing_row *row);

#endif
