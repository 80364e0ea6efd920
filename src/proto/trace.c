/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/codec.h"

/* Elements of a list that are shown; the rest is counted. */
#define SHOWN_MAX 4

/* Text that stops growing when it is full. */
struct text {
	char *p;
	size_t size;
	size_t len;
	bool cut;
};

static void trace_fields(struct text *t, const struct msg_desc *desc, const unsigned char *msg);

__attribute__((format(printf, 2, 3))) static void
add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->cut)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->len) {
		t->p[t->len] = '\0';
		t->cut = true;
	} else {
		t->len += (size_t)n;
	}
}

static void
trace_str(struct text *t, struct str s)
{
	add(t, "\"");
	for (size_t i = 0; i < s.len && !t->cut; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			add(t, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			add(t, "%c", c);
		else
			add(t, "\\x%02x", c);
	}
	add(t, "\"");
}

static void
trace_hex(struct text *t, const unsigned char *p, size_t n)
{
	char hex[HEX_SIZE(sizeof(struct sha256))];

	hex_encode(hex, p, n);
	add(t, "%s", hex);
}

static void
trace_list(struct text *t, struct list list)
{
	union m_any element;
	uint32_t shown = 0;

	add(t, "[");
	while (shown < SHOWN_MAX && !t->cut && list_next(&list, &element)) {
		add(t, shown++ ? " {" : "{");
		trace_fields(t, list.desc, (const unsigned char *)&element);
		add(t, "}");
	}
	if (list.count > 0)
		add(t, " and %" PRIu32 " more", list.count);
	add(t, "]");
}

static void
trace_value(struct text *t, const struct field_desc *f, const void *value)
{
	switch (f->kind) {
	case KIND_NONE:
		break;
	case KIND_U8:
		add(t, "%u", *(const uint8_t *)value);
		break;
	case KIND_U16:
		add(t, "%u", *(const uint16_t *)value);
		break;
	case KIND_U32:
		add(t, "%" PRIu32, *(const uint32_t *)value);
		break;
	case KIND_U64:
		add(t, "%" PRIu64, *(const uint64_t *)value);
		break;
	case KIND_I64:
		add(t, "%" PRId64, *(const int64_t *)value);
		break;
	case KIND_ID:
		trace_hex(t, value, sizeof(struct id128));
		break;
	case KIND_HASH:
		trace_hex(t, value, sizeof(struct sha256));
		break;
	case KIND_STR:
		trace_str(t, *(const struct str *)value);
		break;
	case KIND_SECRET:
		add(t, "(%zu secret bytes)", ((const struct str *)value)->len);
		break;
	case KIND_NESTED:
		add(t, "{");
		trace_fields(t, f->nested, value);
		add(t, "}");
		break;
	case KIND_LIST:
		trace_list(t, *(const struct list *)value);
		break;
	}
}

static void
trace_fields(struct text *t, const struct msg_desc *desc, const unsigned char *msg)
{
	for (size_t i = 0; i < desc->count && !t->cut; i++) {
		const struct field_desc *f = &desc->fields[i];

		if (f->kind == KIND_NONE)
			continue;
		add(t, "%s%s=", i ? " " : "", f->name);
		trace_value(t, f, msg + f->offset);
	}
}

char *
trace_message(char *out, size_t size, const struct msg_desc *desc, const void *msg)
{
	struct text t = {.p = out, .size = size};

	out[0] = '\0';
	trace_fields(&t, desc, msg);
	if (t.cut && size > 3) {
		size_t at = t.len < size - 4 ? t.len : size - 4;

		memcpy(out + at, "...", 4);
	}
	return out;
}
