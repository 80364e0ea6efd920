/* SPDX-License-Identifier: GPL-3.0-or-later */

/* setxattr(2), getxattr(2), listxattr(2), removexattr(2), xattr(7): names that begin with user. */

#include "suite.h"

#include <stdlib.h>
#include <sys/xattr.h>

static void
set(const char *path, const char *name, const char *value)
{
	if (setxattr(path, name, value, strlen(value), 0) == 0)
		return;
	if (errno == EOPNOTSUPP && !suite_on_cfs())
		suite_skip("the file system has no extended attributes");
	OK(setxattr(path, name, value, strlen(value), 0));
}

static bool
is(const char *path, const char *name, const char *value)
{
	char buf[256];
	ssize_t n = getxattr(path, name, buf, sizeof(buf));

	return n == (ssize_t)strlen(value) && memcmp(buf, value, (size_t)n) == 0;
}

/* Whether a listing holds the name, and so many user. names in all. */
static bool
lists(const char *path, const char *name, size_t count)
{
	char buf[4096];
	ssize_t n = OK(listxattr(path, buf, sizeof(buf)));
	bool found = false;
	size_t users = 0;

	for (const char *p = buf; p < buf + n; p += strlen(p) + 1) {
		found = found || strcmp(p, name) == 0;
		users += strncmp(p, "user.", 5) == 0 && strncmp(p, "user.cfs.", 9) != 0;
	}
	return found == (count > 0) && users == count;
}

static void
set_get_list(void)
{
	make("f", "x");
	set("f", "user.a", "one");
	T(is("f", "user.a", "one") && lists("f", "user.a", 1));
	set("f", "user.b", "two");
	set("f", "user.a", "three");
	T(is("f", "user.a", "three") && is("f", "user.b", "two") && lists("f", "user.b", 2));
	OK(removexattr("f", "user.a"));
	FAILS(ENODATA, getxattr("f", "user.a", NULL, 0));
	FAILS(ENODATA, removexattr("f", "user.a"));
	T(lists("f", "user.b", 1));
	OK(removexattr("f", "user.b"));
	T(lists("f", "user.b", 0));
}

static void
create_replace(void)
{
	make("f", "x");
	set("f", "user.a", "one");
	FAILS(EEXIST, setxattr("f", "user.a", "x", 1, XATTR_CREATE));
	FAILS(ENODATA, setxattr("f", "user.b", "x", 1, XATTR_REPLACE));
	OK(setxattr("f", "user.a", "two", 3, XATTR_REPLACE));
	OK(setxattr("f", "user.b", "new", 3, XATTR_CREATE));
	T(is("f", "user.a", "two") && is("f", "user.b", "new"));
	FAILS(EINVAL, setxattr("f", "user.a", "x", 1, 0x80));
}

static void
sizes(void)
{
	char buf[8];

	make("f", "x");
	set("f", "user.a", "12345");
	T(getxattr("f", "user.a", NULL, 0) == 5);
	T(getxattr("f", "user.a", buf, 5) == 5);
	FAILS(ERANGE, getxattr("f", "user.a", buf, 4));
	T(listxattr("f", NULL, 0) >= 7);
	FAILS(ERANGE, listxattr("f", buf, 3));
	set("f", "user.empty", "");
	T(getxattr("f", "user.empty", buf, 8) == 0 && getxattr("f", "user.empty", NULL, 0) == 0);
}

static void
any_bytes(void)
{
	unsigned char value[256], got[256];

	make("f", "x");
	set("f", "user.b", "");
	for (unsigned i = 0; i < 256; i++)
		value[i] = (unsigned char)i;
	OK(setxattr("f", "user.b", value, 256, 0));
	T(getxattr("f", "user.b", got, 256) == 256 && memcmp(got, value, 256) == 0);
	set("f", "user.\xc3\xa4 b", "name");
	T(is("f", "user.\xc3\xa4 b", "name"));
}

static void
longest_value(void)
{
	unsigned char *value = malloc(65537), *got = malloc(65536);

	T(value != NULL && got != NULL);
	make("f", "x");
	set("f", "user.v", "");
	pattern(value, 65537, 3);
	FAILS(E2BIG, setxattr("f", "user.v", value, 65537, 0));
	if (setxattr("f", "user.v", value, 65536, 0) != 0) {
		T(!suite_on_cfs() && errno == ENOSPC);
		suite_skip("the file system takes less");
	}
	T(getxattr("f", "user.v", got, 65536) == 65536 && memcmp(got, value, 65536) == 0);
	OK(setxattr("f", "user.v", "short", 5, 0));
	T(is("f", "user.v", "short"));
	free(value);
	free(got);
}

static void
longest_name(void)
{
	char name[300] = "user.";

	make("f", "x");
	set("f", "user.v", "");
	strcat(name, long_name(250));
	OK(setxattr("f", name, "x", 1, 0));
	T(is("f", name, "x"));
	strcat(name, "n");
	FAILS(ERANGE, setxattr("f", name, "x", 1, 0));
	FAILS(ERANGE, getxattr("f", name, NULL, 0));
}

static void
bad_names(void)
{
	make("f", "x");
	set("f", "user.v", "");
	FAILS(EINVAL, setxattr("f", "user.", "x", 1, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "nonsense", "x", 1, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "other.name", "x", 1, 0));
	FAILS(ERANGE, setxattr("f", "", "x", 1, 0));
	FAILS(ENOENT, setxattr("no", "user.v", "x", 1, 0));
	FAILS(ENOENT, getxattr("no", "user.v", NULL, 0));
	FAILS(ENOENT, listxattr("no", NULL, 0));
}

static void
many(void)
{
	char name[32], value[32];

	make("f", "x");
	set("f", "user.v", "");
	OK(removexattr("f", "user.v"));
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "user.n%d", i);
		(void)snprintf(value, sizeof(value), "value %d", i);
		OK(setxattr("f", name, value, strlen(value), 0));
	}
	T(lists("f", "user.n49", 50));
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "user.n%d", i);
		(void)snprintf(value, sizeof(value), "value %d", i);
		T(is("f", name, value));
		OK(removexattr("f", name));
	}
	T(lists("f", "user.n0", 0));
}

static void
kinds_of_files(void)
{
	OK(mkdir("d", 0755));
	set("d", "user.a", "dir");
	T(is("d", "user.a", "dir"));
	OK(symlink("d", "s"));
	T(is("s", "user.a", "dir"));
	/* user. attributes are of files and directories alone (xattr(7)). */
	FAILS(EPERM, lsetxattr("s", "user.a", "x", 1, 0));
	FAILS(ENODATA, lgetxattr("s", "user.a", NULL, 0));
	OK(mkfifo("p", 0644));
	FAILS(EPERM, setxattr("p", "user.a", "x", 1, 0));
}

static void
handles(void)
{
	int fd = open_new("f");
	char buf[8];

	set("f", "user.a", "one");
	T(fgetxattr(fd, "user.a", buf, 8) == 3);
	OK(fsetxattr(fd, "user.b", "two", 3, 0));
	T(is("f", "user.b", "two"));
	OK(fremovexattr(fd, "user.a"));
	T(flistxattr(fd, NULL, 0) >= 7);
	OK(unlink("f"));
	T(fgetxattr(fd, "user.b", buf, 8) == 3);
	OK(fsetxattr(fd, "user.c", "dead", 4, 0));
	T(fgetxattr(fd, "user.c", buf, 8) == 4);
}

static void
times(void)
{
	int64_t ctime, mtime;

	make("f", "x");
	set("f", "user.z", "");
	ctime = ctime_of("f");
	mtime = mtime_of("f");
	tick();
	set("f", "user.a", "one");
	T(ctime_of("f") > ctime && mtime_of("f") == mtime);
	ctime = ctime_of("f");
	tick();
	OK(removexattr("f", "user.a"));
	T(ctime_of("f") > ctime && mtime_of("f") == mtime);
}

static void
go_along(void)
{
	make("f", "x");
	set("f", "user.a", "one");
	OK(rename("f", "g"));
	T(is("g", "user.a", "one"));
	OK(link("g", "h"));
	T(is("h", "user.a", "one"));
	OK(removexattr("h", "user.a"));
	FAILS(ENODATA, getxattr("g", "user.a", NULL, 0));
	set("g", "user.a", "two");
	make("n", "new");
	OK(rename("n", "g"));
	FAILS(ENODATA, getxattr("g", "user.a", NULL, 0));
	T(is("h", "user.a", "two"));
	OK(unlink("g"));
	make("g", "x");
	FAILS(ENODATA, getxattr("g", "user.a", NULL, 0));
}

static void
rights(void)
{
	make("f", "x");
	set("f", "user.a", "one");
	OK(chmod("f", 0600));
	make("g", "x");
	set("g", "user.a", "one");
	become(4444, 4444);
	FAILS(EACCES, getxattr("f", "user.a", NULL, 0));
	FAILS(EACCES, setxattr("g", "user.a", "x", 1, 0));
	FAILS(EACCES, removexattr("g", "user.a"));
	T(is("g", "user.a", "one"));
}

static void
own_names(void)
{
	char buf[128];

	make("f", "x");
	T(getxattr("f", "user.cfs.owner", buf, sizeof(buf)) > 0);
	T(getxattr("f", "user.cfs.version", buf, sizeof(buf)) > 0);
	FAILS(EPERM, setxattr("f", "user.cfs.owner", "x", 1, 0));
	FAILS(EPERM, removexattr("f", "user.cfs.version"));
	FAILS(EPERM, setxattr("f", "user.cfs.other", "x", 1, 0));
	FAILS(ENODATA, getxattr("f", "user.cfs.other", NULL, 0));
	T(getxattr("f", "user.cfs.sha256", buf, sizeof(buf)) == 64 || errno == ENODATA);
}

const struct suite_case xattr_cases[] = {
    {"xattr: set, get, list, remove", set_get_list, 0},
    {"xattr: CREATE and REPLACE", create_replace, 0},
    {"xattr: sizes, ERANGE, empty values", sizes, 0},
    {"xattr: any bytes", any_bytes, 0},
    {"xattr: values of 64 KiB and more", longest_value, 0},
    {"xattr: names of 255 bytes and more", longest_name, 0},
    {"xattr: names that cannot be", bad_names, 0},
    {"xattr: fifty of them", many, 0},
    {"xattr: directories, links, fifos", kinds_of_files, 0},
    {"xattr: through handles, and without a name", handles, 0},
    {"xattr: change ctime alone", times, 0},
    {"xattr: belong to the inode, not the name", go_along, 0},
    {"xattr: rights", rights, NEED_ROOT | NEED_OWNERS},
    {"xattr: user.cfs names are the server's", own_names, ONLY_CFS},
    {0},
};
