/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/promise_table_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"

#define MAGIC UINT64_C(0x31736f7270736663)

/* ---- made and kept */

static void
read_boot_id(char out[40])
{
	int fd = io_open("/proc/sys/kernel/random/boot_id", O_RDONLY, 0);

	memset(out, 0, 40);
	/* Without one every start counts as another boot's, which only waits longer. */
	if (fd >= 0 && io_read_full(fd, out, 36) != 36)
		memset(out, 0, 40);
	fd_close(&fd);
}

/* What an earlier daemon left: nobody is behind those slots, and clients may trust what they were promised. */
static void
make_ghosts(struct slots *s, int64_t grace_ms)
{
	uint64_t now = now_mono_ns(), latest = now + (uint64_t)(grace_ms * NS_PER_MS);
	char boot[40];
	bool same;

	read_boot_id(boot);
	same = boot[0] != '\0' && memcmp(boot, s->boot, sizeof(boot)) == 0;
	memcpy(s->boot, boot, sizeof(boot));
	if (s->magic != MAGIC) {
		memset(s->slot, 0, sizeof(s->slot));
		memset(s->leased, 0, sizeof(s->leased));
		memset(s->blamed_ns, 0, sizeof(s->blamed_ns));
	}
	s->magic = MAGIC;
	s->used = s->ghosts = 0;
	for (unsigned i = 0; i < PROMISE_SLOTS; i++) {
		struct slot *slot = &s->slot[i];
		uint64_t until = slot->until_ns;

		if (!same || until > latest)
			until = until > 0 ? latest : 0;
		if (slot->owner == 0 || until <= now) {
			memset(slot, 0, sizeof(*slot));
			s->leased[i / 64] &= ~(UINT64_C(1) << i % 64);
			continue;
		}
		slot->until_ns = until;
		slot->dead = slot->any = 1;
		s->used++;
		s->ghosts++;
	}
}

static void *
map(int fd, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

#define BITS_SIZE (sizeof(struct bucket) * PROMISE_BUCKETS * 2)

static int
map_both(struct promise_table *t, int slots_fd, int bits_fd, struct cfs_err *err)
{
	t->s = map(slots_fd, sizeof(*t->s));
	t->b = t->s ? map(bits_fd, BITS_SIZE) : NULL;
	if (!t->b)
		return err_set_errno(err, errno, "read promises");
	t->leases = t->b + PROMISE_BUCKETS;
	return 0;
}

static int
open_slots(struct promise_table *t, const char *dir, struct cfs_err *err)
{
	char path[4096];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/promises", dir ? dir : "(memory)");
	t->slots_fd = dir ? io_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600)
			  : memfd_create("cfs-promises", MFD_CLOEXEC);
	if (t->slots_fd < 0)
		return err_set_errno(err, errno, "%s", path);
	/* Room on the disk, or a full one would end the processes that write to it. */
	rc = posix_fallocate(t->slots_fd, 0, sizeof(*t->s));
	return rc ? err_set_errno(err, rc, "%s", path) : 0;
}

static int
open_bits(struct promise_table *t, struct cfs_err *err)
{
	t->bits_fd = memfd_create("cfs-promised", MFD_CLOEXEC);
	if (t->bits_fd < 0 || ftruncate(t->bits_fd, BITS_SIZE))
		return err_set_errno(err, errno, "table of read promises");
	return 0;
}

static struct promise_table *
new_table(struct cfs_err *err)
{
	struct promise_table *t = calloc(1, sizeof(*t));

	if (t)
		t->slots_fd = t->bits_fd = -1;
	else
		(void)err_code(err, CFS_ENOMEM);
	return t;
}

int
promise_table_new(const char *dir, int64_t grace_ms, struct promise_table **out,
		  struct cfs_err *err)
{
	struct promise_table *t = new_table(err);
	int rc;

	*out = NULL;
	if (!t)
		return CFS_ENOMEM;
	rc = open_slots(t, dir, err);
	if (rc == 0)
		rc = open_bits(t, err);
	if (rc == 0)
		rc = map_both(t, t->slots_fd, t->bits_fd, err);
	if (rc) {
		promise_table_free(t);
		return rc;
	}
	make_ghosts(t->s, grace_ms);
	*out = t;
	return 0;
}

void
promise_table_free(struct promise_table *t)
{
	if (!t)
		return;
	promise_table_leave(t);
	free(t);
}

/* ---- in other processes */

void
promise_table_leave(struct promise_table *t)
{
	if (t->s)
		(void)munmap(t->s, sizeof(*t->s));
	if (t->b)
		(void)munmap(t->b, BITS_SIZE);
	t->s = NULL;
	t->b = NULL;
	fd_close(&t->slots_fd);
	fd_close(&t->bits_fd);
}

void
promise_table_fds(const struct promise_table *t, int fds[PROMISE_FDS])
{
	fds[0] = t->slots_fd;
	fds[1] = t->bits_fd;
}

int
promise_table_join(const int fds[PROMISE_FDS], struct promise_table **out, struct cfs_err *err)
{
	struct promise_table *t = new_table(err);
	int rc;

	*out = NULL;
	if (!t)
		return CFS_ENOMEM;
	rc = map_both(t, fds[0], fds[1], err);
	if (rc) {
		promise_table_free(t);
		return rc;
	}
	*out = t;
	return 0;
}
