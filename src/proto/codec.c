/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/codec.h"

#include <string.h>

#include "proto/cursor.h"

/* A cursor over what has arrived of a payload, and how much is still to come. */
struct decoder {
	struct cursor in;
	size_t beyond;
	bool hopeless; /* also the rest cannot make it right */
};

static void decode_fields(struct decoder *d, const struct msg_desc *desc, unsigned char *msg);
static void skip_fields(struct decoder *d, const struct msg_desc *desc);

/* A field of a message as its C type: offsets and types come from the same table as the struct. */
static void *
field_at(unsigned char *msg, const struct field_desc *f)
{
	return msg + f->offset;
}

static const void *
field_of(const void *msg, const struct field_desc *f)
{
	return (const unsigned char *)msg + f->offset;
}

/* A list's count, checked: so many elements must fit into what is left, at their shortest. */
static uint32_t
decode_count(struct decoder *d, const struct msg_desc *element)
{
	uint32_t count = cursor_u32(&d->in);

	if (count > (d->in.left + d->beyond) / element->wire_min) {
		d->hopeless = true;
		d->in.bad = true;
	}
	return d->in.bad ? 0 : count;
}

static void
decode_list(struct decoder *d, const struct msg_desc *element, struct list *list)
{
	list->desc = element;
	list->count = decode_count(d, element);
	list->p = d->in.p;
	list->len = d->in.left;
	for (uint32_t i = 0; i < list->count && !d->in.bad; i++)
		skip_fields(d, element);
	list->len -= d->in.left;
}

static void
decode_field(struct decoder *d, const struct field_desc *f, unsigned char *msg)
{
	void *to = field_at(msg, f);
	const unsigned char *p;

	switch (f->kind) {
	case KIND_NONE:
		*(kind_none_t *)to = 0;
		break;
	case KIND_U8:
		*(uint8_t *)to = cursor_u8(&d->in);
		break;
	case KIND_U16:
		*(uint16_t *)to = cursor_u16(&d->in);
		break;
	case KIND_U32:
		*(uint32_t *)to = cursor_u32(&d->in);
		break;
	case KIND_U64:
	case KIND_I64:
		*(uint64_t *)to = cursor_u64(&d->in);
		break;
	case KIND_ID:
		p = cursor_bytes(&d->in, sizeof(struct id128));
		if (p)
			memcpy(to, p, sizeof(struct id128));
		break;
	case KIND_HASH:
		p = cursor_bytes(&d->in, sizeof(struct sha256));
		if (p)
			memcpy(to, p, sizeof(struct sha256));
		break;
	case KIND_STR:
	case KIND_SECRET:
		*(struct str *)to = cursor_str(&d->in);
		break;
	case KIND_NESTED:
		decode_fields(d, f->nested, to);
		break;
	case KIND_LIST:
		decode_list(d, f->nested, to);
		break;
	}
}

static void
decode_fields(struct decoder *d, const struct msg_desc *desc, unsigned char *msg)
{
	for (size_t i = 0; i < desc->count && !d->in.bad; i++)
		decode_field(d, &desc->fields[i], msg);
}

/* Passes over a message as decode_fields() would read it: the check of a list's elements. */
static void
skip_fields(struct decoder *d, const struct msg_desc *desc)
{
	static const unsigned char sizes[] = {
	    [KIND_U8] = 1,  [KIND_U16] = 2, [KIND_U32] = 4,   [KIND_U64] = 8,
	    [KIND_I64] = 8, [KIND_ID] = 16, [KIND_HASH] = 32, [KIND_LIST] = 0,
	};
	struct list ignored;

	for (size_t i = 0; i < desc->count && !d->in.bad; i++) {
		const struct field_desc *f = &desc->fields[i];

		if (f->kind == KIND_STR || f->kind == KIND_SECRET)
			cursor_str(&d->in);
		else if (f->kind == KIND_NESTED)
			skip_fields(d, f->nested);
		else if (f->kind == KIND_LIST)
			decode_list(d, f->nested, &ignored);
		else
			cursor_bytes(&d->in, sizes[f->kind]);
	}
}

int
codec_decode_prefix(const struct msg_desc *desc, const void *p, size_t have, size_t total,
		    void *msg, size_t *bulk_offset_out)
{
	struct decoder d = {.beyond = total - have};

	if (total < have || total < desc->wire_min)
		return CFS_EPROTO;
	cursor_init(&d.in, p, have);
	decode_fields(&d, desc, msg);
	if (d.in.bad)
		return d.hopeless || d.beyond == 0 ? CFS_EPROTO : CFS_EBUSY;
	*bulk_offset_out = have - d.in.left;
	return 0;
}

int
codec_decode(const struct msg_desc *desc, const void *p, size_t len, void *msg,
	     size_t *bulk_offset_out)
{
	size_t offset;
	int rc = codec_decode_prefix(desc, p, len, len, msg, &offset);

	if (rc < 0)
		return rc;
	if (bulk_offset_out)
		*bulk_offset_out = offset;
	else if (offset != len)
		return CFS_EPROTO;
	return 0;
}

bool
list_next(struct list *list, void *msg_out)
{
	struct decoder d = {.beyond = 0};

	if (list->count == 0)
		return false;
	cursor_init(&d.in, list->p, list->len);
	decode_fields(&d, list->desc, msg_out);
	list->count--;
	list->p = d.in.p;
	list->len = d.in.left;
	return !d.in.bad;
}

/* Adds msg's encoded size to *size. Sizes cannot overflow: a message is in memory, and its strings with it. */
static int
add_size_of(const struct msg_desc *desc, const void *msg, size_t *size)
{
	int rc = 0;

	*size += desc->wire_min;
	for (size_t i = 0; i < desc->count && rc == 0; i++) {
		const struct field_desc *f = &desc->fields[i];

		if (f->kind == KIND_STR || f->kind == KIND_SECRET) {
			const struct str *s = field_of(msg, f);

			*size += s->len;
			rc = s->len > CODEC_STR_MAX ? CFS_EINVAL : 0;
		} else if (f->kind == KIND_LIST) {
			*size += ((const struct list *)field_of(msg, f))->len;
		} else if (f->kind == KIND_NESTED) {
			*size -= f->nested->wire_min;
			rc = add_size_of(f->nested, field_of(msg, f), size);
		}
	}
	return rc;
}

static void
encode_fields(struct writer *w, const struct msg_desc *desc, const void *msg)
{
	for (size_t i = 0; i < desc->count; i++) {
		const struct field_desc *f = &desc->fields[i];
		const void *from = field_of(msg, f);
		const struct list *list = from;

		switch (f->kind) {
		case KIND_NONE:
			break;
		case KIND_U8:
			writer_u8(w, *(const uint8_t *)from);
			break;
		case KIND_U16:
			writer_u16(w, *(const uint16_t *)from);
			break;
		case KIND_U32:
			writer_u32(w, *(const uint32_t *)from);
			break;
		case KIND_U64:
		case KIND_I64:
			writer_u64(w, *(const uint64_t *)from);
			break;
		case KIND_ID:
			writer_bytes(w, from, sizeof(struct id128));
			break;
		case KIND_HASH:
			writer_bytes(w, from, sizeof(struct sha256));
			break;
		case KIND_STR:
		case KIND_SECRET:
			writer_str(w, *(const struct str *)from);
			break;
		case KIND_NESTED:
			encode_fields(w, f->nested, from);
			break;
		case KIND_LIST:
			writer_u32(w, list->count);
			writer_bytes(w, list->p, list->len);
			break;
		}
	}
}

int
codec_encode(const struct msg_desc *desc, const void *msg, struct buf *out)
{
	struct writer w;
	size_t size = 0;
	unsigned char *p;
	int rc = add_size_of(desc, msg, &size);

	if (rc < 0)
		return rc;
	p = buf_reserve(out, size);
	if (!p)
		return CFS_ENOMEM;
	writer_init(&w, p, size);
	encode_fields(&w, desc, msg);
	if (w.bad)
		return CFS_EINVAL;
	buf_commit(out, size);
	return 0;
}

int
codec_list_append(struct list *list, const struct msg_desc *desc, const void *msg, struct buf *out,
		  size_t start)
{
	int rc = codec_encode(desc, msg, out);

	if (rc < 0)
		return rc;
	list->desc = desc;
	list->count++;
	list->p = out->data + start;
	list->len = out->len - start;
	return 0;
}
