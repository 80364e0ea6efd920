/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_CONF_VALUE_H
#define CFS_BASE_CONF_VALUE_H

/* How one value of a settings file is read: between conf.c and conf_value.c alone. */

#include "base/conf.h"

/* Room for the reason why a value is refused. */
#define CONF_WHY_MAX 200

/*
 * Reads text as k's type and stores it in values; strings and lists become conf's. first: this is the key's first value in
 * the file, which replaces the default of a list. Returns 0, CFS_ENOMEM, or CFS_ECONFIG with the reason in why.
 */
int conf_value_set(struct conf *conf, const struct conf_key *k, const char *text, bool first,
		   void *values, char why[CONF_WHY_MAX]);

/* Stores k's default, or the type's zero where it has none. As conf_value_set(). */
int conf_value_default(struct conf *conf, const struct conf_key *k, void *values,
		       char why[CONF_WHY_MAX]);

#endif
