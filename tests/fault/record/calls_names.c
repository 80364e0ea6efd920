/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names made, removed and changed. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record.h"

static int
do_unlink(int dir, const char *path, int flags)
{
	char full[PATH_MAX];
	int rc;

	record_lock();
	record_absolute(dir, path, full);
	rc = (int)syscall(SYS_unlinkat, dir, path, flags);
	if (rc == 0 && record_watched(full) != NULL)
		record_put_path(RECORD_UNLINK, 0, record_watched(full));
	record_unlock();
	return rc;
}

int
unlink(const char *path)
{
	return do_unlink(AT_FDCWD, path, 0);
}

int
unlinkat(int dir, const char *path, int flags)
{
	return do_unlink(dir, path, flags);
}

int
rmdir(const char *path)
{
	return do_unlink(AT_FDCWD, path, AT_REMOVEDIR);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	char full[PATH_MAX];
	int rc;

	record_lock();
	record_absolute(dir, path, full);
	rc = (int)syscall(SYS_mkdirat, dir, path, mode);
	/* The folder itself is there from the start, for the log. */
	if (rc == 0 && record_watched(full) != NULL && record_watched(full)[0] != '\0')
		record_put_path(RECORD_MKDIR, 0, record_watched(full));
	record_unlock();
	return rc;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char full_from[PATH_MAX], full_to[PATH_MAX];
	const char *a, *b;
	int rc;

	record_lock();
	record_absolute(from_dir, from, full_from);
	record_absolute(to_dir, to, full_to);
	a = record_watched(full_from);
	b = record_watched(full_to);
	rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (rc == 0 && (a != NULL || b != NULL)) {
		if (a == NULL || b == NULL || flags != 0)
			record_give_up("a rename into, out of or within the folder with flags");
		struct iovec payload[] = {{(void *)(uintptr_t)a, strlen(a) + 1},
					  {(void *)(uintptr_t)b, strlen(b)}};
		record_put((struct record){.type = RECORD_RENAME}, payload, 2);
	}
	record_unlock();
	return rc;
}

int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat2(from_dir, from, to_dir, to, 0);
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char full[PATH_MAX];

	record_absolute(to_dir, to, full);
	if (record_watched(full) != NULL)
		record_give_up("hard links");
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
