/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_MODEL_H
#define CFS_TESTS_FAULT_MODEL_H

/*
 * What a store should hold: a few files and the changes made to them, one transaction after the other. The workload draws its
 * changes here and writes each transaction into the log as a line of text; the checker reads the lines and knows what the store
 * held after each transaction.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "rng.h"

#define MODEL_FILES     20u /* names f0… in the folders d0 and d1 by turns */
#define MODEL_FOLDERS   2u
#define MODEL_SIZE_MAX  (512u * 1024)
#define MODEL_OPS_MAX   4u /* changes of one transaction */
#define MODEL_STEPS_MAX 2000u
#define MODEL_USER      "alice"

enum op_kind { OP_PUT, OP_WRITE, OP_TRUNCATE, OP_RENAME, OP_UNLINK, OP_KINDS };

struct op {
	enum op_kind kind;
	unsigned file, to;  /* to: of a rename */
	unsigned offset;    /* of a write */
	unsigned length;    /* of the new bytes; the new size of a truncate */
	unsigned long seed; /* of the new bytes */
};

struct step {
	unsigned count;
	struct op ops[MODEL_OPS_MAX];
};

struct file_state {
	bool exists;
	uint64_t size;
	struct sha256 hash;
};

/* What the store holds after a step. */
struct snapshot {
	uint64_t changes; /* made so far: the stream's last number */
	struct file_state files[MODEL_FILES];
};

struct model {
	struct snapshot now;
	unsigned char *content[MODEL_FILES]; /* MODEL_SIZE_MAX bytes each */
};

int model_init(struct model *m);
void model_fini(struct model *m);

/* Draws changes that can be made now. */
void model_draw(const struct model *m, struct rng *rng, struct step *out);

/* Makes the changes. */
void model_apply(struct model *m, const struct step *step);

/* The n bytes of a seed. */
void model_bytes(unsigned long seed, unsigned char *out, size_t n);

/* "put 3 0 0 70000 12345; …": as text and back. step_parse() returns 0, or -1 for other text. */
void step_format(const struct step *step, char *out, size_t size);
int step_parse(const char *text, struct step *out);

#endif
