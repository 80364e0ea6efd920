/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Writes of an open file: gathered (file_gather.c), up to a whole blob or some pieces here and there, and sent without waiting. The
 * stream keeps them in order; what fails is told by the next call on the file.
 */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/attr.h"
#include "client/cfs_undelivered.h"
#include "client/file.h"
#include "client/undelivered.h"
#include "proto/codec.h"

/* Flag of WRITE, and kinds of its pieces. */
#define WRITE_APPEND 1u
#define PIECE_INLINE 1u
#define PIECE_BY_TAG 2u

/* ---- answers; locked, in whatever thread leads */

static void
note_error(struct cfs_file *f, const struct call *k)
{
	if (k->code < 0 && f->error.code == 0)
		f->error = k->err;
}

static void
write_answered(struct call *k)
{
	struct cfs_file *f = k->owner;
	struct cfs *c = f->c;
	struct m_write_rep rep;

	if (call_result(k, &rep, NULL) == 0) {
		attr_from_wire(&f->attr, &rep.attr);
		f->has_attr = k->seq > f->attr_after;
		f->version = rep.attr.version;
	}
	note_error(f, k);
	f->writes--;
	/* With all answered the server's word on the size counts: others may have appended too. */
	if (f->has_attr && f->writes == 0 && !f->gathered)
		f->size = f->attr.size;
	call_free_locked(k);
	if (c->file_watchers > 0)
		conn_wake_all(c);
}

/* A blob was sent; its bytes are kept until the WRITE that names it has its answer. */
static void
sent_blob_answered(struct call *k)
{
	struct outblob *b = k->owner;
	struct m_blob_put_rep rep;

	/* What failed is told by that WRITE. */
	if (call_result(k, &rep, NULL) == 0) {
		b->stored = true;
		b->id = rep.blob;
	}
	call_free_locked(k);
	outblob_unref(b);
}

/* ---- sending */

/* Sends the gathered bytes as a blob, which takes the buffer. */
static int
send_blob(struct cfs_file *f, struct outblob **blob_out, struct cfs_err *err)
{
	struct cfs *c = f->c;
	struct m_blob_put_req req = {0};
	struct outblob *b = outblob_new(c, 0);
	struct call *k = NULL;
	int rc;

	if (b == NULL)
		return err_code(err, CFS_ENOMEM);
	req.tag = b->tag;
	rc = call_new(c, OP_BLOB_PUT, &req, &k, err);
	pthread_mutex_lock(&c->lock);
	if (rc == 0) {
		f->filled = f->gather_len > CFS_BLOB_MAX / 2;
		file_gather_send(f, b);
		call_borrow_bulk(k, b->data, b->size);
		k->owner = outblob_ref(b);
		k->stays = true;
		k->done = sent_blob_answered;
		conn_submit(c, k);
		*blob_out = b;
	} else {
		outblob_unref(b);
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

/* Bytes of which no change has come to be. */
static void
give_up(struct cfs_file *f, const struct call *k, const struct outblob *blob)
{
	const unsigned char *bytes = blob != NULL ? blob->data : f->gather;

	if (k != NULL) {
		undelivered_tell(k);
		return;
	}
	for (size_t i = 0; i < f->piece_count; i++) {
		const struct gather_piece *p = &f->pieces[i];
		const struct cfs_undelivered u = {
		    .what = "WRITE",
		    .ref = f->ref,
		    .data = bytes + p->at,
		    .offset = p->offset,
		    .len = p->len,
		    .append = f->appending,
		};

		undelivered_write(f->c, &u);
	}
}

static int
start_write(struct cfs_file *f, struct call *k, uint64_t from, uint64_t end, struct cfs_err *err)
{
	struct cfs *c = f->c;
	int rc;

	k->owner = f;
	k->done = write_answered;
	pthread_mutex_lock(&c->lock);
	f->busy_from = f->writes > 0 ? min_u64(f->busy_from, from) : from;
	f->busy_to = f->writes > 0 ? max_u64(f->busy_to, end) : end;
	f->writes++;
	f->gathered = false;
	pthread_mutex_unlock(&c->lock);
	rc = call_start(k, err);
	if (rc < 0) {
		pthread_mutex_lock(&c->lock);
		f->writes--;
		pthread_mutex_unlock(&c->lock);
	}
	return rc;
}

/* Lists the gathered pieces, those that lie side by side as one. */
static int
list_pieces(const struct cfs_file *f, struct m_write_req *req, struct buf *out)
{
	uint64_t at = req->offset;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < f->piece_count;) {
		const struct gather_piece *p = &f->pieces[i];
		struct m_write_piece piece = {.kind = PIECE_INLINE, .skip = p->offset - at};

		at = p->offset;
		do {
			piece.length += p->len;
			at += p->len;
			p++;
			i++;
		} while (i < f->piece_count && p->offset == at &&
			 piece.length + p->len <= f->c->who.max_inline);
		rc = codec_list_append(&req->pieces, &msg_write_piece, &piece, out, 0);
	}
	return rc;
}

static int
copy_pieces(const struct cfs_file *f, struct call *k)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < f->piece_count; i++)
		rc = call_copy_bulk(k, f->gather + f->pieces[i].at, f->pieces[i].len);
	return rc;
}

/* The call of a WRITE of all that is gathered; what is too large for a request goes ahead of it as a blob. */
static int
make_write(struct cfs_file *f, struct call **out, struct outblob **blob_out, struct cfs_err *err)
{
	struct m_write_req req = {
	    .ino = f->ref.ino,
	    .gen = f->ref.gen,
	    .offset = f->pieces[0].offset,
	    .flags = f->appending ? WRITE_APPEND : 0,
	};
	struct m_write_piece whole = {.kind = PIECE_BY_TAG, .length = f->pieces[0].len};
	bool inside = whole.length <= f->c->who.max_inline;
	struct buf pieces = BUF_INIT;
	int rc = inside ? list_pieces(f, &req, &pieces) : send_blob(f, blob_out, err);

	if (rc == 0 && !inside) {
		whole.tag = (*blob_out)->tag;
		rc = codec_list_append(&req.pieces, &msg_write_piece, &whole, &pieces, 0);
	}
	if (rc == 0)
		rc = call_new(f->c, OP_WRITE, &req, out, err);
	if (rc == 0)
		rc = inside ? copy_pieces(f, *out) : call_name_blobs(*out, blob_out, 1);
	buf_fini(&pieces);
	return rc;
}

int
file_send_gathered(struct cfs_file *f, bool durable, struct cfs_err *err)
{
	struct cfs *c = f->c;
	struct outblob *blob = NULL;
	struct call *k = NULL;
	uint64_t from, end;
	int rc = 0;

	if (f->gather_len == 0)
		return 0;
	/* Where appended bytes went is known when they are answered. */
	from = f->pieces[0].offset;
	end = f->appending ? UINT64_MAX : file_gather_end(f);
	rc = file_check_lost(f, err);
	if (rc == 0)
		rc = make_write(f, &k, &blob, err);
	if (rc == 0 && durable)
		call_durable(k);
	if (rc == 0)
		rc = start_write(f, k, from, end, err);
	if (rc < 0) {
		if (err != NULL && err->code == 0)
			err_code(err, rc);
	}
	pthread_mutex_lock(&c->lock);
	if (rc < 0) {
		give_up(f, k, blob);
		call_free_locked(k);
	}
	outblob_unref(blob);
	/* Whatever came of it, these bytes are dealt with: an error is told, not tried again. */
	file_gather_free(f);
	f->gathered = false;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static int
take_error(struct cfs_file *f, struct cfs_err *err)
{
	int rc;

	pthread_mutex_lock(&f->c->lock);
	rc = f->error.code;
	if (rc < 0 && err != NULL)
		*err = f->error;
	memset(&f->error, 0, sizeof(f->error));
	pthread_mutex_unlock(&f->c->lock);
	return rc;
}

static int
write_all(struct cfs_file *f, const unsigned char *p, size_t size, uint64_t offset,
	  struct cfs_err *err)
{
	while (size > 0) {
		ssize_t n = file_gather_write(f, p, size, offset, err);

		if (n < 0)
			return (int)n;
		if (n == 0 || file_gather_is_full(f)) {
			int rc = file_send_gathered(f, false, err);

			if (rc < 0)
				return rc;
		}
		p += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static void
end_write(struct cfs_file *f, uint64_t end)
{
	struct cfs *c = f->c;

	pthread_mutex_lock(&c->lock);
	f->gathered = f->gather_len > 0;
	f->written = ++c->writes_seen;
	f->size = max_u64(f->size, end);
	f->has_attr = false;
	file_drop_segments(f);
	pthread_mutex_unlock(&c->lock);
	file_let_go(f);
}

ssize_t
cfs_file_pwrite(struct cfs_file *f, const void *buf, size_t size, uint64_t offset,
		struct cfs_err *err)
{
	uint64_t end;
	int rc = take_error(f, err);

	if (rc == 0)
		rc = file_check_lost(f, err);
	if (rc < 0)
		return rc;
	if (!f->writable)
		return err_code(err, CFS_EDENIED);
	if (!add_u64(offset, size, &end) || end > INT64_MAX)
		return err_code(err, CFS_EFBIG);
	pthread_mutex_lock(&f->write_lock);
	rc = write_all(f, buf, size, offset, err);
	end_write(f, end);
	return rc < 0 ? rc : (ssize_t)size;
}

/* Appended bytes of one call are sent together, as far as a blob goes. */
static int
append_all(struct cfs_file *f, const unsigned char *p, size_t size, struct cfs_err *err)
{
	size_t max = f->c->who.max_blob;
	int rc = 0;

	if (f->gather_len > 0 && (!f->appending || f->gather_len + size > max))
		rc = file_send_gathered(f, false, err);
	while (rc == 0 && size > 0) {
		size_t n = min_size(size, max - f->gather_len);

		rc = file_gather_grow(f, f->gather_len + n, err);
		if (rc == CFS_EBUSY)
			rc = file_send_gathered(f, false, err);
		if (rc == 0)
			rc = file_gather_grow(f, f->gather_len + n, err);
		if (rc < 0)
			break;
		f->appending = true;
		memcpy(f->gather + f->gather_len, p, n);
		f->gather_len += n;
		f->pieces[0] = (struct gather_piece){.len = (uint32_t)f->gather_len};
		f->piece_count = 1;
		p += n;
		size -= n;
		if (f->gather_len == max)
			rc = file_send_gathered(f, false, err);
	}
	return rc;
}

ssize_t
cfs_file_append(struct cfs_file *f, const void *buf, size_t size, struct cfs_err *err)
{
	struct cfs *c = f->c;
	int rc = take_error(f, err);

	if (rc == 0)
		rc = file_check_lost(f, err);
	if (rc < 0)
		return rc;
	if (!f->writable)
		return err_code(err, CFS_EDENIED);
	pthread_mutex_lock(&f->write_lock);
	pthread_mutex_lock(&c->lock);
	f->size += size;
	pthread_mutex_unlock(&c->lock);
	rc = append_all(f, buf, size, err);
	end_write(f, 0);
	return rc < 0 ? rc : (ssize_t)size;
}

static bool
no_writes(void *arg)
{
	const struct cfs_file *f = arg;

	return f->writes == 0;
}

int
file_settle(struct cfs_file *f, bool *durable, struct cfs_err *err)
{
	struct cfs *c = f->c;
	struct waiter w;
	int rc, earlier;

	waiter_init(&w, c, no_writes, f, -1);
	w.breakable = true;
	pthread_mutex_lock(&f->write_lock);
	bool some = f->gather_len > 0;
	rc = file_send_gathered(f, durable != NULL && *durable, err);
	file_let_go(f);
	if (durable != NULL)
		*durable = *durable && some;
	pthread_mutex_lock(&c->lock);
	c->file_watchers++;
	if (rc == 0)
		rc = conn_wait(c, &w, err);
	c->file_watchers--;
	pthread_mutex_unlock(&c->lock);
	earlier = take_error(f, rc == 0 ? err : NULL);
	return rc < 0 ? rc : earlier;
}

bool
file_read_gathered(struct cfs_file *f, void *buf, size_t size, uint64_t offset)
{
	const struct gather_piece *p;

	pthread_mutex_lock(&f->write_lock);
	p = file_gather_find(f, offset, size);
	if (p != NULL)
		memcpy(buf, f->gather + p->at + (size_t)(offset - p->offset), size);
	file_let_go(f);
	return p != NULL;
}
