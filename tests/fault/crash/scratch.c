/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scratch.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"

/* Who we are stays the same in a new user namespace. */
static int
map_id(const char *file, unsigned id)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%u %u 1", id, id);
	int fd = io_open(file, O_WRONLY, 0);
	int rc = fd < 0 ? -1 : io_write_full(fd, text, (size_t)n);

	fd_close(&fd);
	return rc;
}

/* A mount namespace; root makes it directly, others need a user namespace around it. */
static int
own_mounts(void)
{
	unsigned uid = getuid(), gid = getgid();
	int fd;

	if (unshare(CLONE_NEWNS) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return -1;
	fd = io_open("/proc/self/setgroups", O_WRONLY, 0);
	if (fd >= 0)
		(void)io_write_full(fd, "deny", 4);
	fd_close(&fd);
	return map_id("/proc/self/uid_map", uid) == 0 ? map_id("/proc/self/gid_map", gid) : -1;
}

int
scratch_in_memory(const char *folder)
{
	if (own_mounts() != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	return mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700");
}

int
scratch_stop_flushing(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsync, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fdatasync, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
