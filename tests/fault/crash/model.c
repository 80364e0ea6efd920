/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[OP_KINDS] = {"put", "write", "truncate", "rename", "unlink"};

static void
hash_file(struct model *m, unsigned file)
{
	struct file_state *f = &m->now.files[file];

	if (sha256_once(NULL, m->content[file], f->size, &f->hash) != 0)
		abort();
}

int
model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned i = 0; i < MODEL_FILES; i++) {
		m->content[i] = calloc(1, MODEL_SIZE_MAX);
		if (m->content[i] == NULL)
			return -1;
	}
	return 0;
}

void
model_fini(struct model *m)
{
	for (unsigned i = 0; i < MODEL_FILES; i++)
		free(m->content[i]);
}

void
model_bytes(unsigned long seed, unsigned char *out, size_t n)
{
	struct rng rng = {seed};

	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = rng_next(&rng);

		memcpy(out + i, &v, n - i < 8 ? n - i : 8);
	}
}

/* Sizes on both sides of what is kept inline, and some that take several blobs. */
static unsigned
draw_size(struct rng *rng)
{
	unsigned kind = rng_below(rng, 100);

	if (kind < 5)
		return 0;
	if (kind < 35)
		return 1 + rng_below(rng, 8000);
	if (kind < 45)
		return 32768 - 2 + rng_below(rng, 5);
	if (kind < 85)
		return 32769 + rng_below(rng, 60000);
	return 120000 + rng_below(rng, 150000);
}

static void
draw_op(const struct snapshot *now, struct rng *rng, struct op *op)
{
	unsigned kind = rng_below(rng, 100), file = rng_below(rng, MODEL_FILES);

	*op = (struct op){.kind = OP_PUT, .file = file, .seed = rng_next(rng) >> 1};
	op->length = draw_size(rng);
	/* Some contents come again and again, so that blobs are shared, given up and taken up again. */
	if (rng_percent(rng, 25)) {
		op->seed = 1 + rng_below(rng, 8);
		op->length = 40000 + (unsigned)op->seed * 20000;
	}
	if (!now->files[file].exists || kind < 40)
		return;
	if (kind < 58) {
		op->kind = OP_WRITE;
		op->offset = rng_below(rng, now->files[file].size + 20000);
		op->length = 1 + op->length % 90000;
		if (op->offset + op->length > MODEL_SIZE_MAX)
			op->offset = 0;
	} else if (kind < 65) {
		op->kind = OP_TRUNCATE;
		op->length = rng_below(rng, now->files[file].size + 20000);
		if (op->length > MODEL_SIZE_MAX)
			op->length = 0;
	} else if (kind < 82) {
		op->kind = OP_RENAME;
		op->to = (file + 1 + rng_below(rng, MODEL_FILES - 1)) % MODEL_FILES;
	} else {
		op->kind = OP_UNLINK;
	}
}

static void
apply_op(struct model *m, const struct op *op)
{
	struct file_state *f = &m->now.files[op->file];
	unsigned char *content = m->content[op->file];

	switch (op->kind) {
	case OP_PUT:
		f->exists = true;
		f->size = op->length;
		memset(content, 0, MODEL_SIZE_MAX);
		model_bytes(op->seed, content, op->length);
		break;
	case OP_WRITE:
		model_bytes(op->seed, content + op->offset, op->length);
		if (f->size < op->offset + op->length)
			f->size = op->offset + op->length;
		break;
	case OP_TRUNCATE:
		if (op->length < f->size)
			memset(content + op->length, 0, f->size - op->length);
		f->size = op->length;
		break;
	case OP_RENAME:
		m->content[op->file] = m->content[op->to];
		m->content[op->to] = content;
		m->now.files[op->to] = *f;
		*f = (struct file_state){0};
		return;
	case OP_UNLINK:
	case OP_KINDS:
		*f = (struct file_state){0};
		return;
	}
	hash_file(m, op->file);
}

void
model_apply(struct model *m, const struct step *step)
{
	for (unsigned i = 0; i < step->count; i++) {
		apply_op(m, &step->ops[i]);
		m->now.changes++;
	}
}

/* Only what names and sizes need is kept up while drawing; the content follows in model_apply(). */
static void
note(struct snapshot *now, const struct op *op)
{
	struct file_state *f = &now->files[op->file];

	f->exists = op->kind != OP_UNLINK && op->kind != OP_RENAME;
	if (op->kind == OP_RENAME) {
		now->files[op->to] = *f;
		now->files[op->to].exists = true;
	} else if (op->kind != OP_WRITE || f->size < op->offset + op->length) {
		f->size = op->kind == OP_WRITE ? op->offset + op->length : op->length;
	}
}

void
model_draw(const struct model *m, struct rng *rng, struct step *out)
{
	struct snapshot now = m->now;

	out->count = rng_percent(rng, 60) ? 1 : 1 + rng_below(rng, MODEL_OPS_MAX);
	for (unsigned i = 0; i < out->count; i++) {
		draw_op(&now, rng, &out->ops[i]);
		note(&now, &out->ops[i]);
	}
}

void
step_format(const struct step *step, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < step->count && n < size; i++) {
		const struct op *op = &step->ops[i];

		n += (size_t)snprintf(out + n, size - n, "%s %u %u %u %u %lu; ", op_names[op->kind],
				      op->file, op->to, op->offset, op->length, op->seed);
	}
}

int
step_parse(const char *text, struct step *out)
{
	int used;

	out->count = 0;
	while (*text != '\0') {
		struct op *op = &out->ops[out->count];
		char name[16];

		if (out->count == MODEL_OPS_MAX ||
		    sscanf(text, "%15s %u %u %u %u %lu; %n", name, &op->file, &op->to, &op->offset,
			   &op->length, &op->seed, &used) != 6)
			return -1;
		for (op->kind = OP_PUT; op->kind < OP_KINDS; op->kind++)
			if (strcmp(name, op_names[op->kind]) == 0)
				break;
		if (op->kind == OP_KINDS || op->file >= MODEL_FILES || op->to >= MODEL_FILES)
			return -1;
		text += used;
		out->count++;
	}
	return 0;
}
