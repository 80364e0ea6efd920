/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"

#define LINKS_MAX 40
#define WALK_MAX  65536u /* bytes of a path, links in it included */

/* Where a walk is. The rest of the path stands in text once a link was put in front of it, else in the caller's memory. */
struct walk {
	struct store *s;
	const struct cred *cred;
	struct inode here;
	const char *rest;
	size_t rest_len;
	char *text;
	unsigned links;
};

/* The next component: cuts it off the rest; empty at the end. */
static struct bytes_view
next_name(struct walk *w)
{
	struct bytes_view name;

	while (w->rest_len > 0 && *w->rest == '/') {
		w->rest++;
		w->rest_len--;
	}
	name.data = w->rest;
	for (name.len = 0; name.len < w->rest_len && w->rest[name.len] != '/'; name.len++)
		;
	w->rest += name.len;
	w->rest_len -= name.len;
	return name;
}

static bool
only_slashes(const struct walk *w)
{
	for (size_t i = 0; i < w->rest_len; i++) {
		if (w->rest[i] != '/')
			return false;
	}
	return true;
}

static int
go_to(struct walk *w, struct inode_ref ref, struct cfs_err *err)
{
	return inode_get(w->s, w->cred, ref, &w->here, err);
}

static int
go_root(struct walk *w, struct cfs_err *err)
{
	return go_to(w, (struct inode_ref){STORE_ROOT_INO, 0}, err);
}

/* Puts the link's target in front of the rest; w->here is the directory that the link is in. */
static int
follow(struct walk *w, const struct inode *link, struct cfs_err *err)
{
	char target[STORE_SYMLINK_MAX];
	size_t len;
	char *text;
	int rc;

	if (++w->links > LINKS_MAX)
		return err_code(err, CFS_ELOOP);
	rc = names_readlink(w->s, w->cred, (struct inode_ref){link->a.ino, 0}, target,
			    sizeof(target), &len, err);
	if (rc != 0)
		return rc;
	if (len + w->rest_len > WALK_MAX)
		return err_code(err, CFS_ENAMETOOLONG);
	text = malloc(len + w->rest_len + 1);
	if (text == NULL)
		return err_code(err, CFS_ENOMEM);
	memcpy(text, target, len);
	memcpy(text + len, w->rest, w->rest_len);
	free(w->text);
	w->text = text;
	w->rest = text;
	w->rest_len += len;
	return len > 0 && target[0] == '/' ? go_root(w, err) : 0;
}

static bool
is_name(struct bytes_view v, const char *text)
{
	return v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

/* The result is a directory that the walk reached by "..", by "/" or as its base. */
static int
end_at_directory(struct walk *w, struct walk_result *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT d.name, i.gen, i.owner FROM dentry d JOIN inode i"
					  " ON i.ino = d.parent WHERE d.parent = ?1 AND d.id = ?2"};
	struct db_stmt *st;
	int rc;

	out->found = true;
	out->attr = w->here.a;
	if (w->here.parent == 0)
		return 0;
	st = db_use(w->s->db, &sql, err);
	db_bind_u64(st, 1, w->here.parent);
	db_bind_u64(st, 2, w->here.dent);
	rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view name = db_col_blob(st, 0);

		out->parent = (struct inode_ref){w->here.parent, (uint32_t)db_col_u64(st, 1)};
		out->parent_owner = db_col_u64(st, 2);
		out->name_len = min_size(name.len, sizeof(out->name));
		memcpy(out->name, name.data, out->name_len);
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

static void
note_last(struct walk_result *out, const struct inode *dir, struct bytes_view name)
{
	out->parent = (struct inode_ref){dir->a.ino, dir->a.gen};
	out->parent_owner = dir->a.owner;
	out->name_len = name.len;
	memcpy(out->name, name.data, name.len);
}

/* One component from w->here, a directory. *last_out is set when out is complete. */
static int
step(struct walk *w, struct bytes_view name, bool nofollow, bool absent_ok, bool *done,
     struct walk_result *out, struct cfs_err *err)
{
	char text[NAME_TEXT_SIZE];
	struct dentry d;
	struct inode in;
	bool last = only_slashes(w);
	int rc;

	if (w->here.a.type != INODE_DIR)
		return err_code(err, CFS_ENOTDIR);
	if (is_name(name, "."))
		return 0;
	if (is_name(name, ".."))
		return w->here.parent == 0 ? 0
					   : go_to(w, (struct inode_ref){w->here.parent, 0}, err);
	if (name.len > STORE_NAME_MAX)
		return err_code(err, CFS_ENAMETOOLONG);
	rc = dentry_find_inode(w->s, w->here.a.ino, name, &d, &in, err);
	if (rc < 0)
		return rc;
	bool found = rc == 1 && cred_sees(w->cred, in.a.owner);
	if (found && in.a.type == INODE_SYMLINK && !(last && nofollow && w->rest_len == 0))
		return follow(w, &in, err);
	if (!found && !(last && absent_ok))
		return err_set(err, CFS_ENOENT, "%s: %s", name_text(text, name),
			       err_text(CFS_ENOENT));
	if (last) {
		note_last(out, &w->here, name);
		out->found = found;
		if (found)
			out->attr = in.a;
		*done = true;
		return found && w->rest_len > 0 && in.a.type != INODE_DIR
			   ? err_code(err, CFS_ENOTDIR)
			   : 0;
	}
	w->here = in;
	return 0;
}

int
names_walk(struct store *s, const struct cred *cred, struct inode_ref base, struct bytes_view path,
	   bool nofollow, bool absent_ok, struct walk_result *out, struct cfs_err *err)
{
	struct walk w = {.s = s, .cred = cred, .rest = path.data, .rest_len = path.len};
	struct bytes_view name;
	bool began, done = false;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	memset(out, 0, sizeof(*out));
	if (path.len > WALK_MAX)
		rc = err_code(err, CFS_ENAMETOOLONG);
	else if (path.len > 0 && w.rest[0] == '/')
		rc = go_root(&w, err);
	else
		rc = go_to(&w, base, err);
	while (rc == 0 && !done) {
		name = next_name(&w);
		if (name.len == 0)
			break;
		rc = step(&w, name, nofollow, absent_ok, &done, out, err);
	}
	if (rc == 0 && !done)
		rc = end_at_directory(&w, out, err);
	free(w.text);
	store_read_end(s, began);
	return rc;
}
