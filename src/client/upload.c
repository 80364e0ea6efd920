/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Putting files. A small one is a single request with its bytes in it. A large one is cut into blobs that are sent as
 * they are read, and one PUT at the end that names them: nothing waits for an answer in between, and since the PUT names
 * every byte, a file whose upload failed anywhere cannot appear. Only a file of very many pieces goes to an unnamed inode
 * in batches first, and its PUT waits until all of them are there.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "client/attr.h"
#include "client/xfer.h"
#include "proto/codec.h"

/* Pieces that one request names. */
#define BATCH_PIECES 8192u
/* What a piece can cover, its length being 32 bits wide. */
#define HOLE_MAX     0x80000000u

enum put_stage { PUT_READING, PUT_READ, PUT_SENT };

struct upload {
	struct item base;
	struct cfs_ref dir;
	char *name;
	unsigned flags;
	uint64_t if_version;
	uint32_t mode;
	int64_t mtime_ns;

	uint32_t number; /* by which it was announced; 0: it was not */
	int fd;
	bool regular, sparse;
	bool reading;      /* a worker is at it */
	uint64_t start;    /* offset of the source that is offset 0 of the file */
	uint64_t read_end; /* offset of the file up to which chunks were cut */
	uint64_t size;     /* bytes, once all is read; before it a hint */

	struct buf pieces; /* of the batch, encoded */
	struct list list;
	struct outblob **blobs; /* of each piece of it */
	uint64_t batch_start;
	struct cfs_ref ref; /* inode; ino 0: none yet */
	bool unnamed;       /* it exists already, holding earlier batches */
	enum put_stage stage;
};

static struct upload *
upload_of(struct item *it)
{
	return CONTAINER_OF(it, struct upload, base);
}

/* ---- pieces */

static int
add_piece(struct upload *u, const struct m_write_piece *p, struct outblob *blob)
{
	struct cfs *c = u->base.x->c;
	struct outblob **more =
	    reallocarray(u->blobs, (size_t)u->list.count + 1, sizeof(struct outblob *));

	if (more == NULL)
		return CFS_ENOMEM;
	u->blobs = more;
	u->blobs[u->list.count] = NULL;
	int rc = codec_list_append(&u->list, &msg_write_piece, p, &u->pieces, 0);
	if (rc == 0 && blob != NULL) {
		pthread_mutex_lock(&c->lock);
		u->blobs[u->list.count - 1] = outblob_ref(blob);
		pthread_mutex_unlock(&c->lock);
	}
	return rc;
}

static int
add_hole(struct upload *u, uint64_t length)
{
	int rc = 0;

	while (rc == 0 && length > 0) {
		struct m_write_piece p = {.length = (uint32_t)min_u64(length, HOLE_MAX)};

		rc = add_piece(u, &p, NULL);
		length -= p.length;
	}
	return rc;
}

static void
clear_pieces(struct upload *u)
{
	struct cfs *c = u->base.x->c;

	pthread_mutex_lock(&c->lock);
	for (uint32_t i = 0; i < u->list.count; i++)
		outblob_unref(u->blobs[i]);
	pthread_mutex_unlock(&c->lock);
	u->list = (struct list){0};
	buf_clear(&u->pieces);
}

/* ---- requests */

static void
put_answered(struct chunk *ch)
{
	struct upload *u = upload_of(ch->item);
	struct m_put_rep rep;
	int rc = call_result(ch->call, &rep, &ch->err);

	if (rc < 0) {
		item_fail(&u->base, rc, &ch->err);
	} else {
		attr_from_wire(&u->base.report.attr, &rep.attr);
		u->base.report.bytes = u->size;
		u->base.finished = true;
	}
	chunk_free(ch);
}

static void
change_answered(struct chunk *ch)
{
	int rc = call_result(ch->call, NULL, &ch->err);

	if (rc < 0)
		item_fail(ch->item, rc, &ch->err);
	chunk_free(ch);
}

static int
send_change(struct upload *u, unsigned op, const void *req, struct chunk *ch, bool pieces,
	    void (*answered)(struct chunk *ch))
{
	struct cfs *c = u->base.x->c;
	int rc = call_new(c, op, req, &ch->call, &ch->err);

	if (rc == 0 && pieces)
		rc = call_name_blobs(ch->call, u->blobs, u->list.count);
	if (rc == 0 && op == OP_PUT)
		call_durable(ch->call);
	if (rc == 0 && ch->len > 0)
		rc = call_copy_bulk(ch->call, ch->data, ch->len);
	if (rc == 0)
		rc = chunk_call(ch, answered);
	if (rc < 0) {
		item_fail(&u->base, rc, &ch->err);
		chunk_free(ch);
	}
	return rc;
}

static int
need_ino(struct upload *u)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc = u->ref.ino == 0 ? changes_take_ino(u->base.x->c, &u->ref, &err) : 0;

	if (rc < 0)
		item_fail(&u->base, rc, &err);
	return rc;
}

/* The request that gives the name its new content; ch->data holds inline bytes, if there are any. */
static int
send_put(struct upload *u, struct chunk *ch)
{
	struct m_put_req req = {
	    .dir = u->dir.ino,
	    .dir_gen = u->dir.gen,
	    .name = str_from(u->name),
	    .if_version = u->if_version,
	    .mode = u->mode,
	    .uid = getuid(),
	    .gid = getgid(),
	    .mtime = u->mtime_ns,
	    .size = u->size,
	};

	u->stage = PUT_SENT;
	if (need_ino(u) < 0) {
		chunk_free(ch);
		return CFS_EFAIL;
	}
	req.ino = u->ref.ino;
	req.flags = (u->unnamed ? 0u : 1u) | ((u->flags & CFS_PUT_NOCLOBBER) != 0 ? 2u : 0u) |
		    ((u->flags & CFS_PUT_IF_VERSION) != 0 ? 4u : 0u) |
		    ((u->flags & CFS_PUT_SET_MODE) != 0 ? 8u : 0u);
	if (!u->unnamed)
		req.pieces = u->list;
	return send_change(u, OP_PUT, &req, ch, !u->unnamed, put_answered);
}

static int
send_create(struct upload *u)
{
	struct chunk *ch = chunk_new(&u->base, 0);
	struct m_create_req req = {
	    .ino = u->ref.ino,
	    .type = CFS_FILE,
	    .mode = u->mode,
	    .uid = getuid(),
	    .gid = getgid(),
	};

	u->unnamed = true;
	if (ch == NULL) {
		item_fail(&u->base, CFS_ENOMEM, NULL);
		return CFS_ENOMEM;
	}
	return send_change(u, OP_CREATE, &req, ch, false, change_answered);
}

/* What was collected so far goes into the unnamed inode. */
static void
send_batch(struct upload *u)
{
	struct m_write_req req = {.offset = u->batch_start, .pieces = u->list};
	struct chunk *ch;

	if (need_ino(u) < 0 || (!u->unnamed && send_create(u) < 0))
		return;
	ch = chunk_new(&u->base, 0);
	if (ch == NULL) {
		item_fail(&u->base, CFS_ENOMEM, NULL);
		return;
	}
	req.ino = u->ref.ino;
	req.gen = u->ref.gen;
	if (send_change(u, OP_WRITE, &req, ch, true, change_answered) == 0) {
		clear_pieces(u);
		u->batch_start = u->read_end;
	}
}

/* ---- blobs */

static void
blob_answered(struct chunk *ch)
{
	struct m_blob_put_rep rep;
	struct cfs *c = ch->item->x->c;
	int rc = call_result(ch->call, &rep, &ch->err);

	if (rc == 0 && rep.length != ch->len)
		rc = err_set(&ch->err, CFS_EPROTO, "the server stored %u bytes of %zu", rep.length,
			     ch->len);
	if (rc < 0) {
		item_fail(ch->item, rc, &ch->err);
	} else {
		pthread_mutex_lock(&c->lock);
		ch->blob->stored = true;
		ch->blob->id = rep.blob;
		pthread_mutex_unlock(&c->lock);
		xfer_progress(ch->item->x, ch->len);
	}
	chunk_free(ch);
}

static int
send_blob(struct chunk *ch)
{
	struct upload *u = upload_of(ch->item);
	struct cfs *c = ch->item->x->c;
	struct m_write_piece piece = {.length = (uint32_t)ch->len, .kind = 2};
	struct m_blob_put_req req = {0};
	int rc;

	if (u->number == 0)
		u->number = outblob_announce(c, u->dir, u->name, u->size);
	ch->blob = outblob_new(c, u->number);
	if (ch->blob == NULL)
		return err_code(&ch->err, CFS_ENOMEM);
	req.tag = piece.tag = ch->blob->tag;
	rc = add_piece(u, &piece, ch->blob);
	if (rc == 0)
		rc = call_new(c, OP_BLOB_PUT, &req, &ch->call, &ch->err);
	if (rc < 0)
		return rc;
	call_borrow_bulk(ch->call, ch->data, ch->len);
	return chunk_call(ch, blob_answered);
}

/* ---- reading */

/* On a worker. Fills the chunk from its offset, or from where the pipe is. */
static void
read_source(struct work_job *job)
{
	struct chunk *ch = CONTAINER_OF(job, struct chunk, job);
	struct upload *u = upload_of(ch->item);
	struct source src = {.fd = u->fd, .regular = u->regular, .cancel = &ch->item->x->cancel};

	ch->code = source_read(&src, u->start, u->sparse, ch->cap, &ch->offset, ch->data, &ch->len,
			       &ch->end, &ch->err);
}

static void
source_was_read(struct chunk *ch)
{
	struct upload *u = upload_of(ch->item);
	int rc = ch->code;

	u->reading = false;
	if (rc == 0 && ch->item->code == 0 && ch->offset > u->read_end && ch->len > 0)
		rc = add_hole(u, ch->offset - u->read_end);
	if (rc == 0) {
		u->read_end = ch->offset + ch->len;
		if (ch->end) {
			u->size = u->read_end;
			u->stage = PUT_READ;
		}
	}
	if (rc == 0 && ch->len > 0 && ch->item->code == 0) {
		rc = send_blob(ch);
		if (rc == 0)
			return;
	}
	if (rc < 0)
		item_fail(ch->item, rc, &ch->err);
	chunk_free(ch);
}

/* ---- the item's stages */

static bool
issue_small(struct upload *u)
{
	struct chunk *ch;
	struct m_write_piece piece = {.kind = 1};
	size_t max = u->base.x->c->who.max_inline;
	ssize_t n;

	if (!xfer_has_room(u->base.x, max + 1))
		return false;
	ch = chunk_new(&u->base, max + 1);
	if (ch == NULL) {
		item_fail(&u->base, CFS_ENOMEM, NULL);
		return false;
	}
	n = io_pread_full(u->fd, ch->data, max + 1, u->start);
	if (n < 0 || (size_t)n > max) {
		if (n < 0)
			item_fail(&u->base,
				  err_set(&ch->err, CFS_ELOCALIO, "read: %s", strerror(errno)),
				  &ch->err);
		u->size = UINT64_MAX; /* it grew meanwhile */
		chunk_free(ch);
		return n >= 0;
	}
	fd_close(&u->fd);
	ch->len = u->size = (size_t)n;
	piece.length = (uint32_t)n;
	u->base.all_issued = true;
	if (n > 0 && add_piece(u, &piece, NULL) < 0) {
		item_fail(&u->base, CFS_ENOMEM, NULL);
		chunk_free(ch);
		return false;
	}
	if (send_put(u, ch) == 0)
		chunk_drop_data(ch);
	xfer_progress(u->base.x, (uint64_t)n);
	return false;
}

static bool
issue_large(struct upload *u)
{
	size_t want = u->base.x->c->who.max_blob;
	struct chunk *ch;

	if (u->regular && u->size > u->read_end && u->size - u->read_end < want)
		want = (size_t)(u->size - u->read_end) + 1;
	want = min_size(max_size(want, 4096), u->base.x->c->who.max_blob);
	if (u->reading || !xfer_has_room(u->base.x, want))
		return false;
	ch = chunk_new(&u->base, want);
	if (ch == NULL) {
		item_fail(&u->base, CFS_ENOMEM, NULL);
		return false;
	}
	ch->offset = u->read_end;
	u->reading = true;
	chunk_work(ch, read_source, source_was_read);
	return true;
}

static bool
upload_issue(struct item *it)
{
	struct upload *u = upload_of(it);
	struct chunk *ch;

	if (u->stage == PUT_READING) {
		if (u->list.count >= BATCH_PIECES)
			send_batch(u);
		if (it->code < 0)
			return false;
		return u->regular && u->size <= it->x->c->who.max_inline && !u->sparse
			   ? issue_small(u)
			   : issue_large(u);
	}
	/* All is read. With batches under way complete() sends the PUT when they are done. */
	if (u->unnamed) {
		if (u->list.count > 0)
			send_batch(u);
		it->all_issued = true;
		return false;
	}
	ch = chunk_new(it, 0);
	if (ch == NULL)
		item_fail(it, CFS_ENOMEM, NULL);
	else
		send_put(u, ch);
	it->all_issued = true;
	return false;
}

static void
upload_complete(struct item *it)
{
	struct upload *u = upload_of(it);
	struct chunk *ch;

	if (u->stage == PUT_SENT)
		return;
	ch = chunk_new(it, 0);
	if (ch == NULL)
		item_fail(it, CFS_ENOMEM, NULL);
	else
		send_put(u, ch);
}

static void
upload_fini(struct item *it)
{
	struct upload *u = upload_of(it);

	if (it->x != NULL)
		clear_pieces(u);
	fd_close(&u->fd);
	buf_fini(&u->pieces);
	free(u->blobs);
	free(u->name);
}

int
cfs_xfer_put(struct cfs_xfer *x, const struct cfs_put *p, struct cfs_err *err)
{
	struct upload *u = calloc(1, sizeof(*u));
	struct stat st;
	off_t at;

	if (u == NULL || (u->name = strdup(p->name)) == NULL ||
	    (p->local != NULL && (u->base.local = strdup(p->local)) == NULL) ||
	    (p->remote != NULL && (u->base.remote = strdup(p->remote)) == NULL)) {
		int fd = p->fd;

		if (u != NULL) {
			free(u->name);
			free(u->base.local);
			free(u);
		}
		fd_close(&fd);
		return err_code(err, CFS_ENOMEM);
	}
	u->base.issue = upload_issue;
	u->base.complete = upload_complete;
	u->base.fini = upload_fini;
	u->base.tag = p->tag;
	u->fd = p->fd;
	u->dir = p->dir;
	u->flags = p->flags;
	u->if_version = p->if_version;
	u->mode = p->mode;
	u->mtime_ns = p->mtime_ns;
	u->regular = fstat(p->fd, &st) == 0 && S_ISREG(st.st_mode);
	u->sparse = u->regular && (p->flags & CFS_PUT_SPARSE) != 0;
	at = u->regular ? lseek(p->fd, 0, SEEK_CUR) : 0;
	u->start = at > 0 ? (uint64_t)at : 0;
	if (u->regular && (uint64_t)st.st_size > u->start)
		u->size = (uint64_t)st.st_size - u->start;
	/* Looking for holes in what one request carries would only cost. */
	if (u->size <= x->c->who.max_inline)
		u->sparse = false;
	if (u->regular && u->size > x->c->who.max_blob)
		posix_fadvise(p->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return xfer_add(x, &u->base, err);
}
