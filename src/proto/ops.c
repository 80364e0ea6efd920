/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/ops.h"

#include <string.h>

#include "base/bytes.h"

/* Bytes of the shortest encoding of each kind. */
enum {
	WIRE_KIND_NONE = 0,
	WIRE_KIND_U8 = 1,
	WIRE_KIND_U16 = 2,
	WIRE_KIND_U32 = 4,
	WIRE_KIND_U64 = 8,
	WIRE_KIND_I64 = 8,
	WIRE_KIND_ID = 16,
	WIRE_KIND_HASH = 32,
	WIRE_KIND_STR = 2,
	WIRE_KIND_SECRET = 2,
	WIRE_KIND_LIST = 4,
};

enum {
#define MESSAGE(name)                      WIRE_##name = 0
#define FIELD(message, kind, name, doc)    +WIRE_KIND_##kind
#define NESTED(message, nested, name, doc) +WIRE_##nested
#define LIST(message, element, name, doc)  +WIRE_KIND_LIST
#define END(name)                          ,
#include "proto/ops.def"
};

/* A list's count is checked against what is left by a division by this. */
#define LIST(message, element, name, doc)                                                          \
	_Static_assert(WIRE_##element > 0, #element ": an element of a list takes bytes");
#include "proto/ops.def"

#define MESSAGE(name) static const struct field_desc fields_##name[] = {
#define FIELD(message, kind, name, doc)                                                            \
	{KIND_##kind, offsetof(struct m_##message, name), #name, NULL, doc},
#define NESTED(message, nested, name, doc)                                                         \
	{KIND_NESTED, offsetof(struct m_##message, name), #name, &msg_##nested, doc},
#define LIST(message, element, name, doc)                                                          \
	{KIND_LIST, offsetof(struct m_##message, name), #name, &msg_##element, doc},
#define END(name)                                                                                  \
	}                                                                                          \
	;
#include "proto/ops.def"

#define MESSAGE(name)                                                                              \
	const struct msg_desc msg_##name = {#name, fields_##name, ARRAY_SIZE(fields_##name),       \
					    sizeof(struct m_##name), WIRE_##name};
#include "proto/ops.def"

/* The words of the table's `how`, beside CHANGE. */
enum { BULK_IN = HOW_BULK_IN, BULK_OUT = HOW_BULK_OUT, PUSH = HOW_PUSH };

const struct op_desc op_table[] = {
#define OP(number, name, request, reply, who, how, doc)                                            \
	{(number), WHO_##who, (how), #name, &msg_##request, &msg_##reply, doc},
#define CHANGE(number, name, request, reply, who, how, doc)                                        \
	{(number), WHO_##who, HOW_CHANGE | (how), #name, &msg_##request, &msg_##reply, doc},
#include "proto/ops.def"
};

const size_t op_table_count = ARRAY_SIZE(op_table);

enum {
#define OP(number, name, request, reply, who, how, doc) ROW_##name,
#include "proto/ops.def"
};

/* Row + 1 of each number. A number given twice is a compile error (an initialiser overridden). */
static const unsigned char rows[] = {
#define OP(number, name, request, reply, who, how, doc) [number] = ROW_##name + 1,
#include "proto/ops.def"
};

const struct op_desc *
op_find(unsigned number)
{
	if (number >= ARRAY_SIZE(rows) || rows[number] == 0)
		return NULL;
	return &op_table[rows[number] - 1];
}

const char *
op_name(unsigned number)
{
	const struct op_desc *op = op_find(number);

	return op ? op->name : "op?";
}

struct change_numbers
change_numbers(const void *request)
{
	struct change_numbers numbers;

	/* ops.h asserts that both stand first in every change, as this struct has them. */
	memcpy(&numbers, request, sizeof numbers);
	return numbers;
}

void
change_set_numbers(void *request, struct change_numbers numbers)
{
	memcpy(request, &numbers, sizeof numbers);
}
