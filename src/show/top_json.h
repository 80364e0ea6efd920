/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SHOW_TOP_JSON_H
#define CFS_SHOW_TOP_JSON_H

#include "show/top.h"

/* Prints a look as one object on one line; counters, not rates. Field names stay. 0 or CFS_ENOMEM. */
int top_json_print(FILE *f, const struct cfs_top *t, bool admin);

#endif
