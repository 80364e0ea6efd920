/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The library's state: the orders, which descriptor is what, and what of the log is not flushed. Nobody could give it to a preloaded
 * library, hence the globals.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"

#define FDS      4096
#define BLOB_HEX 32

static struct inject *control;
static _Atomic unsigned char classes[FDS]; /* of open files; 0: none of the store's */

__attribute__((constructor)) static void
start(void)
{
	const char *path = getenv(INJECT_ENV);
	int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	void *p;

	if (path == NULL)
		return;
	p = fd < 0 ? MAP_FAILED
		   : mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		abort();
	syscall(SYS_close, fd);
	control = p;
}

/* ---- which file ---- */

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

unsigned char
inject_class_of_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	size_t hex = strspn(name, "0123456789abcdef");

	if (control == NULL)
		return 0;
	if (ends_with(name, "meta.db-wal"))
		return INJECT_LOG;
	if (strcmp(name, "meta.db") == 0)
		return INJECT_DB;
	if (hex == BLOB_HEX && (name[hex] == '\0' || strcmp(name + hex, ".part") == 0))
		return INJECT_BLOB;
	return hex == 2 && name[2] == '\0' ? INJECT_FOLDER : 0;
}

unsigned char
inject_class_of(int fd)
{
	return fd >= 0 && fd < FDS ? atomic_load(&classes[fd]) : 0;
}

void
inject_set_class(int fd, unsigned char class)
{
	if (fd >= 0 && fd < FDS)
		atomic_store(&classes[fd], class);
}

/* ---- the order ---- */

static _Noreturn void
die(void)
{
	for (;;)
		syscall(SYS_exit_group, 1);
}

uint32_t
inject_decide(unsigned char class, uint32_t call)
{
	uint32_t how;

	if (control == NULL || class == 0)
		return 0;
	if (atomic_load(&control->dead))
		die();
	if (!atomic_load(&control->armed) || !(control->calls & call) ||
	    !(control->classes & class))
		return 0;
	how = control->how;
	if (how == INJECT_SHORT && call != INJECT_WRITE)
		return 0;
	if (atomic_fetch_sub(&control->countdown, 1) > 1)
		return 0;
	if (!control->lasting && !atomic_exchange(&control->armed, 0))
		return 0;
	if (call == INJECT_FLUSH && class == INJECT_LOG && how == INJECT_ERROR)
		atomic_fetch_add(&control->log_flush, 1);
	atomic_fetch_add(&control->hits, 1);
	return how;
}

void
inject_tear(void)
{
	atomic_store(&control->dead, 1);
	die();
}

int
inject_fail(void)
{
	errno = control->error;
	return -1;
}

/* ---- what of the log is not flushed ---- */

static void
lock_ranges(void)
{
	while (atomic_exchange(&control->ranges_lock, 1))
		if (atomic_load(&control->dead))
			die();
}

static void
unlock_ranges(void)
{
	atomic_store(&control->ranges_lock, 0);
}

void
inject_note_written(uint64_t offset, uint64_t length)
{
	struct inject_range *last;

	lock_ranges();
	last = control->range_count > 0 ? &control->ranges[control->range_count - 1] : NULL;
	if (last != NULL && last->offset + last->length == offset)
		last->length += length;
	else if (control->range_count < INJECT_RANGES)
		control->ranges[control->range_count++] = (struct inject_range){offset, length};
	else
		control->ranges_lost = 1;
	unlock_ranges();
}

struct covered
inject_cover(void)
{
	struct covered c;

	lock_ranges();
	c.ranges = control->ranges_dropped + control->range_count;
	c.last_end = control->range_count == 0
			 ? 0
			 : control->ranges[control->range_count - 1].offset +
			       control->ranges[control->range_count - 1].length;
	unlock_ranges();
	return c;
}

/* Others may have flushed meanwhile, and the last range may have grown. */
void
inject_note_flushed(struct covered c)
{
	struct inject_range *r = control->ranges;
	uint32_t n = 0;

	lock_ranges();
	while (n < control->range_count && control->ranges_dropped + n + 1 < c.ranges)
		n++;
	if (n < control->range_count && control->ranges_dropped + n < c.ranges) {
		if (r[n].offset + r[n].length <= c.last_end) {
			n++;
		} else if (r[n].offset < c.last_end) {
			r[n].length -= c.last_end - r[n].offset;
			r[n].offset = c.last_end;
		}
	}
	memmove(r, r + n, (control->range_count - n) * sizeof(*r));
	control->range_count -= n;
	control->ranges_dropped += n;
	unlock_ranges();
}
