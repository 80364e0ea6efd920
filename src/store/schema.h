/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_SCHEMA_H
#define CFS_STORE_SCHEMA_H

/* The tables of the store's database. */

#include "base/rand.h"
#include "store/db.h"

#define STORE_FORMAT 3u

/* Makes the tables and the first rows (id, incarnation, root directory) in an empty database. */
int schema_create(struct db *db, const struct id128 *id, struct cfs_err *err);

/* Reads id and incarnation; CFS_EFORMAT if the database's format is not STORE_FORMAT. */
int schema_identify(struct db *db, struct id128 *id_out, uint32_t *gen_out, struct cfs_err *err);

#endif
