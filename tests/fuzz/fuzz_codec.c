/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as any message: the first byte picks one of ops.def, the rest is its payload. What decodes must walk, trace
 * and encode again to what it came from.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/codec.h"
#include "proto/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct msg_desc *const messages[] = {
#define MESSAGE(name) &msg_##name,
#include "proto/ops.def"
};

static void
walk_lists(const struct msg_desc *desc, const void *msg)
{
	for (size_t i = 0; i < desc->count; i++) {
		const struct field_desc *f = &desc->fields[i];
		const void *at = (const unsigned char *)msg + f->offset;

		if (f->kind == KIND_NESTED) {
			walk_lists(f->nested, at);
		} else if (f->kind == KIND_LIST) {
			struct list it = *(const struct list *)at;
			uint32_t count = it.count;
			union m_any element;

			while (list_next(&it, &element)) {
				walk_lists(f->nested, &element);
				count--;
			}
			if (count != 0 || it.len != 0)
				abort();
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct msg_desc *desc;
	struct buf again = BUF_INIT;
	char text[512];
	union m_any msg;
	size_t offset;
	size_t prefix;
	int rc;

	if (size == 0)
		return 0;
	desc = messages[data[0] % ARRAY_SIZE(messages)];
	data++;
	size--;
	rc = codec_decode(desc, data, size, &msg, &offset);
	if (rc < 0)
		return 0;
	walk_lists(desc, &msg);
	trace_message(text, sizeof text, desc, &msg);
	if (codec_encode(desc, &msg, &again) < 0 || again.len != offset ||
	    (offset > 0 && memcmp(again.data, data, offset) != 0))
		abort();
	buf_fini(&again);
	/* What is whole is whole also when more is announced; one byte less is not. */
	if (codec_decode_prefix(desc, data, offset, size + 1, &msg, &prefix) != 0 ||
	    prefix != offset)
		abort();
	if (offset > 0 &&
	    codec_decode_prefix(desc, data, offset - 1, size + 1, &msg, &prefix) != CFS_EBUSY)
		abort();
	return 0;
}
