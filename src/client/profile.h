/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_PROFILE_H
#define CFS_CLIENT_PROFILE_H

#include "base/err.h"
#include "base/hash.h"

/* Whether a name can be a profile's (and a file's and an INI section's); 0 or CFS_EUSAGE. */
int profile_check_name(const char *name, struct cfs_err *err);

/* Writes down what is known of a saved profile's server: its key, and the next one (NULL: none). 0 or a code. */
int profile_note_pins(const char *name, const struct sha256 *pin, const struct sha256 *next,
		      struct cfs_err *err);

#endif
