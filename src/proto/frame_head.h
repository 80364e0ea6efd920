/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_FRAME_HEAD_H
#define CFS_PROTO_FRAME_HEAD_H

/* The 16 bytes in front of every payload; for the reader, the writer and their tests. */

#include "proto/frame.h"

struct frame_head {
	uint32_t size;   /* of the payload */
	uint16_t op;     /* with FRAME_REPLY */
	uint16_t flags;  /* or status */
	uint64_t number; /* of the request */
};

void frame_head_put(unsigned char out[FRAME_HEADER_SIZE], const struct frame_head *head);
void frame_head_get(const unsigned char in[FRAME_HEADER_SIZE], struct frame_head *head);

/* Whether bulk bytes may follow the fields of a frame. */
bool frame_has_bulk(const struct frame *frame);

#endif
