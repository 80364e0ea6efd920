/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Several users of the machine: chown(2), credentials(7), sticky and setgid directories of inode(7). */

#include "suite.h"

#include <grp.h>
#include <time.h>

#define A 4444
#define B 5555

static void
chown_both(void)
{
	int64_t before;

	make("f", "x");
	before = ctime_of("f");
	tick();
	OK(chown("f", A, B));
	T(stat_of("f").st_uid == A && stat_of("f").st_gid == B && ctime_of("f") > before);
	OK(chown("f", (uid_t)-1, A));
	T(stat_of("f").st_uid == A && stat_of("f").st_gid == A);
	OK(chown("f", B, (gid_t)-1));
	T(stat_of("f").st_uid == B && stat_of("f").st_gid == A);
	OK(chown("f", (uid_t)-1, (gid_t)-1));
	T(stat_of("f").st_uid == B && stat_of("f").st_gid == A);
}

static void
chown_links(void)
{
	make("f", "x");
	OK(symlink("f", "s"));
	OK(lchown("s", A, A));
	T(stat_of("s").st_uid == A && stat_of("f").st_uid == 0);
	OK(chown("s", B, B));
	T(stat_of("s").st_uid == A && stat_of("f").st_uid == B);
	FAILS(ENOENT, chown("no", A, A));
}

static void
chown_clears(void)
{
	static const mode_t before[] = {04755, 02755, 06755, 06711};

	for (size_t i = 0; i < 4; i++) {
		make("f", "x");
		OK(chmod("f", before[i]));
		OK(chown("f", A, A));
		T((stat_of("f").st_mode & 07777) == (before[i] & 0777));
		OK(unlink("f"));
	}
	/* Without group execution setgid means a lock and stays (chown(2)). */
	make("f", "x");
	OK(chmod("f", 02644));
	OK(chown("f", A, A));
	T((stat_of("f").st_mode & 07777) == 02644);
	OK(mkdir("d", 0755));
	OK(chmod("d", 02755));
	OK(chown("d", A, A));
	T((stat_of("d").st_mode & 07777) == 02755);
}

static void
chown_by_owner(void)
{
	gid_t groups[2] = {A, B};

	make("f", "x");
	OK(chown("f", A, A));
	OK(setgroups(2, groups));
	OK(setresgid(A, A, A));
	OK(setresuid(A, A, A));
	OK(chown("f", (uid_t)-1, B));
	T(stat_of("f").st_gid == B);
	OK(chown("f", A, A));
	FAILS(EPERM, chown("f", B, (gid_t)-1));
	FAILS(EPERM, chown("f", (uid_t)-1, 6666));
	T(stat_of("f").st_uid == A && stat_of("f").st_gid == A);
}

static void
chown_by_others(void)
{
	make("f", "x");
	OK(chown("f", A, A));
	OK(chmod("f", 0666));
	become(B, B);
	FAILS(EPERM, chown("f", B, B));
	FAILS(EPERM, chmod("f", 0600));
}

static void
rights_of_files(void)
{
	static const struct {
		mode_t mode;
		uid_t uid, gid;
		bool r, w;
	} rows[] = {
	    {0600, A, A, true, true},  {0400, A, A, true, false},  {0060, A, A, false, false},
	    {0060, B, A, true, true},  {0040, B, A, true, false},  {0006, B, B, true, true},
	    {0004, B, B, true, false}, {0660, B, B, false, false}, {0002, B, B, false, true},
	};
	char name[16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		(void)snprintf(name, sizeof(name), "f%zu", i);
		make(name, "x");
		OK(chown(name, rows[i].uid, rows[i].gid));
		OK(chmod(name, rows[i].mode));
	}
	become(A, A);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int r, w;

		(void)snprintf(name, sizeof(name), "f%zu", i);
		r = open(name, O_RDONLY);
		T((r >= 0) == rows[i].r && (r >= 0 || errno == EACCES));
		w = open(name, O_WRONLY);
		T((w >= 0) == rows[i].w && (w >= 0 || errno == EACCES));
		T((access(name, R_OK) == 0) == rows[i].r && (access(name, W_OK) == 0) == rows[i].w);
		T((truncate(name, 1) == 0) == rows[i].w);
	}
}

static void
rights_of_directories(void)
{
	OK(mkdir("d", 0755));
	make("d/f", "x");
	OK(chmod("d/f", 0666));
	become(A, A);
	FAILS(EACCES, open("d/new", O_CREAT | O_WRONLY, 0644));
	FAILS(EACCES, mkdir("d/new", 0755));
	FAILS(EACCES, symlink("x", "d/new"));
	FAILS(EACCES, unlink("d/f"));
	FAILS(EACCES, rename("d/f", "d/g"));
	FAILS(EACCES, link("d/f", "d/g"));
	T(holds("d/f", "x"));
}

static void
search_right(void)
{
	OK(mkdir("d", 0700));
	make("d/f", "x");
	OK(mkdir("e", 0711));
	make("e/f", "x");
	become(A, A);
	FAILS(EACCES, open("d/f", O_RDONLY));
	FAILS(EACCES, stat("d/f", &(struct stat){0}));
	FAILS(EACCES, chdir("d"));
	FAILS(EACCES, open("e", O_RDONLY | O_DIRECTORY));
	T(holds("e/f", "x"));
}

static void
new_files_owner(void)
{
	OK(chmod(".", 0777));
	become(A, B);
	make("f", "x");
	OK(mkdir("d", 0755));
	OK(symlink("f", "s"));
	OK(mkfifo("p", 0644));
	T(stat_of("f").st_uid == A && stat_of("f").st_gid == B);
	T(stat_of("d").st_uid == A && stat_of("s").st_uid == A && stat_of("p").st_gid == B);
}

static void
setgid_directory(void)
{
	OK(mkdir("d", 0777));
	OK(chown("d", 0, B));
	OK(chmod("d", 02777));
	become(A, A);
	make("d/f", "x");
	T(stat_of("d/f").st_gid == B && (stat_of("d/f").st_mode & 07777) == 0644);
	OK(mkdir("d/e", 0755));
	T(stat_of("d/e").st_gid == B && (stat_of("d/e").st_mode & 02000) != 0);
	OK(symlink("x", "d/s"));
	T(stat_of("d/s").st_gid == B);
	OK(mkfifo("d/p", 0644));
	T(stat_of("d/p").st_gid == B);
	OK(mkdir("d/e/g", 0755));
	T(stat_of("d/e/g").st_gid == B);
}

static void
setgid_lost_by_outsiders(void)
{
	make("f", "x");
	OK(chown("f", A, B));
	become(A, A);
	/* Not in the file's group: the bit is dropped in silence (chmod(2)). */
	OK(chmod("f", 02755));
	T((stat_of("f").st_mode & 07777) == 0755);
}

static void
sticky(void)
{
	OK(mkdir("t", 0777));
	OK(chmod("t", 01777));
	make("t/a", "x");
	OK(chown("t/a", A, A));
	make("t/b", "x");
	OK(chown("t/b", B, B));
	OK(mkdir("t/bd", 0755));
	OK(chown("t/bd", B, B));
	become(A, A);
	FAILS(EPERM, unlink("t/b"));
	FAILS(EPERM, rename("t/b", "t/c"));
	FAILS(EPERM, rename("t/a", "t/b"));
	FAILS(EPERM, rmdir("t/bd"));
	OK(rename("t/a", "t/c"));
	OK(unlink("t/c"));
}

static void
times_of_others(void)
{
	struct timespec t[2] = {{.tv_sec = 5}, {.tv_sec = 5}},
			one[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	struct timespec omit[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

	make("rw", "x");
	OK(chmod("rw", 0666));
	make("ro", "x");
	become(A, A);
	OK(utimensat(AT_FDCWD, "rw", NULL, 0));
	FAILS(EPERM, utimensat(AT_FDCWD, "rw", t, 0));
	FAILS(EPERM, utimensat(AT_FDCWD, "rw", one, 0));
	FAILS(EACCES, utimensat(AT_FDCWD, "ro", NULL, 0));
	OK(utimensat(AT_FDCWD, "ro", omit, 0));
}

static void
owner_times(void)
{
	struct timespec t[2] = {{.tv_sec = 5}, {.tv_sec = 6}};

	make("f", "x");
	OK(chown("f", A, A));
	OK(chmod("f", 0400));
	become(A, A);
	OK(utimensat(AT_FDCWD, "f", t, 0));
	OK(utimensat(AT_FDCWD, "f", NULL, 0));
}

static void
noatime_is_owners(void)
{
	make("f", "x");
	OK(chmod("f", 0666));
	become(A, A);
	FAILS(EPERM, open("f", O_RDONLY | O_NOATIME));
}

static void
root_passes(void)
{
	int fd;

	make("f", "x");
	OK(chown("f", A, A));
	OK(chmod("f", 0));
	fd = FD(open("f", O_RDWR));
	T(write(fd, "y", 1) == 1);
	OK(access("f", R_OK | W_OK));
	FAILS(EACCES, access("f", X_OK));
}

static void
execution(void)
{
	make("f", "#!/bin/sh\nexit 7\n");
	OK(chmod("f", 0744));
	OK(access("f", X_OK));
	become(A, A);
	FAILS(EACCES, access("f", X_OK));
	FAILS(EACCES, execl("./f", "./f", (char *)NULL));
}

const struct suite_case owner_cases[] = {
    {"chown: both, one, none", chown_both, NEED_ROOT | NEED_OWNERS},
    {"chown: symbolic links", chown_links, NEED_ROOT | NEED_OWNERS},
    {"chown: clears setuid and setgid of files", chown_clears, NEED_ROOT | NEED_OWNERS},
    {"chown: an owner gives to groups of his alone", chown_by_owner, NEED_ROOT | NEED_OWNERS},
    {"chown, chmod: not by others", chown_by_others, NEED_ROOT | NEED_OWNERS},
    {"open: rights of owner, group, others", rights_of_files, NEED_ROOT | NEED_OWNERS},
    {"directories: changed by who may write them", rights_of_directories, NEED_ROOT | NEED_OWNERS},
    {"directories: searched by who may", search_right, NEED_ROOT | NEED_OWNERS},
    {"new files: belong to who makes them", new_files_owner, NEED_ROOT | NEED_OWNERS},
    {"setgid directories: hand on their group", setgid_directory, NEED_ROOT | NEED_OWNERS},
    {"chmod: setgid is dropped for who is not in the group", setgid_lost_by_outsiders,
     NEED_ROOT | NEED_OWNERS},
    {"sticky directories: names are their owners'", sticky, NEED_ROOT | NEED_OWNERS},
    {"utimensat: of others' files", times_of_others, NEED_ROOT | NEED_OWNERS},
    {"utimensat: of own files that cannot be written", owner_times, NEED_ROOT | NEED_OWNERS},
    {"open: O_NOATIME is the owner's", noatime_is_owners, NEED_ROOT | NEED_OWNERS},
    {"open: root passes modes", root_passes, NEED_ROOT | NEED_OWNERS},
    {"execve: needs the right", execution, NEED_ROOT | NEED_OWNERS},
    {0},
};
