/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * late.so: preloaded into cfs-mount, makes each store into the kernel's pages late, and its end, by up to CFS_LATE_MS milliseconds:
 * whoever may not come in between has all the time to do so, and who reads meanwhile sees what came of it.
 */

#include <dlfcn.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

static int
is_store(const struct iovec *v, int count)
{
	struct fuse_out_header h;

	if (count < 2 || v[0].iov_len != sizeof(h))
		return 0;
	memcpy(&h, v[0].iov_base, sizeof(h));
	return h.unique == 0 && h.error == FUSE_NOTIFY_STORE;
}

static void
be_late(void)
{
	const char *most = getenv("CFS_LATE_MS");
	static _Thread_local unsigned seed = 1;
	long ns = (most != NULL ? atol(most) : 0) * 1000000L;

	if (ns > 0)
		nanosleep(&(struct timespec){.tv_nsec = rand_r(&seed) % ns}, NULL);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	ssize_t (*real)(int, const struct iovec *, int);
	void *symbol = dlsym(RTLD_NEXT, "writev");
	ssize_t n;

	memcpy(&real, &symbol, sizeof(real));
	if (is_store(v, count))
		be_late();
	n = real(fd, v, count);
	if (is_store(v, count))
		be_late();
	return n;
}
