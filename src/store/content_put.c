/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/impl.h"

#define MODE_BITS 07777u

/* What stands under the name, and what will. */
struct put {
	const struct put_args *a;
	const struct inode *source; /* whose content it is to have, or NULL: that of a */
	struct inode dir;
	struct dentry d;
	bool replaces;
	struct inode old; /* if replaces */
	struct inode in;  /* the new content */
	uint64_t known;   /* the highest version that the name had */
	int64_t now;
};

static int
look_up(struct store *s, const struct cred *cred, struct put *p, struct cfs_err *err)
{
	const struct put_args *a = p->a;
	int rc = inode_get_own_dir(s, cred, a->dir, &p->dir, err);

	if (rc == 0)
		rc = dentry_check_name(a->name, err);
	if (rc != 0)
		return rc;
	rc = dentry_find_inode(s, p->dir.a.ino, a->name, &p->d, &p->old, err);
	if (rc < 0)
		return rc;
	p->replaces = rc == 1;
	if (p->replaces && a->noclobber)
		return err_code(err, CFS_EEXIST);
	if (!p->replaces)
		rc = attic_last_version(s, p->dir.a.ino, a->name, &p->known, err);
	if (rc < 0)
		return rc;
	if (a->check_version && (p->replaces ? p->old.a.version : 0) != a->if_version)
		return err_code(err, CFS_ECONFLICT);
	return p->replaces && p->old.a.type == INODE_DIR ? err_code(err, CFS_EISDIR) : 0;
}

/* What the new inode takes over from the one that it replaces. */
static void
inherit(struct put *p)
{
	struct inode_attr *in = &p->in.a;
	const struct inode_attr *old = &p->old.a;

	in->version = (p->replaces ? old->version : p->known) + 1;
	if (p->source != NULL)
		in->version = max_u64(in->version, p->source->a.version + 1);
	if (!p->replaces || p->source != NULL || old->type != INODE_FILE)
		return;
	in->uid = old->uid;
	in->gid = old->gid;
	if (!p->a->set_mode)
		in->mode = old->mode;
}

static void
bind_name(struct put *p)
{
	if (!p->replaces)
		p->d = (struct dentry){p->dir.a.ino, p->in.a.ino, 0};
	p->d.ino = p->in.a.ino;
	p->in.a.nlink = 1;
	p->in.parent = p->d.parent;
	p->in.dent = p->d.id;
}

/* How many of the first `size` bytes are not holes. */
static uint64_t
covered(const struct content_piece *pieces, size_t count, uint64_t size)
{
	uint64_t at = 0, sum = 0;

	for (size_t i = 0; i < count; i++) {
		at += pieces[i].skip;
		if (at >= size)
			break;
		if (pieces[i].kind != PIECE_HOLE)
			sum += min_u64(pieces[i].length, size - at);
		at += pieces[i].length;
	}
	return sum;
}

/* A symbolic link's target, into memory of the store's own. */
static int
target_of(struct store *s, const struct inode *in, struct bytes_view *out, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT target FROM inode WHERE ino = ?1"};
	struct db_stmt *st = db_use(s->db, &sql, err);

	db_bind_u64(st, 1, in->a.ino);
	int rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view target = db_col_blob(st, 0);

		buf_clear(&s->path);
		s->path_dir = 0;
		rc = buf_append(&s->path, target.data, target.len) != 0 ? CFS_ENOMEM : 0;
		*out = (struct bytes_view){s->path.data, s->path.len};
	}
	db_done(st);
	return rc < 0 ? rc : 0;
}

/* The new inode is as another is now, whose extents it shares. */
static int
copy_inode(struct store *s, const struct cred *cred, struct put *p, struct cfs_err *err)
{
	struct bytes_view target = {0};
	uint64_t added = 0, count = 0;
	int rc = number_check(s, &p->a->stream, p->a->ino, err);

	/* Small files are copied, byte for byte. */
	if (rc == 0)
		rc = space_check(s, err);
	if (rc == 0 && p->source->a.type == INODE_SYMLINK)
		rc = target_of(s, p->source, &target, err);
	if (rc != 0)
		return rc;
	p->in = *p->source;
	p->in.a.ino = p->a->ino;
	p->in.a.gen = s->gen;
	p->in.a.owner = p->dir.a.owner;
	p->in.a.uploader = cred->user;
	p->in.a.ctime_ns = p->in.a.btime_ns = p->now;
	p->in.xattrs = 0;
	inherit(p);
	bind_name(p);
	rc = xattr_inherit(s, &p->in, p->source, err);
	if (rc == 0)
		rc = inode_insert(s, &p->in, target, err);
	if (rc == 0)
		rc = extents_share(s, p->source, 0, p->source->a.size, &p->in, 0, &added, &count,
				   err);
	return rc == 0 ? inode_copy_sum(s, p->source->a.ino, p->in.a.ino, p->in.a.version, err)
		       : rc;
}

static int
make_inode(struct store *s, const struct cred *cred, struct put *p, struct cfs_err *err)
{
	const struct put_args *a = p->a;
	struct inode_attr *in = &p->in.a;
	uint64_t end, added, freed;
	int rc = number_check(s, &a->stream, a->ino, err);

	if (rc == 0)
		rc = content_span(0, a->pieces, a->piece_count, &end, err);
	if (rc == 0 && !content_only_holes(a->pieces, a->piece_count))
		rc = space_check(s, err);
	if (rc != 0)
		return rc;
	*in = (struct inode_attr){.ino = a->ino,
				  .gen = s->gen,
				  .type = INODE_FILE,
				  .mode = a->mode & MODE_BITS,
				  .uid = a->uid,
				  .gid = a->gid,
				  .size = a->size,
				  .stored = covered(a->pieces, a->piece_count, a->size),
				  .version = 1,
				  .atime_ns = a->mtime_ns != 0 ? a->mtime_ns : p->now,
				  .mtime_ns = a->mtime_ns != 0 ? a->mtime_ns : p->now,
				  .ctime_ns = p->now,
				  .btime_ns = p->now,
				  .owner = p->dir.a.owner,
				  .uploader = cred->user};
	inherit(p);
	bind_name(p);
	if (p->replaces)
		rc = xattr_inherit(s, &p->in, &p->old, err);
	if (rc != 0)
		return rc;
	rc = inode_insert(s, &p->in, (struct bytes_view){NULL, 0}, err);
	if (rc == 0)
		rc = extents_place(s, in->owner, in->ino, 0, a->pieces, a->piece_count, &added,
				   &end, err);
	if (rc == 0 && end > a->size)
		rc = extents_punch(s, in->ino, a->size, end, &freed, err);
	return rc;
}

static int
name_inode(struct store *s, const struct cred *cred, struct put *p, struct cfs_err *err)
{
	static const struct db_sql sql = {"DELETE FROM unnamed WHERE ino = ?1"};
	const struct put_args *a = p->a;
	struct inode before;
	uint64_t freed = 0;
	bool unnamed = false;
	int rc =
	    content_get_own_file(s, cred, (struct inode_ref){a->ino, 0}, &p->in, &unnamed, err);

	if (rc == 0 && !unnamed)
		rc = err_set(err, CFS_EINVAL, "inode %llu is not a file without a name",
			     (unsigned long long)a->ino);
	if (rc != 0)
		return rc;
	before = p->in;
	if (a->size < p->in.a.size)
		rc = extents_punch(s, a->ino, a->size, p->in.a.size, &freed, err);
	if (rc == 0)
		rc = sql_run(s, &sql, SQL_ARGS(a->ino), err);
	if (rc < 0)
		return rc;
	p->in.a.stored -= freed;
	p->in.a.size = a->size;
	if (a->mtime_ns != 0)
		p->in.a.mtime_ns = a->mtime_ns;
	p->in.a.ctime_ns = p->now;
	p->in.a.owner = p->dir.a.owner;
	if (a->set_mode)
		p->in.a.mode = a->mode & MODE_BITS;
	inherit(p);
	bind_name(p);
	rc = p->replaces ? xattr_inherit(s, &p->in, &p->old, err) : 0;
	return rc == 0 ? inode_update(s, &p->in, &before, err) : rc;
}

/* The entry keeps its number, so that a listing under way sees the name once. */
static int
set_entry(struct store *s, const struct cred *cred, struct put *p, struct cfs_err *err)
{
	static const struct db_sql sql = {
	    "UPDATE dentry SET ino = ?3 WHERE parent = ?1 AND id = ?2"};
	struct inode was = p->old;
	int rc;

	if (!p->replaces) {
		rc = dentry_insert(s, &p->d, p->a->name, err);
		return rc != 0 ? rc : inode_touch_dir(s, p->dir.a.ino, 1, 0, p->now, err);
	}
	rc = sql_run(s, &sql, SQL_ARGS(p->d.parent, p->d.id, p->d.ino), err);
	if (rc < 0)
		return rc;
	rc = dentry_detach(s, &p->old, &p->d, err);
	if (rc == 0)
		rc = attic_bury(s, cred, &p->old, &was, p->dir.a.ino, p->a->name, p->in.a.ino, err);
	return rc != 0 ? rc : inode_touch_dir(s, p->dir.a.ino, 0, 0, p->now, err);
}

static int
do_put(struct store *s, const struct cred *cred, struct put *p, struct cfs_err *err)
{
	const struct put_args *a = p->a;
	int rc = store_need_txn(s, err);

	p->now = store_now(s);
	if (rc == 0 && a->size > (uint64_t)STORE_FILE_MAX)
		rc = err_code(err, CFS_EFBIG);
	if (rc == 0)
		rc = look_up(s, cred, p, err);
	if (rc != 0)
		return rc;
	if (p->source != NULL)
		rc = copy_inode(s, cred, p, err);
	else
		rc = a->make_inode ? make_inode(s, cred, p, err) : name_inode(s, cred, p, err);
	if (rc == 0)
		rc = set_entry(s, cred, p, err);
	if (rc == 0 && a->has_sum)
		rc = content_sum_set(s, (struct inode_ref){p->in.a.ino, p->in.a.gen},
				     p->in.a.version, &a->sum, err);
	return rc;
}

int
content_put(struct store *s, const struct cred *cred, const struct put_args *a,
	    struct inode_attr *out, uint64_t *replaced_out, struct cfs_err *err)
{
	struct put p = {.a = a};
	int rc = do_put(s, cred, &p, err);

	*out = p.in.a;
	*replaced_out = p.replaces ? p.old.a.version : 0;
	return rc;
}

int
content_put_copy(struct store *s, const struct cred *cred, const struct put_args *a,
		 const struct inode *source, struct inode *out, uint64_t *replaced_out,
		 struct cfs_err *err)
{
	struct put p = {.a = a, .source = source};
	int rc = do_put(s, cred, &p, err);

	*out = p.in;
	*replaced_out = p.replaces ? p.old.a.version : 0;
	return rc;
}
