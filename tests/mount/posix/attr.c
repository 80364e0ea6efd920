/* SPDX-License-Identifier: GPL-3.0-or-later */

/* chmod(2), utimensat(2), stat(2), inode(7): attributes as the owner sees and changes them. */

#include "suite.h"

#include <sys/sysmacros.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static void
chmod_all(void)
{
	make("f", "x");
	OK(mkdir("d", 0755));
	for (mode_t m = 0; m <= 0777; m += 7) {
		OK(chmod("f", m));
		T((stat_of("f").st_mode & 07777) == m);
	}
	OK(chmod("f", 06755));
	T((stat_of("f").st_mode & 07777) == 06755);
	OK(chmod("d", 01777));
	T((stat_of("d").st_mode & 07777) == 01777);
	OK(chmod("d", 02755));
	T((stat_of("d").st_mode & 07777) == 02755);
}

static void
chmod_times(void)
{
	int64_t ctime, mtime;

	make("f", "x");
	ctime = ctime_of("f");
	mtime = mtime_of("f");
	tick();
	OK(chmod("f", 0600));
	T(ctime_of("f") > ctime && mtime_of("f") == mtime);
}

static void
chmod_links(void)
{
	make("f", "x");
	OK(symlink("f", "s"));
	OK(chmod("s", 0600));
	T((stat_of("f").st_mode & 07777) == 0600);
	T(S_ISLNK(stat_of("s").st_mode));
	FAILS(EOPNOTSUPP, fchmodat(AT_FDCWD, "s", 0600, AT_SYMLINK_NOFOLLOW));
	FAILS(ENOENT, chmod("no", 0600));
	FAILS(ENOTDIR, chmod("f/x", 0600));
}

static void
chmod_open(void)
{
	int fd = open_new("f");

	OK(fchmod(fd, 0));
	T(write(fd, "x", 1) == 1);
	T((fstat_of(fd).st_mode & 07777) == 0);
	OK(chmod("f", 0644));
	T(holds("f", "x"));
}

static struct timespec
at(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

static void
times_set(void)
{
	static const int64_t values[] = {
	    0, 1, 999999999, SECOND, 1234567890123456789, 4102444800 * SECOND};

	make("f", "x");
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct timespec t[2] = {at(values[i] / 2), at(values[i])};
		struct stat st;

		OK(utimensat(AT_FDCWD, "f", t, 0));
		st = stat_of("f");
		T(ns_of(&st.st_atim) == values[i] / 2);
		T(ns_of(&st.st_mtim) == values[i]);
	}
}

static void
times_before_1970(void)
{
	struct timespec t[2] = {{.tv_sec = -5, .tv_nsec = 250}, {.tv_sec = -7, .tv_nsec = 750}};
	struct stat st;

	make("f", "x");
	OK(utimensat(AT_FDCWD, "f", t, 0));
	st = stat_of("f");
	T(st.st_atim.tv_sec == -5 && st.st_atim.tv_nsec == 250);
	T(st.st_mtim.tv_sec == -7 && st.st_mtim.tv_nsec == 750);
}

static void
times_omit(void)
{
	struct timespec t[2] = {at(5 * SECOND), at(7 * SECOND)};
	struct stat st;

	make("f", "x");
	OK(utimensat(AT_FDCWD, "f", t, 0));
	t[0].tv_nsec = UTIME_OMIT;
	t[1] = at(9 * SECOND);
	OK(utimensat(AT_FDCWD, "f", t, 0));
	st = stat_of("f");
	T(st.st_atim.tv_sec == 5 && st.st_mtim.tv_sec == 9);
	t[0] = at(11 * SECOND);
	t[1].tv_nsec = UTIME_OMIT;
	OK(utimensat(AT_FDCWD, "f", t, 0));
	st = stat_of("f");
	T(st.st_atim.tv_sec == 11 && st.st_mtim.tv_sec == 9);
}

static void
times_omit_both(void)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	int64_t before;

	make("f", "x");
	before = ctime_of("f");
	tick();
	OK(utimensat(AT_FDCWD, "f", t, 0));
	T(ctime_of("f") == before);
}

static void
times_now(void)
{
	struct timespec t[2] = {at(5 * SECOND), at(7 * SECOND)};
	struct stat st;
	int64_t now;

	make("f", "x");
	now = mtime_of("f");
	OK(utimensat(AT_FDCWD, "f", t, 0));
	t[0].tv_nsec = UTIME_NOW;
	t[1].tv_nsec = UTIME_OMIT;
	OK(utimensat(AT_FDCWD, "f", t, 0));
	st = stat_of("f");
	T(ns_of(&st.st_atim) >= now && st.st_mtim.tv_sec == 7);
	OK(utimensat(AT_FDCWD, "f", NULL, 0));
	T(mtime_of("f") >= now);
}

static void
times_ctime(void)
{
	struct timespec t[2] = {at(5 * SECOND), at(7 * SECOND)};
	int64_t before;

	make("f", "x");
	before = ctime_of("f");
	tick();
	OK(utimensat(AT_FDCWD, "f", t, 0));
	T(ctime_of("f") > before);
}

static void
times_handles_and_links(void)
{
	struct timespec t[2] = {at(5 * SECOND), at(7 * SECOND)},
			u[2] = {at(1 * SECOND), at(2 * SECOND)};
	int fd = open_new("f"), dir;

	OK(futimens(fd, t));
	T(stat_of("f").st_mtim.tv_sec == 7);
	OK(symlink("f", "s"));
	OK(utimensat(AT_FDCWD, "s", u, AT_SYMLINK_NOFOLLOW));
	T(stat_of("s").st_mtim.tv_sec == 2 && stat_of("f").st_mtim.tv_sec == 7);
	OK(mkdir("d", 0755));
	OK(utimensat(AT_FDCWD, "d", u, 0));
	T(stat_of("d").st_mtim.tv_sec == 2);
	dir = FD(open("d", O_RDONLY));
	OK(futimens(dir, t));
	T(stat_of("d").st_mtim.tv_sec == 7);
}

static void
times_errors(void)
{
	struct timespec t[2] = {{.tv_nsec = 1000000000}, {.tv_nsec = 0}};

	make("f", "x");
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", t, 0));
	FAILS(ENOENT, utimensat(AT_FDCWD, "no", NULL, 0));
	FAILS(EINVAL, utimensat(AT_FDCWD, "f", NULL, 0x40000));
}

static void
times_behind_writes(void)
{
	struct timespec t[2] = {at(5 * SECOND), at(7 * SECOND)};
	int fd = open_new("f");

	T(write(fd, "abc", 3) == 3);
	OK(futimens(fd, t));
	OK(close(fd));
	T(stat_of("f").st_mtim.tv_sec == 7 && stat_of("f").st_size == 3);
	fd = FD(open("f", O_RDWR));
	T(write(fd, "x", 1) == 1);
	T(stat_of("f").st_mtim.tv_sec > 7);
}

static void
stat_agrees(void)
{
	struct stat a, b;
	struct statx x;
	int fd = open_new("f");

	T(write(fd, "abcd", 4) == 4);
	a = stat_of("f");
	b = fstat_of(fd);
	T(a.st_ino == b.st_ino && a.st_size == 4 && b.st_size == 4 && a.st_dev == b.st_dev);
	T(a.st_uid == geteuid() && a.st_gid == getegid());
	OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
	T(x.stx_ino == a.st_ino && x.stx_size == 4 && x.stx_nlink == 1);
	T(makedev(x.stx_dev_major, x.stx_dev_minor) == a.st_dev);
}

static void
inodes_differ(void)
{
	ino_t seen[64];
	char name[16];

	for (int i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		make(name, "x");
		seen[i] = stat_of(name).st_ino;
		for (int k = 0; k < i; k++)
			T(seen[k] != seen[i]);
	}
}

static void
suid_cleared_by_write(void)
{
	int fd;

	if (geteuid() == 0)
		become(4444, 4444);
	fd = FD(open("f", O_RDWR | O_CREAT, 0755));
	OK(fchmod(fd, 06755));
	T(write(fd, "x", 1) == 1);
	T((fstat_of(fd).st_mode & 07777) == 0755);
	OK(fchmod(fd, 06755));
	OK(ftruncate(fd, 0));
	T((fstat_of(fd).st_mode & 07777) == 0755);
}

static void
suid_kept_by_root(void)
{
	int fd = open_new("f");

	OK(fchmod(fd, 04755));
	T(write(fd, "x", 1) == 1);
	T((fstat_of(fd).st_mode & 07777) == 04755);
}

static void
mode_bits_of_links(void)
{
	OK(symlink("x", "s"));
	T((stat_of("s").st_mode & 07777) == 0777);
	umask(077);
	OK(symlink("x", "t"));
	T((stat_of("t").st_mode & 07777) == 0777);
}

const struct suite_case attr_cases[] = {
    {"chmod: every bit", chmod_all, 0},
    {"chmod: changes ctime alone", chmod_times, 0},
    {"chmod: symbolic links", chmod_links, 0},
    {"chmod: an open handle keeps its rights", chmod_open, 0},
    {"utimensat: nanoseconds, and an access before a change", times_set, 0},
    {"utimensat: before 1970", times_before_1970, 0},
    {"utimensat: OMIT", times_omit, 0},
    {"utimensat: OMIT of both changes nothing", times_omit_both, 0},
    {"utimensat: NOW", times_now, 0},
    {"utimensat: changes ctime", times_ctime, 0},
    {"utimensat: handles, links, directories", times_handles_and_links, 0},
    {"utimensat: errors", times_errors, 0},
    {"futimens: behind a write that is not closed", times_behind_writes, 0},
    {"stat: fstat and statx agree", stat_agrees, 0},
    {"stat: inode numbers differ", inodes_differ, 0},
    {"write: clears setuid and setgid", suid_cleared_by_write, NEED_OWNERS},
    {"write: root's clears nothing", suid_kept_by_root, NEED_ROOT},
    {"symlink: has mode 0777 whatever the umask", mode_bits_of_links, 0},
    {0},
};
