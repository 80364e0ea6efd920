/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "store/attic_path.h"

/* Looking into the attic. Ids are collected first, then told one by one, so that no statement is open twice. */

#define ENTRIES_MAX 65536u /* of one name, or of one listing */

struct ids {
	uint64_t *v;
	size_t count, cap;
};

static int
ids_add(struct ids *ids, uint64_t id, struct cfs_err *err)
{
	if (ids->count == ENTRIES_MAX)
		return 0;
	if (ids->count == ids->cap) {
		size_t cap = ids->cap == 0 ? 32 : ids->cap * 2;
		uint64_t *v = realloc(ids->v, cap * sizeof(*v));

		if (v == NULL)
			return err_code(err, CFS_ENOMEM);
		ids->v = v;
		ids->cap = cap;
	}
	ids->v[ids->count++] = id;
	return 0;
}

static int
newest_first(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

static void
ids_sort(struct ids *ids)
{
	size_t kept = 0;

	if (ids->count == 0)
		return;
	qsort(ids->v, ids->count, sizeof(*ids->v), newest_first);
	for (size_t i = 0; i < ids->count; i++) {
		if (kept == 0 || ids->v[i] != ids->v[kept - 1])
			ids->v[kept++] = ids->v[i];
	}
	ids->count = kept;
}

/* Takes the first column of the rows. */
static int
ids_take(struct ids *ids, struct db_stmt *st, struct cfs_err *err)
{
	int rc;

	while ((rc = db_step(st, err)) == 1) {
		rc = ids_add(ids, db_col_u64(st, 0), err);
		if (rc != 0)
			break;
	}
	db_done(st);
	return rc;
}

/* ---- telling ---- */

#define ENTRY_COLUMNS                                                                              \
	"a.id, a.kind, a.how, a.ino, a.removed, a.remover, a.version, a.size, a.extra, a.path,"    \
	" a.name, a.owner"
#define ENTRY_COLUMN_COUNT 12

/* The version that this one of an inode was restored from: 1 and *source_out, 0, or a code. */
static int
source_of(struct store *s, uint64_t ino, uint64_t version, uint64_t *source_out,
	  struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT extra FROM attic WHERE ino = ?1 AND kind = 4 AND version = ?2"};

	return sql_get(s, &sql, SQL_ARGS(ino, version), source_out, err);
}

static void
entry_from_row(struct db_stmt *st, struct attic_entry *e)
{
	struct inode in = {0};
	enum attic_kind kind = (enum attic_kind)db_col_i64(st, 1);

	if (!db_col_null(st, ENTRY_COLUMN_COUNT))
		inode_from_row(st, ENTRY_COLUMN_COUNT, &in);
	*e = (struct attic_entry){
	    .id = db_col_u64(st, 0),
	    .how = (enum attic_how)db_col_i64(st, 2),
	    .attr = in.a,
	    .version = db_col_u64(st, 6),
	    .removed_ns = db_col_i64(st, 4),
	    .remover = db_col_u64(st, 5),
	    .path = db_col_blob(st, 9),
	    .name = db_col_blob(st, 10),
	};
	e->attr.ino = db_col_u64(st, 3);
	e->attr.owner = db_col_u64(st, 11);
	if (kind == ATTIC_NAME)
		e->how = ATTIC_NAME_GONE;
	if (kind == ATTIC_DIRECTORY) {
		e->attr.type = INODE_DIR;
		e->attr.mode = (uint32_t)db_col_u64(st, 8);
	}
}

/* Calls each() with an entry, unless it is a note or another's: 1 when each() did not take it. */
static int
tell(struct store *s, const struct cred *cred, uint64_t id, attic_fn *each, void *arg,
     struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " ENTRY_COLUMNS ", " INODE_COLUMNS
					  " FROM attic a LEFT JOIN inode i ON i.ino = a.ino"
					  " WHERE a.id = ?1 AND a.kind <> 4"};
	uint64_t source = 0;
	struct attic_entry e;
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	db_bind_u64(st, 1, id);
	rc = db_step(st, err);
	if (rc == 1) {
		entry_from_row(st, &e);
		rc = source_of(s, e.attr.ino, e.version, &source, err);
		e.source = source;
		if (rc >= 0)
			rc = cred_owns(cred, e.attr.owner) && each(arg, &e) != 0;
	}
	db_done(st);
	return rc;
}

static int
tell_all(struct store *s, const struct cred *cred, struct ids *ids, uint64_t before, attic_fn *each,
	 void *arg, bool *eof_out, struct cfs_err *err)
{
	int rc = 0;

	ids_sort(ids);
	for (size_t i = 0; i < ids->count && rc == 0; i++) {
		if (before == 0 || ids->v[i] < before)
			rc = tell(s, cred, ids->v[i], each, arg, err);
	}
	*eof_out = rc == 0;
	return rc < 0 ? rc : 0;
}

/* ---- versions of a name ---- */

/*
 * Entry by entry, what its inode took the place of, each once (UNION): the entries of a name lead to each other, and each on
 * its own to all that are older.
 */
#define FOLLOW                                                                                     \
	" UNION SELECT a.id, a.ino, a.kind FROM v JOIN attic a ON a.heir = v.ino"                  \
	" WHERE v.kind = 1 AND a.heir <> 0) SELECT id FROM v LIMIT 65536"

static int
of_name(struct store *s, uint64_t dir, struct bytes_view name, struct ids *ids, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "WITH RECURSIVE v (id, ino, kind) AS (SELECT id, ino, kind FROM attic"
	    " WHERE dir = ?1 AND name = ?2 AND kind <> 4" FOLLOW};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, dir);
	db_bind_blob(st, 2, name.data, name.len);
	return ids_take(ids, st, err);
}

/* What an inode took the place of. */
static int
of_heir(struct store *s, uint64_t ino, struct ids *ids, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "WITH RECURSIVE v (id, ino, kind) AS (SELECT id, ino, kind FROM attic"
	    " WHERE heir = ?1 AND heir <> 0" FOLLOW};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, ino);
	return ids_take(ids, st, err);
}

static int
collect(struct store *s, const struct attic_place *at, struct ids *ids, struct cfs_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < at->parents.count && rc == 0; i++)
		rc = of_name(s, at->parents.inos[i], at->name, ids, err);
	if (rc == 0 && at->walk.found)
		rc = of_heir(s, at->walk.attr.ino, ids, err);
	return rc;
}

/* 1 when each() did not take it. */
static int
tell_present(struct store *s, const struct attic_place *at, attic_fn *each, void *arg,
	     struct cfs_err *err)
{
	struct attic_entry e = {
	    .attr = at->walk.attr, .version = at->walk.attr.version, .name = at->name};
	int rc = source_of(s, e.attr.ino, e.version, &e.source, err);

	return rc < 0 ? rc : each(arg, &e) != 0;
}

/* Others do not see what was. */
static int
check_owner(struct store *s, const struct cred *cred, const struct dir_set *set,
	    struct cfs_err *err)
{
	struct inode dir;
	int rc;

	if (set->live == 0)
		return 0;
	rc = inode_find(s, set->live, &dir, err);
	if (rc == 1 && dir.a.ino != STORE_ROOT_INO && !cred_owns(cred, dir.a.owner))
		return err_set(err, CFS_EDENIED, "what was is shown to the owner alone");
	return rc < 0 ? rc : 0;
}

/* What a path leads to, and which entries of the attic are told of it. */
typedef int gather_fn(struct store *s, const struct cred *cred, struct attic_place *at,
		      struct ids *ids, struct cfs_err *err);

static int
list_of_path(struct store *s, const struct cred *cred, struct inode_ref base,
	     struct bytes_view path, uint64_t before, gather_fn *gather, bool with_present,
	     attic_fn *each, void *arg, bool *eof_out, struct cfs_err *err)
{
	struct attic_place at;
	struct ids ids = {0};
	bool began;
	int rc = store_read_begin(s, &began, err);

	*eof_out = false;
	if (rc != 0)
		return rc;
	rc = attic_find_place(s, cred, base, path, &at, err);
	if (rc == 0)
		rc = gather(s, cred, &at, &ids, err);
	if (rc == 0 && with_present && before == 0 && at.walk.found)
		rc = tell_present(s, &at, each, arg, err);
	if (rc == 0)
		rc = tell_all(s, cred, &ids, before, each, arg, eof_out, err);
	free(ids.v);
	store_read_end(s, began);
	return rc < 0 ? rc : 0;
}

static int
gather_versions(struct store *s, const struct cred *cred, struct attic_place *at, struct ids *ids,
		struct cfs_err *err)
{
	int rc = check_owner(s, cred, &at->parents, err);

	return rc == 0 ? collect(s, at, ids, err) : rc;
}

int
attic_versions(struct store *s, const struct cred *cred, struct inode_ref base,
	       struct bytes_view path, uint64_t before, attic_fn *each, void *arg, bool *eof_out,
	       struct cfs_err *err)
{
	return list_of_path(s, cred, base, path, before, gather_versions, true, each, arg, eof_out,
			    err);
}

/* ---- what was removed from a directory ---- */

static int
of_dir(struct store *s, uint64_t dir, uint64_t live, struct ids *ids, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "SELECT a.id FROM attic a WHERE a.how IN (2, 4, 5) AND a.kind <> 4 AND a.id IN"
	    " (SELECT max(b.id) FROM attic b WHERE b.dir = ?1 AND b.kind <> 4 GROUP BY b.name)"
	    " AND NOT EXISTS (SELECT 1 FROM dentry d WHERE d.parent = ?2 AND d.name = a.name)"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, dir);
	db_bind_u64(st, 2, live);
	return ids_take(ids, st, err);
}

static int
gather_removed(struct store *s, const struct cred *cred, struct attic_place *at, struct ids *ids,
	       struct cfs_err *err)
{
	int rc = dir_set_enter(s, &at->parents, at->name, err);

	if (rc == 0)
		rc = check_owner(s, cred, &at->parents, err);
	if (rc == 0 && at->parents.count == 0)
		rc = err_code(err, CFS_ENOENT);
	for (size_t i = 0; i < at->parents.count && rc == 0; i++)
		rc = of_dir(s, at->parents.inos[i], at->parents.live, ids, err);
	return rc;
}

int
attic_removed(struct store *s, const struct cred *cred, struct inode_ref base,
	      struct bytes_view path, uint64_t before, attic_fn *each, void *arg, bool *eof_out,
	      struct cfs_err *err)
{
	return list_of_path(s, cred, base, path, before, gather_removed, false, each, arg, eof_out,
			    err);
}

/* ---- everything ---- */

int
attic_list(struct store *s, const struct cred *cred, uint64_t before, attic_fn *each, void *arg,
	   bool *eof_out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT id FROM attic WHERE owner = ?1 AND id < ?2"
					  " AND kind <> 4 ORDER BY id DESC LIMIT 1024"};
	struct ids ids = {0};
	struct db_stmt *st;
	bool began, page;
	int rc = store_read_begin(s, &began, err);

	*eof_out = false;
	if (rc != 0)
		return rc;
	st = db_use(s->db, &sql, err);
	db_bind_u64(st, 1, cred->user);
	db_bind_u64(st, 2, before == 0 ? INT64_MAX : before);
	rc = ids_take(&ids, st, err);
	page = ids.count == 1024;
	if (rc == 0)
		rc = tell_all(s, cred, &ids, before, each, arg, eof_out, err);
	*eof_out = *eof_out && !page;
	free(ids.v);
	store_read_end(s, began);
	return rc;
}
