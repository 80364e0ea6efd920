/* SPDX-License-Identifier: GPL-3.0-or-later */

/* mkdir(2), rmdir(2), unlink(2), mknod(2), path_resolution(7). */

#include "suite.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void
mkdir_there(void)
{
	make("f", "x");
	OK(mkdir("d", 0755));
	OK(symlink("nowhere", "s"));
	FAILS(EEXIST, mkdir("d", 0755));
	FAILS(EEXIST, mkdir("f", 0755));
	FAILS(EEXIST, mkdir("s", 0755));
	FAILS(EEXIST, mkdir(".", 0755));
	FAILS(EEXIST, mkdir("..", 0755));
}

static void
mkdir_paths(void)
{
	make("f", "x");
	FAILS(ENOENT, mkdir("a/b", 0755));
	FAILS(ENOTDIR, mkdir("f/b", 0755));
	OK(mkdir("slash/", 0755));
	T(S_ISDIR(stat_of("slash").st_mode));
	FAILS(ENOENT, mkdir("", 0755));
}

static void
dir_links(void)
{
	OK(mkdir("d", 0755));
	T(stat_of("d").st_nlink == 2);
	OK(mkdir("d/a", 0755));
	OK(mkdir("d/b", 0755));
	make("d/f", "x");
	T(stat_of("d").st_nlink == 4);
	OK(rename("d/a", "d/c"));
	T(stat_of("d").st_nlink == 4);
	OK(rename("d/b", "b"));
	T(stat_of("d").st_nlink == 3);
	OK(rmdir("d/c"));
	T(stat_of("d").st_nlink == 2);
}

static void
dir_times(void)
{
	int64_t before;

	OK(mkdir("d", 0755));
	before = mtime_of("d");
	tick();
	make("d/f", "x");
	T(mtime_of("d") > before && ctime_of("d") == mtime_of("d"));
	before = mtime_of("d");
	tick();
	make("d/f", "y");
	T(mtime_of("d") == before);
	OK(unlink("d/f"));
	T(mtime_of("d") > before && ctime_of("d") > before);
	before = mtime_of("d");
	tick();
	OK(mkdir("d/e", 0755));
	T(mtime_of("d") > before);
	before = mtime_of("d");
	tick();
	OK(rmdir("d/e"));
	T(mtime_of("d") > before);
}

static void
rmdir_errors(void)
{
	make("f", "x");
	OK(mkdir("d", 0755));
	make("d/g", "x");
	OK(symlink("d", "s"));
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(ENOTDIR, rmdir("f"));
	FAILS(ENOTDIR, rmdir("s"));
	FAILS(ENOENT, rmdir("no"));
	FAILS(EINVAL, rmdir("d/."));
	FAILS(ENOTEMPTY, rmdir("d/.."));
	OK(unlink("d/g"));
	OK(rmdir("d/"));
	T(!exists("d"));
}

static void
rmdir_open(void)
{
	int dir;

	OK(mkdir("d", 0755));
	dir = FD(open("d", O_RDONLY | O_DIRECTORY));
	OK(rmdir("d"));
	T(fstat_of(dir).st_nlink == 0);
	FAILS(ENOENT, openat(dir, "f", O_CREAT | O_WRONLY, 0644));
	OK(mkdir("d", 0755));
	T(stat_of("d").st_ino != fstat_of(dir).st_ino);
}

static void
rmdir_dotdot(void)
{
	OK(mkdir("d", 0755));
	OK(chdir("d"));
	OK(rmdir("../d"));
	FAILS(ENOENT, mkdir("x", 0755));
	FAILS(ENOENT, open("y", O_CREAT | O_WRONLY, 0644));
}

static void
unlink_errors(void)
{
	make("f", "x");
	OK(mkdir("d", 0755));
	FAILS(EISDIR, unlink("d"));
	FAILS(ENOENT, unlink("no"));
	FAILS(ENOTDIR, unlink("f/g"));
	FAILS(ENOTDIR, unlink("f/"));
	FAILS(ENOENT, unlink(""));
	FAILS(EINVAL, unlinkat(AT_FDCWD, "f", 0x40000));
	FAILS(ENOTDIR, unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
	OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

static void
unlink_kinds(void)
{
	OK(symlink("f", "s"));
	OK(mkfifo("p", 0644));
	make("f", "x");
	OK(unlink("s"));
	T(exists("f"));
	OK(unlink("p"));
	OK(unlink("f"));
	T(!exists("f") && !exists("p") && !exists("s"));
}

static void
unlink_ctime(void)
{
	int64_t before;

	make("f", "x");
	OK(link("f", "g"));
	before = ctime_of("g");
	tick();
	OK(unlink("f"));
	T(ctime_of("g") > before && stat_of("g").st_nlink == 1);
}

static void
unlinked_lives(void)
{
	char buf[8] = {0};
	int fd = open_new("f"), other;

	T(write(fd, "abc", 3) == 3);
	other = FD(open("f", O_RDWR));
	OK(unlink("f"));
	T(fstat_of(fd).st_nlink == 0);
	T(pwrite(other, "XYZW", 4, 1) == 4);
	T(pread(fd, buf, 8, 0) == 5 && memcmp(buf, "aXYZW", 5) == 0);
	OK(ftruncate(fd, 2));
	T(fstat_of(other).st_size == 2);
	OK(fchmod(fd, 0600));
	T((fstat_of(other).st_mode & 07777) == 0600);
	OK(fsync(fd));
	OK(close(other));
	T(pread(fd, buf, 8, 0) == 2);
	OK(futimens(fd, NULL));
}

static void
names_long(void)
{
	const char *name = long_name(255);

	make(name, "x");
	T(holds(name, "x"));
	OK(rename(name, "f"));
	OK(rename("f", name));
	OK(unlink(name));
	OK(mkdir(name, 0755));
	OK(rmdir(name));
	OK(symlink("x", name));
	OK(unlink(name));
	name = long_name(256);
	FAILS(ENAMETOOLONG, open(name, O_CREAT | O_WRONLY, 0644));
	FAILS(ENAMETOOLONG, open(name, O_RDONLY));
	FAILS(ENAMETOOLONG, mkdir(name, 0755));
	FAILS(ENAMETOOLONG, symlink("x", name));
	FAILS(ENAMETOOLONG, mkfifo(name, 0644));
	FAILS(ENAMETOOLONG, unlink(name));
	FAILS(ENAMETOOLONG, rmdir(name));
	make("f", "x");
	FAILS(ENAMETOOLONG, rename("f", name));
	FAILS(ENAMETOOLONG, link("f", name));
	FAILS(ENAMETOOLONG, access(name, F_OK));
}

static void
paths_long(void)
{
	static char path[2 * PATH_MAX];
	size_t n = 0;

	/* "./././…/f", of exactly PATH_MAX - 1 bytes and one more. */
	while (n < PATH_MAX - 2) {
		path[n++] = '.';
		path[n++] = '/';
	}
	path[n - 2] = '/';
	path[n - 1] = 'f';
	path[n] = '\0';
	T(n == PATH_MAX - 2);
	OK(close(FD(open(path, O_CREAT | O_WRONLY, 0644))));
	T(exists("f"));
	memset(path, '/', PATH_MAX + 4);
	path[0] = '.';
	path[PATH_MAX] = '\0';
	FAILS(ENAMETOOLONG, open(path, O_RDONLY));
	FAILS(ENAMETOOLONG, mkdir(path, 0755));
}

static void
paths_deep(void)
{
	/* Deeper than any path can say. */
	for (int i = 0; i < 60; i++) {
		OK(mkdir(long_name(100), 0755));
		OK(chdir(long_name(100)));
	}
	make("f", "deep");
	T(holds("f", "deep"));
	OK(unlink("f"));
	for (int i = 0; i < 60; i++) {
		OK(chdir(".."));
		OK(rmdir(long_name(100)));
	}
}

static void
names_any_bytes(void)
{
	char name[8];

	for (int c = 1; c < 256; c++) {
		if (c == '/')
			continue;
		(void)snprintf(name, sizeof(name), "a%cb", c);
		make(name, "x");
		T(holds(name, "x"));
	}
	for (int c = 1; c < 256; c++) {
		(void)snprintf(name, sizeof(name), "a%cb", c);
		if (c != '/')
			OK(unlink(name));
	}
}

static void
names_case(void)
{
	make("a", "1");
	make("A", "2");
	make("\xc3\xa4", "3");
	make("a\xcc\x88", "4");
	T(holds("a", "1") && holds("A", "2") && holds("\xc3\xa4", "3") && holds("a\xcc\x88", "4"));
}

static void
dots(void)
{
	struct stat here = stat_of("."), up = stat_of("..");

	OK(mkdir("d", 0755));
	T(stat_of("d/..").st_ino == here.st_ino && stat_of("./d/../.").st_ino == here.st_ino);
	T(stat_of("d/../..").st_ino == up.st_ino);
	FAILS(EBUSY, rmdir("/"));
	FAILS(EINVAL, rmdir("."));
	T(unlink(".") == -1 && (errno == EISDIR || errno == EPERM || errno == EBUSY));
	T(unlink("..") == -1 && (errno == EISDIR || errno == EPERM || errno == EBUSY));
}

static void
mknod_kinds(void)
{
	OK(mknod("f", S_IFREG | 0640, 0));
	T(S_ISREG(stat_of("f").st_mode) && (stat_of("f").st_mode & 07777) == 0640);
	OK(mknod("p", S_IFIFO | 0600, 0));
	T(S_ISFIFO(stat_of("p").st_mode));
	OK(mknod("s", S_IFSOCK | 0600, 0));
	T(S_ISSOCK(stat_of("s").st_mode));
	FAILS(EEXIST, mknod("f", S_IFREG | 0644, 0));
	FAILS(ENXIO, open("s", O_RDONLY));
}

static void
mknod_devices(void)
{
	OK(mknod("c", S_IFCHR | 0600, makedev(1, 3)));
	T(S_ISCHR(stat_of("c").st_mode) && stat_of("c").st_rdev == makedev(1, 3));
	OK(mknod("b", S_IFBLK | 0600, makedev(259, 4097)));
	T(S_ISBLK(stat_of("b").st_mode) && stat_of("b").st_rdev == makedev(259, 4097));
	OK(rename("c", "d"));
	T(S_ISCHR(stat_of("d").st_mode));
}

static void
sockets(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "sock"};
	int fd = FD(socket(AF_UNIX, SOCK_STREAM, 0)), peer = FD(socket(AF_UNIX, SOCK_STREAM, 0));

	OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	T(S_ISSOCK(stat_of("sock").st_mode));
	OK(listen(fd, 1));
	OK(connect(peer, (struct sockaddr *)&a, sizeof(a)));
	OK(unlink("sock"));
	FAILS(ENOENT, connect(peer, (struct sockaddr *)&a, sizeof(a)));
}

static void
across_devices(void)
{
	make("f", "x");
	FAILS(EXDEV, link("f", "/dev/cfs-posix-link"));
	FAILS(EXDEV, rename("f", "/dev/cfs-posix-link"));
	FAILS(EXDEV, link("/proc/self/status", "g"));
}

const struct suite_case name_cases[] = {
    {"mkdir: where something is", mkdir_there, 0},
    {"mkdir: paths that cannot be", mkdir_paths, 0},
    {"mkdir: links of a directory", dir_links, 0},
    {"mkdir: times of the directory above", dir_times, 0},
    {"rmdir: errors", rmdir_errors, 0},
    {"rmdir: of an open directory", rmdir_open, 0},
    {"rmdir: of the working directory", rmdir_dotdot, 0},
    {"unlink: errors", unlink_errors, 0},
    {"unlink: every kind of file", unlink_kinds, 0},
    {"unlink: changes the time of the other names", unlink_ctime, 0},
    {"unlink: what is open goes on", unlinked_lives, 0},
    {"names: 255 bytes and 256", names_long, 0},
    {"paths: as long as may be, and longer", paths_long, 0},
    {"paths: directories deeper than a path is long", paths_deep, 0},
    {"names: every byte but slash and zero", names_any_bytes, 0},
    {"names: no folding of case or accents", names_case, 0},
    {"paths: . and ..", dots, 0},
    {"mknod: file, fifo, socket", mknod_kinds, 0},
    {"mknod: device nodes", mknod_devices, NEED_NODEV},
    {"socket: bind, connect, unlink", sockets, 0},
    {"link, rename: across file systems", across_devices, 0},
    {0},
};
