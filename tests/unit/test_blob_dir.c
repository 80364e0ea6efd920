/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory of blobs when the disk is full or fails, and what it leaves on the disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "store/blob.h"
#include "store/blob_fds.h"

/* These take libc's place in this program, so that a test can let one fail. 0: works. */
static int fail_fdatasync, fail_fsync, fail_write_after;
static unsigned fsyncs;

int
fdatasync(int fd)
{
	if (fail_fdatasync != 0) {
		errno = fail_fdatasync;
		fail_fdatasync = 0;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	fsyncs++;
	if (fail_fsync != 0) {
		errno = fail_fsync;
		fail_fsync = 0;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* Writes a little and then says that the disk is full. */
ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	if (fail_write_after > 0) {
		struct iovec little = {iov[0].iov_base, 1};

		if (--fail_write_after > 0)
			return syscall(SYS_pwritev, fd, &little, 1, offset, 0);
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwritev, fd, iov, count, offset, 0);
}

struct fixture {
	struct blob_backend *b;
	int dir;
	char folder[256];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	if (f == NULL)
		return -1;
	snprintf(f->folder, sizeof(f->folder), "%s/blobdir.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(f->folder) == NULL)
		return -1;
	f->dir = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0 || blob_dir_create(f->dir, NULL) != 0 ||
	    blob_dir_open(f->dir, &f->b, NULL) != 0)
		return -1;
	*state = f;
	return 0;
}

/* Files in the fan-out; with empty they and the folders are removed. */
static unsigned
count_files(const struct fixture *f, bool empty)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 256; i++) {
		char name[8];
		struct dirent *e;
		DIR *d;
		int fd;

		snprintf(name, sizeof(name), "%02x", i);
		fd = openat(f->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		d = fd < 0 ? NULL : fdopendir(fd);
		while (d != NULL && (e = readdir(d)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			n++;
			if (empty)
				unlinkat(dirfd(d), e->d_name, 0);
		}
		if (d != NULL)
			closedir(d);
		if (empty)
			unlinkat(f->dir, name, AT_REMOVEDIR);
	}
	return n;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	blob_close(f->b);
	count_files(f, true);
	close(f->dir);
	rmdir(f->folder);
	free(f);
	return 0;
}

static int
put(const struct fixture *f, const struct id128 *id, struct cfs_err *err)
{
	char text[] = "content";
	struct iovec iov = {text, 7};

	return blob_put(f->b, id, &iov, 1, err);
}

static void
files_are_private_and_fanned_out(void **state)
{
	struct fixture *f = *state;
	struct id128 id;
	struct stat st;

	assert_int_equal(id128_parse(&id, "a1b2c3d4e5f60718293a4b5c6d7e8f90"), 0);
	assert_int_equal(put(f, &id, NULL), 0);
	assert_int_equal(fstatat(f->dir, "a1/a1b2c3d4e5f60718293a4b5c6d7e8f90", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 7);
	assert_int_equal(fstatat(f->dir, "a1", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

static void
a_second_fan_out_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(blob_dir_create(f->dir, NULL), CFS_EEXIST);
}

static void
a_full_disk_leaves_no_half_file(void **state)
{
	struct fixture *f = *state;
	struct id128 id = id128_random();
	struct cfs_err err = CFS_ERR_INIT;

	fail_write_after = 3;
	assert_int_equal(put(f, &id, &err), CFS_ENOSPC);
	assert_non_null(strstr(err.text, "write"));
	assert_int_equal(fail_write_after, 0);
	assert_int_equal(count_files(f, false), 0);
	assert_int_equal(put(f, &id, NULL), 0);
}

static void
a_failed_flush_fails_the_put_alone(void **state)
{
	struct fixture *f = *state;
	struct id128 id = id128_random(), other = id128_random();

	fail_fdatasync = EIO;
	assert_int_equal(put(f, &id, NULL), CFS_EIO);
	fail_fdatasync = ENOSPC;
	assert_int_equal(put(f, &id, NULL), CFS_ENOSPC);
	assert_int_equal(count_files(f, false), 0);
	assert_int_equal(put(f, &other, NULL), 0);
}

static void
a_failed_folder_flush_stops_all_puts(void **state)
{
	struct fixture *f = *state;
	struct id128 id = id128_random(), other = id128_random();
	char c;
	struct iovec out = {&c, 1};
	unsigned before;

	assert_int_equal(put(f, &other, NULL), 0);
	fail_fsync = EIO;
	assert_int_equal(put(f, &id, NULL), CFS_EIO);
	before = fsyncs;
	assert_int_equal(put(f, &id, NULL), CFS_EREADONLY);
	assert_int_equal(fsyncs, before);
	assert_int_equal(count_files(f, false), 1);
	assert_int_equal(blob_read(f->b, &other, 0, &out, 1, NULL), 0);
}

static void
each_put_flushes_its_folder(void **state)
{
	struct fixture *f = *state;
	unsigned before = fsyncs;

	for (unsigned i = 0; i < 3; i++) {
		struct id128 id = id128_random();

		assert_int_equal(put(f, &id, NULL), 0);
	}
	assert_int_equal(fsyncs, before + 3);
}

static unsigned
open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
removals_are_flushed_together(void **state)
{
	struct fixture *f = *state;
	struct id128 ids[6];
	unsigned before;

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		ids[i] = id128_random();
		ids[i].b[0] = (unsigned char)(i % 2);
		assert_int_equal(put(f, &ids[i], NULL), 0);
	}
	before = fsyncs;
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(blob_remove(f->b, &ids[i], NULL), 0);
	assert_int_equal(fsyncs, before);
	assert_int_equal(blob_sync_removed(f->b, NULL), 0);
	assert_int_equal(fsyncs, before + 2);
	assert_int_equal(blob_sync_removed(f->b, NULL), 0);
	assert_int_equal(fsyncs, before + 2);
	assert_int_equal(blob_remove(f->b, &ids[0], NULL), 0);
	fail_fsync = EIO;
	assert_int_equal(blob_sync_removed(f->b, NULL), CFS_EIO);
	assert_int_equal(blob_sync_removed(f->b, NULL), CFS_EREADONLY);
}

static void
descriptors_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct id128 ids[100];
	char c;
	struct iovec out = {&c, 1};
	unsigned before = open_descriptors();

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
		ids[i] = id128_random();
		assert_int_equal(put(f, &ids[i], NULL), 0);
		assert_int_equal(blob_read(f->b, &ids[i], 0, &out, 1, NULL), 0);
	}
	assert_in_range(open_descriptors() - before, 1, BLOB_FDS_MAX);
	blob_idle(f->b);
	assert_int_equal(open_descriptors(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(files_are_private_and_fanned_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_second_fan_out_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_full_disk_leaves_no_half_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failed_flush_fails_the_put_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failed_folder_flush_stops_all_puts, setup, teardown),
	    cmocka_unit_test_setup_teardown(each_put_flushes_its_folder, setup, teardown),
	    cmocka_unit_test_setup_teardown(removals_are_flushed_together, setup, teardown),
	    cmocka_unit_test_setup_teardown(descriptors_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests_name("blob_dir", tests, NULL, NULL);
}
