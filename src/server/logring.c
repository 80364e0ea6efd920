/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/logring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"

#define LINES 256u

/* state: twice the number, odd (one more) while it is being written. */
struct place {
	_Atomic uint64_t state;
	int64_t time_ns;
	uint32_t level;
	char text[LOGRING_TEXT];
};

struct logring {
	_Atomic uint64_t last;
	struct place places[LINES];
};

int
logring_new(struct logring **out, int *fd_out, struct cfs_err *err)
{
	int fd = memfd_create("cfs-log", MFD_CLOEXEC);
	int rc = 0;

	*out = NULL;
	if (fd < 0 || ftruncate(fd, sizeof(struct logring)))
		rc = err_set_errno(err, errno, "memory of the log");
	if (rc == 0)
		rc = logring_join(fd, out, err);
	if (rc)
		fd_close(&fd);
	*fd_out = fd;
	return rc;
}

int
logring_join(int fd, struct logring **out, struct cfs_err *err)
{
	void *p = mmap(NULL, sizeof(struct logring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	*out = NULL;
	if (p == MAP_FAILED)
		return err_set_errno(err, errno, "shared memory of the log");
	*out = p;
	return 0;
}

void
logring_free(struct logring *r)
{
	if (r)
		(void)munmap(r, sizeof(*r));
}

void
logring_put(void *ring, enum log_level level, const char *text, size_t len)
{
	struct logring *r = ring;
	uint64_t number = atomic_fetch_add(&r->last, 1) + 1;
	struct place *p = &r->places[number % LINES];

	len = min_size(len, sizeof(p->text) - 1);
	atomic_store_explicit(&p->state, number * 2 + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	p->time_ns = now_real_ns();
	p->level = (uint32_t)level;
	memcpy(p->text, text, len);
	p->text[len] = '\0';
	atomic_store_explicit(&p->state, number * 2, memory_order_release);
}

uint64_t
logring_newest(const struct logring *r)
{
	return atomic_load(&r->last);
}

bool
logring_get(const struct logring *r, uint64_t number, struct logring_line *out)
{
	const struct place *p = &r->places[number % LINES];

	if (atomic_load_explicit(&p->state, memory_order_acquire) != number * 2)
		return false;
	out->number = number;
	out->time_ns = p->time_ns;
	out->level = p->level <= LVL_DEBUG ? (int)p->level : LVL_ERROR;
	memcpy(out->text, p->text, sizeof(out->text));
	out->text[sizeof(out->text) - 1] = '\0';
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&p->state, memory_order_relaxed) == number * 2;
}

unsigned
logring_size(void)
{
	return LINES;
}
