/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random changes on a store and on a simple model of it: both must agree on every answer and every byte, and the store's
 * own check must find nothing. SEED=n repeats a run, STEPS=n makes it longer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/impl.h"
#include "storemodel.h"

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
			assert_int_equal(st_lookup(m->t, model_ref(m, e->dir), e->name).ino,
					 m->nodes[e->node].ino);
	}
	for (unsigned i = 0; i < m->node_count; i++) {
		const struct node *n = &m->nodes[i];

		if (n->data != NULL) {
			compare_file(m, n);
		} else if (n->dir && (i == 0 || n->links > 0)) {
			struct inode_attr attr;

			assert_int_equal(
			    names_getattr(m->t->s, &m->t->a, model_ref(m, i), &attr, NULL), 0);
			assert_int_equal(attr.size, model_count_in(m, i));
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
			    names_getattr(m->t->s, &m->t->a, model_ref(m, i), &attr, NULL),
			    CFS_ESTALE);
			free(n->data);
			n->data = NULL;
		}
	}
}

static void
one_step(struct model *m)
{
	bool keep = model_random(m, 5) != 0;
	struct buf reply = BUF_INIT;
	int status, want = 0;

	st_need_ino(m->t);
	st_begin(m->t);
	assert_int_equal(
	    change_begin(m->t->s, &m->t->stream, m->seq + 1, m->seq, &status, &reply, NULL), 0);
	int rc = model_operation(m, keep, &want);
	if (rc != want)
		fail_msg("step %u: %d, not %d", (unsigned)m->seq, rc, want);
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
	(void)model_add_node(m, t->home.ino, true, 1);
	struct inode_attr f;
	struct content_piece hold = {.kind = PIECE_BLOB, .length = BLOB_LEN, .blob = m->blob};
	assert_int_equal(st_create(t, t->home, "all", INODE_FILE, &f), 0);
	assert_int_equal(st_write(t, st_ref(&f), 0, &hold, 1, &f), 0);
	model_add_entry(m, 0, "all", model_add_node(m, f.ino, false, f.version));
	memcpy(m->nodes[1].data, m->blob_data, BLOB_LEN);
	m->nodes[1].size = BLOB_LEN;
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
