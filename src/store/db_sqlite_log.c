/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/db_sqlite_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define VFS_NAME "cfs"

/* A page's header in the log; at COMMIT_AT, big-endian, the size of the database after a commit, else 0. */
#define HEADER_SIZE 24
#define COMMIT_AT   4

/* SQLite's own writes of 128 KiB or more would fail: none of its pages is so large, and it looks at 17 bits of the size. */
#define GATHER_FIRST 32768u
#define GATHER_MAX   98304u /* before another page of 4 KiB comes */

/* The log; SQLite's own file object follows it in the same memory. */
struct log_file {
	sqlite3_file base;
	sqlite3_file *real;
	unsigned char *gathered;
	size_t len, cap;
	sqlite3_int64 at;      /* where the gathered bytes belong */
	sqlite3_int64 page_at; /* where the page of the last header belongs; 0: it was written */
	sqlite3_int64 next;    /* behind the page that was added last: what comes there continues */
	bool header, commit;   /* the last write was a page's header; that of a commit */
};

static struct log_file *
log_of(sqlite3_file *f)
{
	return (struct log_file *)(void *)f;
}

static void
forget(struct log_file *l)
{
	l->len = 0;
	l->header = l->commit = false;
}

static int
flush(struct log_file *l)
{
	size_t len = l->len;

	forget(l);
	return len > 0 ? l->real->pMethods->xWrite(l->real, l->gathered, (int)len, l->at)
		       : SQLITE_OK;
}

/* False without memory. */
static bool
gather(struct log_file *l, const void *data, size_t n, sqlite3_int64 offset)
{
	if (l->len + n > l->cap) {
		size_t cap = max_size(l->cap * 2, GATHER_FIRST);
		unsigned char *p;

		while (cap < l->len + n)
			cap *= 2;
		p = realloc(l->gathered, cap);
		if (p == NULL)
			return false;
		l->gathered = p;
		l->cap = cap;
	}
	if (l->len == 0)
		l->at = offset;
	memcpy(l->gathered + l->len, data, n);
	l->len += n;
	return true;
}

static int
write_through(struct log_file *l, const void *data, int n, sqlite3_int64 offset)
{
	int rc = flush(l);

	return rc != SQLITE_OK ? rc : l->real->pMethods->xWrite(l->real, data, n, offset);
}

static int
write_header(struct log_file *l, const unsigned char *data, sqlite3_int64 offset)
{
	l->page_at = offset + HEADER_SIZE;
	/* Not the next one: it may be written anew, to mend a checksum, and then no page comes behind it. */
	if (offset < l->next)
		return write_through(l, data, HEADER_SIZE, offset);
	if ((l->len > 0 && offset != l->at + (sqlite3_int64)l->len) || l->len > GATHER_MAX) {
		int rc = flush(l);

		if (rc != SQLITE_OK)
			return rc;
	}
	if (!gather(l, data, HEADER_SIZE, offset))
		return write_through(l, data, HEADER_SIZE, offset);
	l->header = true;
	l->commit = memcmp(data + COMMIT_AT, "\0\0\0\0", 4) != 0;
	return SQLITE_OK;
}

static int
log_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 offset)
{
	struct log_file *l = log_of(f);
	bool commit = l->commit;

	if (n == HEADER_SIZE)
		return write_header(l, data, offset);
	/* A page that is written over within its transaction comes without a header, and adds nothing. */
	if (offset == l->page_at)
		l->next = offset + n;
	l->page_at = 0;
	if (!l->header || offset != l->at + (sqlite3_int64)l->len ||
	    !gather(l, data, (size_t)n, offset))
		return write_through(l, data, n, offset);
	l->header = l->commit = false;
	return commit ? flush(l) : SQLITE_OK;
}

/* ---- everything else is SQLite's own, on what was written before */

static int
log_close(sqlite3_file *f)
{
	struct log_file *l = log_of(f);

	free(l->gathered);
	return l->real->pMethods->xClose(l->real);
}

static int
log_read(sqlite3_file *f, void *data, int n, sqlite3_int64 offset)
{
	struct log_file *l = log_of(f);
	int rc = flush(l);

	return rc != SQLITE_OK ? rc : l->real->pMethods->xRead(l->real, data, n, offset);
}

static int
log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct log_file *l = log_of(f);
	int rc = flush(l);

	return rc != SQLITE_OK ? rc : l->real->pMethods->xTruncate(l->real, size);
}

static int
log_sync(sqlite3_file *f, int flags)
{
	struct log_file *l = log_of(f);
	int rc = flush(l);

	return rc != SQLITE_OK ? rc : l->real->pMethods->xSync(l->real, flags);
}

static int
log_size(sqlite3_file *f, sqlite3_int64 *size)
{
	struct log_file *l = log_of(f);
	int rc = flush(l);

	return rc != SQLITE_OK ? rc : l->real->pMethods->xFileSize(l->real, size);
}

static int
log_lock(sqlite3_file *f, int level)
{
	return log_of(f)->real->pMethods->xLock(log_of(f)->real, level);
}

static int
log_unlock(sqlite3_file *f, int level)
{
	return log_of(f)->real->pMethods->xUnlock(log_of(f)->real, level);
}

static int
log_check_lock(sqlite3_file *f, int *held)
{
	return log_of(f)->real->pMethods->xCheckReservedLock(log_of(f)->real, held);
}

static int
log_control(sqlite3_file *f, int op, void *arg)
{
	return log_of(f)->real->pMethods->xFileControl(log_of(f)->real, op, arg);
}

static int
log_sector(sqlite3_file *f)
{
	return log_of(f)->real->pMethods->xSectorSize(log_of(f)->real);
}

static int
log_device(sqlite3_file *f)
{
	return log_of(f)->real->pMethods->xDeviceCharacteristics(log_of(f)->real);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_device,
};

/* ---- the VFS */

static sqlite3_vfs *system_vfs;

static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *flags_out)
{
	struct log_file *l = log_of(f);
	int rc;

	(void)vfs;
	if ((flags & SQLITE_OPEN_WAL) == 0)
		return system_vfs->xOpen(system_vfs, name, f, flags, flags_out);
	*l = (struct log_file){.real = (sqlite3_file *)(void *)(l + 1)};
	rc = system_vfs->xOpen(system_vfs, name, l->real, flags, flags_out);
	l->base.pMethods = l->real->pMethods != NULL ? &log_methods : NULL;
	return rc;
}

static int
keep_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	if (name[0] == '/')
		return system_vfs->xFullPathname(system_vfs, name, size, out);
	return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

const char *
sqlite_log_vfs(void)
{
	sqlite3_vfs *vfs;

	if (sqlite3_vfs_find(VFS_NAME) != NULL)
		return VFS_NAME;
	system_vfs = sqlite3_vfs_find(NULL);
	vfs = malloc(sizeof(*vfs));
	if (vfs == NULL || system_vfs == NULL) {
		free(vfs);
		return NULL;
	}
	*vfs = *system_vfs;
	vfs->zName = VFS_NAME;
	vfs->szOsFile += (int)sizeof(struct log_file);
	vfs->xOpen = open_file;
	vfs->xFullPathname = keep_path;
	(void)sqlite3_vfs_register(vfs, 0);
	return VFS_NAME;
}

void
sqlite_log_forget(sqlite3 *db)
{
	sqlite3_file *f = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) == SQLITE_OK &&
	    f != NULL && f->pMethods == &log_methods)
		forget(log_of(f));
}
