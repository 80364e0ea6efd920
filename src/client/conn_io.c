/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Frames out and in: what the leader does with a line that is ready. */

#include <string.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/call.h"
#include "client/conn.h"
#include "client/link.h"
#include "client/profile.h"
#include "client/subscribe.h"
#include "client/trust.h"
#include "proto/codec.h"
#include "proto/frame.h"

#define TX_PIECES   32
#define TX_AHEAD    65536u /* bytes whose order is settled before they are sent */
#define TX_LAZY     65536u /* lazy calls are sent when they are so many bytes, or when somebody waits */
#define TX_TOGETHER 4096u /* calls that wait for those of other threads */
#define RX_FRAMES   32    /* handled before the leader looks at its own answer again */

/* Where kind, tag and id are in the encoding of a write_piece (ops.def), and its size. */
#define PIECE_SIZE    41u
#define PIECE_KIND_AT 4u
#define PIECE_ID_AT   17u
#define PIECE_BY_ID   3u

/* ---- out */

static void
queue_push(struct call_queue *q, struct call *k)
{
	k->tx_next = NULL;
	*q->last = k;
	q->last = &k->tx_next;
}

static struct call *
queue_pop(struct call_queue *q)
{
	struct call *k = q->first;

	if (k == NULL)
		return NULL;
	q->first = k->tx_next;
	if (q->first == NULL)
		q->last = &q->first;
	return k;
}

static void
queue_remove(struct call_queue *q, struct call *k)
{
	struct call **at = &q->first;

	while (*at != NULL && *at != k)
		at = &(*at)->tx_next;
	if (*at == NULL)
		return;
	*at = k->tx_next;
	if (*at == NULL)
		q->last = at;
}

/* Looks, and what waits for nothing, may pass bulk; the order of everything else means something. */
static bool
may_pass(const struct call *k)
{
	return k->seq == 0 && k->bulk_size == 0 && k->op->number != OP_SYNC &&
	       k->op->number != OP_BLOB_PUT && k->op->number != OP_LEASE;
}

void
conn_queue(struct cfs *c, struct call *k)
{
	k->sent = 0;
	queue_push(may_pass(k) ? &c->tx_fast : &c->tx_bulk, k);
}

/* Tags of blobs that have an id by now become ids: the tag may have been another line's. */
static void
patch_blobs(struct call *k)
{
	unsigned char *piece =
	    k->req.data + FRAME_HEADER_SIZE + k->fields_size - k->piece_count * PIECE_SIZE;

	for (size_t i = 0; i < k->piece_count; i++, piece += PIECE_SIZE) {
		const struct outblob *b = k->blobs[i];

		if (b == NULL || !b->stored)
			continue;
		piece[PIECE_KIND_AT] = PIECE_BY_ID;
		memcpy(piece + PIECE_ID_AT, b->id.b, sizeof(b->id.b));
	}
}

/* What is only known when a request goes out: its header, and up to where answers have arrived. */
static void
stamp(struct cfs *c, struct call *k)
{
	unsigned char *p = k->req.data;

	store_le32(p, (uint32_t)(call_frame_size(k) - FRAME_HEADER_SIZE));
	store_le16(p + 4, k->op->number);
	store_le16(p + 6, k->flags);
	store_le64(p + 8, k->number);
	if (k->seq == 0)
		return;
	store_le64(p + FRAME_HEADER_SIZE, k->seq);
	store_le64(p + FRAME_HEADER_SIZE + 8, changes_acked(c));
	patch_blobs(k);
}

static void
settle_order(struct cfs *c)
{
	while (c->tx_now_bytes < TX_AHEAD) {
		struct call *k = queue_pop(&c->tx_fast);

		if (k == NULL)
			k = queue_pop(&c->tx_bulk);
		if (k == NULL)
			return;
		stamp(c, k);
		queue_push(&c->tx_now, k);
		c->tx_now_bytes += call_frame_size(k);
	}
}

static int
gather(const struct cfs *c, struct iovec iov[TX_PIECES])
{
	int n = 0;

	for (struct call *k = c->tx_now.first; k != NULL && n + 2 <= TX_PIECES; k = k->tx_next) {
		if (k->sent < k->req.len)
			iov[n++] = (struct iovec){.iov_base = k->req.data + k->sent,
						  .iov_len = k->req.len - k->sent};
		if (k->bulk_size > 0) {
			size_t off = k->sent > k->req.len ? k->sent - k->req.len : 0;
			union {
				const void *in;
				void *out;
			} base = {.in = (const unsigned char *)k->bulk + off};

			iov[n++] =
			    (struct iovec){.iov_base = base.out, .iov_len = k->bulk_size - off};
		}
	}
	return n;
}

static void
advance(struct cfs *c, size_t taken)
{
	uint64_t now = now_mono_ns();

	c->tx_ns = now;
	bucket_take(&c->tx_bucket, taken);
	c->tx_now_bytes -= taken;
	while (taken > 0) {
		struct call *k = c->tx_now.first;
		size_t part = min_size(taken, call_frame_size(k) - k->sent);

		k->sent += part;
		taken -= part;
		if (k->sent < call_frame_size(k))
			return;
		k->sent_ns = now;
		k->sent_boot_ns = now_boot_ns();
		queue_pop(&c->tx_now);
	}
}

bool
conn_has_output(const struct cfs *c)
{
	return c->tx_now.first != NULL || c->tx_fast.first != NULL || c->tx_bulk.first != NULL ||
	       c->tx_unflushed;
}

void
conn_output(struct cfs *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct iovec iov[TX_PIECES];
	ssize_t n = 0;

	c->tx_lazy_bytes = 0;
	while (c->link.stream != NULL && bucket_open(&c->tx_bucket, now_mono_ns())) {
		settle_order(c);
		int count = gather(c, iov);
		if (count == 0)
			break;
		n = stream_writev(c->link.stream, iov, count, &err);
		if (n < 0)
			break;
		c->tx_unflushed = true;
		advance(c, (size_t)n);
	}
	if (c->link.stream == NULL)
		return;
	if ((n >= 0 || n == CFS_EBUSY) && c->tx_unflushed) {
		n = stream_flush(c->link.stream, &err);
		c->tx_unflushed = n != 0;
	}
	if (n < 0 && n != CFS_EBUSY)
		conn_lost(c, &err);
}

/* ---- calls in flight */

static struct call **
table_slot(struct cfs *c, uint64_t number)
{
	struct call **at = &c->table[number % CONN_BUCKETS];

	while (*at != NULL && (*at)->number != number)
		at = &(*at)->table_next;
	return at;
}

void
conn_submit(struct cfs *c, struct call *k)
{
	k->number = ++c->last_number;
	k->state = CALL_WAITING;
	k->flying = true;
	k->sent_ns = now_mono_ns();
	k->sent_boot_ns = now_boot_ns();
	k->table_next = c->table[k->number % CONN_BUCKETS];
	c->table[k->number % CONN_BUCKETS] = k;
	k->fly_next = NULL;
	k->fly_prev = c->flying.last;
	*c->flying.last = k;
	c->flying.last = &k->fly_next;
	c->flying_count++;
	if (c->link.stream == NULL) {
		/* Those before it were given up: this one may try at once. */
		if (c->down_ns == 0)
			c->retry_ns = 0;
		return;
	}
	conn_queue(c, k);
	if (k->lazy && (c->tx_lazy_bytes += call_frame_size(k)) < TX_LAZY)
		return;
	/* The last of those who come together sends for all: one record, one system call, one wake-up of the server. */
	if (atomic_load(&c->coming) > 0 && call_frame_size(k) <= TX_TOGETHER)
		return;
	conn_output(c);
	/* What the socket did not take is the leader's to send; one in poll() does not know yet. */
	if (conn_has_output(c) && c->leader != NULL && c->link.stream != NULL)
		conn_kick(c);
}

void
conn_remove(struct cfs *c, struct call *k)
{
	*table_slot(c, k->number) = k->table_next;
	*k->fly_prev = k->fly_next;
	if (k->fly_next != NULL)
		k->fly_next->fly_prev = k->fly_prev;
	else
		c->flying.last = k->fly_prev;
	c->flying_count--;
	k->flying = false;
	if (k->sent < call_frame_size(k) && c->link.stream != NULL) {
		queue_remove(&c->tx_fast, k);
		queue_remove(&c->tx_bulk, k);
	}
}

/* Not begun: it is as if it had never been. Half sent or received: only a new line gets rid of it at once. */
void
conn_forget(struct cfs *c, struct call *k)
{
	struct cfs_err why;
	bool half_sent = k->sent > 0 && k->sent < call_frame_size(k);

	if (k->seq != 0 || c->link.stream == NULL) {
		if (k->seq == 0)
			call_land(k);
		return;
	}
	if (c->rx_call == k || (half_sent && k->bulk_size > 0)) {
		err_set(&why, CFS_ENET, "a transfer was broken off");
		conn_lost(c, &why);
		return;
	}
	for (struct call *t = c->tx_now.first; t != NULL; t = t->tx_next) {
		/* Settled but unsent: it goes out with a copy of nothing borrowed, or the line goes. */
		if (t == k && k->bulk_size > 0) {
			err_set(&why, CFS_ENET, "a transfer was broken off");
			conn_lost(c, &why);
			return;
		}
		if (t == k)
			return;
	}
	if (k->sent == 0)
		call_land(k);
}

/* ---- in */

static void
rx_broken(struct cfs *c, const char *what)
{
	struct cfs_err why;

	err_set(&why, CFS_EPROTO, "%s", what);
	conn_lost(c, &why);
}

static int
keep_fields(struct call *k, const unsigned char *p, size_t n)
{
	buf_clear(&k->rep);
	return buf_append(&k->rep, p, n);
}

/* Told under a key that is pinned: the one that comes after it is pinned too, here and in the profile. */
static void
rx_next_key(struct cfs *c, const struct sha256 *next)
{
	if (!c->tls_dialer || (c->has_next_pin && sha256_equal(&c->next_pin, next)))
		return;
	c->next_pin = *next;
	c->has_next_pin = true;
	link_tls_next(c->dialer, next);
	if (c->profile_name != NULL)
		(void)profile_note_pins(c->profile_name, &c->pin, next, NULL);
}

static void
rx_push(struct cfs *c, const struct frame *f)
{
	struct m_goodbye_push bye;
	struct m_next_key_push key;

	if (f->op == OP_INVALIDATE) {
		trust_push(c, f);
	} else if (f->op == OP_RECALL) {
		leases_recalled(c, f);
	} else if (f->op == OP_NOTICE || f->op == OP_OVERFLOW) {
		if (c->sub != NULL)
			subscription_push(c->sub, f);
	} else if (f->op == OP_NEXT_KEY && frame_decode(f, &key, NULL, NULL) == 0) {
		rx_next_key(c, &key.fingerprint);
	} else if (f->op == OP_GOODBYE && frame_decode(f, &bye, NULL, NULL) == 0) {
		conn_goodbye(c, &bye);
	}
}

static void
rx_error(struct call *k, const struct frame *f)
{
	struct m_error_rep rep = {0};
	struct cfs_err why;
	int code = err_from_wire(f->flags);
	int rc = frame_decode(f, &rep, NULL, NULL);

	trust_absent(k->c, k, rc == 0 && code == CFS_ENOENT ? rep.promise_ms : 0);
	if (rc == 0 && rep.text.len > 0)
		err_set(&why, code, "%.*s", STR_ARGS(rep.text));
	else
		err_code(&why, code);
	call_answer(k, code, &why);
}

static void
rx_complete(struct cfs *c, const struct frame *f)
{
	struct call *k = *table_slot(c, f->number);
	union m_any rep;
	struct str bulk = {0};
	struct cfs_err err;

	if (k == NULL || f->op != k->op->number)
		return;
	c->line_answers++;
	if (f->flags != 0) {
		rx_error(k, f);
		return;
	}
	if (k->state != CALL_WAITING) {
		trust_absent(c, k, 0);
		call_land(k);
		return;
	}
	int rc = frame_decode(f, &rep, &bulk, &err);
	if (rc < 0 || bulk.len > k->dst_size) {
		rx_broken(c, "an answer that cannot be right");
		return;
	}
	rc = keep_fields(k, f->payload, f->len - bulk.len);
	if (rc == 0 && bulk.len > 0)
		memcpy(k->dst, bulk.p, bulk.len);
	k->dst_len = bulk.len;
	trust_answered(c, k, &rep);
	call_answer(k, rc, NULL);
}

static void
rx_bulk(struct cfs *c, struct frame_reader *r, const struct frame *f)
{
	struct call *k = *table_slot(c, f->number);

	if (k == NULL || k->state != CALL_WAITING) {
		frame_bulk_into(r, NULL, f->bulk_left);
		return;
	}
	if (f->op != k->op->number || f->bulk_left > k->dst_size ||
	    keep_fields(k, f->payload, f->len) < 0) {
		rx_broken(c, "more bytes than were asked for");
		return;
	}
	k->dst_len = f->bulk_left;
	c->rx_call = k;
	frame_bulk_into(r, k->dst, f->bulk_left);
}

static void
rx_bulk_end(struct cfs *c, const struct frame *f)
{
	struct call *k = c->rx_call;
	union m_any rep;

	c->rx_call = NULL;
	if (k == NULL)
		k = *table_slot(c, f->number);
	if (k == NULL)
		return;
	c->line_answers++;
	if (k->op->number == OP_LOOKUP && call_result(k, &rep, NULL) == 0)
		trust_answered(c, k, &rep);
	call_answer(k, 0, NULL);
}

/* One thing from the reader; false when there is nothing more now. */
static bool
rx_one(struct cfs *c)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct frame f;
	int what = frame_next(c->link.reader, &f, &err);

	if (what == FRAME_NEED_MORE)
		return false;
	if (what == FRAME_EOF)
		err_set(&err, CFS_ENET, "%s",
			c->lost.text[0] != '\0' ? c->lost.text
						: "the server closed the connection");
	if (what < 0 || what == FRAME_EOF) {
		conn_lost(c, &err);
		return false;
	}
	if (f.op != OP_PING)
		c->rx_useful_ns = c->rx_ns;
	if (what == FRAME_BULK) {
		rx_bulk(c, c->link.reader, &f);
	} else {
		bucket_take(&c->rx_bucket, f.len + FRAME_HEADER_SIZE);
		if (what == FRAME_BULK_END && c->rx_call != NULL)
			bucket_take(&c->rx_bucket, c->rx_call->dst_len);
		if (what == FRAME_BULK_END)
			rx_bulk_end(c, &f);
		else if (f.is_reply)
			rx_complete(c, &f);
		else
			rx_push(c, &f);
	}
	return c->link.stream != NULL;
}

/*
 * The leader's own answer is in, and it is in a hurry: what is still to be read is for the next one. Small answers that are here
 * already it hands out, which costs less than to wake somebody who does it.
 */
static bool
leader_is_done(const struct cfs *c)
{
	return c->leader != NULL && c->leader->eager && c->leader->ready(c->leader->arg) &&
	       (c->link.stream == NULL || c->rx_call != NULL ||
		!frame_reader_pending(c->link.reader));
}

void
conn_input(struct cfs *c)
{
	for (int i = 0; i < RX_FRAMES && c->link.stream != NULL; i++) {
		if (!bucket_open(&c->rx_bucket, c->rx_ns) || !rx_one(c) || leader_is_done(c))
			return;
	}
}
