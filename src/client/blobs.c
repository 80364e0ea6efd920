/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/blobs.h"

#include <stdlib.h>

#include "client/call.h"
#include "client/conn.h"
#include "client/file.h"

/* Smaller files are through before anybody could look. */
#define ANNOUNCED_BYTES ((uint64_t)8 * 1024 * 1024)

struct outblob *
outblob_new(struct cfs *c, uint32_t upload)
{
	struct outblob *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->refs = 1;
	b->c = c;
	pthread_mutex_lock(&c->lock);
	b->tag = (uint64_t)upload << 32 | (uint32_t)++c->changes.last_tag;
	pthread_mutex_unlock(&c->lock);
	return b;
}

uint32_t
outblob_announce(struct cfs *c, struct cfs_ref dir, const char *name, uint64_t total)
{
	struct m_uploading_req req = {
	    .dir = dir.ino, .gen = dir.gen, .name = str_from(name), .total = total};
	struct call *k;

	if (total < ANNOUNCED_BYTES)
		return 0;
	pthread_mutex_lock(&c->lock);
	req.upload = ++c->changes.last_upload;
	pthread_mutex_unlock(&c->lock);
	/* It may be that the server does not know this request; then nobody sees it, and that is all. */
	if (call_new(c, OP_UPLOADING, &req, &k, NULL) == 0) {
		(void)call_start(k, NULL);
		call_free(k);
	}
	return req.upload;
}

struct outblob *
outblob_ref(struct outblob *b)
{
	b->refs++;
	return b;
}

void
outblob_keep(struct outblob *b, unsigned char *data, size_t size, size_t cap)
{
	b->data = data;
	b->size = size;
	b->cap = cap;
}

static void
drop_bytes(struct outblob *b)
{
	struct cfs *c = b->c;

	if (b->data == NULL)
		return;
	c->write_bytes -= b->cap;
	file_room_changed(c);
	if (b->cap == CFS_BLOB_MAX)
		file_keep_buf(c, &c->write_bufs, b->data);
	else
		free(b->data);
}

void
outblob_unref(struct outblob *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	drop_bytes(b);
	free(b);
}
