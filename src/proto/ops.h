/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_OPS_H
#define CFS_PROTO_OPS_H

/*
 * What C makes of ops.def: for each message NAME a struct m_NAME and its description msg_NAME, for each operation NAME
 * a number OP_NAME and a row of op_table. Declarations and constant data only; safe everywhere.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/rand.h"
#include "base/str.h"

/* Kinds of fields, see ops.def. */
enum kind {
	KIND_NONE,
	KIND_U8,
	KIND_U16,
	KIND_U32,
	KIND_U64,
	KIND_I64,
	KIND_ID,
	KIND_HASH,
	KIND_STR,
	KIND_SECRET,
	KIND_NESTED,
	KIND_LIST,
};

struct msg_desc;

/*
 * Encoded elements of one message kind. Decoding makes it a view into the payload whose elements were all checked; for
 * encoding it is a view of a buffer that codec_list_append() filled (desc may be left NULL then). Walk it with
 * list_next() (codec.h).
 */
struct list {
	const unsigned char *p;
	size_t len;     /* bytes */
	uint32_t count; /* elements */
	const struct msg_desc *desc;
};

/* The C types of the kinds. STR and SECRET decode to views into the payload. */
typedef char kind_none_t;
typedef uint8_t kind_u8_t;
typedef uint16_t kind_u16_t;
typedef uint32_t kind_u32_t;
typedef uint64_t kind_u64_t;
typedef int64_t kind_i64_t;
typedef struct id128 kind_id_t;
typedef struct sha256 kind_hash_t;
typedef struct str kind_str_t;

#define KIND_TYPE_NONE   kind_none_t
#define KIND_TYPE_U8     kind_u8_t
#define KIND_TYPE_U16    kind_u16_t
#define KIND_TYPE_U32    kind_u32_t
#define KIND_TYPE_U64    kind_u64_t
#define KIND_TYPE_I64    kind_i64_t
#define KIND_TYPE_ID     kind_id_t
#define KIND_TYPE_HASH   kind_hash_t
#define KIND_TYPE_STR    kind_str_t
#define KIND_TYPE_SECRET kind_str_t

/* struct m_NAME: the fields of each message, in order. */
#define MESSAGE(name)                      struct m_##name {
#define FIELD(message, kind, name, doc)    KIND_TYPE_##kind name;
#define NESTED(message, nested, name, doc) struct m_##nested name;
#define LIST(message, element, name, doc)  struct list name;
#define END(name)                                                                                  \
	}                                                                                          \
	;
#include "proto/ops.def"

/* Room for any message: what a receiver decodes into before it knows which one comes. */
union m_any {
#define MESSAGE(name) struct m_##name name;
#include "proto/ops.def"
};

/* OP_NAME = number. */
enum op_number {
#define OP(number, name, request, reply, who, how, doc) OP_##name = (number),
#include "proto/ops.def"
};

/* Every change begins with seq and ack: the codec, the server's replay and change_numbers() rely on it. */
#define CHANGE(number, name, request, reply, who, how, doc)                                        \
	_Static_assert(offsetof(struct m_##request, seq) == 0 &&                                   \
			   offsetof(struct m_##request, ack) == sizeof(uint64_t),                  \
		       #name ": seq and ack must come first");
#include "proto/ops.def"

struct field_desc {
	enum kind kind;
	size_t offset; /* in struct m_… */
	const char *name;
	const struct msg_desc *nested; /* KIND_NESTED and KIND_LIST: of what; else NULL */
	const char *doc;
};

struct msg_desc {
	const char *name;
	const struct field_desc *fields;
	size_t count;    /* of fields */
	size_t size;     /* of struct m_… */
	size_t wire_min; /* bytes of the shortest encoding */
};

/* msg_NAME: the description of struct m_NAME. */
#define MESSAGE(name) extern const struct msg_desc msg_##name;
#include "proto/ops.def"

enum op_who { WHO_ANYONE, WHO_USER, WHO_ADMIN };

/* Bits of op_desc.how. */
enum op_how {
	HOW_CHANGE = 1,   /* a numbered change of a stream */
	HOW_BULK_IN = 2,  /* bulk bytes follow the request's fields */
	HOW_BULK_OUT = 4, /* bulk bytes follow the reply's fields */
	HOW_PUSH = 8,     /* sent by the server under request number 0, no reply */
};

struct op_desc {
	uint16_t number;
	enum op_who who;
	unsigned how; /* of enum op_how */
	const char *name;
	const struct msg_desc *request;
	const struct msg_desc *reply;
	const char *doc;
};

/* All operations, by number. */
extern const struct op_desc op_table[];
extern const size_t op_table_count;

/* The operation with a number (without the reply bit), in O(1); NULL if there is none. */
const struct op_desc *op_find(unsigned number);

/* Its name for logs; "op?" if there is none. */
const char *op_name(unsigned number);

/* The first two fields of every HOW_CHANGE request. */
struct change_numbers {
	uint64_t seq;
	uint64_t ack;
};

/* Reads or sets them in any decoded HOW_CHANGE request (a struct m_… of op_desc.request). */
struct change_numbers change_numbers(const void *request);
void change_set_numbers(void *request, struct change_numbers numbers);

#endif
