/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "random.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/xattr.h>

uint32_t
rnd(uint64_t *state)
{
	/* splitmix64 */
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) >> 16);
}

const unsigned directories[DIRECTORIES] = {3, 4, 11, 23}; /* d0, d1, d0/d2, d0/d2/d3 */

const char *
path_text(unsigned path)
{
	static const char *const dirs[] = {"", "d0/", "d1/", "d0/d2/", "d0/d2/d3/"};
	static const char *const names[] = {"a", "b", "c", "d0", "d1", "d2"};
	static char text[PATHS][32];
	unsigned i = path % PATHS;

	/* The names of directories lie among those of files, so that each kind meets each. */
	(void)snprintf(text[i], sizeof(text[i]), "%s%s", dirs[i / 6 % 5],
		       i == 23 ? "d3" : names[i % 6]);
	return text[i];
}

const char *
xattr_name(unsigned value)
{
	static const char *const names[XATTRS] = {"user.a", "user.b", "user.longer name", "user.d"};

	return names[value % XATTRS];
}

/* How often each kind is drawn. */
static const unsigned char weights[OP_KINDS] = {
    [OP_OPEN] = 14,     [OP_CLOSE] = 8,     [OP_PWRITE] = 14,  [OP_WRITE] = 6,
    [OP_PREAD] = 10,    [OP_FTRUNCATE] = 4, [OP_TRUNCATE] = 2, [OP_FALLOCATE] = 4,
    [OP_COPY] = 4,      [OP_MAP_WRITE] = 4, [OP_MAP_READ] = 3, [OP_FSYNC] = 2,
    [OP_FSTAT] = 4,     [OP_STAT] = 6,      [OP_MKDIR] = 6,    [OP_RMDIR] = 2,
    [OP_UNLINK] = 5,    [OP_RENAME] = 8,    [OP_LINK] = 4,     [OP_SYMLINK] = 3,
    [OP_READLINK] = 1,  [OP_MKFIFO] = 1,    [OP_READDIR] = 4,  [OP_CHMOD] = 2,
    [OP_UTIME] = 2,     [OP_SETXATTR] = 4,  [OP_GETXATTR] = 3, [OP_REMOVEXATTR] = 1,
    [OP_LISTXATTR] = 1, [OP_CLEAR] = 4,
};

bool
is_on_handle(int kind)
{
	switch (kind) {
	case OP_COPY:
	case OP_CLOSE:
	case OP_PWRITE:
	case OP_WRITE:
	case OP_PREAD:
	case OP_FTRUNCATE:
	case OP_FALLOCATE:
	case OP_MAP_WRITE:
	case OP_MAP_READ:
	case OP_FSYNC:
	case OP_FSTAT:
		return true;
	default:
		return false;
	}
}

static enum op_kind
draw_kind(uint64_t *state)
{
	unsigned sum = 0, at;

	for (unsigned i = 0; i < OP_KINDS; i++)
		sum += weights[i];
	at = rnd(state) % sum;
	for (unsigned i = 0; i < OP_KINDS; i++) {
		if (at < weights[i])
			return (enum op_kind)i;
		at -= weights[i];
	}
	return OP_STAT;
}

static int
draw_open_flags(uint32_t r)
{
	static const int modes[] = {
	    O_RDWR,  O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_WRONLY | O_APPEND, O_RDWR | O_APPEND,
	    O_RDONLY};
	int flags = modes[r % 8];

	if (r / 8 % 4 != 0)
		flags |= O_CREAT;
	if (r / 32 % 8 == 0)
		flags |= O_TRUNC;
	if (r / 256 % 8 == 0)
		flags |= O_EXCL;
	if (r / 2048 % 8 == 0)
		flags |= O_NOFOLLOW;
	/* What O_EXCL means without O_CREAT is left open (open(2)). */
	return (flags & O_CREAT) != 0 ? flags : flags & ~O_EXCL;
}

static int
draw_flags(enum op_kind kind, uint32_t r, bool zero_range)
{
	static const int renames[] = {0, 0, 0, 1, 2}; /* NOREPLACE, EXCHANGE */
	static const int allocations[] = {0,
					  FALLOC_FL_KEEP_SIZE,
					  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					  FALLOC_FL_ZERO_RANGE,
					  FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	static const int sets[] = {0, 0, XATTR_CREATE, XATTR_REPLACE};

	if (kind == OP_OPEN)
		return draw_open_flags(r);
	if (kind == OP_RENAME)
		return renames[r % 5];
	if (kind == OP_FALLOCATE)
		return allocations[r % (zero_range ? 6 : 4)];
	return kind == OP_SETXATTR ? sets[r % 4] : 0;
}

void
op_draw(uint64_t *state, bool zero_range, struct op *out)
{
	enum op_kind kind = draw_kind(state);
	uint32_t small = rnd(state);

	*out = (struct op){
	    .kind = (int)kind,
	    .path = rnd(state) % PATHS,
	    .to = rnd(state) % PATHS,
	    .slot = rnd(state) % SLOTS,
	    .source = rnd(state) % SLOTS,
	    .flags = draw_flags(kind, rnd(state), zero_range),
	    .offset = rnd(state) % SIZE_MAX_,
	    .length = 1 + rnd(state) % 70000,
	    .value = rnd(state),
	};
	out->turn = small >> 8;
	if (kind == OP_CLEAR)
		out->path = directories[out->path % DIRECTORIES];
	/* Small files and small steps are where the edges are. */
	if (small % 2 == 0) {
		out->offset %= 5000;
		out->length = 1 + out->length % 3000;
	}
	if (small % 16 == 1)
		out->offset &= ~4095u;
}

/* As the calls are named. */
static const char *const call_names[OP_KINDS] = {
    [OP_OPEN] = "open",
    [OP_CLOSE] = "close",
    [OP_PWRITE] = "pwrite",
    [OP_WRITE] = "write",
    [OP_PREAD] = "pread",
    [OP_FTRUNCATE] = "ftruncate",
    [OP_TRUNCATE] = "truncate",
    [OP_FALLOCATE] = "fallocate",
    [OP_COPY] = "copy_file_range",
    [OP_MAP_WRITE] = "mmap, write",
    [OP_MAP_READ] = "mmap, read",
    [OP_FSYNC] = "fsync",
    [OP_FSTAT] = "fstat",
    [OP_STAT] = "lstat",
    [OP_MKDIR] = "mkdir",
    [OP_RMDIR] = "rmdir",
    [OP_CLEAR] = "fill and clear",
    [OP_UNLINK] = "unlink",
    [OP_RENAME] = "renameat2",
    [OP_LINK] = "link",
    [OP_SYMLINK] = "symlink",
    [OP_READLINK] = "readlink",
    [OP_MKFIFO] = "mkfifo",
    [OP_READDIR] = "readdir",
    [OP_CHMOD] = "chmod",
    [OP_UTIME] = "utimensat",
    [OP_SETXATTR] = "setxattr",
    [OP_GETXATTR] = "getxattr",
    [OP_REMOVEXATTR] = "removexattr",
    [OP_LISTXATTR] = "listxattr",
};

void
op_print(unsigned number, const struct op *op)
{
	printf("%5u %c %s", number, "ab"[op->turn % 2], call_names[op->kind]);
	switch (op->kind) {
	case OP_OPEN:
		printf(" #%u %s flags 0%o", op->slot, path_text(op->path), (unsigned)op->flags);
		break;
	case OP_CLOSE:
	case OP_FSYNC:
	case OP_FSTAT:
		printf(" #%u", op->slot);
		break;
	case OP_PWRITE:
	case OP_WRITE:
	case OP_PREAD:
	case OP_MAP_WRITE:
	case OP_MAP_READ:
	case OP_FTRUNCATE:
	case OP_FALLOCATE:
		printf(" #%u offset %u length %u mode %d", op->slot, op->offset, op->length,
		       op->flags);
		break;
	case OP_COPY:
		printf(" from #%u at %u to #%u at %u length %u", op->source, op->value % SIZE_MAX_,
		       op->slot, op->offset, op->length);
		break;
	case OP_RENAME:
	case OP_LINK:
	case OP_SYMLINK:
		printf(" %s -> %s flags %d", path_text(op->path), path_text(op->to), op->flags);
		break;
	case OP_SETXATTR:
	case OP_GETXATTR:
	case OP_REMOVEXATTR:
		printf(" %s %s length %u flags %d", path_text(op->path), xattr_name(op->value),
		       op->length % 500, op->flags);
		break;
	case OP_TRUNCATE:
	case OP_STAT:
	case OP_MKDIR:
	case OP_RMDIR:
	case OP_CLEAR:
	case OP_UNLINK:
	case OP_READLINK:
	case OP_MKFIFO:
	case OP_READDIR:
	case OP_CHMOD:
	case OP_UTIME:
	case OP_LISTXATTR:
	case OP_KINDS:
		printf(" %s value %u", path_text(op->path), op->value % SIZE_MAX_);
		break;
	}
	printf("\n");
}
