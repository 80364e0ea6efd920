/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_USERS_H
#define CFS_CLIENT_USERS_H

/* The cache behind cfs_user_name(). */

struct user_names;

/* NULL is fine. */
void users_free(struct user_names *u);

#endif
