/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tape_server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "quietstream.h"

#define DIALS_MAX 4u
/* Reads that find nothing before the line is cut: an answer is made while its request is written. */
#define EMPTY_MAX 100u

struct line {
	struct stream base;
	struct tape *tape;
	struct buf requests, answers;
	struct buf scratch; /* lists of the answer being made */
	unsigned empty;
	int fd;
};

static struct line *
of(struct stream *s)
{
	return CONTAINER_OF(s, struct line, base);
}

/* What is right in most answers, or nothing would ever come of them. */
static void
mend(const struct op_desc *op, union m_any *rep)
{
	if (op->number == OP_HELLO) {
		rep->hello_rep.version = 1;
		rep->hello_rep.max_frame = FRAME_MAX;
		rep->hello_rep.max_inline = CFS_INLINE_MAX;
		rep->hello_rep.max_blob = CFS_BLOB_MAX;
		rep->hello_rep.heartbeat_ms = 10000;
		rep->hello_rep.user = str_from("alice");
	} else if (op->number == OP_READDIR) {
		rep->readdir_rep.eof = 1;
	} else if (op->number == OP_STREAM_ATTACH) {
		rep->stream_attach_rep.first = 1000;
		rep->stream_attach_rep.count = 64;
	}
}

static void
answer_rightly(struct line *l, const struct op_desc *op, uint64_t number, bool mended)
{
	struct buf payload = BUF_INIT;
	union m_any rep;
	struct str bulk;

	memset(&rep, 0, sizeof rep);
	tape_fill(l->tape, op->reply, &rep, &l->scratch);
	if (mended)
		mend(op, &rep);
	if (codec_encode(op->reply, &rep, &payload) == 0) {
		bulk = tape_bytes(l->tape, op->how & HOW_BULK_OUT ? tape_number(l->tape) : 0);
		(void)buf_append(&payload, bulk.p, min_size(bulk.len, TAPE_SCRATCH));
		(void)frame_append(&l->answers, op->number | FRAME_REPLY, 0, number, payload.data,
				   payload.len);
	}
	buf_fini(&payload);
}

static void
answer(struct line *l, const struct op_desc *op, uint64_t number)
{
	uint8_t how = tape_byte(l->tape);
	struct str noise;

	buf_clear(&l->scratch);
	switch (how < 216 ? 0 : how % 5) {
	case 1:
		answer_rightly(l, op, number, false);
		break;
	case 2: /* an error, with or without its text */
		noise = tape_bytes(l->tape, 2 + how % 8);
		(void)frame_append(&l->answers, op->number | FRAME_REPLY, tape_byte(l->tape),
				   number, noise.p, noise.len);
		break;
	case 3: /* anything for any request, or a push */
		noise = tape_bytes(l->tape, tape_byte(l->tape));
		(void)frame_append(&l->answers, (unsigned)tape_number(l->tape) & 0xffffu, 0,
				   tape_byte(l->tape), noise.p, noise.len);
		break;
	case 4: /* no frame at all */
		noise = tape_bytes(l->tape, tape_byte(l->tape));
		(void)buf_append(&l->answers, noise.p, noise.len);
		break;
	default:
		answer_rightly(l, op, number, true);
		break;
	}
}

/* ---- the stream */

static ssize_t
read_answers(struct stream *s, void *buf, size_t size, struct cfs_err *err)
{
	struct line *l = of(s);
	size_t n = min_size(size, l->answers.len);

	if (n > 0) {
		memcpy(buf, l->answers.data, n);
		buf_consume(&l->answers, n);
		l->empty = 0;
		return (ssize_t)n;
	}
	if (l->tape->left == 0 || l->empty++ > EMPTY_MAX)
		return err_set(err, CFS_ENET, "the tape is at its end");
	return CFS_EBUSY;
}

static ssize_t
take_requests(struct stream *s, const struct iovec *iov, int count, struct cfs_err *err)
{
	struct line *l = of(s);
	ssize_t total = 0;

	for (int i = 0; i < count; i++) {
		if (buf_append(&l->requests, iov[i].iov_base, iov[i].iov_len))
			return err_code(err, CFS_ENOMEM);
		total += (ssize_t)iov[i].iov_len;
	}
	while (l->requests.len >= FRAME_HEADER_SIZE) {
		const unsigned char *p = l->requests.data;
		size_t len = FRAME_HEADER_SIZE + (size_t)load_le32(p);
		const struct op_desc *op = op_find(load_le16(p + 4));

		if (l->requests.len < len)
			break;
		if (op)
			answer(l, op, load_le64(p + 8));
		buf_consume(&l->requests, len);
	}
	return total;
}

static int
descriptor(const struct stream *s)
{
	return ((const struct line *)(const void *)s)->fd;
}

static size_t
buffered(const struct stream *s)
{
	return ((const struct line *)(const void *)s)->answers.len;
}

static void
close_line(struct stream *s)
{
	struct line *l = of(s);

	(void)close(l->fd);
	buf_fini(&l->requests);
	buf_fini(&l->answers);
	buf_fini(&l->scratch);
	free(l);
}

static const struct stream_ops ops = {
    .read = read_answers,
    .writev = take_requests,
    .flush = quiet_flush,
    .fd = descriptor,
    .events = quiet_events,
    .buffered = buffered,
    .close = close_line,
};

/* ---- dialling */

struct tape_dialer {
	struct dialer base;
	struct tape *tape;
	unsigned dials;
};

static int
dial(struct dialer *base, uint64_t deadline, struct stream **out, struct cfs_err *err)
{
	struct tape_dialer *d = CONTAINER_OF(base, struct tape_dialer, base);
	struct line *l;

	(void)deadline;
	if (d->tape->left == 0 || d->dials++ >= DIALS_MAX)
		return err_set(err, CFS_ENET, "the tape is at its end");
	l = calloc(1, sizeof *l);
	if (!l)
		return err_code(err, CFS_ENOMEM);
	*l = (struct line){.base = {.ops = &ops},
			   .tape = d->tape,
			   .requests = BUF_INIT,
			   .answers = BUF_INIT,
			   .scratch = BUF_INIT,
			   .fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (l->fd < 0 || !buf_reserve(&l->scratch, TAPE_SCRATCH)) {
		close_line(&l->base);
		return err_code(err, CFS_ENOMEM);
	}
	*out = &l->base;
	return 0;
}

static void
free_dialer(struct dialer *d)
{
	free(CONTAINER_OF(d, struct tape_dialer, base));
}

struct dialer *
tape_dialer(struct tape *t)
{
	struct tape_dialer *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	*d = (struct tape_dialer){.base = {.dial = dial, .free = free_dialer}, .tape = t};
	return &d->base;
}
