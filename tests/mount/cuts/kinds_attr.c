/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cuts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int fd = -1;

static void
a_file(void)
{
	make("f", "text", 4);
}

static void
answered_0(long got)
{
	T(got == 0);
}

/* ---- extended attributes */

static long
set_new(void)
{
	return setxattr("f", "user.a", "value", 5, XATTR_CREATE);
}

static void
has_value(long got)
{
	char p[10];

	answered_0(got);
	T(getxattr("f", "user.a", p, sizeof(p)) == 5 && memcmp(p, "value", 5) == 0);
}

static void
with_attribute(void)
{
	a_file();
	OK(set_new());
}

static long
get_value(void)
{
	char p[10];

	return getxattr("f", "user.a", p, sizeof(p));
}

static void
five_bytes(long got)
{
	T(got == 5);
}

static long
list_names(void)
{
	char p[100];

	return listxattr("f", p, sizeof(p));
}

static void
lists_it(long got)
{
	T(got >= (long)sizeof("user.a"));
}

static long
remove_it(void)
{
	return removexattr("f", "user.a");
}

static void
is_gone(long got)
{
	answered_0(got);
	T(get_value() == -1 && errno == ENODATA);
}

/* ---- attributes */

static long
change_mode(void)
{
	return chmod("f", 0600);
}

static void
mode_changed(long got)
{
	struct stat st;

	answered_0(got);
	OK(stat("f", &st));
	T((st.st_mode & 0777) == 0600);
}

static long
change_times(void)
{
	const struct timespec t[2] = {{.tv_sec = 1}, {.tv_sec = 1000, .tv_nsec = 5}};

	return utimensat(AT_FDCWD, "f", t, 0);
}

static void
times_changed(long got)
{
	struct stat st;

	answered_0(got);
	OK(stat("f", &st));
	T(st.st_mtim.tv_sec == 1000 && st.st_mtim.tv_nsec == 5);
}

const struct kind attr_kinds[] = {
    {"setxattr", a_file, set_new, has_value, 0},
    {"getxattr", with_attribute, get_value, five_bytes, KIND_REMEMBERED},
    {"listxattr", with_attribute, list_names, lists_it, KIND_REMEMBERED},
    {"removexattr", with_attribute, remove_it, is_gone, 0},
    {"chmod", a_file, change_mode, mode_changed, 0},
    {"utimensat", a_file, change_times, times_changed, 0},
    {0},
};

/* ---- locks */

static void
to_be_locked(void)
{
	a_file();
	fd = FD(open("f", O_RDWR | O_CLOEXEC));
}

/* Whether another open of the file gets the lock. */
static bool
is_free(void)
{
	int other = FD(open("f", O_RDWR | O_CLOEXEC));
	int rc = flock(other, LOCK_EX | LOCK_NB);

	T(rc == 0 || errno == EWOULDBLOCK);
	OK(close(other));
	return rc == 0;
}

static long
lock_file(void)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

static void
file_locked(long got)
{
	answered_0(got);
	T(!is_free());
	OK(flock(fd, LOCK_UN));
	T(is_free());
}

static void
locked_file(void)
{
	to_be_locked();
	OK(lock_file());
}

static long
unlock_file(void)
{
	return flock(fd, LOCK_UN);
}

static void
file_free(long got)
{
	answered_0(got);
	T(is_free());
}

static long
bytes(int command, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = 1, .l_len = 2};

	return fcntl(fd, command, &l) == 0 ? (command == F_OFD_GETLK ? l.l_type : 0) : -1;
}

static bool
bytes_are_free(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 4};
	int other = FD(open("f", O_RDWR | O_CLOEXEC));

	OK(fcntl(other, F_OFD_GETLK, &l));
	OK(close(other));
	return l.l_type == F_UNLCK;
}

static long
lock_bytes(void)
{
	return bytes(F_OFD_SETLK, F_WRLCK);
}

static void
bytes_locked(long got)
{
	answered_0(got);
	T(!bytes_are_free());
	OK(bytes(F_OFD_SETLK, F_UNLCK));
	T(bytes_are_free());
}

static void
locked_bytes(void)
{
	to_be_locked();
	OK(lock_bytes());
}

static long
unlock_bytes(void)
{
	return bytes(F_OFD_SETLK, F_UNLCK);
}

static void
bytes_free(long got)
{
	answered_0(got);
	T(bytes_are_free());
}

static long
ask_lock(void)
{
	return bytes(F_OFD_GETLK, F_WRLCK);
}

static void
told_free(long got)
{
	T(got == F_UNLCK);
}

const struct kind lock_kinds[] = {
    {"flock", to_be_locked, lock_file, file_locked, 0},
    {"flock that unlocks", locked_file, unlock_file, file_free, KIND_REMEMBERED},
    {"fcntl that locks", to_be_locked, lock_bytes, bytes_locked, 0},
    {"fcntl that unlocks", locked_bytes, unlock_bytes, bytes_free, KIND_REMEMBERED},
    {"fcntl that asks", to_be_locked, ask_lock, told_free, 0},
    {0},
};
