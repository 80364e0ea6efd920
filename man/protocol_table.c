/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prints the operations and messages of src/proto/ops.def as mdoc(7): the part of cfs-protocol(7) between its markers.
 * tests/lint/protocol-manual builds and runs it.
 */
#include <stdio.h>

#include "proto/ops.h"

static const struct msg_desc *const messages[] = {
#define MESSAGE(name) &msg_##name,
#include "proto/ops.def"
};

static const char *
kind_name(enum kind kind)
{
	static const char *const names[] = {
#define NAME(kind) [KIND_##kind] = #kind
	    NAME(NONE), NAME(U8),   NAME(U16), NAME(U32),    NAME(U64),    NAME(I64),
	    NAME(ID),   NAME(HASH), NAME(STR), NAME(SECRET), NAME(NESTED), NAME(LIST),
#undef NAME
	};

	return names[kind];
}

/* A line of text; what roff would take for a request or an escape is not. */
static void
print_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
		/* roff wants a new line for a new sentence. */
		if (text[0] == '.' && text[1] == ' ') {
			putchar('\n');
			text++;
		}
	}
	putchar('\n');
}

static void
print_op(const struct op_desc *op)
{
	static const char *const who[] = {
	    [WHO_ANYONE] = "anyone", [WHO_USER] = "users", [WHO_ADMIN] = "the admin socket"};

	printf(".It Sy %s Pq %u\n", op->name, op->number);
	print_text(op->doc);
	printf(".br\nFor %s", who[op->who]);
	if (op->how & HOW_CHANGE)
		printf("; a change");
	if (op->how & HOW_PUSH)
		printf("; a push");
	printf(".\n");
	if (op->request != &msg_empty)
		printf("%s\n.Em %s%s\n", op->how & HOW_PUSH ? "Carries" : "Request",
		       op->request->name, op->how & HOW_BULK_IN ? " No and bulk ." : " .");
	if (op->reply != &msg_empty)
		printf("Reply\n.Em %s%s\n", op->reply->name,
		       op->how & HOW_BULK_OUT ? " No and bulk ." : " .");
}

static void
print_message(const struct msg_desc *msg)
{
	printf(".Ss %s\n.Bl -tag -width Ds -compact\n", msg->name);
	for (size_t i = 0; i < msg->count; i++) {
		const struct field_desc *f = &msg->fields[i];

		if (f->nested)
			printf(".It Va %s Pq %s of Em %s\n", f->name,
			       f->kind == KIND_LIST ? "LIST" : "one", f->nested->name);
		else
			printf(".It Va %s Pq %s\n", f->name, kind_name(f->kind));
		print_text(f->doc);
	}
	printf(".El\n");
}

int
main(void)
{
	printf(".Sh OPERATIONS\n.Bl -tag -width Ds\n");
	for (size_t i = 0; i < op_table_count; i++)
		print_op(&op_table[i]);
	printf(".El\n.Sh MESSAGES\n");
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		if (messages[i] != &msg_empty)
			print_message(messages[i]);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
