/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_ERR_H
#define CFS_BASE_ERR_H

/*
 * Errors: one negative code and one line of context, in a buffer that the caller owns.
 *
 * A function that can fail returns 0 or a negative CFS_E… code. One that crosses a layer also takes a struct cfs_err *,
 * which may be NULL where the caller does not want the text. The lowest function that knows what happened calls
 * err_set(); each layer on the way up may put its own context in front with err_wrap(); the outermost caller prints.
 * Nothing here allocates, locks or touches errno.
 */

#include <stddef.h>

/* Negative codes, see errors.def; CFS_OK is 0. */
enum cfs_code {
	CFS_OK = 0,
#define ERR(name, number, exit_code, errno_value, text) CFS_E##name = -(number),
#include "base/errors.def"
#undef ERR
};

#define CFS_ERR_TEXT_MAX 512

/* Plain data; initialise with CFS_ERR_INIT. The text is always NUL-terminated and never has a newline of its own. */
struct cfs_err {
	int code;
	char text[CFS_ERR_TEXT_MAX];
};

#define CFS_ERR_INIT                                                                               \
	{                                                                                          \
		.code = 0, .text = ""                                                              \
	}

/*
 * Records code and the formatted text (cut to fit), replacing what was there. Returns code, so that a function can
 * end with `return err_set(...)`. err may be NULL. code must be negative.
 */
int err_set(struct cfs_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * As err_set() for a failed system call: code and text come from errno_value (err_from_errno()), the formatted text
 * stands before it: "open blobs/a1: No space left on device".
 */
int err_set_errno(struct cfs_err *err, int errno_value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text that is there. Returns err->code, or CFS_EFAIL if err is NULL. */
int err_wrap(struct cfs_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets code and text from one of CFS's own codes alone, with its text from errors.def. Returns code. */
int err_code(struct cfs_err *err, int code);

/* The code's text from errors.def; a constant, never NULL, also for an unknown code. */
const char *err_text(int code);

/* The code's stable name as it stands in --json output ("NOENT"); never NULL. */
const char *err_name(int code);

/* The exit code of `cfs` for a code (0 for CFS_OK, 1 for an unknown one). */
int err_exit_code(int code);

/* The errno that the mount answers for a code (0 for CFS_OK, EIO for an unknown one); positive. */
int err_to_errno(int code);

/* The CFS code nearest to an errno of the server's or client's own system calls; CFS_EIO where none fits. */
int err_from_errno(int errno_value);

/*
 * The code for an errno of a call on this machine's files, where the client works on them: what scripts tell apart by its exit
 * code (not there, not permitted, there already, no space) as such, all else CFS_ELOCALIO.
 */
int err_from_local(int errno_value);

/* The code for a number from the wire (positive there); CFS_EFAIL for a number this build does not know. */
int err_from_wire(unsigned number);

/* The number that stands on the wire for a code: 0 for CFS_OK. */
unsigned err_to_wire(int code);

#endif
