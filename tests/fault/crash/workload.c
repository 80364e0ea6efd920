/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "workload.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "model.h"
#include "store/changes.h"
#include "store/content.h"
#include "store/impl.h"
#include "store/names.h"
#include "store/people.h"
#include "upkeep.h"

#define PIECE      100000u /* larger content is cut into several blobs */
#define PIECES_MAX 8u
#define IDS        16u
#define WRITERS    3u
#define INODES     8192u

/* New bytes of one change, cut into pieces; those that are blobs are on the disk before the transaction begins. */
struct bytes {
	unsigned char *data;
	struct content_piece pieces[PIECES_MAX];
	uint32_t stored[PIECES_MAX];
	bool had[PIECES_MAX]; /* a blob that the store had already */
	size_t count;
};

struct work {
	struct store *s;
	struct cred cred;
	struct stream_state stream;
	uint64_t seq, next_ino;
	struct inode_ref folders[MODEL_FOLDERS];
	struct id128 ids[IDS]; /* reserved, not used yet */
	unsigned id_count;
	int mark_fd;
	struct cfs_err err;
};

static int
mark(struct work *w, const char *text)
{
	return io_write_full(w->mark_fd, text, strlen(text));
}

static struct bytes_view
file_name(unsigned file, char buf[16])
{
	int n = snprintf(buf, 16, "f%u", file);

	return (struct bytes_view){buf, (size_t)n};
}

static struct inode_ref
folder_of(const struct work *w, unsigned file)
{
	return w->folders[file % MODEL_FOLDERS];
}

/* ---- bytes ---- */

static int
take_id(struct work *w, struct id128 *out)
{
	if (w->id_count == 0) {
		if (content_blob_reserve(w->s, w->cred.user, IDS, w->ids, &w->err) != 0)
			return -1;
		w->id_count = IDS;
	}
	*out = w->ids[--w->id_count];
	return 0;
}

/* The id of a blob: one that the store has for the same bytes, else a fresh one. */
static int
name_blob(struct work *w, struct content_piece *p, bool *had)
{
	struct sha256 hash;
	int rc = sha256_once(NULL, p->data, p->length, &hash);

	if (rc == 0)
		rc = content_blob_find(w->s, w->cred.user, &hash, p->length, &p->blob, &w->err);
	*had = rc == 1;
	if (rc == 0)
		rc = take_id(w, &p->blob);
	return rc < 0 ? rc : 0;
}

static int
cut(struct work *w, const struct op *op, struct bytes *b)
{
	unsigned done = 0;

	b->count = 0;
	b->data = malloc(op->length + 1);
	if (b->data == NULL)
		return -1;
	model_bytes(op->seed, b->data, op->length);
	while (done < op->length) {
		struct content_piece *p = &b->pieces[b->count++];

		*p = (struct content_piece){.kind = PIECE_BLOB, .data = b->data + done};
		p->length = op->length - done < PIECE ? op->length - done : PIECE;
		done += p->length;
		if (p->length <= STORE_INLINE_MAX)
			p->kind = PIECE_INLINE;
		else if (name_blob(w, p, &b->had[b->count - 1]) != 0)
			return -1;
	}
	return 0;
}

/* Blobs are written by a few threads, as the workers of a session do it. */
struct writer {
	struct work *w;
	struct bytes *bytes;
	unsigned count, self;
	int rc;
	struct cfs_err err;
};

static void *
write_blobs(void *arg)
{
	struct writer *me = arg;
	unsigned turn = 0;

	for (unsigned i = 0; i < me->count; i++) {
		for (size_t j = 0; j < me->bytes[i].count && me->rc == 0; j++) {
			struct content_piece *p = &me->bytes[i].pieces[j];

			if (p->kind == PIECE_BLOB && !me->bytes[i].had[j] &&
			    turn++ % WRITERS == me->self)
				me->rc = content_blob_write(me->w->s, &p->blob, p->data, p->length,
							    &me->bytes[i].stored[j], &me->err);
		}
	}
	return NULL;
}

static int
flush_blobs(struct work *w, struct bytes *bytes, unsigned count)
{
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	int rc = 0;

	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.w = w, .bytes = bytes, .count = count, .self = i};
		if (pthread_create(&threads[i], NULL, write_blobs, &writers[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		pthread_join(threads[i], NULL);
		if (writers[i].rc != 0) {
			w->err = writers[i].err;
			rc = -1;
		}
	}
	return rc;
}

/* ---- changes ---- */

static int
ready(struct work *w, const struct bytes *b)
{
	int rc = 0;

	for (size_t i = 0; i < b->count && rc == 0; i++) {
		const struct content_piece *p = &b->pieces[i];
		struct sha256 hash;

		if (p->kind != PIECE_BLOB || b->had[i])
			continue;
		rc = sha256_once(NULL, p->data, p->length, &hash);
		if (rc == 0)
			rc = content_blob_ready(w->s, w->cred.user, &p->blob, &hash, p->length,
						b->stored[i], &w->err);
	}
	return rc;
}

static int
put(struct work *w, const struct op *op, const struct bytes *b)
{
	char name[16];
	struct inode_attr attr;
	uint64_t replaced;
	struct put_args a = {.dir = folder_of(w, op->file),
			     .name = file_name(op->file, name),
			     .ino = w->next_ino++,
			     .stream = w->stream.stream,
			     .make_inode = true,
			     .set_mode = true,
			     .mode = 0644,
			     .mtime_ns = 1,
			     .size = op->length,
			     .pieces = b->pieces,
			     .piece_count = b->count};

	return content_put(w->s, &w->cred, &a, &attr, &replaced, &w->err);
}

static int
change(struct work *w, const struct op *op, const struct bytes *b)
{
	char name[16], to_name[16];
	struct bytes_view from = file_name(op->file, name), to = file_name(op->to, to_name);
	struct inode_attr attr;
	struct setattr_args set = {.valid = SETATTR_SIZE, .size = op->length};
	uint64_t at, ino = 0;
	int rc;

	if (op->kind == OP_PUT)
		return put(w, op, b);
	if (op->kind == OP_UNLINK)
		return names_unlink(w->s, &w->cred, folder_of(w, op->file), from, false, &ino,
				    &w->err);
	if (op->kind == OP_RENAME)
		return names_rename(w->s, &w->cred, folder_of(w, op->file), from,
				    folder_of(w, op->to), to, false, false, &attr, &w->err);
	rc = names_lookup(w->s, &w->cred, folder_of(w, op->file), from, &attr, &w->err);
	if (rc != 0)
		return rc;
	set.ref = (struct inode_ref){attr.ino, attr.gen};
	if (op->kind == OP_TRUNCATE)
		return names_setattr(w->s, &w->cred, &set, &attr, &w->err);
	return content_write(w->s, &w->cred, set.ref, false, op->offset, 1, b->pieces, b->count,
			     &at, &attr, &w->err);
}

/* One change in its savepoint, as a session does it. */
static int
numbered(struct work *w, const struct op *op, const struct bytes *b)
{
	struct buf reply = BUF_INIT;
	struct bytes_view nothing = {NULL, 0};
	int status = 0, rc;

	w->seq++;
	rc = change_begin(w->s, &w->stream, w->seq, w->seq - 1, &status, &reply, &w->err);
	buf_fini(&reply);
	if (rc == 0)
		rc = ready(w, b);
	if (rc == 0)
		rc = change(w, op, b);
	if (rc == 0)
		rc = change_end(w->s, &w->stream, w->seq, 0, nothing, &w->err);
	return rc;
}

static int
transaction(struct work *w, const struct step *step, const struct bytes *bytes, uint64_t *commit)
{
	int rc = store_begin(w->s, &w->err);

	for (unsigned i = 0; i < step->count && rc == 0; i++)
		rc = numbered(w, &step->ops[i], &bytes[i]);
	return rc == 0 ? store_commit(w->s, commit, &w->err) : rc;
}

static int
run_step(struct work *w, unsigned number, const struct step *step, uint64_t *commit)
{
	struct bytes bytes[MODEL_OPS_MAX] = {{0}};
	char ops[400], line[440];
	int rc = 0;

	step_format(step, ops, sizeof(ops));
	snprintf(line, sizeof(line), "step %u %s", number, ops);
	for (unsigned i = 0; i < step->count && rc == 0; i++)
		if (step->ops[i].kind == OP_PUT || step->ops[i].kind == OP_WRITE)
			rc = cut(w, &step->ops[i], &bytes[i]);
	if (rc == 0)
		rc = flush_blobs(w, bytes, step->count);
	if (rc == 0)
		rc = mark(w, line);
	if (rc == 0)
		rc = transaction(w, step, bytes, commit);
	for (unsigned i = 0; i < step->count; i++)
		free(bytes[i].data);
	return rc;
}

/*
 * What the keeper would do now and then, hours later: then blobs that nobody needs are old enough to go. Ids that were
 * reserved before are given up, so that some of them go without ever having been written.
 */
static int
housekeeping(struct work *w, struct rng *rng)
{
	bool more = rng_percent(rng, 12);
	int rc = 0;

	if (more) {
		w->s->clock_shift_ns += WORKLOAD_PAUSE_NS;
		w->id_count = 0;
	}

	for (unsigned i = 0; more && rc == 0 && i < 20; i++)
		rc = store_keep(w->s, 50, &more, &w->err);
	if (rng_percent(rng, 3))
		store_idle(w->s);
	return rc;
}

static int
run_steps(struct work *w, const char *path, uint64_t seed, unsigned steps)
{
	const struct upkeep upkeep = {.s = w->s,
				      .cred = w->cred,
				      .stream = w->stream.stream,
				      .next_ino = &w->next_ino,
				      .path = path};
	struct rng rng = {seed};
	struct model m;
	uint64_t commit = 0;
	int rc = model_init(&m);

	for (unsigned n = 1; n <= steps && rc == 0; n++) {
		struct step step;
		char line[32];

		model_draw(&m, &rng, &step);
		model_apply(&m, &step);
		rc = run_step(w, n, &step, &commit);
		snprintf(line, sizeof(line), "ack %u", n);
		if (rc == 0 && (rng_percent(&rng, 75) || n == steps)) {
			rc = store_sync(w->s, commit, &w->err);
			if (rc == 0)
				rc = mark(w, line);
		}
		if (rc == 0)
			rc = housekeeping(w, &rng);
		if (rc == 0)
			rc = upkeep_step(&upkeep, &rng, &w->err);
		if (rc != 0)
			fprintf(stderr, "workload: step %u: %s\n", n, w->err.text);
	}
	model_fini(&m);
	return rc;
}

static int
make_folder(struct work *w, struct inode_ref home, unsigned i)
{
	char name[16];
	struct buf reply = BUF_INIT;
	struct bytes_view nothing = {NULL, 0};
	struct create_args a = {.dir = home,
				.name = {name, (size_t)snprintf(name, sizeof(name), "d%u", i)},
				.ino = w->next_ino++,
				.stream = w->stream.stream,
				.type = INODE_DIR,
				.mode = 0755};
	struct inode_attr attr;
	int status, rc;

	w->seq++;
	rc = change_begin(w->s, &w->stream, w->seq, w->seq - 1, &status, &reply, &w->err);
	buf_fini(&reply);
	if (rc == 0)
		rc = names_create(w->s, &w->cred, &a, &attr, &w->err);
	if (rc == 0)
		rc = change_end(w->s, &w->stream, w->seq, 0, nothing, &w->err);
	if (rc == 0)
		w->folders[i] = (struct inode_ref){attr.ino, attr.gen};
	return rc;
}

/* The user, the stream and the folders. */
static int
prepare(struct work *w)
{
	struct id128 id = WORKLOAD_STREAM;
	struct bytes_view home = {"/" MODEL_USER, strlen("/" MODEL_USER)};
	struct inode_ref root = {0, 0};
	struct person person;
	struct walk_result at;
	uint64_t commit;
	int rc = store_begin(w->s, &w->err);

	if (rc == 0)
		rc = people_add(w->s, MODEL_USER, &person, &w->err);
	if (rc == 0)
		rc = store_commit(w->s, &commit, &w->err);
	if (rc != 0)
		return rc;
	w->cred.user = person.id;
	rc = stream_attach(w->s, person.id, &id, true, INODES, &w->stream, &w->err);
	w->next_ino = w->stream.first_ino;
	if (rc == 0)
		rc = store_begin(w->s, &w->err);
	if (rc == 0)
		rc = names_walk(w->s, &w->cred, root, home, true, false, &at, &w->err);
	for (unsigned i = 0; i < MODEL_FOLDERS && rc == 0; i++)
		rc = make_folder(w, (struct inode_ref){at.attr.ino, at.attr.gen}, i);
	if (rc == 0)
		rc = store_commit(w->s, &commit, &w->err);
	return rc == 0 ? store_sync(w->s, commit, &w->err) : rc;
}

int
workload_run(const char *path, const char *mark_path, uint64_t seed, unsigned steps)
{
	struct store_conf conf = WORKLOAD_STORE_CONF(path);
	struct store_shared *shared = NULL;
	struct work w = {.mark_fd = -1, .err = CFS_ERR_INIT};
	int rc;

	w.mark_fd = io_open(mark_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	rc = w.mark_fd < 0 ? -1 : store_create(path, &w.err);
	if (rc == 0)
		rc = store_shared_new(&shared, &w.err);
	if (rc == 0)
		rc = store_open(&conf, shared, &w.s, &w.err);
	if (rc == 0)
		rc = prepare(&w);
	if (rc == 0)
		rc = mark(&w, "start");
	if (rc != 0)
		fprintf(stderr, "workload: %s\n", w.err.text);
	else
		rc = run_steps(&w, path, seed, steps);
	store_close(w.s);
	store_shared_free(shared);
	fd_close(&w.mark_fd);
	return rc == 0 ? 0 : -1;
}
