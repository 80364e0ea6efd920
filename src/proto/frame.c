/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/frame.h"

#include "proto/codec.h"
#include "proto/frame_head.h"

#include "base/bytes.h"

void
frame_head_put(unsigned char out[FRAME_HEADER_SIZE], const struct frame_head *head)
{
	store_le32(out, head->size);
	store_le16(out + 4, head->op);
	store_le16(out + 6, head->flags);
	store_le64(out + 8, head->number);
}

void
frame_head_get(const unsigned char in[FRAME_HEADER_SIZE], struct frame_head *head)
{
	head->size = load_le32(in);
	head->op = load_le16(in + 4);
	head->flags = load_le16(in + 6);
	head->number = load_le64(in + 8);
}

const struct msg_desc *
frame_message(const struct frame *frame)
{
	if (!frame->desc)
		return NULL;
	if (!frame->is_reply)
		return frame->desc->request;
	return frame->flags == 0 ? frame->desc->reply : &msg_error_rep;
}

bool
frame_has_bulk(const struct frame *frame)
{
	if (!frame->desc)
		return false;
	if (!frame->is_reply)
		return frame->desc->how & HOW_BULK_IN;
	return frame->flags == 0 && (frame->desc->how & HOW_BULK_OUT);
}

int
frame_decode(const struct frame *frame, void *msg, struct str *bulk_out, struct cfs_err *err)
{
	const struct msg_desc *desc = frame_message(frame);
	size_t offset = frame->len;
	int rc;

	if (!desc)
		return err_set(err, CFS_EUNSUPPORTED, "operation %u is not known here", frame->op);
	rc = codec_decode(desc, frame->payload, frame->len, msg,
			  frame_has_bulk(frame) ? &offset : NULL);
	if (rc < 0)
		return err_set(err, rc, "%s: malformed %s", op_name(frame->op), desc->name);
	if (bulk_out)
		*bulk_out = (struct str){.p = (const char *)frame->payload + offset,
					 .len = frame->len - offset};
	return 0;
}
