/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_CODEC_H
#define CFS_PROTO_CODEC_H

/*
 * One loop over a message's description encodes it, another decodes it. Decoded strings and lists are views into the
 * bytes they came from. Nothing is allocated when decoding. Pure functions; any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/ops.h"

/* Longest STR. */
#define CODEC_STR_MAX 65535

/*
 * Appends the encoding of msg (a struct m_… of desc) to out. Returns 0, CFS_EINVAL (a string above CODEC_STR_MAX) or CFS_ENOMEM; out is then as
 * before. Lists are copied in as the bytes they are.
 */
int codec_encode(const struct msg_desc *desc, const void *msg, struct buf *out);

/*
 * Decodes a whole payload into msg (desc->size bytes, all set on success). Bulk: with bulk_offset_out the fields may
 * be followed by any bytes, and it gets where they begin; without (NULL) trailing bytes are an error. Every element of
 * every list is checked here, so that walking it later cannot fail. Returns 0 or CFS_EPROTO (msg is then undefined).
 */
int codec_decode(const struct msg_desc *desc, const void *p, size_t len, void *msg,
		 size_t *bulk_offset_out);

/*
 * The same when only the first have bytes of a payload of total bytes have arrived: decodes the fields if they are all
 * there. Returns 0 and where the bulk begins in *bulk_offset_out; CFS_EBUSY when the fields go on behind what is there;
 * CFS_EPROTO when no rest could make it right.
 */
int codec_decode_prefix(const struct msg_desc *desc, const void *p, size_t have, size_t total,
			void *msg, size_t *bulk_offset_out);

/*
 * Takes the next element of a decoded list into msg_out (a struct m_… of the list's kind) and moves the list on; false
 * at the end. Walk a copy of the list to keep it:
 *
 *	struct list it = rep.entries;
 *	struct m_dirent e;
 *	while (list_next(&it, &e))
 *		...
 */
bool list_next(struct list *list, void *msg_out);

/*
 * Builds a list for encoding: appends msg to out and counts it in *list. list starts as {0} and is a view of out's
 * bytes from `start` on (out->len before the first element). The view is made anew by each call, since out may move;
 * nothing else may be appended to out in between. Returns as codec_encode().
 */
int codec_list_append(struct list *list, const struct msg_desc *desc, const void *msg,
		      struct buf *out, size_t start);

#endif
