/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

/* Each test runs with a folder of its own, open as *state. */
struct folder {
	char path[512];
	int fd;
};

static int
make_folder(void **state)
{
	const char *top = getenv("TMPDIR");
	struct folder *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/cfs-io-XXXXXX", top != NULL ? top : "/tmp");
	if (mkdtemp(f->path) == NULL)
		return -1;
	f->fd = io_open(f->path, O_RDONLY | O_DIRECTORY, 0);
	*state = f;
	return f->fd < 0 ? -1 : 0;
}

static int
remove_folder(void **state)
{
	struct folder *f = *state;
	int rc;

	(void)unlinkat(f->fd, "x/y/z", AT_REMOVEDIR);
	(void)unlinkat(f->fd, "x/y", AT_REMOVEDIR);
	(void)unlinkat(f->fd, "x", AT_REMOVEDIR);
	(void)unlinkat(f->fd, "a", 0);
	(void)unlinkat(f->fd, "b", 0);
	fd_close(&f->fd);
	/* Fails, and the test with it, when a temporary file was left. */
	rc = rmdir(f->path);
	free(f);
	return rc;
}

static void
files_are_replaced_whole(void **state)
{
	struct folder *f = *state;
	struct buf text = BUF_INIT;
	struct cfs_err err = CFS_ERR_INIT;
	struct stat st;

	assert_int_equal(io_write_file(f->fd, "a", "one", 3, 0640, &err), 0);
	assert_int_equal(io_write_file(f->fd, "a", "second", 6, 0604, &err), 0);
	assert_int_equal(fstatat(f->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(buf_append_str(&text, ">"), 0);
	assert_int_equal(io_read_file(f->fd, "a", 6, &text, &err), 0);
	assert_string_equal(buf_cstr(&text), ">second");
	assert_int_equal(io_read_file(f->fd, "a", 5, &text, &err), CFS_ETOOBIG);
	assert_int_equal(text.len, 7);
	assert_int_equal(io_read_file(f->fd, "none", 5, &text, &err), CFS_ENOENT);
	assert_non_null(strstr(err.text, "none"));
	buf_fini(&text);
}

static void
a_failed_replacement_changes_nothing(void **state)
{
	struct folder *f = *state;
	struct cfs_err err = CFS_ERR_INIT;

	/* Renaming over a directory fails after the temporary file is whole. */
	assert_int_equal(mkdirat(f->fd, "x", 0700), 0);
	assert_int_equal(io_write_file(f->fd, "x", "one", 3, 0600, &err), CFS_EISDIR);
	assert_int_equal(io_write_file(f->fd, "none/a", "one", 3, 0600, &err), CFS_ENOENT);
}

static void
everything_is_read_and_written(void **state)
{
	struct folder *f = *state;
	int fd = io_openat(f->fd, "a", O_RDWR | O_CREAT, 0600);
	char text[16] = "";

	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(io_write_full(fd, "0123456789", 10), 0);
	assert_int_equal(io_pwrite_full(fd, "AB", 2, 4), 0);
	assert_int_equal(io_pread_full(fd, text, 4, 3), 4);
	assert_memory_equal(text, "3AB6", 4);
	assert_int_equal(io_pread_full(fd, text, 16, 8), 2);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(io_read_full(fd, text, 16), 10);
	assert_int_equal(io_fsync(fd), 0);
	assert_int_equal(io_fdatasync(fd), 0);
	assert_int_equal(io_fsync_dir(f->fd, "."), 0);
	errno = 77;
	fd_close(&fd);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, 77);
	assert_int_equal(io_read_full(-1, text, 1), -1);
	assert_int_equal(errno, EBADF);
}

static void
pieces_from_a_pipe_are_put_together(void **state)
{
	int fds[2];
	char text[8];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_set_nonblock(fds[0], true), 0);
	assert_int_equal(io_read_full(fds[0], text, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fd_set_nonblock(fds[0], false), 0);
	assert_int_equal(io_write_full(fds[1], "abc", 3), 0);
	assert_int_equal(io_write_full(fds[1], "def", 3), 0);
	fd_close(&fds[1]);
	assert_int_equal(io_read_full(fds[0], text, 8), 6);
	assert_memory_equal(text, "abcdef", 6);
	fd_close(&fds[0]);
}

static void
copies_are_exact_and_bounded(void **state)
{
	struct folder *f = *state;
	int a = io_openat(f->fd, "a", O_RDWR | O_CREAT, 0600);
	int b = io_openat(f->fd, "b", O_RDWR | O_CREAT, 0600);
	struct buf text = BUF_INIT;
	uint64_t copied;
	int fds[2];

	assert_int_equal(io_write_full(a, "0123456789", 10), 0);
	assert_int_equal(lseek(a, 2, SEEK_SET), 2);
	assert_int_equal(io_copy(a, b, 3, &copied, NULL), 0);
	assert_int_equal(copied, 3);
	/* Into a pipe the kernel does not copy by itself. */
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(io_copy(a, fds[1], UINT64_MAX, &copied, NULL), 0);
	assert_int_equal(copied, 5);
	fd_close(&fds[1]);
	assert_int_equal(io_copy(fds[0], b, UINT64_MAX, NULL, NULL), 0);
	fd_close(&fds[0]);
	assert_int_equal(io_read_file(f->fd, "b", 100, &text, NULL), 0);
	assert_string_equal(buf_cstr(&text), "23456789");
	assert_int_equal(io_copy(a, -1, 1, &copied, NULL), 0);
	assert_int_equal(lseek(a, 0, SEEK_SET), 0);
	assert_true(io_copy(a, -1, 1, &copied, NULL) < 0);
	buf_fini(&text);
	fd_close(&a);
	fd_close(&b);
}

static void
folders_are_made_with_parents(void **state)
{
	struct folder *f = *state;
	struct cfs_err err = CFS_ERR_INIT;
	char path[600];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s//x/y/z/", f->path);
	assert_int_equal(io_mkdir_p(path, 0700, &err), 0);
	assert_int_equal(io_mkdir_p(path, 0755, &err), 0);
	assert_int_equal(fstatat(f->fd, "x/y", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(io_write_file(f->fd, "a", "", 0, 0600, &err), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", f->path);
	assert_int_equal(io_mkdir_p(path, 0700, &err), CFS_ENOTDIR);
	(void)snprintf(path, sizeof(path), "%s/a", f->path);
	assert_int_equal(io_mkdir_p(path, 0700, &err), CFS_ENOTDIR);
}

#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FOLDER_TEST(files_are_replaced_whole),
	    FOLDER_TEST(a_failed_replacement_changes_nothing),
	    FOLDER_TEST(everything_is_read_and_written),
	    cmocka_unit_test(pieces_from_a_pipe_are_put_together),
	    FOLDER_TEST(copies_are_exact_and_bounded),
	    FOLDER_TEST(folders_are_made_with_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
