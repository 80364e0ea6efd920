/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "random.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Two mounts of one tree that take turns. What one was answered, the other must see with its next call, so after each
 * operation the other is asked for everything that it may have remembered wrongly: attributes of all paths, all listings,
 * its own handles, and what is in the files that the operation was about.
 */

#define OPEN_FILE_MAX (512u * 1024)

/* Written through a handle is not told to others before fsync(2) or close(2). */
static void
publish(struct side *s, const struct op *op)
{
	switch (op->kind) {
	case OP_PWRITE:
	case OP_WRITE:
	case OP_FALLOCATE:
	case OP_COPY:
	case OP_MAP_WRITE:
		(void)fsync(s->fds[op->slot]);
		break;
	default:
		break;
	}
}

int
turn_act(struct side tried[2], const struct op *op, struct result *out)
{
	unsigned k = op->turn % 2;

	/* A handle is where it was opened. */
	if (is_on_handle(op->kind))
		k = tried[0].fds[op->slot] >= 0 ? 0 : 1;
	if (op->kind == OP_COPY && tried[k].fds[op->source] < 0)
		return -1;
	op_act(&tried[k], op, out);
	publish(&tried[k], op);
	/* What the slot had before, on the other mount, is closed as it would be on one. */
	if (op->kind == OP_OPEN && tried[k].fds[op->slot] >= 0 && tried[!k].fds[op->slot] >= 0 &&
	    out->value == 0) {
		close(tried[!k].fds[op->slot]);
		tried[!k].fds[op->slot] = -1;
	}
	return (int)k;
}

static bool
same(struct side *model, struct side *other, const struct op *op, const char *what, bool quiet)
{
	struct result x, y;

	op_act(model, op, &x);
	op_act(other, op, &y);
	if (x.value == y.value && x.error == y.error && x.digest == y.digest &&
	    x.length == y.length)
		return true;
	if (!quiet) {
		printf("the other mount, %s: %ld (error %d), length %zu; should be %ld (error %d), "
		       "length %zu%s\n",
		       what, y.value, y.error, y.length, x.value, x.error, x.length,
		       x.digest != y.digest ? "; what came differs" : "");
		op_print(0, op);
	}
	return false;
}

static bool
handles_agree(struct side *model, struct side *other, bool quiet)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct op stat_it = {.kind = OP_FSTAT, .slot = i};
		struct op read_it = {.kind = OP_PREAD, .slot = i, .length = OPEN_FILE_MAX};

		if (other->fds[i] >= 0 &&
		    (!same(model, other, &stat_it, "open file", quiet) ||
		     !same(model, other, &read_it, "content of an open file", quiet)))
			return false;
	}
	return true;
}

static bool
listings_agree(struct side *model, struct side *other, bool quiet)
{
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		struct op op = {.kind = OP_READDIR, .path = directories[i]};

		if (!same(model, other, &op, "listing", quiet))
			return false;
	}
	return true;
}

bool
turn_agrees(struct side *model, struct side *other, const struct op *op, bool quiet)
{
	for (unsigned i = 0; i < PATHS; i++) {
		struct op look = {.kind = OP_STAT, .path = i};

		if (!same(model, other, &look, "path", quiet))
			return false;
	}
	return path_agrees(model, other, op->path, quiet) &&
	       path_agrees(model, other, op->to, quiet) && handles_agree(model, other, quiet) &&
	       listings_agree(model, other, quiet);
}
