/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "storemodel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

unsigned
model_random(struct model *m, unsigned below)
{
	m->seed = m->seed * 6364136223846793005ul + 1442695040888963407ul;
	return (unsigned)(m->seed >> 33) % below;
}

static struct entry *
find(struct model *m, unsigned dir, const char *name)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct entry *e = &m->entries[i];

		if (e->used && e->dir == dir && strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

void
model_add_entry(struct model *m, unsigned dir, const char *name, unsigned node)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct entry *e = &m->entries[i];

		if (!e->used) {
			*e = (struct entry){.used = true, .dir = dir, .node = node};
			(void)snprintf(e->name, sizeof(e->name), "%s", name);
			m->nodes[node].links++;
			if (m->nodes[node].dir)
				m->nodes[node].parent = dir;
			return;
		}
	}
	abort();
}

static void
drop_entry(struct model *m, struct entry *e)
{
	e->used = false;
	m->nodes[e->node].links--;
}

unsigned
model_add_node(struct model *m, uint64_t ino, bool dir, uint64_t version)
{
	struct node *n = &m->nodes[m->node_count];

	*n = (struct node){.ino = ino, .dir = dir, .version = version};
	if (!dir) {
		n->data = calloc(1, CONTENT_MAX);
		assert_non_null(n->data);
	}
	return m->node_count++;
}

unsigned
model_count_in(struct model *m, unsigned dir)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ENTRIES; i++)
		count += m->entries[i].used && m->entries[i].dir == dir;
	return count;
}

/* A directory that is in the tree. */
static unsigned
pick_dir(struct model *m)
{
	unsigned n;

	do
		n = model_random(m, m->node_count);
	while (!m->nodes[n].dir || (n != 0 && m->nodes[n].links == 0));
	return n;
}

/* A file, also one that has lost its names but is known. node_count if there is none. */
static unsigned
pick_file(struct model *m)
{
	for (unsigned i = 0; i < 50; i++) {
		unsigned n = model_random(m, m->node_count);

		if (!m->nodes[n].dir && m->nodes[n].data != NULL)
			return n;
	}
	return m->node_count;
}

static unsigned
live_dirs(struct model *m)
{
	unsigned count = 0;

	for (unsigned i = 0; i < m->node_count; i++)
		count += m->nodes[i].dir && (i == 0 || m->nodes[i].links > 0);
	return count;
}

struct inode_ref
model_ref(const struct model *m, unsigned node)
{
	return (struct inode_ref){m->nodes[node].ino, 1};
}

/* ---- the operations: each asks the store, and the model what it should say; `keep` false: the change will be undone ---- */

static int
op_create(struct model *m, bool keep, int *want)
{
	unsigned dir = pick_dir(m);
	bool is_dir = model_random(m, 3) == 0 && live_dirs(m) < DIRS;
	char name[4];
	struct inode_attr attr;

	(void)snprintf(name, sizeof(name), "%u", model_random(m, NAMES));
	*want = find(m, dir, name) != NULL ? CFS_EEXIST : 0;
	int rc = st_create(m->t, model_ref(m, dir), name, is_dir ? INODE_DIR : INODE_FILE, &attr);
	/* A name that was there before may go on counting, as far as the attic knows of it. */
	if (rc == 0 && *want == 0 && keep)
		model_add_entry(m, dir, name, model_add_node(m, attr.ino, is_dir, attr.version));
	return rc;
}

static int
op_put(struct model *m, bool keep, int *want)
{
	unsigned dir = pick_dir(m);
	struct inode_attr attr;
	unsigned char data[5000];
	unsigned len = model_random(m, sizeof(data));
	char name[4];

	(void)snprintf(name, sizeof(name), "%u", model_random(m, NAMES));
	memset(data, (int)model_random(m, 256), sizeof(data));
	struct entry *e = find(m, dir, name);
	*want = e != NULL && m->nodes[e->node].dir ? CFS_EISDIR : 0;
	int rc = st_put(m->t, model_ref(m, dir), name, data, len, &attr);
	if (rc != 0 || *want != 0 || !keep)
		return rc;
	unsigned node = model_add_node(m, attr.ino, false, attr.version);
	memcpy(m->nodes[node].data, data, len);
	m->nodes[node].size = len;
	if (e != NULL) {
		assert_int_equal(attr.version, m->nodes[e->node].version + 1);
		drop_entry(m, e);
	}
	model_add_entry(m, dir, name, node);
	return rc;
}

static int
op_unlink(struct model *m, bool keep, int *want)
{
	unsigned dir = pick_dir(m);
	bool is_dir = model_random(m, 2) == 0;
	char name[4];

	(void)snprintf(name, sizeof(name), "%u", model_random(m, NAMES));
	struct entry *e = find(m, dir, name);
	if (e == NULL)
		*want = CFS_ENOENT;
	else if (is_dir != m->nodes[e->node].dir)
		*want = is_dir ? CFS_ENOTDIR : CFS_EISDIR;
	else
		*want = is_dir && model_count_in(m, e->node) > 0 ? CFS_ENOTEMPTY : 0;
	int rc = st_unlink(m->t, model_ref(m, dir), name, is_dir);
	if (rc == 0 && *want == 0 && keep)
		drop_entry(m, e);
	return rc;
}

static bool
is_below(const struct model *m, unsigned dir, unsigned top)
{
	for (; dir != 0; dir = m->nodes[dir].parent) {
		if (dir == top)
			return true;
	}
	return top == 0;
}

static int
want_rename(struct model *m, const struct entry *e, unsigned to, const struct entry *over)
{
	bool dir;

	if (e == NULL)
		return CFS_ENOENT;
	dir = m->nodes[e->node].dir;
	if (dir && e->dir != to && is_below(m, to, e->node))
		return CFS_EINVAL;
	if (over == NULL || over->node == e->node)
		return 0;
	if (dir && !m->nodes[over->node].dir)
		return CFS_ENOTDIR;
	if (!dir && m->nodes[over->node].dir)
		return CFS_EISDIR;
	return m->nodes[over->node].dir && model_count_in(m, over->node) > 0 ? CFS_ENOTEMPTY : 0;
}

static int
op_rename(struct model *m, bool keep, int *want)
{
	unsigned from = pick_dir(m), to = pick_dir(m);
	char name[4], to_name[4];

	(void)snprintf(name, sizeof(name), "%u", model_random(m, NAMES));
	(void)snprintf(to_name, sizeof(to_name), "%u", model_random(m, NAMES));
	struct entry *e = find(m, from, name), *over = find(m, to, to_name);
	*want = want_rename(m, e, to, over);
	int rc = st_rename(m->t, model_ref(m, from), name, model_ref(m, to), to_name);
	if (rc == 0 && *want == 0 && keep && (over == NULL || over->node != e->node)) {
		unsigned node = e->node;

		drop_entry(m, e);
		if (over != NULL) {
			m->nodes[node].version =
			    max_u64(m->nodes[node].version, m->nodes[over->node].version + 1);
			drop_entry(m, over);
		}
		model_add_entry(m, to, to_name, node);
	}
	return rc;
}

static int
op_exchange(struct model *m, bool keep, int *want)
{
	unsigned from = pick_dir(m), to = pick_dir(m);
	char name[4], to_name[4];
	struct inode_attr attr;

	(void)snprintf(name, sizeof(name), "%u", model_random(m, NAMES));
	(void)snprintf(to_name, sizeof(to_name), "%u", model_random(m, NAMES));
	struct entry *e = find(m, from, name), *over = find(m, to, to_name);
	if (e == NULL || over == NULL)
		*want = CFS_ENOENT;
	else if (from != to && ((m->nodes[e->node].dir && is_below(m, to, e->node)) ||
				(e->node != over->node && m->nodes[over->node].dir &&
				 is_below(m, from, over->node))))
		*want = CFS_EINVAL;
	else
		*want = 0;
	int rc = names_rename(m->t->s, &m->t->a, model_ref(m, from), st_str(name), model_ref(m, to),
			      st_str(to_name), false, true, &attr, NULL);
	if (rc == 0 && *want == 0 && keep && e->node != over->node) {
		unsigned one = e->node, two = over->node;

		drop_entry(m, e);
		drop_entry(m, over);
		model_add_entry(m, from, name, two);
		model_add_entry(m, to, to_name, one);
	}
	return rc;
}

static int
op_link(struct model *m, bool keep, int *want)
{
	unsigned dir = pick_dir(m), node = pick_file(m);
	char name[4];

	*want = 0;
	if (node == m->node_count)
		return 0;
	(void)snprintf(name, sizeof(name), "%u", model_random(m, NAMES));
	if (m->nodes[node].links == 0)
		*want = CFS_ENOENT;
	else if (find(m, dir, name) != NULL)
		*want = CFS_EEXIST;
	int rc = st_link(m->t, model_ref(m, node), model_ref(m, dir), name);
	if (rc == 0 && *want == 0 && keep)
		model_add_entry(m, dir, name, node);
	return rc;
}

static int
op_write(struct model *m, bool keep, int *want)
{
	unsigned node = pick_file(m), at = model_random(m, 60000), len = 1 + model_random(m, 20000);
	unsigned from = model_random(m, BLOB_LEN - len);
	struct content_piece pieces[3] = {
	    {.kind = PIECE_INLINE, .length = len, .data = m->blob_data + from},
	    {.kind = PIECE_HOLE, .length = len},
	    {.kind = PIECE_BLOB, .length = len, .blob = m->blob, .blob_offset = from},
	};
	unsigned first = model_random(m, 3), count = 1 + model_random(m, 3 - first);

	*want = 0;
	if (node == m->node_count)
		return 0;
	for (unsigned i = 0; i < 3; i++)
		pieces[i].skip = model_random(m, 2) * model_random(m, 10000);
	int rc = st_write(m->t, model_ref(m, node), at, pieces + first, count, NULL);
	if (rc != 0 || !keep)
		return rc;
	struct node *n = &m->nodes[node];
	for (unsigned i = first; i < first + count; i++, at += len) {
		at += (unsigned)pieces[i].skip;
		if (i == 1)
			memset(n->data + at, 0, len);
		else
			memcpy(n->data + at, m->blob_data + from, len);
	}
	n->size = max_size(n->size, at);
	n->version++;
	return rc;
}

static int
op_truncate(struct model *m, bool keep, int *want)
{
	unsigned node = pick_file(m);
	struct setattr_args a = {.valid = SETATTR_SIZE, .size = model_random(m, 80000)};
	struct inode_attr attr;

	*want = 0;
	if (node == m->node_count)
		return 0;
	a.ref = model_ref(m, node);
	int rc = names_setattr(m->t->s, &m->t->a, &a, &attr, NULL);
	struct node *n = &m->nodes[node];
	if (rc == 0 && keep && n->size != a.size) {
		if (a.size < n->size)
			memset(n->data + a.size, 0, n->size - a.size);
		n->size = (size_t)a.size;
		n->version++;
	}
	return rc;
}

static int
op_copy(struct model *m, bool keep, int *want)
{
	unsigned from = pick_file(m), to = pick_file(m), at = model_random(m, 30000),
		 len = model_random(m, 50000);
	unsigned dst = model_random(m, 60000);
	struct inode_attr attr;
	uint64_t copied;

	*want = 0;
	if (from == m->node_count || to == m->node_count || from == to)
		return 0;
	int rc = content_copy(m->t->s, &m->t->a, model_ref(m, from), at, len, model_ref(m, to), dst,
			      &copied, &attr, NULL);
	struct node *a = &m->nodes[from], *b = &m->nodes[to];
	size_t n = at < a->size ? min_size(len, a->size - at) : 0;
	if (rc != 0)
		return rc;
	assert_int_equal(copied, n);
	if (keep && n > 0) {
		memcpy(b->data + dst, a->data + at, n);
		b->size = max_size(b->size, dst + n);
		b->version++;
	}
	return rc;
}

int
model_operation(struct model *m, bool keep, int *want)
{
	static int (*const ops[])(struct model *, bool, int *) = {
	    op_create, op_create, op_put,   op_put,   op_unlink,   op_rename, op_rename,
	    op_link,   op_write,  op_write, op_write, op_truncate, op_copy,   op_exchange};
	unsigned op = model_random(m, sizeof(ops) / sizeof(ops[0]));
	int rc = ops[op](m, keep, want);

	if (rc != *want)
		print_message("operation %u: %d, not %d\n", op, rc, *want);
	return rc;
}
