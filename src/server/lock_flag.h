/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_LOCK_FLAG_H
#define CFS_SERVER_LOCK_FLAG_H

/* The file that says, to whoever starts next, that locks may be out. */

#include <stdbool.h>

struct lock_flag {
	char *path, *folder;
	bool up;
};

/* Looks whether it is up. The names are copied. 0 or CFS_ENOMEM; lock_flag_fini() in any case. */
int lock_flag_init(struct lock_flag *f, const char *path, const char *folder);
void lock_flag_fini(struct lock_flag *f);

/* On stable storage when it returns 0; CFS_ENOLCK (logged). */
int lock_flag_raise(struct lock_flag *f);
void lock_flag_lower(struct lock_flag *f);

#endif
