/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store's metadata alone: how many small changes, look-ups and listings a second one process gets.
 *
 *   metadata [DIRECTORY]    the store is made in a new folder there and removed; "memory:" measures one in memory
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/changes.h"
#include "store/content.h"
#include "store/events.h"
#include "store/impl.h"
#include "store/names.h"
#include "store/people.h"

#define FILES 20000u
#define BATCH 64u
#define SIZE  8192u

struct bench {
	struct store *s;
	struct cred cred;
	struct stream_state st;
	struct inode_ref home;
	uint64_t seq, ino;
	unsigned char data[SIZE];
};

static void
need(int rc, const struct cfs_err *err)
{
	if (rc < 0) {
		(void)fprintf(stderr, "%s\n", err->text);
		exit(1);
	}
}

/* A stretch of work: by the clock, and by the processor, which says more on a machine that others use too. */
struct stretch {
	uint64_t wall_ns, cpu_ns;
};

static struct stretch
start_stretch(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (struct stretch){now_mono_ns(),
				(uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec};
}

static void
report(const char *what, double count, struct stretch from, const char *unit)
{
	struct stretch to = start_stretch();
	double wall = (double)(to.wall_ns - from.wall_ns), cpu = (double)(to.cpu_ns - from.cpu_ns);

	(void)printf("%-34s %10.0f %s/s  %8.2f us each, %8.2f us of the processor\n", what,
		     count / wall * 1e9, unit, wall / count / 1e3, cpu / count / 1e3);
}

/* A batch of changes as a session does it. */
static void
batched(struct bench *b, unsigned count, void (*change)(struct bench *b, unsigned i))
{
	struct cfs_err err = CFS_ERR_INIT;
	struct buf reply = BUF_INIT;
	uint64_t commit;
	int status;

	for (unsigned i = 0; i < count; i++) {
		if (i % BATCH == 0)
			need(store_begin(b->s, &err), &err);
		b->seq++;
		need(change_begin(b->s, &b->st, b->seq, b->seq - 1, &status, &reply, &err), &err);
		change(b, i);
		need(change_end(b->s, &b->st, b->seq, 0, (struct bytes_view){b->data, 110}, &err),
		     &err);
		if (i % BATCH == BATCH - 1 || i == count - 1)
			need(store_commit(b->s, &commit, &err), &err);
	}
}

static void
put_one(struct bench *b, unsigned i)
{
	struct cfs_err err = CFS_ERR_INIT;
	char name[32];
	struct content_piece p = {.kind = PIECE_INLINE, .length = SIZE, .data = b->data};
	struct put_args a = {.dir = b->home,
			     .name = {name, (size_t)snprintf(name, sizeof(name), "file-%06u", i)},
			     .ino = b->ino++,
			     .stream = b->st.stream,
			     .make_inode = true,
			     .mode = 0644,
			     .size = SIZE,
			     .pieces = &p,
			     .piece_count = 1};
	struct inode_attr attr;
	uint64_t replaced;

	need(content_put(b->s, &b->cred, &a, &attr, &replaced, &err), &err);
}

static void
unlink_one(struct bench *b, unsigned i)
{
	struct cfs_err err = CFS_ERR_INIT;
	char name[32];
	struct bytes_view v = {name, (size_t)snprintf(name, sizeof(name), "file-%06u", i)};

	uint64_t ino = 0;

	need(names_unlink(b->s, &b->cred, b->home, v, false, &ino, &err), &err);
}

/* As a session does one UNLINK that comes alone: with its event, in a transaction of its own. */
static void
unlink_alone(struct bench *b, unsigned i)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct buf reply = BUF_INIT, path = BUF_INIT;
	struct event e = {.kind = EVENT_CHANGE,
			  .op = 12,
			  .owner = b->cred.user,
			  .user = b->cred.user,
			  .user_name = {"alice", 5},
			  .device = {"alice@laptop", 12},
			  .peer = {"127.0.0.1:45678", 15}};
	char name[32];
	struct bytes_view v = {name, (size_t)snprintf(name, sizeof(name), "file-%06u", i)};
	uint64_t ino = 0, commit;
	int status;

	b->seq++;
	need(store_begin(b->s, &err), &err);
	need(change_begin(b->s, &b->st, b->seq, b->seq - 1, &status, &reply, &err), &err);
	need(names_unlink(b->s, &b->cred, b->home, v, false, &ino, &err), &err);
	need(events_path(b->s, b->home.ino, v, &path, &err), &err);
	e.path = (struct bytes_view){path.data, path.len};
	need(events_add(b->s, &e, &err), &err);
	need(change_end(b->s, &b->st, b->seq, 0, (struct bytes_view){b->data, 8}, &err), &err);
	need(store_commit(b->s, &commit, &err), &err);
	buf_fini(&path);
}

static int
take(void *arg, uint64_t cookie, struct bytes_view name, const struct inode_attr *attr)
{
	(void)name;
	(void)attr;
	*(uint64_t *)arg = cookie;
	return 0;
}

static void
reads(struct bench *b)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct inode_attr attr = {0};
	struct content_plan *plan;
	struct stretch start = start_stretch();
	uint64_t cookie = 0, parent;
	unsigned long x = 1;
	bool eof = false;

	for (unsigned i = 0; i < 100000; i++) {
		char name[32];

		x = x * 6364136223846793005ul + 1;
		struct bytes_view v = {name, (size_t)snprintf(name, sizeof(name), "file-%06u",
							      (unsigned)(x >> 33) % FILES)};
		need(names_lookup(b->s, &b->cred, b->home, v, &attr, &err), &err);
	}
	report("look-up", 100000, start, "look-ups");
	start = start_stretch();
	for (unsigned i = 0; i < 100000; i++)
		need(names_getattr(b->s, &b->cred, (struct inode_ref){attr.ino, 1}, &attr, &err),
		     &err);
	report("getattr", 100000, start, "calls");
	start = start_stretch();
	for (unsigned i = 0; i < 50000; i++) {
		struct walk_result w;

		need(names_walk(b->s, &b->cred, b->home,
				(struct bytes_view){"/alice/file-000123", 18}, false, false, &w,
				&err),
		     &err);
	}
	report("walk /alice/file", 50000, start, "walks");
	start = start_stretch();
	for (unsigned round = 0; round < 10; round++)
		for (cookie = 0, eof = false; !eof;)
			need(names_readdir(b->s, &b->cred, b->home, cookie, take, &cookie, &eof,
					   &parent, &err),
			     &err);
	report("readdir with attributes", 10.0 * FILES, start, "entries");
	start = start_stretch();
	for (unsigned i = 0; i < 50000; i++) {
		need(content_plan(b->s, &b->cred, (struct inode_ref){attr.ino, 1}, 0, SIZE, 0, true,
				  &plan, &err),
		     &err);
		content_plan_free(plan);
	}
	report("plan, 1 inline extent of 8 KiB", 50000, start, "plans");
}

static void
blob_plan(struct bench *b)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct content_piece p[2];
	struct content_plan *plan;
	struct inode_attr attr;
	struct sha256 sum = {{1}};
	struct id128 ids[2];
	uint64_t commit, at;
	struct stretch start;

	need(content_blob_reserve(b->s, b->cred.user, 2, ids, &err), &err);
	need(store_begin(b->s, &err), &err);
	put_one(b, FILES + 1);
	for (unsigned i = 0; i < 2; i++) {
		need(content_blob_ready(b->s, b->cred.user, &ids[i], &sum, 1 << 20, 1 << 20, &err),
		     &err);
		p[i] =
		    (struct content_piece){.kind = PIECE_BLOB, .length = 1 << 20, .blob = ids[i]};
	}
	need(content_write(b->s, &b->cred, (struct inode_ref){b->ino - 1, 1}, false, 0, 0, p, 2,
			   &at, &attr, &err),
	     &err);
	need(store_commit(b->s, &commit, &err), &err);
	start = start_stretch();
	for (unsigned i = 0; i < 50000; i++) {
		need(content_plan(b->s, &b->cred, (struct inode_ref){attr.ino, 1}, 0, 4u << 20, 0,
				  true, &plan, &err),
		     &err);
		content_plan_free(plan);
	}
	report("plan, 2 blob extents", 50000, start, "plans");
}

static void
syncs(struct bench *b)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct stretch start = start_stretch();
	uint64_t commit;

	for (unsigned i = 0; i < 300; i++) {
		need(store_begin(b->s, &err), &err);
		put_one(b, FILES + 100 + i);
		need(store_commit(b->s, &commit, &err), &err);
		need(store_sync(b->s, commit, &err), &err);
	}
	report("put, each durable", 300, start, "puts");
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
run(struct bench *b)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct person alice;
	struct id128 id = id128_random();
	struct stretch start;
	uint64_t commit;
	bool more;

	need(store_begin(b->s, &err), &err);
	need(people_add(b->s, "alice", &alice, &err), &err);
	need(store_commit(b->s, &commit, &err), &err);
	b->cred.user = alice.id;
	b->home = (struct inode_ref){alice.home, 1};
	need(stream_attach(b->s, alice.id, &id, true, 65536, &b->st, &err), &err);
	b->ino = b->st.first_ino;
	start = start_stretch();
	batched(b, FILES, put_one);
	report("put 8 KiB, 64 a transaction", FILES, start, "puts");
	reads(b);
	start = start_stretch();
	need(store_keep(b->s, 100, &more, &err), &err);
	report("keeper's step with checkpoint", 1, start, "steps");
	reads(b);
	blob_plan(b);
	syncs(b);
	start = start_stretch();
	batched(b, FILES / 2, unlink_one);
	report("unlink, 64 a transaction", FILES / 2, start, "unlinks");
	start = start_stretch();
	for (unsigned i = FILES / 2; i < FILES; i++)
		unlink_alone(b, i);
	report("unlink and event, alone", FILES / 2, start, "unlinks");
}

int
main(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : "/tmp";
	struct cfs_err err = CFS_ERR_INIT;
	struct store_shared *shared = NULL;
	struct store_conf conf = {.path = where, .attic_keep_ms = 1000000};
	struct bench *b = calloc(1, sizeof(*b));
	char folder[256] = "", path[300];

	if (b == NULL)
		return 1;
	if (strcmp(where, "memory:") != 0) {
		(void)snprintf(folder, sizeof(folder), "%s/bench.XXXXXX", where);
		if (mkdtemp(folder) == NULL)
			return 1;
		(void)snprintf(path, sizeof(path), "%s/s", folder);
		conf.path = path;
		need(store_create(path, &err), &err);
	}
	rand_bytes(b->data, sizeof(b->data));
	need(store_shared_new(&shared, &err), &err);
	need(store_open(&conf, shared, &b->s, &err), &err);
	run(b);
	store_close(b->s);
	store_shared_free(shared);
	if (folder[0] != '\0')
		(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}
