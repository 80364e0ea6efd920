/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/downloads.h"

#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"
#include "server/batch.h"
#include "store/events.h"

/* A range as it is stored: from and to, little-endian. */
#define RANGE_SIZE 16u

static struct partial_key
key_of(const struct session *s, uint64_t ino, uint64_t version)
{
	return (struct partial_key){
	    .user = s->me.id,
	    .device = {.data = s->device_key.b, .len = s->has_device ? sizeof(s->device_key.b) : 0},
	    .ino = ino,
	    .version = version,
	};
}

/* ---- counting ---- */

/* Adds what other connections of the device were sent. Whether that completes it. */
static bool
count_earlier(struct session *s, const struct inode_attr *a, struct receipt *done)
{
	struct partial_key key = key_of(s, a->ino, a->version);
	struct cfs_err err = CFS_ERR_INIT;
	struct receipt evicted;
	struct buf ranges = BUF_INIT;
	bool complete = false;

	if (partial_load(s->store, &key, &ranges, &err) < 0)
		log_warn("%s: what was sent before: %s", s->args->peer.address, err.text);
	for (size_t at = 0; at + RANGE_SIZE <= ranges.len && !complete; at += RANGE_SIZE) {
		uint64_t from = load_le64(ranges.data + at), to = load_le64(ranges.data + at + 8);

		/* The entry is there: nothing is evicted. */
		if (from < to && to <= a->size)
			complete =
			    receipts_note(s->reads.receipts, a->ino, a->version, a->owner, a->size,
					  from, to - from, now_mono_ns(), done, &evicted);
	}
	buf_fini(&ranges);
	return complete;
}

int
downloads_count(struct session *s, const struct inode_attr *a, uint64_t offset, uint64_t length,
		struct read_job *read)
{
	struct receipt done, evicted;
	bool complete, fresh;

	/* Whatever the request's flags say: the reader does not choose whether the owner is told. */
	if (a->owner == s->me.id)
		return 0;
	if (!s->reads.receipts)
		s->reads.receipts = receipts_new();
	if (!s->reads.receipts)
		return CFS_ENOMEM;
	fresh = !receipts_has(s->reads.receipts, a->ino, a->version);
	complete = receipts_note(s->reads.receipts, a->ino, a->version, a->owner, a->size, offset,
				 length, now_mono_ns(), &done, &evicted);
	if (evicted.ino && batch_event(s, &evicted, NULL)) {
		receipt_fini(&evicted);
		return CFS_ENOMEM;
	}
	if (fresh && !complete)
		complete = count_earlier(s, a, &done);
	if (!complete)
		return 0;
	return batch_event(s, &done, read) ? CFS_ENOMEM : 1;
}

void
downloads_expire(struct session *s, uint64_t before_ns)
{
	struct receipt r;

	if (!s->reads.receipts)
		return;
	while (receipts_take_idle(s->reads.receipts, before_ns, &r)) {
		if (batch_event(s, &r, NULL)) {
			receipt_fini(&r);
			return;
		}
	}
}

/* ---- writing down ---- */

static struct bytes_view
view(const char *text)
{
	return (struct bytes_view){.data = text, .len = strlen(text)};
}

static int
write_event(struct session *s, const struct receipt *r, struct cfs_err *err)
{
	char path[4096];
	struct event e = {
	    .kind = EVENT_DOWNLOAD,
	    .op = OP_READ,
	    .owner = r->owner,
	    .user = s->me.id,
	    .user_name = view(s->me.name),
	    .device = view(s->device),
	    .peer = view(s->args->peer.address),
	    .ino = r->ino,
	    .version = r->version,
	    .bytes = r->bytes,
	    .duration_us = (r->last_ns - r->began_ns) / 1000,
	    .complete = r->complete,
	};

	/* A file whose last name went while it was being read still makes an event. */
	if (names_path(s->store, r->ino, path, sizeof(path), NULL))
		path[0] = '\0';
	e.path = view(path);
	return events_add(s->store, &e, err);
}

static int
pack(const struct receipt *r, struct buf *out)
{
	for (size_t i = 0; i < r->range_count; i++) {
		unsigned char *p = buf_reserve(out, RANGE_SIZE);

		if (!p)
			return CFS_ENOMEM;
		store_le64(p, r->ranges[i].from);
		store_le64(p + 8, r->ranges[i].to);
		buf_commit(out, RANGE_SIZE);
	}
	return 0;
}

/*
 * What was sent of a version that is not whole yet. Another connection may have put its part there since this one began
 * to count: both together may be everything. Told of as opened by the first alone.
 */
static int
write_partial(struct session *s, struct receipt *r, const struct partial_key *key,
	      struct cfs_err *err)
{
	struct receipts *sum = receipts_new();
	struct buf bytes = BUF_INIT;
	struct receipt done = {0}, none;
	bool opened, complete = false;
	int rc;

	if (!sum)
		return err_code(err, CFS_ENOMEM);
	rc = partial_load(s->store, key, &bytes, err);
	opened = rc == 1;
	if (rc >= 0 && pack(r, &bytes))
		rc = err_code(err, CFS_ENOMEM);
	for (size_t at = 0; rc >= 0 && at < bytes.len && !complete; at += RANGE_SIZE) {
		uint64_t from = load_le64(bytes.data + at), to = load_le64(bytes.data + at + 8);

		complete = receipts_note(sum, r->ino, r->version, r->owner, r->size, from,
					 to - from, r->last_ns, &done, &none);
	}
	if (rc >= 0 && complete) {
		r->complete = true;
		r->bytes = r->size;
		rc = partial_drop(s->store, key, err);
	} else if (rc >= 0) {
		buf_clear(&bytes);
		if (receipts_take_idle(sum, UINT64_MAX, &done) && pack(&done, &bytes))
			rc = err_code(err, CFS_ENOMEM);
		else
			rc = partial_save(s->store, key,
					  (struct bytes_view){.data = bytes.data, .len = bytes.len},
					  err);
	}
	if (rc >= 0 && (complete || !opened))
		rc = write_event(s, r, err);
	receipt_fini(&done);
	receipts_free(sum);
	buf_fini(&bytes);
	return rc < 0 ? rc : 0;
}

void
downloads_write(struct session *s, struct receipt *r)
{
	struct partial_key key = key_of(s, r->ino, r->version);
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	if (r->complete) {
		rc = write_event(s, r, &err);
		if (rc == 0)
			rc = partial_drop(s->store, &key, &err);
	} else {
		rc = write_partial(s, r, &key, &err);
	}
	if (rc)
		log_error("%s: download event: %s", s->args->peer.address, err.text);
}
