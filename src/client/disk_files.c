/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/disk_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/io.h"

#define FORMAT 1u

static const char magic[8] = "CFSCACHE";

/* ---- records */

void
disk_record_encode(const struct disk_record *r, unsigned char out[DISK_RECORD])
{
	memset(out, 0, DISK_RECORD);
	store_le32(out + 4, r->crc);
	store_le64(out + 8, r->scope);
	memcpy(out + 16, r->blob.b, sizeof(r->blob.b));
	store_le32(out + 32, r->part);
	store_le32(out + 36, r->len);
	store_le64(out + 40, r->ino);
	store_le64(out + 48, r->used);
	store_le32(out, crc32c(0, out + 4, DISK_RECORD - 4));
}

bool
disk_record_decode(struct disk_record *r, const unsigned char in[DISK_RECORD])
{
	r->crc = load_le32(in + 4);
	r->scope = load_le64(in + 8);
	memcpy(r->blob.b, in + 16, sizeof(r->blob.b));
	r->part = load_le32(in + 32);
	r->len = load_le32(in + 36);
	r->ino = load_le64(in + 40);
	r->used = load_le64(in + 48);
	return r->len > 0 && r->len <= DISK_PART &&
	       load_le32(in) == crc32c(0, in + 4, DISK_RECORD - 4);
}

int
disk_files_write_record(const struct disk_files *f, uint32_t place, const struct disk_record *r)
{
	unsigned char bytes[DISK_RECORD] = {0};

	if (r != NULL)
		disk_record_encode(r, bytes);
	return io_pwrite_full(f->index, bytes, sizeof(bytes),
			      DISK_INDEX_HEADER + (uint64_t)place * DISK_RECORD);
}

/* ---- opening */

/* Nobody else may put bytes in here: the checksums are against accidents. */
static int
check_owner(const struct stat *st, const char *what, struct cfs_err *err)
{
	if (st->st_uid != geteuid())
		return err_set(err, CFS_EDENIED, "%s: belongs to another user", what);
	if ((st->st_mode & 022) != 0)
		return err_set(err, CFS_EDENIED, "%s: others may write to it", what);
	return 0;
}

static int
open_directory(const char *dir, int *fd_out, struct cfs_err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_set_errno(err, errno, "%s", dir);
	*fd_out = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd_out < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(err, CFS_ENOTDIR, "%s: not a directory", dir);
	if (*fd_out < 0 || fstat(*fd_out, &st) != 0)
		return err_set_errno(err, errno, "%s", dir);
	return check_owner(&st, dir, err);
}

static int
open_file(int dir, const char *name, int *fd_out, struct stat *st, struct cfs_err *err)
{
	int rc;

	*fd_out = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (*fd_out < 0 || fstat(*fd_out, st) != 0)
		return err_set_errno(err, errno, "%s", name);
	if (!S_ISREG(st->st_mode))
		return err_set(err, CFS_EDENIED, "%s: not a file", name);
	rc = check_owner(st, name, err);
	if (rc == 0 && (st->st_mode & 077) != 0 && fchmod(*fd_out, 0600) != 0)
		rc = err_set_errno(err, errno, "%s", name);
	return rc;
}

static bool
has_header(int fd)
{
	unsigned char h[16];

	return io_pread_full(fd, h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	       memcmp(h, magic, sizeof(magic)) == 0 && load_le32(h + 8) == FORMAT &&
	       load_le32(h + 12) == DISK_PART;
}

static int
write_header(int fd)
{
	unsigned char h[DISK_INDEX_HEADER] = {0};

	memcpy(h, magic, sizeof(magic));
	store_le32(h + 8, FORMAT);
	store_le32(h + 12, DISK_PART);
	return io_pwrite_full(fd, h, sizeof(h), 0);
}

static int
shorten(int fd, const struct stat *st, uint64_t size)
{
	return (uint64_t)st->st_size > size ? ftruncate(fd, (off_t)size) : 0;
}

/* What they hold beyond the bound goes before anything is added. */
static int
cut(const struct disk_files *f, const struct stat *index, const struct stat *parts, uint32_t places,
    struct cfs_err *err)
{
	bool good = has_header(f->index);

	if (!good)
		places = 0;
	if (shorten(f->index, index, DISK_INDEX_HEADER + (uint64_t)places * DISK_RECORD) != 0 ||
	    shorten(f->parts, parts, (uint64_t)places * DISK_PART) != 0)
		return err_set_errno(err, errno, "cut");
	/* On a full disk it stays empty: what cannot be written is not kept. */
	if (!good)
		(void)write_header(f->index);
	return 0;
}

int
disk_files_open(const char *dir, uint32_t places, struct disk_files *out, struct cfs_err *err)
{
	struct stat index, parts;
	int dir_fd = -1, rc;

	*out = (struct disk_files){.index = -1, .parts = -1};
	rc = open_directory(dir, &dir_fd, err);
	if (rc == 0)
		rc = open_file(dir_fd, "index", &out->index, &index, err);
	if (rc == 0 && flock(out->index, LOCK_EX | LOCK_NB) != 0)
		rc = err_set(err, CFS_EBUSY, "%s: another mount uses it", dir);
	if (rc == 0)
		rc = open_file(dir_fd, "parts", &out->parts, &parts, err);
	/* It may have grown before the lock was there. */
	if (rc == 0 && fstat(out->index, &index) != 0)
		rc = err_set_errno(err, errno, "index");
	if (rc == 0)
		rc = cut(out, &index, &parts, places, err);
	if (rc != 0)
		disk_files_close(out);
	fd_close(&dir_fd);
	return rc;
}

void
disk_files_close(struct disk_files *f)
{
	fd_close(&f->parts);
	fd_close(&f->index);
}

static bool
has_name(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

bool
disk_files_are_there(const struct disk_files *f)
{
	return has_name(f->index) && has_name(f->parts);
}

void
disk_files_give_up(const struct disk_files *f)
{
	if (ftruncate(f->parts, 0) != 0 || ftruncate(f->index, 0) != 0) {
		/* They go when they are closed. */
	}
	/* One of the names may still be there, to be opened anew. */
	(void)flock(f->index, LOCK_UN);
}
