/* SPDX-License-Identifier: GPL-3.0-or-later */

/* rename(2) and renameat2(2). */

#include "suite.h"

/* Kinds of what stands at one end. */
enum kind { NONE, FILE_, DIR_, FULL, LINK, FIFO, KINDS };

static void
put(const char *name, enum kind kind)
{
	char inner[64];

	switch (kind) {
	case FILE_:
		make(name, name);
		break;
	case FULL:
	case DIR_:
		OK(mkdir(name, 0755));
		(void)snprintf(inner, sizeof(inner), "%s/inner", name);
		if (kind == FULL)
			make(inner, "x");
		break;
	case LINK:
		OK(symlink("to", name));
		break;
	case FIFO:
		OK(mkfifo(name, 0644));
		break;
	case NONE:
	case KINDS:
		break;
	}
}

/* What rename(2) says of every pair: 0, or the error. */
static int
expected(enum kind from, enum kind to)
{
	bool from_dir = from == DIR_ || from == FULL, to_dir = to == DIR_ || to == FULL;

	if (from == NONE)
		return ENOENT;
	if (to == NONE)
		return 0;
	if (from_dir && !to_dir)
		return ENOTDIR;
	if (!from_dir && to_dir)
		return EISDIR;
	return to == FULL ? ENOTEMPTY : 0;
}

static void
try_pair(enum kind from, enum kind to, const char *a, const char *b)
{
	int want = expected(from, to);
	ino_t ino;

	put(a, from);
	put(b, to);
	ino = from != NONE ? stat_of(a).st_ino : 0;
	if (want == 0) {
		OK(rename(a, b));
		T(!exists(a) && stat_of(b).st_ino == ino);
	} else {
		if (rename(a, b) == 0 ||
		    (errno != want && !(want == ENOTEMPTY && errno == EEXIST))) {
			printf("# kinds %d and %d\n", from, to);
			FAILS(want, rename(a, b));
		}
		T(exists(a) == (from != NONE) && exists(b) == (to != NONE));
	}
}

static void
matrix_one_dir(void)
{
	char a[32], b[32];

	for (int from = NONE; from < KINDS; from++) {
		for (int to = NONE; to < KINDS; to++) {
			(void)snprintf(a, sizeof(a), "a%d%d", from, to);
			(void)snprintf(b, sizeof(b), "b%d%d", from, to);
			try_pair((enum kind)from, (enum kind)to, a, b);
		}
	}
}

static void
matrix_two_dirs(void)
{
	char a[32], b[32];

	OK(mkdir("x", 0755));
	OK(mkdir("y", 0755));
	for (int from = NONE; from < KINDS; from++) {
		for (int to = NONE; to < KINDS; to++) {
			(void)snprintf(a, sizeof(a), "x/a%d%d", from, to);
			(void)snprintf(b, sizeof(b), "y/b%d%d", from, to);
			try_pair((enum kind)from, (enum kind)to, a, b);
		}
	}
}

static void
matrix_noreplace(void)
{
	char a[32], b[32];

	for (int from = FILE_; from < KINDS; from++) {
		for (int to = NONE; to < KINDS; to++) {
			(void)snprintf(a, sizeof(a), "a%d%d", from, to);
			(void)snprintf(b, sizeof(b), "b%d%d", from, to);
			put(a, (enum kind)from);
			put(b, (enum kind)to);
			if (to == NONE)
				OK(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE));
			else
				FAILS(EEXIST,
				      renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE));
			T(exists(a) == (to != NONE) && exists(b));
		}
	}
}

static void
swap_in(const char *x, const char *y)
{
	char a[32], b[32];

	for (int from = FILE_; from < KINDS; from++) {
		for (int to = FILE_; to < KINDS; to++) {
			ino_t ia, ib;

			(void)snprintf(a, sizeof(a), "%s/a%d%d", x, from, to);
			(void)snprintf(b, sizeof(b), "%s/b%d%d", y, from, to);
			put(a, (enum kind)from);
			put(b, (enum kind)to);
			ia = stat_of(a).st_ino;
			ib = stat_of(b).st_ino;
			OK(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
			T(stat_of(a).st_ino == ib && stat_of(b).st_ino == ia);
		}
	}
}

static void
matrix_exchange(void)
{
	nlink_t x, y;

	OK(mkdir("x", 0755));
	OK(mkdir("y", 0755));
	swap_in(".", ".");
	swap_in("x", "y");
	x = stat_of("x").st_nlink;
	y = stat_of("y").st_nlink;
	/* 10 of 25 on each side were directories; exchanging keeps the sum, and here each side's too. */
	T(x == 12 && y == 12);
	make("x/plain", "p");
	OK(mkdir("y/dir", 0755));
	OK(renameat2(AT_FDCWD, "x/plain", AT_FDCWD, "y/dir", RENAME_EXCHANGE));
	T(stat_of("x").st_nlink == 13 && stat_of("y").st_nlink == 12);
}

static void
flags(void)
{
	make("f", "x");
	FAILS(ENOENT, renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_EXCHANGE | RENAME_NOREPLACE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "f", AT_FDCWD, "g", 1u << 20));
	FAILS(EEXIST, renameat2(AT_FDCWD, "f", AT_FDCWD, "f", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "f", AT_FDCWD, "f", RENAME_EXCHANGE));
	T(holds("f", "x"));
}

static void
itself(void)
{
	int64_t before;

	make("f", "x");
	before = ctime_of("f");
	tick();
	OK(rename("f", "f"));
	OK(rename("f", "./f"));
	T(holds("f", "x") && ctime_of("f") == before);
	OK(mkdir("d", 0755));
	OK(rename("d", "d"));
	T(exists("d"));
}

static void
hard_links(void)
{
	make("f", "x");
	OK(link("f", "g"));
	OK(rename("f", "g"));
	/* Two names of one file: nothing happens. */
	T(exists("f") && exists("g") && stat_of("f").st_nlink == 2);
	make("h", "y");
	OK(rename("h", "g"));
	T(stat_of("f").st_nlink == 1 && holds("f", "x") && holds("g", "y"));
}

static void
into_child(void)
{
	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	OK(mkdir("d/e/f", 0755));
	FAILS(EINVAL, rename("d", "d/x"));
	FAILS(EINVAL, rename("d", "d/e/x"));
	FAILS(EINVAL, rename("d", "d/e"));
	FAILS(EINVAL, rename("d", "d/e/f/x"));
	FAILS(ENOTEMPTY, rename("d/e/f", "d"));
	FAILS(ENOTEMPTY, rename("d/e", "d"));
	FAILS(EINVAL, renameat2(AT_FDCWD, "d", AT_FDCWD, "d/e", RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "d/e/f", AT_FDCWD, "d", RENAME_EXCHANGE));
	T(exists("d/e/f"));
}

static void
dots_and_slashes(void)
{
	make("f", "x");
	OK(mkdir("d", 0755));
	T(rename("d/.", "e") == -1 && (errno == EBUSY || errno == EINVAL));
	T(rename("d", "..") == -1 && (errno == EBUSY || errno == EINVAL || errno == ENOTEMPTY));
	T(rename(".", "e") == -1 && (errno == EBUSY || errno == EINVAL));
	FAILS(ENOTDIR, rename("f", "g/"));
	FAILS(ENOTDIR, rename("f/", "g"));
	OK(rename("d/", "e/"));
	T(exists("e") && !exists("d"));
	FAILS(ENOENT, rename("no", "x"));
	FAILS(ENOENT, rename("f", "no/x"));
	FAILS(ENOTDIR, rename("f/x", "g"));
	FAILS(ENOTDIR, rename("e", "f/x"));
	FAILS(ENOENT, rename("", "x"));
	FAILS(ENOENT, rename("f", ""));
}

static void
over_open(void)
{
	char buf[8] = {0};
	int fd, other;

	make("old", "old");
	make("new", "new");
	fd = FD(open("old", O_RDWR));
	other = FD(open("new", O_RDWR));
	OK(rename("new", "old"));
	T(holds("old", "new") && fstat_of(fd).st_nlink == 0);
	T(pread(fd, buf, 8, 0) == 3 && memcmp(buf, "old", 3) == 0);
	T(pwrite(fd, "OLDER", 5, 0) == 5);
	T(pwrite(other, "N", 1, 0) == 1);
	T(holds("old", "New") && fstat_of(fd).st_size == 5);
}

static void
while_open(void)
{
	int fd = open_new("f");

	T(write(fd, "ab", 2) == 2);
	OK(mkdir("d", 0755));
	OK(rename("f", "d/g"));
	T(write(fd, "cd", 2) == 2);
	T(holds("d/g", "abcd"));
	T(fstat_of(fd).st_ino == stat_of("d/g").st_ino);
}

static void
times(void)
{
	int64_t file, from, to;

	OK(mkdir("x", 0755));
	OK(mkdir("y", 0755));
	make("x/f", "x");
	file = mtime_of("x/f");
	from = mtime_of("x");
	to = mtime_of("y");
	tick();
	OK(rename("x/f", "y/f"));
	T(mtime_of("x") > from && ctime_of("x") > from);
	T(mtime_of("y") > to && ctime_of("y") > to);
	T(mtime_of("y/f") == file);
}

static void
subtree(void)
{
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	make("a/b/f", "x");
	OK(mkdir("c", 0755));
	OK(rename("a/b", "c/d"));
	T(holds("c/d/f", "x") && !exists("a/b"));
	T(stat_of("c/d/..").st_ino == stat_of("c").st_ino);
	T(stat_of("a").st_nlink == 2 && stat_of("c").st_nlink == 3);
	OK(rename("c", "a/c"));
	T(holds("a/c/d/f", "x"));
}

static void
keeps_attributes(void)
{
	struct stat before, after;

	make("f", "x");
	OK(chmod("f", 0640));
	before = stat_of("f");
	OK(rename("f", "g"));
	after = stat_of("g");
	T(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
	T(before.st_uid == after.st_uid && before.st_gid == after.st_gid);
	T(ns_of(&before.st_mtim) == ns_of(&after.st_mtim) && before.st_nlink == after.st_nlink);
}

static void
many_times(void)
{
	char a[32], b[32];

	make("f0", "x");
	for (int i = 0; i < 200; i++) {
		(void)snprintf(a, sizeof(a), "f%d", i);
		(void)snprintf(b, sizeof(b), "f%d", i + 1);
		OK(rename(a, b));
		T(!exists(a));
	}
	T(holds("f200", "x"));
}

const struct suite_case rename_cases[] = {
    {"rename: every kind over every kind, in one directory", matrix_one_dir, 0},
    {"rename: every kind over every kind, across directories", matrix_two_dirs, 0},
    {"rename: NOREPLACE, every kind over every kind", matrix_noreplace, 0},
    {"rename: EXCHANGE, every kind with every kind", matrix_exchange, 0},
    {"rename: flags that cannot be", flags, 0},
    {"rename: to itself", itself, 0},
    {"rename: hard links of one file", hard_links, 0},
    {"rename: a directory into its own child, and onto its parent", into_child, 0},
    {"rename: dots, slashes, absent names", dots_and_slashes, 0},
    {"rename: over an open file", over_open, 0},
    {"rename: of an open file", while_open, 0},
    {"rename: times of both directories", times, 0},
    {"rename: a tree goes along", subtree, 0},
    {"rename: attributes stay", keeps_attributes, 0},
    {"rename: 200 times in a row", many_times, 0},
    {0},
};
