/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Writes of an open file: gathered while they continue each other, up to a whole blob, and sent without waiting. The
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

/* Flag of WRITE. */
#define WRITE_APPEND 1u

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
give_up(struct cfs_file *f, const struct call *k, const struct outblob *blob, size_t len)
{
	const struct cfs_undelivered u = {
	    .what = "WRITE",
	    .ref = f->ref,
	    .data = blob != NULL ? blob->data : f->gather,
	    .offset = f->appending ? 0 : f->gather_offset,
	    .len = len,
	    .append = f->appending,
	};

	if (k != NULL)
		undelivered_tell(k);
	else
		undelivered_write(f->c, &u);
}

static int
start_write(struct cfs_file *f, struct call *k, size_t len, struct cfs_err *err)
{
	struct cfs *c = f->c;
	/* Where appended bytes went is known when they are answered. */
	uint64_t from = f->appending ? 0 : f->gather_offset;
	uint64_t end = f->appending ? UINT64_MAX : from + len;
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

int
file_send_gathered(struct cfs_file *f, bool durable, struct cfs_err *err)
{
	struct cfs *c = f->c;
	size_t len = f->gather_len;
	struct m_write_piece piece = {.length = (uint32_t)len, .kind = 1};
	struct m_write_req req = {
	    .ino = f->ref.ino,
	    .gen = f->ref.gen,
	    .offset = f->appending ? 0 : f->gather_offset,
	    .flags = f->appending ? WRITE_APPEND : 0,
	};
	struct buf pieces = BUF_INIT;
	struct outblob *blob = NULL;
	struct call *k = NULL;
	int rc = 0;

	if (len == 0)
		return 0;
	rc = file_check_lost(f, err);
	if (rc == 0 && len > c->who.max_inline) {
		rc = send_blob(f, &blob, err);
		piece.kind = 2;
		piece.tag = blob != NULL ? blob->tag : 0;
	}
	if (rc == 0)
		rc = codec_list_append(&req.pieces, &msg_write_piece, &piece, &pieces, 0);
	if (rc == 0)
		rc = call_new(c, OP_WRITE, &req, &k, err);
	if (rc == 0 && blob != NULL)
		rc = call_name_blobs(k, &blob, 1);
	else if (rc == 0)
		rc = call_copy_bulk(k, f->gather, len);
	if (rc == 0 && durable)
		call_durable(k);
	if (rc == 0)
		rc = start_write(f, k, len, err);
	if (rc < 0) {
		if (err != NULL && err->code == 0)
			err_code(err, rc);
	}
	pthread_mutex_lock(&c->lock);
	if (rc < 0) {
		give_up(f, k, blob, len);
		call_free_locked(k);
	}
	outblob_unref(blob);
	/* Whatever came of it, these bytes are dealt with: an error is told, not tried again. */
	file_gather_free(f);
	f->gathered = false;
	pthread_mutex_unlock(&c->lock);
	buf_fini(&pieces);
	return rc;
}

/* ---- gathering */

/* Where the blob that offset is in ends: at multiples of its size, so that reading in such steps meets whole ones. */
static uint64_t
blob_end(const struct cfs *c, uint64_t offset)
{
	return (offset / c->who.max_blob + 1) * c->who.max_blob;
}

/* Takes what continues the gathered bytes, as far as there is room; 0 if nothing does, or there is none. */
static ssize_t
gather_some(struct cfs_file *f, const unsigned char *p, size_t size, uint64_t offset,
	    struct cfs_err *err)
{
	size_t at, n;
	int rc;

	if (f->gather_len == 0) {
		f->gather_offset = offset;
		f->appending = false;
	}
	if (f->appending || offset < f->gather_offset ||
	    offset > f->gather_offset + f->gather_len || offset >= blob_end(f->c, f->gather_offset))
		return 0;
	n = (size_t)min_u64(size, blob_end(f->c, f->gather_offset) - offset);
	at = (size_t)(offset - f->gather_offset);
	rc = file_gather_grow(f, at + n, err);
	/* What it has is sent first. */
	if (rc == CFS_EBUSY)
		n = at < f->gather_cap ? min_size(n, f->gather_cap - at) : 0;
	else if (rc < 0)
		return rc;
	memcpy(f->gather + at, p, n);
	f->gather_len = max_size(f->gather_len, at + n);
	return (ssize_t)n;
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
		ssize_t n = gather_some(f, p, size, offset, err);
		bool full = f->gather_offset + f->gather_len >= blob_end(f->c, f->gather_offset);

		if (n < 0)
			return (int)n;
		if (n == 0 || full) {
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
	bool inside;

	pthread_mutex_lock(&f->write_lock);
	inside = f->gather_len > 0 && !f->appending && offset >= f->gather_offset &&
		 offset + size <= f->gather_offset + f->gather_len;
	if (inside)
		memcpy(buf, f->gather + (offset - f->gather_offset), size);
	file_let_go(f);
	return inside;
}
