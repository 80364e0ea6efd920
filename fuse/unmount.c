/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unmount.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* fusermount3 is what lets a user unmount what he mounted. Its messages are dropped: ours says as much. */
static int
run_fusermount(const char *dir, bool lazy)
{
	char prog[] = "fusermount3", u[] = "-u", z[] = "-z", dashes[] = "--", path[4096];
	char *with_z[] = {prog, u, z, dashes, path, NULL};
	char *without[] = {prog, u, dashes, path, NULL};
	posix_spawn_file_actions_t actions;
	int status, rc;
	pid_t pid;

	if (strlen(dir) >= sizeof path) {
		return -1;
	}
	strcpy(path, dir);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, prog, &actions, NULL, lazy ? with_z : without, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0) {
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int
unmount_dir(const char *dir, struct cfs_err *err)
{
	if (umount2(dir, UMOUNT_NOFOLLOW) == 0 || run_fusermount(dir, false) == 0) {
		return 0;
	}
	/* Busy, or the server of the mount is stuck or dead: detached now, gone with its last user. */
	if (umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || run_fusermount(dir, true) == 0) {
		return 0;
	}
	return err_set(err, CFS_EFAIL, "%s: cannot be unmounted; is it a mount of yours?", dir);
}

bool
unmount_is_dead(const char *dir)
{
	struct stat st;

	return stat(dir, &st) != 0 && errno == ENOTCONN;
}

bool
unmount_is_mounted(const char *dir)
{
	char *real = realpath(dir, NULL);
	FILE *table = setmntent("/proc/self/mounts", "re");
	const struct mntent *m;
	bool found = false;

	while (real != NULL && table != NULL && !found && (m = getmntent(table)) != NULL) {
		found = strcmp(m->mnt_type, "fuse.cfs") == 0 && strcmp(m->mnt_dir, real) == 0;
	}
	if (table != NULL) {
		endmntent(table);
	}
	free(real);
	return found;
}
