/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "storetest.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RANGE 4096u

static int
fail_with(const char *what, const struct cfs_err *err)
{
	(void)fprintf(stderr, "%s: %s\n", what, err->text);
	return -1;
}

static int
add_people(struct storetest *t, struct cfs_err *err)
{
	uint64_t commit;

	if (store_begin(t->s, err) != 0 || people_add(t->s, "alice", &t->alice, err) != 0 ||
	    people_add(t->s, "bob", &t->bob, err) != 0 || store_commit(t->s, &commit, err) != 0)
		return fail_with("people", err);
	t->a.user = t->alice.id;
	t->b.user = t->bob.id;
	t->admin.admin = true;
	t->home = (struct inode_ref){t->alice.home, 1};
	t->bob_home = (struct inode_ref){t->bob.home, 1};
	struct id128 id = id128_random();
	if (stream_attach(t->s, t->alice.id, &id, true, RANGE, &t->stream, err) != 0)
		return fail_with("stream", err);
	t->next_ino = t->stream.first_ino;
	t->end_ino = t->next_ino + t->stream.ino_count;
	return 0;
}

static int
setup(void **state, bool memory)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct storetest *t = calloc(1, sizeof(*t));
	const char *tmp = getenv("TMPDIR");

	if (t == NULL)
		return -1;
	*state = t;
	(void)snprintf(t->path, sizeof(t->path), "memory:");
	if (!memory) {
		(void)snprintf(t->folder, sizeof(t->folder), "%s/store.XXXXXX",
			       tmp != NULL ? tmp : "/tmp");
		if (mkdtemp(t->folder) == NULL)
			return -1;
		(void)snprintf(t->path, sizeof(t->path), "%s/s", t->folder);
		if (store_create(t->path, &err) != 0)
			return fail_with("create", &err);
	}
	t->conf = (struct store_conf){.path = t->path, .attic_keep_ms = 3600 * 1000};
	if (store_shared_new(&t->shared, &err) != 0 ||
	    store_open(&t->conf, t->shared, &t->s, &err) != 0)
		return fail_with("open", &err);
	return add_people(t, &err);
}

int
storetest_memory_setup(void **state)
{
	return setup(state, true);
}

int
storetest_dir_setup(void **state)
{
	return setup(state, false);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
storetest_teardown(void **state)
{
	struct storetest *t = *state;

	store_close(t->s);
	store_shared_free(t->shared);
	if (t->folder[0] != '\0')
		(void)nftw(t->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static void
assert_ok(int rc, const struct cfs_err *err)
{
	if (rc != 0)
		fail_msg("%d: %s", rc, err->text);
}

void
st_reopen(struct storetest *t)
{
	struct cfs_err err = CFS_ERR_INIT;

	store_close(t->s);
	t->s = NULL;
	assert_ok(store_open(&t->conf, t->shared, &t->s, &err), &err);
}

void
st_begin(struct storetest *t)
{
	struct cfs_err err = CFS_ERR_INIT;

	assert_ok(store_begin(t->s, &err), &err);
}

uint64_t
st_commit(struct storetest *t)
{
	struct cfs_err err = CFS_ERR_INIT;
	uint64_t commit = 0;

	assert_ok(store_commit(t->s, &commit, &err), &err);
	return commit;
}

void
st_need_ino(struct storetest *t)
{
	struct cfs_err err = CFS_ERR_INIT;
	uint32_t count, gen;

	if (t->next_ino == t->end_ino) {
		assert_ok(
		    stream_grant_inodes(t->s, &t->stream, RANGE, &t->next_ino, &count, &gen, &err),
		    &err);
		t->end_ino = t->next_ino + count;
	}
}

uint64_t
st_ino(struct storetest *t)
{
	st_need_ino(t);
	return t->next_ino++;
}

struct bytes_view
st_str(const char *text)
{
	return (struct bytes_view){text, strlen(text)};
}

struct inode_ref
st_ref(const struct inode_attr *attr)
{
	return (struct inode_ref){attr->ino, attr->gen};
}

/* Opens a transaction unless one is open; finish() ends what this began. */
static bool
start(struct storetest *t)
{
	if (store_in_transaction(t->s))
		return false;
	st_begin(t);
	return true;
}

static int
finish(struct storetest *t, bool started, int rc)
{
	if (!started)
		return rc;
	if (rc == 0)
		(void)st_commit(t);
	else
		store_rollback(t->s);
	return rc;
}

int
st_create(struct storetest *t, struct inode_ref dir, const char *name, enum inode_type type,
	  struct inode_attr *out)
{
	struct create_args a = {.dir = dir,
				.name = st_str(name),
				.ino = st_ino(t),
				.stream = t->stream.stream,
				.type = type,
				.mode = type == INODE_DIR ? 0755 : 0644};
	struct inode_attr attr;
	bool started = start(t);

	if (type == INODE_SYMLINK)
		return finish(t, started, CFS_EINVAL);
	return finish(t, started, names_create(t->s, &t->a, &a, out != NULL ? out : &attr, NULL));
}

int
st_put(struct storetest *t, struct inode_ref dir, const char *name, const void *data, size_t len,
       struct inode_attr *out)
{
	struct content_piece piece = {.kind = PIECE_INLINE, .length = (uint32_t)len, .data = data};
	struct put_args a = {.dir = dir,
			     .name = st_str(name),
			     .ino = st_ino(t),
			     .stream = t->stream.stream,
			     .make_inode = true,
			     .mode = 0644,
			     .size = len,
			     .pieces = &piece,
			     .piece_count = len > 0 ? 1 : 0};
	struct inode_attr attr;
	uint64_t replaced;
	bool started = start(t);

	return finish(t, started,
		      content_put(t->s, &t->a, &a, out != NULL ? out : &attr, &replaced, NULL));
}

int
st_unlink(struct storetest *t, struct inode_ref dir, const char *name, bool directory)
{
	bool started = start(t);
	uint64_t ino = 0;

	return finish(t, started,
		      names_unlink(t->s, &t->a, dir, st_str(name), directory, &ino, NULL));
}

int
st_rename(struct storetest *t, struct inode_ref dir, const char *name, struct inode_ref to,
	  const char *to_name)
{
	struct inode_attr attr;
	bool started = start(t);

	return finish(t, started,
		      names_rename(t->s, &t->a, dir, st_str(name), to, st_str(to_name), false,
				   false, &attr, NULL));
}

int
st_link(struct storetest *t, struct inode_ref ref, struct inode_ref dir, const char *name)
{
	struct inode_attr attr;
	bool started = start(t);

	return finish(t, started, names_link(t->s, &t->a, ref, dir, st_str(name), &attr, NULL));
}

int
st_write(struct storetest *t, struct inode_ref ref, uint64_t offset,
	 const struct content_piece *pieces, size_t count, struct inode_attr *out)
{
	struct inode_attr attr;
	uint64_t at;
	bool started = start(t);

	return finish(t, started,
		      content_write(t->s, &t->a, ref, false, offset, 0, pieces, count, &at,
				    out != NULL ? out : &attr, NULL));
}

struct id128
st_blob(struct storetest *t, const void *data, uint32_t len)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct sha256 sum;
	struct id128 id;
	uint32_t stored;

	assert_int_equal(sha256_once(NULL, data, len, &sum), 0);
	assert_ok(content_blob_reserve(t->s, t->alice.id, 1, &id, &err), &err);
	assert_ok(content_blob_write(t->s, &id, data, len, &stored, &err), &err);
	st_begin(t);
	assert_ok(content_blob_ready(t->s, t->alice.id, &id, &sum, len, stored, &err), &err);
	(void)st_commit(t);
	return id;
}

struct inode_attr
st_lookup(struct storetest *t, struct inode_ref dir, const char *name)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct inode_attr attr;

	assert_ok(names_lookup(t->s, &t->a, dir, st_str(name), &attr, &err), &err);
	return attr;
}

unsigned char *
st_read(struct storetest *t, struct inode_ref ref, size_t *len_out)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct content_plan *plan;
	struct inode_attr attr;
	unsigned char *data;
	uint64_t at = 0;

	assert_ok(names_getattr(t->s, &t->a, ref, &attr, &err), &err);
	data = malloc(attr.size + 1);
	assert_non_null(data);
	while (at < attr.size) {
		assert_ok(content_plan(t->s, &t->a, ref, at, STORE_BLOB_MAX, attr.version, true,
				       &plan, &err),
			  &err);
		assert_true(plan->length > 0);
		for (size_t i = 0; i < plan->count; i++) {
			struct sha256 sum;
			const struct content_part *part = &plan->parts[i];

			assert_ok(content_read(t->s, part, true, data + at, &err), &err);
			if (part->has_hash) {
				assert_int_equal(sha256_once(NULL, data + at, part->length, &sum),
						 0);
				assert_true(sha256_equal(&sum, &part->hash));
			}
			at += part->length;
		}
		content_plan_free(plan);
	}
	assert_true(at == attr.size);
	*len_out = (size_t)attr.size;
	return data;
}

void
st_assert_content(struct storetest *t, struct inode_ref ref, const void *data, size_t len)
{
	size_t got;
	unsigned char *bytes = st_read(t, ref, &got);

	assert_int_equal(got, len);
	assert_memory_equal(bytes, data, len);
	free(bytes);
}

static void
tell(void *arg, const char *fault)
{
	(void)arg;
	(void)fprintf(stderr, "fault: %s\n", fault);
}

void
st_check(struct storetest *t)
{
	struct cfs_err err = CFS_ERR_INIT;
	int faults = store_check(t->s, tell, NULL, &err);

	if (faults != 0)
		fail_msg("%d faults; %s", faults, err.text);
}

void
st_keep(struct storetest *t)
{
	struct cfs_err err = CFS_ERR_INIT;
	bool more = true;

	while (more)
		assert_ok(store_keep(t->s, 100, &more, &err), &err);
}
