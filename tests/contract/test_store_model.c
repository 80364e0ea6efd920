/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random changes on a store and on a simple model of it: both must agree on every answer and every byte, and the store's
 * own check must find nothing. SEED=n repeats a run, STEPS=n makes it longer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"
#include "storetest.h"

#define NODES       2000
#define ENTRIES     400
#define DIRS        8
#define NAMES       6
#define CONTENT_MAX 150000
#define BLOB_LEN    100000

struct node {
	uint64_t ino;
	bool dir;
	unsigned links, parent;
	uint64_t version;
	size_t size;
	unsigned char *data; /* CONTENT_MAX bytes of a file */
};

struct entry {
	bool used;
	unsigned dir, node;
	char name[4];
};

struct model {
	struct storetest *t;
	unsigned long seed;
	unsigned node_count;
	struct node nodes[NODES];
	struct entry entries[ENTRIES];
	unsigned char *blob_data;
	struct id128 blob;
	uint64_t seq;
};

static unsigned
rnd(struct model *m, unsigned below)
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

static void
add_entry(struct model *m, unsigned dir, const char *name, unsigned node)
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

static unsigned
add_node(struct model *m, uint64_t ino, bool dir)
{
	struct node *n = &m->nodes[m->node_count];

	*n = (struct node){.ino = ino, .dir = dir, .version = 1};
	if (!dir) {
		n->data = calloc(1, CONTENT_MAX);
		assert_non_null(n->data);
	}
	return m->node_count++;
}

static unsigned
count_in(struct model *m, unsigned dir)
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
		n = rnd(m, m->node_count);
	while (!m->nodes[n].dir || (n != 0 && m->nodes[n].links == 0));
	return n;
}

/* A file, also one that has lost its names but is known. node_count if there is none. */
static unsigned
pick_file(struct model *m)
{
	for (unsigned i = 0; i < 50; i++) {
		unsigned n = rnd(m, m->node_count);

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

static struct inode_ref
ref_of(const struct model *m, unsigned node)
{
	return (struct inode_ref){m->nodes[node].ino, 1};
}

/* ---- the operations: each asks the store, and the model what it should say; `keep` false: the change will be undone ---- */

static int
op_create(struct model *m, bool keep, int *want)
{
	unsigned dir = pick_dir(m);
	bool is_dir = rnd(m, 3) == 0 && live_dirs(m) < DIRS;
	char name[4];
	struct inode_attr attr;

	(void)snprintf(name, sizeof(name), "%u", rnd(m, NAMES));
	*want = find(m, dir, name) != NULL ? CFS_EEXIST : 0;
	int rc = st_create(m->t, ref_of(m, dir), name, is_dir ? INODE_DIR : INODE_FILE, &attr);
	if (rc == 0 && *want == 0 && keep)
		add_entry(m, dir, name, add_node(m, attr.ino, is_dir));
	return rc;
}

static int
op_put(struct model *m, bool keep, int *want)
{
	unsigned dir = pick_dir(m);
	struct inode_attr attr;
	unsigned char data[5000];
	unsigned len = rnd(m, sizeof(data));
	char name[4];

	(void)snprintf(name, sizeof(name), "%u", rnd(m, NAMES));
	memset(data, (int)rnd(m, 256), sizeof(data));
	struct entry *e = find(m, dir, name);
	*want = e != NULL && m->nodes[e->node].dir ? CFS_EISDIR : 0;
	int rc = st_put(m->t, ref_of(m, dir), name, data, len, &attr);
	if (rc != 0 || *want != 0 || !keep)
		return rc;
	unsigned node = add_node(m, attr.ino, false);
	memcpy(m->nodes[node].data, data, len);
	m->nodes[node].size = len;
	if (e != NULL) {
		m->nodes[node].version = m->nodes[e->node].version + 1;
		drop_entry(m, e);
	}
	add_entry(m, dir, name, node);
	return rc;
}

static int
op_unlink(struct model *m, bool keep, int *want)
{
	unsigned dir = pick_dir(m);
	bool is_dir = rnd(m, 2) == 0;
	char name[4];

	(void)snprintf(name, sizeof(name), "%u", rnd(m, NAMES));
	struct entry *e = find(m, dir, name);
	if (e == NULL)
		*want = CFS_ENOENT;
	else if (is_dir != m->nodes[e->node].dir)
		*want = is_dir ? CFS_ENOTDIR : CFS_EISDIR;
	else
		*want = is_dir && count_in(m, e->node) > 0 ? CFS_ENOTEMPTY : 0;
	int rc = st_unlink(m->t, ref_of(m, dir), name, is_dir);
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
	return m->nodes[over->node].dir && count_in(m, over->node) > 0 ? CFS_ENOTEMPTY : 0;
}

static int
op_rename(struct model *m, bool keep, int *want)
{
	unsigned from = pick_dir(m), to = pick_dir(m);
	char name[4], to_name[4];

	(void)snprintf(name, sizeof(name), "%u", rnd(m, NAMES));
	(void)snprintf(to_name, sizeof(to_name), "%u", rnd(m, NAMES));
	struct entry *e = find(m, from, name), *over = find(m, to, to_name);
	*want = want_rename(m, e, to, over);
	int rc = st_rename(m->t, ref_of(m, from), name, ref_of(m, to), to_name);
	if (rc == 0 && *want == 0 && keep && (over == NULL || over->node != e->node)) {
		unsigned node = e->node;

		drop_entry(m, e);
		if (over != NULL)
			drop_entry(m, over);
		add_entry(m, to, to_name, node);
	}
	return rc;
}

static int
op_exchange(struct model *m, bool keep, int *want)
{
	unsigned from = pick_dir(m), to = pick_dir(m);
	char name[4], to_name[4];
	struct inode_attr attr;

	(void)snprintf(name, sizeof(name), "%u", rnd(m, NAMES));
	(void)snprintf(to_name, sizeof(to_name), "%u", rnd(m, NAMES));
	struct entry *e = find(m, from, name), *over = find(m, to, to_name);
	if (e == NULL || over == NULL)
		*want = CFS_ENOENT;
	else if (from != to && ((m->nodes[e->node].dir && is_below(m, to, e->node)) ||
				(e->node != over->node && m->nodes[over->node].dir &&
				 is_below(m, from, over->node))))
		*want = CFS_EINVAL;
	else
		*want = 0;
	int rc = names_rename(m->t->s, &m->t->a, ref_of(m, from), st_str(name), ref_of(m, to),
			      st_str(to_name), false, true, &attr, NULL);
	if (rc == 0 && *want == 0 && keep && e->node != over->node) {
		unsigned one = e->node, two = over->node;

		drop_entry(m, e);
		drop_entry(m, over);
		add_entry(m, from, name, two);
		add_entry(m, to, to_name, one);
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
	(void)snprintf(name, sizeof(name), "%u", rnd(m, NAMES));
	if (m->nodes[node].links == 0)
		*want = CFS_ENOENT;
	else if (find(m, dir, name) != NULL)
		*want = CFS_EEXIST;
	int rc = st_link(m->t, ref_of(m, node), ref_of(m, dir), name);
	if (rc == 0 && *want == 0 && keep)
		add_entry(m, dir, name, node);
	return rc;
}

static int
op_write(struct model *m, bool keep, int *want)
{
	unsigned node = pick_file(m), at = rnd(m, 60000), len = 1 + rnd(m, 20000);
	unsigned from = rnd(m, BLOB_LEN - len);
	struct content_piece pieces[3] = {
	    {.kind = PIECE_INLINE, .length = len, .data = m->blob_data + from},
	    {.kind = PIECE_HOLE, .length = len},
	    {.kind = PIECE_BLOB, .length = len, .blob = m->blob, .blob_offset = from},
	};
	unsigned first = rnd(m, 3), count = 1 + rnd(m, 3 - first);

	*want = 0;
	if (node == m->node_count)
		return 0;
	int rc = st_write(m->t, ref_of(m, node), at, pieces + first, count, NULL);
	if (rc != 0 || !keep)
		return rc;
	struct node *n = &m->nodes[node];
	for (unsigned i = first; i < first + count; i++, at += len) {
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
	struct setattr_args a = {.valid = SETATTR_SIZE, .size = rnd(m, 80000)};
	struct inode_attr attr;

	*want = 0;
	if (node == m->node_count)
		return 0;
	a.ref = ref_of(m, node);
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
	unsigned from = pick_file(m), to = pick_file(m), at = rnd(m, 30000), len = rnd(m, 50000);
	unsigned dst = rnd(m, 60000);
	struct inode_attr attr;
	uint64_t copied;

	*want = 0;
	if (from == m->node_count || to == m->node_count || from == to)
		return 0;
	int rc = content_copy(m->t->s, &m->t->a, ref_of(m, from), at, len, ref_of(m, to), dst,
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

/* ---- comparing ---- */

static void
compare_file(struct model *m, const struct node *n)
{
	struct inode_attr attr;
	struct inode_ref ref = {n->ino, 1};

	assert_int_equal(names_getattr(m->t->s, &m->t->a, ref, &attr, NULL), 0);
	assert_int_equal(attr.nlink, n->links);
	assert_int_equal(attr.version, n->version);
	assert_int_equal(attr.size, n->size);
	st_assert_content(m->t, ref, n->data, n->size);
}

static void
compare(struct model *m)
{
	st_check(m->t);
	for (unsigned i = 0; i < ENTRIES; i++) {
		const struct entry *e = &m->entries[i];

		if (e->used)
			assert_int_equal(st_lookup(m->t, ref_of(m, e->dir), e->name).ino,
					 m->nodes[e->node].ino);
	}
	for (unsigned i = 0; i < m->node_count; i++) {
		const struct node *n = &m->nodes[i];

		if (n->data != NULL) {
			compare_file(m, n);
		} else if (n->dir && (i == 0 || n->links > 0)) {
			struct inode_attr attr;

			assert_int_equal(
			    names_getattr(m->t->s, &m->t->a, ref_of(m, i), &attr, NULL), 0);
			assert_int_equal(attr.size, count_in(m, i));
		}
	}
}

/* Time passes: what has no name is gone for good. */
static void
forget_nameless(struct model *m)
{
	m->t->s->clock_shift_ns += 2 * 24 * 3600 * NS_PER_S;
	st_keep(m->t);
	for (unsigned i = 0; i < m->node_count; i++) {
		struct node *n = &m->nodes[i];
		struct inode_attr attr;

		if (n->data != NULL && n->links == 0) {
			assert_int_equal(
			    names_getattr(m->t->s, &m->t->a, ref_of(m, i), &attr, NULL),
			    CFS_ESTALE);
			free(n->data);
			n->data = NULL;
		}
	}
}

static void
one_step(struct model *m)
{
	static int (*const ops[])(struct model *, bool, int *) = {
	    op_create, op_create, op_put,   op_put,      op_unlink, op_rename,  op_rename,
	    op_link,   op_write,  op_write, op_truncate, op_copy,   op_exchange};
	bool keep = rnd(m, 5) != 0;
	struct buf reply = BUF_INIT;
	int status, want = 0;
	unsigned op = rnd(m, sizeof(ops) / sizeof(ops[0]));

	st_need_ino(m->t);
	st_begin(m->t);
	assert_int_equal(
	    change_begin(m->t->s, &m->t->stream, m->seq + 1, m->seq, &status, &reply, NULL), 0);
	int rc = ops[op](m, keep, &want);
	if (rc != want)
		fail_msg("operation %u of step %u: %d, not %d", op, (unsigned)m->seq, rc, want);
	m->seq++;
	assert_int_equal(change_end(m->t->s, &m->t->stream, m->seq,
				    rc != 0 ? rc
				    : keep  ? 0
					    : CFS_ECONFLICT,
				    st_str("r"), NULL),
			 0);
	(void)st_commit(m->t);
	buf_fini(&reply);
}

static void
store_and_model_agree(void **state)
{
	struct storetest *t = *state;
	struct model *m = calloc(1, sizeof(*m));
	const char *seed = getenv("SEED"), *steps = getenv("STEPS");
	unsigned long count = steps != NULL ? strtoul(steps, NULL, 10) : 1500;

	assert_non_null(m);
	m->t = t;
	m->seed = seed != NULL ? strtoul(seed, NULL, 10) : (unsigned long)rand_u64() % 1000000;
	print_message("SEED=%lu\n", m->seed);
	m->blob_data = malloc(BLOB_LEN);
	assert_non_null(m->blob_data);
	rand_bytes(m->blob_data, BLOB_LEN);
	m->blob = st_blob(t, m->blob_data, BLOB_LEN);
	(void)add_node(m, t->home.ino, true);
	struct inode_attr f;
	struct content_piece hold = {.kind = PIECE_BLOB, .length = BLOB_LEN, .blob = m->blob};
	assert_int_equal(st_create(t, t->home, "all", INODE_FILE, &f), 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, &hold, 1, &f), 0);
	add_entry(m, 0, "all", add_node(m, f.ino, false));
	memcpy(m->nodes[1].data, m->blob_data, BLOB_LEN);
	m->nodes[1].size = BLOB_LEN;
	m->nodes[1].version = 2;
	for (unsigned long i = 1; i <= count && m->node_count < NODES - 1; i++) {
		one_step(m);
		if (i % 250 == 0)
			compare(m);
		if (i % 600 == 0)
			forget_nameless(m);
	}
	compare(m);
	for (unsigned i = 0; i < m->node_count; i++)
		free(m->nodes[i].data);
	free(m->blob_data);
	free(m);
}

int
main(void)
{
	const struct CMUnitTest memory[] = {cmocka_unit_test_setup_teardown(
	    store_and_model_agree, storetest_memory_setup, storetest_teardown)};
	const struct CMUnitTest directory[] = {cmocka_unit_test_setup_teardown(
	    store_and_model_agree, storetest_dir_setup, storetest_teardown)};
	int failed = cmocka_run_group_tests_name("model: memory", memory, NULL, NULL);

	failed += cmocka_run_group_tests_name("model: directory", directory, NULL, NULL);
	return failed == 0 ? 0 : 1;
}
