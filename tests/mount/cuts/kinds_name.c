/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cuts.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 300u

static int fd = -1;

static void
nothing(void)
{
}

static void
a_file(void)
{
	make("f", "text", 4);
}

static void
a_directory(void)
{
	OK(mkdir("d", 0755));
}

static void
answered_0(long got)
{
	T(got == 0);
}

/* ---- looking */

static long
look_up(void)
{
	struct stat st;

	return stat("f", &st) == 0 ? (long)st.st_size : -1;
}

static void
of_four_bytes(long got)
{
	T(got == 4);
}

static void
an_open_file(void)
{
	a_file();
	fd = FD(open("f", O_RDWR | O_CLOEXEC));
}

static long
get_attributes(void)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (long)st.st_size : -1;
}

static void
many_names(void)
{
	char name[20];

	for (unsigned i = 0; i < NAMES; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		OK(symlink("x", name));
	}
}

static long
list(void)
{
	DIR *d = opendir(".");
	long n = 0;

	if (d == NULL)
		return -1;
	for (const struct dirent *e; (e = readdir(d)) != NULL; n++)
		continue;
	(void)closedir(d);
	return n;
}

static void
listed_once(long got)
{
	T(got == NAMES + 2);
}

static void
a_link(void)
{
	OK(symlink("where/to", "l"));
}

static long
read_link(void)
{
	char to[40];

	return readlink("l", to, sizeof(to));
}

static void
of_eight_bytes(long got)
{
	T(got == 8);
}

/* ---- making */

static long
create(void)
{
	return fd = open("new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static void
created(long got)
{
	T(got == fd);
	T(write(fd, "x", 1) == 1);
	OK(close(fd));
	T(holds("new", "x", 1));
	T(names_here() == 1);
}

static long
make_directory(void)
{
	return mkdir("new", 0750);
}

static void
made(long got)
{
	struct stat st;

	answered_0(got);
	OK(lstat("new", &st));
	T(names_here() == 1);
}

static long
make_fifo(void)
{
	return mknod("new", S_IFIFO | 0600, 0);
}

static long
make_symlink(void)
{
	return symlink("to", "new");
}

static long
make_link(void)
{
	return link("f", "new");
}

static void
linked(long got)
{
	struct stat st;

	answered_0(got);
	OK(stat("f", &st));
	T(st.st_nlink == 2);
	T(holds("new", "text", 4));
	T(names_here() == 2);
}

/* ---- removing */

static long
remove_file(void)
{
	return unlink("f");
}

static long
remove_directory(void)
{
	return rmdir("d");
}

static void
removed(long got)
{
	answered_0(got);
	T(names_here() == 0);
}

const struct kind name_kinds[] = {
    {"look-up", a_file, look_up, of_four_bytes, KIND_REMEMBERED},
    {"getattr", an_open_file, get_attributes, of_four_bytes, KIND_REMEMBERED},
    {"readdir", many_names, list, listed_once, KIND_REMEMBERED},
    {"readlink", a_link, read_link, of_eight_bytes, KIND_REMEMBERED},
    {"create", nothing, create, created, 0},
    {"mkdir", nothing, make_directory, made, 0},
    {"mknod", nothing, make_fifo, made, 0},
    {"symlink", nothing, make_symlink, made, 0},
    {"link", a_file, make_link, linked, 0},
    {"unlink", a_file, remove_file, removed, 0},
    {"rmdir", a_directory, remove_directory, removed, 0},
    {0},
};

/* ---- renaming */

static void
two_files(void)
{
	make("a", "A", 1);
	make("b", "B", 1);
}

static void
one_of_two(void)
{
	make("a", "A", 1);
}

static long
rename_plain(void)
{
	return rename("a", "b");
}

static long
rename_noreplace(void)
{
	return renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE);
}

static long
rename_exchange(void)
{
	return renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE);
}

static void
renamed(long got)
{
	answered_0(got);
	T(names_here() == 1);
	T(holds("b", "A", 1));
}

static void
exchanged(long got)
{
	answered_0(got);
	T(names_here() == 2);
	T(holds("a", "B", 1));
	T(holds("b", "A", 1));
}

static void
a_file_and_a_directory(void)
{
	one_of_two();
	a_directory();
}

static long
rename_across(void)
{
	return rename("a", "d/b");
}

static void
moved(long got)
{
	answered_0(got);
	T(names_here() == 1);
	T(holds("d/b", "A", 1));
}

const struct kind rename_kinds[] = {
    {"rename", one_of_two, rename_plain, renamed, 0},
    {"rename over", two_files, rename_plain, renamed, 0},
    {"rename noreplace", one_of_two, rename_noreplace, renamed, 0},
    {"rename exchange", two_files, rename_exchange, exchanged, 0},
    {"rename across", a_file_and_a_directory, rename_across, moved, 0},
    {0},
};
