/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_IO_H
#define CFS_BASE_IO_H

/*
 * File descriptors done right: EINTR and short counts, close-on-exec, and files that are replaced whole. No state; any
 * thread (on descriptors of its own).
 *
 * The thin wrappers of one system call answer as it does (-1 and errno), because their callers know the file's name and
 * say it with err_set_errno(); the functions that do several steps take a struct cfs_err and name the path in it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Reads until n bytes are there, or the end of the file. Returns the number read (less than n only at the end), or -1
 * with errno. For blocking descriptors; how much was read before an error is not known.
 */
ssize_t io_read_full(int fd, void *p, size_t n);
ssize_t io_pread_full(int fd, void *p, size_t n, uint64_t offset);

/* Writes all n bytes. Returns 0, or -1 with errno (some may be written then). For blocking descriptors. */
int io_write_full(int fd, const void *p, size_t n);
int io_pwrite_full(int fd, const void *p, size_t n, uint64_t offset);

/* openat(2) with O_CLOEXEC added and EINTR retried. dir_fd may be AT_FDCWD. Returns a descriptor, or -1 with errno. */
int io_openat(int dir_fd, const char *path, int flags, mode_t mode);

/* io_openat() from the working directory. */
int io_open(const char *path, int flags, mode_t mode);

/*
 * Closes *fd if it is not negative and sets it to -1; errno stays as it was. The result of close(2) is not reported:
 * whoever needs written bytes to be safe has called fsync(2) before (close(2), NOTES).
 */
void fd_close(int *fd);

/* Sets or clears O_NONBLOCK. Returns 0, or -1 with errno. */
int fd_set_nonblock(int fd, bool on);

/*
 * For the first line of main(): opens those of descriptors 0 to 2 that are closed, so that no file or socket gets their
 * numbers and is then read or written as standard input or output. Using them goes on failing with EBADF.
 */
void fd_keep_standard(void);

/* fsync(2) and fdatasync(2), EINTR retried. Return 0, or -1 with errno; a failure must not be retried by the caller. */
int io_fsync(int fd);
int io_fdatasync(int fd);

/* Makes the names in a directory durable: opens path (from dir_fd or AT_FDCWD) and fsyncs it. 0, or -1 with errno. */
int io_fsync_dir(int dir_fd, const char *path);

/*
 * Copies up to max bytes (UINT64_MAX: to the end) from in's position to out's, inside the kernel where both allow it.
 * *copied_out (may be NULL) gets the number of bytes, also on error. The end of in is no error. Returns 0 or a code.
 */
int io_copy(int in, int out, uint64_t max, uint64_t *copied_out, struct cfs_err *err);

/*
 * Makes path (from dir_fd or AT_FDCWD) hold exactly these bytes, durably and whole: a temporary file beside it, written,
 * fsynced, renamed over path, and its directory fsynced. mode is set exactly, whatever the umask. On error path is as
 * it was (or, when only the last step failed, new but perhaps not durable) and no temporary file is left.
 */
int io_write_file(int dir_fd, const char *path, const void *data, size_t n, mode_t mode,
		  struct cfs_err *err);

/*
 * Appends a whole regular file or pipe of at most max bytes to out. CFS_ETOOBIG when there are more; the system's error
 * as a code otherwise (CFS_ENOENT…). out is as before on error.
 */
int io_read_file(int dir_fd, const char *path, size_t max, struct buf *out, struct cfs_err *err);

/*
 * Makes the directory and its missing parents with this mode (less the umask; the mode of those that exist stays). It
 * is no error when path is a directory already. Returns 0 or a code.
 */
int io_mkdir_p(const char *path, mode_t mode, struct cfs_err *err);

#endif
