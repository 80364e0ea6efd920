/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/attic_path.h"

/* The next component of *rest, empty at the end; "." is none. */
static struct bytes_view
next_name(struct bytes_view *rest)
{
	const char *p = rest->data;
	struct bytes_view name = {.data = p};

	while (rest->len > 0 && *p == '/') {
		p++;
		rest->len--;
	}
	for (name.data = p; rest->len > 0 && *p != '/'; rest->len--, p++)
		name.len++;
	rest->data = p;
	return name;
}

static void
add_dir(struct dir_set *set, uint64_t ino)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->inos[i] == ino)
			return;
	}
	/* One that was removed more often than this has lost its oldest. */
	if (set->count < DIR_SET_MAX)
		set->inos[set->count++] = ino;
}

/* The directories of this name that were removed from dir, the last one first. */
static int
add_removed(struct store *s, uint64_t dir, struct bytes_view name, struct dir_set *set,
	    struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT ino FROM attic WHERE dir = ?1 AND name = ?2"
					  " AND kind = 3 ORDER BY id DESC LIMIT 64"};
	struct db_stmt *st = db_use(s->db, &sql, err);
	int rc;

	db_bind_u64(st, 1, dir);
	db_bind_blob(st, 2, name.data, name.len);
	while ((rc = db_step(st, err)) == 1)
		add_dir(set, db_col_u64(st, 0));
	db_done(st);
	return rc;
}

int
dir_set_enter(struct store *s, struct dir_set *set, struct bytes_view name, struct cfs_err *err)
{
	struct dir_set next = {0};
	struct dentry d;
	struct inode in;
	int rc = 0;

	for (size_t i = 0; i < set->count && rc >= 0; i++) {
		rc = dentry_find_inode(s, set->inos[i], name, &d, &in, err);
		if (rc == 1 && in.a.type == INODE_DIR) {
			add_dir(&next, in.a.ino);
			next.live = in.a.ino;
		}
	}
	for (size_t i = 0; i < set->count && rc >= 0; i++)
		rc = add_removed(s, set->inos[i], name, &next, err);
	*set = next;
	return rc < 0 ? rc : 0;
}

/* Symbolic links on the way lead where they lead now; what was removed is found by names alone. */
static void
add_by_walk(struct store *s, const struct cred *cred, struct inode_ref base, struct bytes_view path,
	    struct attic_place *out)
{
	struct walk_result *w = &out->walk;
	int rc = names_walk(s, cred, base, path, true, true, w, NULL);

	if (rc != 0 || w->parent.ino == 0) {
		w->found = false;
		return;
	}
	out->parents.live = w->parent.ino;
	out->name = (struct bytes_view){w->name, w->name_len};
	add_dir(&out->parents, w->parent.ino);
}

int
attic_find_place(struct store *s, const struct cred *cred, struct inode_ref base,
		 struct bytes_view path, struct attic_place *out, struct cfs_err *err)
{
	struct bytes_view rest = path, name, ahead;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (path.len > 0 && *(const char *)path.data == '/')
		base = (struct inode_ref){STORE_ROOT_INO, 0};
	name = next_name(&rest);
	if (name.len > 0)
		add_dir(&out->parents, base.ino);
	for (ahead = next_name(&rest); ahead.len > 0 && rc == 0; ahead = next_name(&rest)) {
		rc = dir_set_enter(s, &out->parents, name, err);
		name = ahead;
	}
	out->name = name;
	if (rc == 0)
		add_by_walk(s, cred, base, path, out);
	if (rc == 0 && name.len == 0 && out->walk.name_len == 0)
		rc = err_set(err, CFS_EINVAL, "the root has no versions");
	return rc;
}
