/* SPDX-License-Identifier: GPL-3.0-or-later */

/* link(2), symlink(2), readlink(2). */

#include "suite.h"

#include <limits.h>

static void
link_counts(void)
{
	char name[32];

	make("f", "x");
	for (int i = 1; i <= 20; i++) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		OK(link("f", name));
		T(stat_of("f").st_nlink == (nlink_t)i + 1);
		T(stat_of(name).st_ino == stat_of("f").st_ino);
	}
	for (int i = 1; i <= 20; i++) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		OK(unlink(name));
		T(stat_of("f").st_nlink == (nlink_t)(21 - i));
	}
}

static void
counts_behind_writes(void)
{
	static char buf[8192];
	int fd = open_new("f");

	/* Written, and read so that the write is answered, but not closed. */
	T(pwrite(fd, "abc", 3, 0) == 3 && pwrite(fd, "xyz", 3, 70000) == 3);
	T(pread(fd, buf, sizeof(buf), 66000) == 70003 - 66000);
	OK(link("f", "g"));
	T(fstat_of(fd).st_nlink == 2);
	T(pwrite(fd, "abc", 3, 0) == 3 && pread(fd, buf, sizeof(buf), 30000) == sizeof(buf));
	OK(unlink("f"));
	T(fstat_of(fd).st_nlink == 1);
	make("h", "x");
	T(pwrite(fd, "abc", 3, 9) == 3 && pread(fd, buf, sizeof(buf), 40000) == sizeof(buf));
	OK(rename("h", "g"));
	T(fstat_of(fd).st_nlink == 0);
}

static void
link_shares(void)
{
	int64_t before;

	make("f", "one");
	before = ctime_of("f");
	tick();
	OK(link("f", "g"));
	T(ctime_of("f") > before);
	make("g", "two");
	T(holds("f", "two"));
	OK(chmod("g", 0600));
	T((stat_of("f").st_mode & 07777) == 0600);
	OK(unlink("f"));
	T(holds("g", "two") && stat_of("g").st_nlink == 1);
}

static void
link_errors(void)
{
	make("f", "x");
	make("g", "y");
	OK(mkdir("d", 0755));
	FAILS(EEXIST, link("f", "g"));
	FAILS(EEXIST, link("f", "f"));
	FAILS(EEXIST, link("f", "d"));
	FAILS(ENOENT, link("no", "h"));
	FAILS(ENOENT, link("f", "no/h"));
	FAILS(EPERM, link("d", "e"));
	FAILS(ENOTDIR, link("f", "g/h"));
	FAILS(ENOTDIR, link("f/x", "h"));
}

static void
link_symlinks(void)
{
	make("f", "x");
	OK(symlink("f", "s"));
	OK(link("s", "hard"));
	T(S_ISLNK(stat_of("hard").st_mode) && stat_of("s").st_nlink == 2);
	OK(linkat(AT_FDCWD, "s", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	T(S_ISREG(stat_of("followed").st_mode) && stat_of("f").st_nlink == 2);
}

static void
link_dead(void)
{
	char path[64];
	int fd = open_new("f");

	OK(unlink("f"));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
	T(!exists("again"));
}

static void
symlink_text(void)
{
	static const char *const texts[] = {"f", "/",        "../../x", "no/such/thing",
					    " ", "\xff\xfe", "a\nb"};
	char buf[64], name[16];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t len = strlen(texts[i]);

		(void)snprintf(name, sizeof(name), "s%zu", i);
		OK(symlink(texts[i], name));
		T(readlink(name, buf, sizeof(buf)) == (ssize_t)len &&
		  memcmp(buf, texts[i], len) == 0);
		T(stat_of(name).st_size == (off_t)len && S_ISLNK(stat_of(name).st_mode));
	}
}

static void
symlink_errors(void)
{
	make("f", "x");
	FAILS(EEXIST, symlink("x", "f"));
	FAILS(ENOENT, symlink("", "s"));
	FAILS(ENOENT, symlink("x", "no/s"));
	FAILS(ENOTDIR, symlink("x", "f/s"));
	FAILS(EINVAL, readlink("f", (char[8]){0}, 8));
	FAILS(EINVAL, readlink(".", (char[8]){0}, 8));
	FAILS(ENOENT, readlink("no", (char[8]){0}, 8));
}

static void
symlink_cut(void)
{
	char buf[4] = "####";

	OK(symlink("abcdef", "s"));
	T(readlink("s", buf, 3) == 3 && memcmp(buf, "abc#", 4) == 0);
}

static void
symlink_longest(void)
{
	char buf[PATH_MAX + 1];

	OK(symlink(long_name(PATH_MAX - 1), "s"));
	T(readlink("s", buf, sizeof(buf)) == PATH_MAX - 1);
	T(memcmp(buf, long_name(PATH_MAX - 1), PATH_MAX - 1) == 0);
	FAILS(ENAMETOOLONG, symlink(long_name(PATH_MAX), "t"));
	FAILS(ENAMETOOLONG, open("s", O_RDONLY));
}

static void
symlink_loops(void)
{
	char name[16], to[16];

	OK(symlink("self", "self"));
	FAILS(ELOOP, open("self", O_RDONLY));
	FAILS(ELOOP, stat("self", &(struct stat){0}));
	FAILS(ELOOP, chmod("self/x", 0600));
	OK(symlink("b", "a"));
	OK(symlink("a", "b"));
	FAILS(ELOOP, open("a", O_RDONLY | O_CREAT, 0644));
	make("l0", "x");
	for (int i = 1; i <= 41; i++) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		(void)snprintf(to, sizeof(to), "l%d", i - 1);
		OK(symlink(to, name));
	}
	OK(access("l40", R_OK));
	FAILS(ELOOP, access("l41", R_OK));
}

static void
symlink_dirs(void)
{
	OK(mkdir("d", 0755));
	make("d/f", "x");
	OK(symlink("d", "s"));
	T(holds("s/f", "x"));
	OK(symlink("../d/f", "d/up"));
	T(holds("s/up", "x"));
	OK(unlink("s"));
	T(exists("d/f"));
	FAILS(ENOTDIR, open("d/f/..", O_RDONLY));
}

const struct suite_case link_cases[] = {
    {"link: counts", link_counts, 0},
    {"link, unlink, rename: counts of a file that is being written", counts_behind_writes, 0},
    {"link: names share everything", link_shares, 0},
    {"link: errors", link_errors, 0},
    {"link: of symbolic links", link_symlinks, 0},
    {"link: a file without a name gets none again", link_dead, 0},
    {"symlink: holds any text", symlink_text, 0},
    {"symlink: errors", symlink_errors, 0},
    {"readlink: cuts to the buffer", symlink_cut, 0},
    {"symlink: the longest text", symlink_longest, 0},
    {"symlink: loops, 40 in a row and 41", symlink_loops, 0},
    {"symlink: to directories", symlink_dirs, 0},
    {0},
};
