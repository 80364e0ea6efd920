/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_RECEIPTS_H
#define CFS_SERVER_RECEIPTS_H

/*
 * The server's own count of what one device has been sent of others' files: which bytes of which version. When all of a
 * version went out, in whatever pieces, that is a finished download; what was only begun is told of as opened (DESIGN 8).
 * Memory is bounded: the least recently read version gives way, and so does one that is read in too many scattered
 * pieces (it then stays "opened"). One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct receipts;

struct receipt_range {
	uint64_t from, to;
};

struct receipt {
	uint64_t ino, version, owner;
	uint64_t size;              /* of that version */
	uint64_t bytes;             /* distinct bytes sent */
	uint64_t began_ns, last_ns; /* now_mono_ns() */
	bool complete;
	/* What was sent, of one that was taken out unfinished: sorted, apart from each other; owned. */
	struct receipt_range *ranges;
	size_t range_count;
};

/* Frees what it owns; again is fine. */
void receipt_fini(struct receipt *r);

/* Whether something of that version is being counted. */
bool receipts_has(const struct receipts *r, uint64_t ino, uint64_t version);

/* NULL when memory is out. */
struct receipts *receipts_new(void);
void receipts_free(struct receipts *r);

/*
 * Notes that [offset, offset + length) of that version is being sent at time now_ns. True and *done_out, the finished
 * download, when all bytes have been (its count starts afresh then). *evicted_out is an unfinished one that had to give way,
 * with ino 0 if none had to; the caller then owns its ranges.
 */
bool receipts_note(struct receipts *r, uint64_t ino, uint64_t version, uint64_t owner,
		   uint64_t size, uint64_t offset, uint64_t length, uint64_t now_ns,
		   struct receipt *done_out, struct receipt *evicted_out);

/* Takes out one unfinished count that was not added to since before_ns; false when there is none. */
bool receipts_take_idle(struct receipts *r, uint64_t before_ns, struct receipt *out);

/* When the count that was left alone the longest was added to last; not when nothing is being counted. */
uint64_t receipts_oldest(const struct receipts *r);

/* Whether nothing is being counted. */
bool receipts_empty(const struct receipts *r);

#endif
