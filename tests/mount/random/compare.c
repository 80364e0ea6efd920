/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Times that nobody set are those of one moment on both sides, but not the same. */
#define CLOCK_SLACK_S 600

uint64_t
digest_of(uint64_t start, const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = start ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* A time that utimensat() set, to be told exactly; 0 for one of now. */
static int64_t
set_time(const struct timespec *t)
{
	return t->tv_sec < 1500000000 ? (int64_t)t->tv_sec * 1000000000 + t->tv_nsec : 0;
}

static off_t
size_of(const struct stat *st)
{
	/* Of a directory it is the file system's business. */
	return S_ISDIR(st->st_mode) ? 0 : st->st_size;
}

void
result_stat(struct result *out, int rc, const struct stat *st)
{
	out->value = rc;
	out->error = rc != 0 ? errno : 0;
	if (rc != 0)
		return;
	const uint64_t facts[] = {st->st_mode, st->st_nlink, (uint64_t)size_of(st),
				  (uint64_t)set_time(&st->st_mtim)};
	out->digest = digest_of(1, facts, sizeof(facts));
	out->length = (size_t)size_of(st);
}

bool
stats_agree(const struct stat *a, const struct stat *b, const char **what_out)
{
	int64_t apart = (int64_t)a->st_mtim.tv_sec - b->st_mtim.tv_sec;

	*what_out = a->st_mode != b->st_mode     ? "mode"
		    : a->st_nlink != b->st_nlink ? "links"
		    : size_of(a) != size_of(b)   ? "size"
		    : set_time(&a->st_mtim) != set_time(&b->st_mtim) || apart > CLOCK_SLACK_S ||
			    apart < -CLOCK_SLACK_S
			? "time of change"
			: NULL;
	return *what_out == NULL;
}

/* Whole contents; the offset of the first difference, or -1. */
static off_t
first_difference(int a, int b)
{
	static unsigned char x[65536], y[65536];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(a, x, sizeof(x), at), m = pread(b, y, sizeof(y), at);

		if (n < 0 || n != m)
			return at;
		for (ssize_t i = 0; i < n; i++) {
			if (x[i] != y[i])
				return at + i;
		}
		if (n == 0)
			return -1;
		at += n;
	}
}

static bool
contents_agree(const struct side *model, const struct side *tried, const char *path, bool quiet)
{
	int a = openat(model->dir, path, O_RDONLY), b = openat(tried->dir, path, O_RDONLY);
	off_t at = a >= 0 && b >= 0 ? first_difference(a, b) : 0;

	if (at >= 0 && !quiet)
		printf("%s: contents differ at %lld\n", path, (long long)at);
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return at < 0;
}

static bool
xattrs_agree(const struct side *model, const struct side *tried, unsigned path, bool quiet)
{
	struct side a = *model, b = *tried;

	for (unsigned i = 0; i < XATTRS; i++) {
		struct op op = {.kind = OP_GETXATTR, .path = path, .value = i};
		struct result x, y;

		op_act(&a, &op, &x);
		op_act(&b, &op, &y);
		if (x.value != y.value || x.digest != y.digest) {
			if (!quiet)
				printf("%s: %s differs\n", path_text(path), xattr_name(i));
			return false;
		}
	}
	return true;
}

bool
path_agrees(const struct side *model, const struct side *tried, unsigned path, bool quiet)
{
	const char *text = path_text(path), *what;
	struct stat a, b;
	int x = fstatat(model->dir, text, &a, AT_SYMLINK_NOFOLLOW);
	int y = fstatat(tried->dir, text, &b, AT_SYMLINK_NOFOLLOW);

	if (x != y) {
		if (!quiet)
			printf("%s: is %s, should %s\n", text, y == 0 ? "there" : "not there",
			       x == 0 ? "be" : "not");
		return false;
	}
	if (x != 0)
		return true;
	if (!stats_agree(&a, &b, &what)) {
		if (!quiet)
			printf(
			    "%s: %s: mode %o links %lu size %lld time %lld.%09ld, not mode %o links %lu"
			    " size %lld time %lld.%09ld\n",
			    text, what, b.st_mode, (unsigned long)b.st_nlink, (long long)b.st_size,
			    (long long)b.st_mtim.tv_sec, b.st_mtim.tv_nsec, a.st_mode,
			    (unsigned long)a.st_nlink, (long long)a.st_size,
			    (long long)a.st_mtim.tv_sec, a.st_mtim.tv_nsec);
		return false;
	}
	if (S_ISREG(a.st_mode) && !contents_agree(model, tried, text, quiet))
		return false;
	return (!S_ISREG(a.st_mode) && !S_ISDIR(a.st_mode)) ||
	       xattrs_agree(model, tried, path, quiet);
}

bool
sides_agree(const struct side *model, const struct side *tried, bool quiet)
{
	for (unsigned i = 0; i < PATHS; i++) {
		if (!path_agrees(model, tried, i, quiet))
			return false;
	}
	return true;
}
