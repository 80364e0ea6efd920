/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tape.h"

#include <string.h>

#include "base/bytes.h"
#include "proto/codec.h"

#define LIST_MAX 12u

uint8_t
tape_byte(struct tape *t)
{
	if (t->left == 0)
		return 0;
	t->left--;
	return *t->p++;
}

uint64_t
tape_number(struct tape *t)
{
	unsigned first = tape_byte(t);
	uint64_t n = 0;

	if (first > 8 && t->hint_count > 0)
		return t->hints[first % t->hint_count];
	for (unsigned i = 0; i < first % 9; i++)
		n = n << 8 | tape_byte(t);
	return n;
}

struct str
tape_bytes(struct tape *t, size_t len)
{
	struct str s = {.p = (const char *)t->p, .len = min_size(len, t->left)};

	if (s.len == 0)
		return s;
	t->p += s.len;
	t->left -= s.len;
	return s;
}

/* A plain name or a nasty one. */
static struct str
take_name(struct tape *t)
{
	static const char *const names[] = {
	    "a",    "b",    "c",  "d",  "t",       "..",          ".",           "",   "a/b",
	    "/tmp", "../x", "d/", "//", "../../x", "../../out/x", "d/../../out", "\n", "in",
	};
	uint8_t which = tape_byte(t);

	if (which < 128)
		return str_from(names[which % ARRAY_SIZE(names)]);
	return tape_bytes(t, which & 31);
}

static struct list
fill_list(struct tape *t, const struct msg_desc *desc, struct buf *scratch)
{
	struct buf own = BUF_INIT;
	struct list list = {.p = NULL};
	unsigned n = tape_byte(t) % LIST_MAX;
	union m_any element;

	for (; n > 0; n--) {
		memset(&element, 0, sizeof element);
		tape_fill(t, desc, &element, scratch);
		if (codec_list_append(&list, desc, &element, &own, 0))
			break;
	}
	/* Kept behind what other lists of this answer hold; scratch was given its room before. */
	if (own.len > 0 && scratch->len + own.len <= TAPE_SCRATCH) {
		list.p = scratch->data + scratch->len;
		(void)buf_append(scratch, own.data, own.len);
	} else {
		list = (struct list){.p = NULL};
	}
	buf_fini(&own);
	return list;
}

static void
fill_field(struct tape *t, const struct field_desc *f, void *to, struct buf *scratch)
{
	switch (f->kind) {
	case KIND_U8:
		*(uint8_t *)to =
		    (uint8_t)(strcmp(f->name, "type") == 0 ? 1 + tape_byte(t) % 4 : tape_byte(t));
		break;
	case KIND_U16:
		*(uint16_t *)to = (uint16_t)tape_number(t);
		break;
	case KIND_U32:
		*(uint32_t *)to = (uint32_t)tape_number(t);
		break;
	case KIND_U64:
	case KIND_I64:
		*(uint64_t *)to = tape_number(t);
		break;
	case KIND_STR:
	case KIND_SECRET:
		*(struct str *)to = take_name(t);
		break;
	case KIND_ID:
		(void)memset(to, tape_byte(t), sizeof(struct id128));
		break;
	case KIND_HASH:
		(void)memset(to, tape_byte(t), sizeof(struct sha256));
		break;
	case KIND_LIST:
		*(struct list *)to = fill_list(t, f->nested, scratch);
		break;
	case KIND_NESTED:
		tape_fill(t, f->nested, to, scratch);
		break;
	case KIND_NONE:
		break;
	}
}

void
tape_fill(struct tape *t, const struct msg_desc *desc, void *msg, struct buf *scratch)
{
	for (size_t i = 0; i < desc->count; i++)
		fill_field(t, &desc->fields[i], (char *)msg + desc->fields[i].offset, scratch);
}
