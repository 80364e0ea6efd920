/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/sibling.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool
sibling_init(struct sibling *s)
{
	*s = (struct sibling){0};
#ifdef CFS_SAN_THREAD
	/* It follows forks by the C library's own call alone. */
	return false;
#else
	if (prctl(PR_GET_TID_ADDRESS, &s->tid, 0, 0, 0) ||
	    syscall(SYS_get_robust_list, 0, &s->robust, &s->robust_bytes))
		return false;
	return s->tid && s->robust && *(const pid_t *)s->tid == gettid();
#endif
}

pid_t
sibling_fork(const struct sibling *s)
{
	/* Machines differ in which of the last two is the address for the number; the other is not looked at with these flags. */
	pid_t pid = (pid_t)syscall(SYS_clone, SIBLING_FLAGS, NULL, NULL, s->tid, s->tid);

	if (pid == 0)
		(void)syscall(SYS_set_robust_list, s->robust, s->robust_bytes);
	return pid;
}
