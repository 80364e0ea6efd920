/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"
#include "server/audit.h"

/* The end of the file that is looked at: more than the longest line, whose paths are 4 KiB each and may be escaped. */
#define TAIL_BYTES ((size_t)256 * 1024)

/* The number in a line, 0 if it is none of ours. */
static uint64_t
number_in(const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, 0, NULL);
	json_int_t id = json_integer_value(json_object_get(o, "id"));

	json_decref(o);
	return id > 0 ? (uint64_t)id : 0;
}

/* Takes the last whole line from the file's tail, which begins at `from`. */
static void
take_tail(struct audit_file *f, const char *tail, size_t len, uint64_t from)
{
	const char *end = memrchr(tail, '\n', len), *begin;

	f->size = from;
	if (!end)
		return;
	begin = memrchr(tail, '\n', (size_t)(end - tail));
	begin = begin ? begin + 1 : tail;
	f->size = from + (size_t)(end - tail) + 1;
	f->position = number_in(begin, (size_t)(end - begin));
}

static int
read_tail(struct audit_file *f, struct cfs_err *err)
{
	struct stat st;
	uint64_t from;
	char *tail;
	ssize_t n;

	if (fstat(f->fd, &st))
		return err_set_errno(err, errno, "%s", f->path);
	from = (uint64_t)st.st_size > TAIL_BYTES ? (uint64_t)st.st_size - TAIL_BYTES : 0;
	tail = malloc(TAIL_BYTES);
	if (!tail)
		return err_code(err, CFS_ENOMEM);
	n = io_pread_full(f->fd, tail, TAIL_BYTES, from);
	if (n > 0)
		take_tail(f, tail, (size_t)n, from);
	free(tail);
	if (n < 0)
		return err_set_errno(err, errno, "%s", f->path);
	if (f->size < (uint64_t)st.st_size) {
		log_warn("%s: half a line at its end is cut off", f->path);
		if (ftruncate(f->fd, (off_t)f->size))
			return err_set_errno(err, errno, "%s", f->path);
	}
	return 0;
}

static int
note_path(const struct audit_file *f, char *out, size_t size, struct cfs_err *err)
{
	int n = snprintf(out, size, "%s.position", f->path);

	return n > 0 && (size_t)n < size ? 0 : err_code(err, CFS_ENAMETOOLONG);
}

static int
read_note(struct audit_file *f, struct cfs_err *err)
{
	struct buf text = BUF_INIT;
	char path[4096];
	int rc = note_path(f, path, sizeof(path), err);

	if (rc)
		return rc;
	rc = io_read_file(AT_FDCWD, path, 64, &text, err);
	if (rc == 0 && buf_cstr(&text))
		f->noted = strtoull(buf_cstr(&text), NULL, 10);
	buf_fini(&text);
	return rc == CFS_ENOENT ? 0 : rc;
}

int
audit_file_open(struct audit_file *f, const char *path, struct cfs_err *err)
{
	int rc;

	*f = (struct audit_file){.path = path};
	f->fd = io_open(path, O_RDWR | O_APPEND | O_CREAT | O_NOCTTY, 0600);
	if (f->fd < 0)
		return err_set_errno(err, errno, "%s", path);
	rc = read_tail(f, err);
	if (rc == 0)
		rc = read_note(f, err);
	/* A file that was moved away is begun anew where the old one ended. */
	f->position = max_u64(f->position, f->noted);
	if (rc)
		audit_file_close(f);
	return rc;
}

int
audit_file_append(struct audit_file *f, const void *lines, size_t len, uint64_t position,
		  struct cfs_err *err)
{
	int rc = 0;

	if (io_write_full(f->fd, lines, len) || io_fdatasync(f->fd)) {
		rc = err_set_errno(err, errno, "%s", f->path);
		/* What was written of it would be told twice. */
		if (ftruncate(f->fd, (off_t)f->size))
			log_error("%s: cannot be cut to its last whole line", f->path);
		return rc;
	}
	f->size += len;
	f->position = position;
	return 0;
}

int
audit_file_note(struct audit_file *f, struct cfs_err *err)
{
	char path[4096], text[32];
	int rc, n;

	if (f->noted == f->position)
		return 0;
	rc = note_path(f, path, sizeof(path), err);
	if (rc)
		return rc;
	n = snprintf(text, sizeof(text), "%" PRIu64 "\n", f->position);
	rc = io_write_file(AT_FDCWD, path, text, (size_t)n, 0600, err);
	if (rc == 0)
		f->noted = f->position;
	return rc;
}

void
audit_file_close(struct audit_file *f)
{
	fd_close(&f->fd);
}
