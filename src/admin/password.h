/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_ADMIN_PASSWORD_H
#define CFS_ADMIN_PASSWORD_H

/* Passwords from files and people; never from a command line. The caller wipes what it got. */

#include "base/err.h"

#define PASSWORD_SIZE 1024

/* The first line of a file; "-" is standard input. CFS_EINVAL when it is empty. */
int password_read_file(const char *path, char out[PASSWORD_SIZE], struct cfs_err *err);

/* Asks twice on the terminal, without showing it. CFS_EUSAGE where there is none. */
int password_ask(const char *user, char out[PASSWORD_SIZE], struct cfs_err *err);

#endif
