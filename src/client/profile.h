/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_PROFILE_H
#define CFS_CLIENT_PROFILE_H

#include "base/err.h"

/* Whether a name can be a profile's (and a file's and an INI section's); 0 or CFS_EUSAGE. */
int profile_check_name(const char *name, struct cfs_err *err);

#endif
