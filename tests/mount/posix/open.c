/* SPDX-License-Identifier: GPL-3.0-or-later */

/* open(2), creat(2), umask(2), access(2), read(2) and write(2) on handles of every kind. */

#include "suite.h"

static void
creat_makes(void)
{
	int fd = FD(creat("f", 0644));

	T(fstat_of(fd).st_size == 0 && S_ISREG(fstat_of(fd).st_mode));
	FAILS(EBADF, read(fd, (char[1]){0}, 1));
	T(write(fd, "x", 1) == 1);
	T(stat_of("f").st_nlink == 1);
}

static void
excl_there(void)
{
	make("f", "x");
	FAILS(EEXIST, open("f", O_CREAT | O_EXCL | O_WRONLY, 0644));
	T(holds("f", "x"));
}

static void
excl_symlink(void)
{
	OK(symlink("nowhere", "s"));
	FAILS(EEXIST, open("s", O_CREAT | O_EXCL | O_WRONLY, 0644));
	T(!exists("nowhere"));
}

static void
excl_directory(void)
{
	OK(mkdir("d", 0755));
	FAILS(EEXIST, open("d", O_CREAT | O_EXCL | O_WRONLY, 0644));
}

static void
creat_through_dangling(void)
{
	OK(symlink("target", "s"));
	OK(close(FD(open("s", O_CREAT | O_WRONLY, 0644))));
	T(S_ISREG(stat_of("target").st_mode) && S_ISLNK(stat_of("s").st_mode));
}

static void
creat_keeps_mode(void)
{
	OK(close(FD(open("f", O_CREAT | O_WRONLY, 0600))));
	OK(close(FD(open("f", O_CREAT | O_WRONLY, 0777))));
	T((stat_of("f").st_mode & 07777) == 0600);
}

static void
creat_modes(void)
{
	static const mode_t modes[] = {0, 0400, 0200, 0640, 0644, 0666, 0755, 0777};
	static const mode_t masks[] = {0, 022, 077, 0777};
	char name[32];

	for (size_t m = 0; m < 8; m++) {
		for (size_t k = 0; k < 4; k++) {
			umask(masks[k]);
			(void)snprintf(name, sizeof(name), "f%zu.%zu", m, k);
			OK(close(FD(open(name, O_CREAT | O_RDWR, modes[m]))));
			T((stat_of(name).st_mode & 07777) == (modes[m] & ~masks[k]));
		}
	}
}

static void
mkdir_modes(void)
{
	static const mode_t modes[] = {0700, 0755, 0777, 01777};

	for (size_t m = 0; m < 4; m++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d%zu", m);
		umask(027);
		OK(mkdir(name, modes[m]));
		T((stat_of(name).st_mode & 07777) == (modes[m] & ~(mode_t)027));
	}
}

static void
creat_read_only_writes(void)
{
	/* The mode is for later opens: this handle may write (open(2), ERRORS and NOTES). */
	int fd = FD(open("f", O_CREAT | O_RDWR, 0400));

	T(write(fd, "abc", 3) == 3);
	OK(close(fd));
	T(holds("f", "abc"));
}

static void
trunc_cuts(void)
{
	make("f", "content");
	OK(close(FD(open("f", O_WRONLY | O_TRUNC))));
	T(stat_of("f").st_size == 0);
}

static void
trunc_sets_mtime(void)
{
	int64_t before;

	make("f", "");
	before = mtime_of("f");
	tick();
	OK(close(FD(open("f", O_WRONLY | O_TRUNC))));
	T(mtime_of("f") > before && ctime_of("f") > before);
}

static void
open_keeps_mtime(void)
{
	int64_t before;

	make("f", "x");
	before = mtime_of("f");
	tick();
	OK(close(FD(open("f", O_RDWR))));
	OK(close(FD(open("f", O_RDWR | O_CREAT, 0644))));
	T(mtime_of("f") == before && ctime_of("f") == before);
}

static void
absent(void)
{
	FAILS(ENOENT, open("f", O_RDONLY));
	FAILS(ENOENT, open("d/f", O_RDONLY | O_CREAT, 0644));
	FAILS(ENOENT, open("", O_RDONLY));
}

static void
through_file(void)
{
	make("f", "x");
	FAILS(ENOTDIR, open("f/g", O_RDONLY));
	FAILS(ENOTDIR, open("f/g", O_RDWR | O_CREAT, 0644));
	FAILS(ENOTDIR, open("f/", O_RDONLY));
	FAILS(ENOTDIR, stat("f/.", &(struct stat){0}));
}

static void
dir_not_writable(void)
{
	OK(mkdir("d", 0755));
	FAILS(EISDIR, open("d", O_WRONLY));
	FAILS(EISDIR, open("d", O_RDWR));
	FAILS(EISDIR, open("d", O_RDONLY | O_CREAT, 0644));
	FAILS(EISDIR, open("d", O_RDONLY | O_TRUNC));
}

static void
slash_creat(void)
{
	FAILS(EISDIR, open("f/", O_CREAT | O_WRONLY, 0644));
	T(!exists("f"));
}

static void
o_directory(void)
{
	make("f", "x");
	OK(mkdir("d", 0755));
	FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
	OK(close(FD(open("d", O_RDONLY | O_DIRECTORY))));
	OK(symlink("d", "s"));
	OK(close(FD(open("s", O_RDONLY | O_DIRECTORY))));
	FAILS(ENOTDIR, open("s", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
}

static void
o_nofollow(void)
{
	make("f", "x");
	OK(symlink("f", "s"));
	OK(mkdir("d", 0755));
	make("d/g", "y");
	OK(symlink("d", "t"));
	FAILS(ELOOP, open("s", O_RDONLY | O_NOFOLLOW));
	OK(close(FD(open("f", O_RDONLY | O_NOFOLLOW))));
	OK(close(FD(open("t/g", O_RDONLY | O_NOFOLLOW))));
}

static void
o_path(void)
{
	int fd;

	make("f", "x");
	OK(symlink("f", "s"));
	fd = FD(open("f", O_PATH));
	FAILS(EBADF, read(fd, (char[1]){0}, 1));
	FAILS(EBADF, fchmod(fd, 0600));
	T(fstat_of(fd).st_size == 1);
	fd = FD(open("s", O_PATH | O_NOFOLLOW));
	T(S_ISLNK(fstat_of(fd).st_mode));
}

static void
handle_kinds(void)
{
	int fd;

	make("f", "x");
	fd = FD(open("f", O_RDONLY));
	FAILS(EBADF, write(fd, "y", 1));
	FAILS(EINVAL, ftruncate(fd, 0));
	FAILS(EBADF, pwrite(fd, "y", 1, 0));
	OK(close(fd));
	FAILS(EBADF, close(fd));
	fd = FD(open("f", O_WRONLY));
	FAILS(EBADF, read(fd, (char[1]){0}, 1));
	T(holds("f", "x"));
}

static void
read_directory(void)
{
	int fd;

	OK(mkdir("d", 0755));
	fd = FD(open("d", O_RDONLY));
	FAILS(EISDIR, read(fd, (char[1]){0}, 1));
	FAILS(EBADF, write(fd, "x", 1));
}

static void
unlinked_name_again(void)
{
	int old = open_new("f"), fd;

	T(write(old, "old", 3) == 3);
	OK(unlink("f"));
	fd = FD(open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
	T(fstat_of(fd).st_ino != fstat_of(old).st_ino && fstat_of(fd).st_size == 0);
	T(fstat_of(old).st_size == 3 && fstat_of(old).st_nlink == 0);
}

static void
tmpfile_or_error(void)
{
	char path[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);

	if (fd < 0) {
		T(errno == EOPNOTSUPP);
		return;
	}
	T(write(fd, "t", 1) == 1 && fstat_of(fd).st_nlink == 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	T(holds("named", "t"));
}

static void
openat_follows_renames(void)
{
	int dir;

	OK(mkdir("d", 0755));
	dir = FD(open("d", O_RDONLY | O_DIRECTORY));
	OK(rename("d", "e"));
	OK(close(FD(openat(dir, "f", O_CREAT | O_WRONLY, 0644))));
	T(exists("e/f"));
	OK(unlinkat(dir, "f", 0));
	OK(rmdir("e"));
	FAILS(ENOENT, openat(dir, "f", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOENT, mkdirat(dir, "g", 0755));
}

static void
access_modes(void)
{
	make("f", "x");
	OK(chmod("f", 0755));
	OK(access("f", F_OK));
	OK(access("f", R_OK | W_OK | X_OK));
	FAILS(ENOENT, access("g", F_OK));
	FAILS(ENOTDIR, access("f/g", F_OK));
	OK(chmod("f", 0644));
	FAILS(EACCES, access("f", X_OK));
	OK(symlink("g", "s"));
	FAILS(ENOENT, access("s", F_OK));
	OK(faccessat(AT_FDCWD, "s", F_OK, AT_SYMLINK_NOFOLLOW));
}

static void
fifo_passes(void)
{
	int r, w;

	OK(mkfifo("p", 0644));
	FAILS(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
	r = FD(open("p", O_RDONLY | O_NONBLOCK));
	w = FD(open("p", O_WRONLY | O_NONBLOCK));
	T(write(w, "through", 7) == 7);
	T(read(r, (char[16]){0}, 16) == 7);
	T(S_ISFIFO(stat_of("p").st_mode) && stat_of("p").st_size == 0);
	FAILS(EEXIST, mkfifo("p", 0644));
	FAILS(ESPIPE, lseek(r, 0, SEEK_SET));
}

static void
nonblock_and_sync_flags(void)
{
	static const int flags[] = {O_NONBLOCK, O_SYNC, O_DSYNC, O_NOCTTY, O_CLOEXEC, O_NOATIME};

	make("f", "x");
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd = FD(open("f", O_RDWR | flags[i]));

		T(pwrite(fd, "y", 1, 0) == 1);
		OK(close(fd));
	}
	T(holds("f", "y"));
}

static void
setfl_append(void)
{
	int fd = open_new("f");

	T(write(fd, "12345", 5) == 5);
	OK(lseek(fd, 0, SEEK_SET));
	OK(fcntl(fd, F_SETFL, O_APPEND));
	T(write(fd, "678", 3) == 3);
	T(holds("f", "12345678"));
	OK(fcntl(fd, F_SETFL, 0));
	T(pwrite(fd, "x", 1, 0) == 1);
	T(holds("f", "x2345678"));
}

const struct suite_case open_cases[] = {
    {"creat: makes an empty file for writing alone", creat_makes, 0},
    {"open: O_EXCL where the name is there", excl_there, 0},
    {"open: O_EXCL where the name is a symbolic link", excl_symlink, 0},
    {"open: O_EXCL where the name is a directory", excl_directory, 0},
    {"open: O_CREAT through a symbolic link to nothing", creat_through_dangling, 0},
    {"open: O_CREAT keeps the mode of what is there", creat_keeps_mode, 0},
    {"open: modes and umasks of new files", creat_modes, 0},
    {"mkdir: modes and umask of new directories", mkdir_modes, 0},
    {"open: a new file of mode 0400 can be written by its maker", creat_read_only_writes, 0},
    {"open: O_TRUNC cuts", trunc_cuts, 0},
    {"open: O_TRUNC of an empty file changes its times", trunc_sets_mtime, 0},
    {"open: without O_TRUNC changes no time", open_keeps_mtime, 0},
    {"open: what is not there", absent, 0},
    {"open: a path through a file", through_file, 0},
    {"open: a directory for writing", dir_not_writable, 0},
    {"open: O_CREAT of a name with a slash behind it", slash_creat, 0},
    {"open: O_DIRECTORY", o_directory, 0},
    {"open: O_NOFOLLOW", o_nofollow, 0},
    {"open: O_PATH", o_path, 0},
    {"open: a handle does what it was opened for", handle_kinds, 0},
    {"read: of a directory", read_directory, 0},
    {"open: a name again while its old file is open", unlinked_name_again, 0},
    {"open: O_TMPFILE works or says so", tmpfile_or_error, 0},
    {"openat: goes with a directory that is moved and removed", openat_follows_renames, 0},
    {"access: modes, absence, links", access_modes, 0},
    {"mkfifo: bytes pass, errors of open", fifo_passes, 0},
    {"open: O_SYNC, O_DSYNC, O_NONBLOCK and others are taken", nonblock_and_sync_flags, 0},
    {"fcntl: O_APPEND switched on and off", setfl_append, 0},
    {0},
};
