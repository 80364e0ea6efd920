/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_PROTO_FRAME_H
#define CFS_PROTO_FRAME_H

/*
 * Frames over a stream, for both sides: a 16-byte header (u32 payload size, u16 op, u16 flags or status, u64 request
 * number, little-endian) and the payload. A reply has FRAME_REPLY on its op and the request's number; a push has
 * number 0 and no FRAME_REPLY. A request's u16 holds FRAME_… flags, a reply's the error's number (err_to_wire()), 0 for
 * done; a reply with an error has msg_error_rep as its payload.
 *
 * Reader and writer never block and each belong to one thread at a time; the two sides of one stream share its state,
 * so reader and writer of a stream belong to the same thread (or lock).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "proto/ops.h"
#include "proto/stream.h"

#define FRAME_HEADER_SIZE 16
#define FRAME_REPLY       0x8000u /* on op: a reply */

/* Flags of requests. */
#define FRAME_DURABLE 1u /* answer only when what the request changed is on stable storage */

/* Limits of payloads, in bytes. */
#define FRAME_MAX_BEFORE_SIGN_IN 65536u
#define FRAME_MAX                (4u * 1024 * 1024 + 65536)
#define CFS_BLOB_MAX             (4u * 1024 * 1024) /* bulk of BLOB_PUT and READ */
#define CFS_INLINE_MAX           (32u * 1024)       /* one inline piece */

/* A bulk frame with a payload up to this comes as FRAME_COMPLETE, bulk included. */
#define FRAME_SMALL_MAX 65536u

struct frame {
	uint16_t op; /* without FRAME_REPLY */
	bool is_reply;
	uint16_t flags;             /* of a request: FRAME_…; of a reply: the error's number */
	uint64_t number;            /* request number; 0 is a push */
	const struct op_desc *desc; /* NULL: an operation that this build does not know */

	/*
	 * The payload for FRAME_COMPLETE, else the fields alone. Decode with frame_decode(). Valid until the next
	 * frame_next() for FRAME_COMPLETE, until the one after FRAME_BULK_END for bulk frames.
	 */
	const unsigned char *payload;
	size_t len;

	size_t bulk_left; /* FRAME_BULK_…: bytes of bulk that have no destination yet */
};

enum frame_result {
	FRAME_NEED_MORE, /* nothing complete: poll for stream_events() | POLLIN and come again */
	FRAME_COMPLETE,  /* a whole frame */
	FRAME_BULK, /* the fields of a bulk frame are there, bulk_left bytes want a destination */
	FRAME_BULK_END, /* all bulk bytes of that frame are in their destinations */
	FRAME_EOF,      /* the peer has ended the stream between two frames */
};

struct frame_reader;

/* A reader of a stream (borrowed) that takes payloads up to max bytes. NULL when memory is out. */
struct frame_reader *frame_reader_new(struct stream *s, uint32_t max);
void frame_reader_free(struct frame_reader *r);

/* Takes larger payloads from now on: after sign-in. */
void frame_reader_set_max(struct frame_reader *r, uint32_t max);

/*
 * The next thing that arrives: an enum frame_result, and *frame_out (not for NEED_MORE and EOF); or a negative code when
 * the stream is of no more use: CFS_ETOOBIG, CFS_EPROTO (bytes that are no frame, or whose fields cannot be right, or an
 * end in mid-frame: CFS_ENET), or what the stream said.
 *
 * Bulk: a frame above FRAME_SMALL_MAX whose operation carries bulk (and, for a reply, whose status is 0) comes as
 * FRAME_BULK once its fields are there. The caller decodes them and says where bytes go with frame_bulk_into(), in one
 * piece or several; each piece is read from the stream straight into its place. FRAME_BULK comes again as long as
 * bulk_left > 0 and no destination is set, so a caller that has no room yet may simply stop and come again later.
 */
int frame_next(struct frame_reader *r, struct frame *frame_out, struct cfs_err *err);

/*
 * The next n (at most bulk_left, at least 1) bulk bytes go to dst, which must stay until frame_next() has said FRAME_BULK
 * or FRAME_BULK_END for them (or failed, or the reader was freed). dst NULL: they are read and dropped.
 */
void frame_bulk_into(struct frame_reader *r, void *dst, size_t n);

/* Whether frame_next() may have something without the descriptor becoming readable. Do not sleep in poll() then. */
bool frame_reader_pending(const struct frame_reader *r);

/* Whether the last frame_next() found nothing to read: nor will the next one, before the descriptor becomes readable. */
bool frame_reader_starved(const struct frame_reader *r);

/*
 * Decodes a frame's fields into msg (a struct m_… of desc->request or desc->reply, or of msg_error_rep for a reply whose
 * status is not 0; see frame_message()). bulk_out (may be NULL for operations without bulk) gets the bulk bytes of a
 * FRAME_COMPLETE frame, as a view. Returns 0, CFS_EPROTO, or CFS_EUNSUPPORTED when desc is NULL.
 */
int frame_decode(const struct frame *frame, void *msg, struct str *bulk_out, struct cfs_err *err);

/* Which message a frame's fields are; NULL when desc is NULL. */
const struct msg_desc *frame_message(const struct frame *frame);

struct frame_writer;

/* A writer to a stream (borrowed). NULL when memory is out. Freeing it releases all bulk that is still queued. */
struct frame_writer *frame_writer_new(struct stream *s);
void frame_writer_free(struct frame_writer *w);

/* Bulk bytes of a frame that is sent: up to FRAME_BULK_PIECES pieces, referenced until release(arg) is called. */
#define FRAME_BULK_PIECES 64
struct frame_bulk {
	const struct iovec *pieces; /* copied; the bytes are not */
	int count;
	void (*release)(
	    void *arg); /* called once: when the bytes are sent, or the writer freed; may be NULL */
	void *arg;
};

/*
 * Queues a frame: op with or without FRAME_REPLY, msg a struct m_… of desc. Small bulk is copied (and released) at once,
 * large bulk is referenced. Nothing is sent until frame_writer_flush(). bulk may be NULL. Returns 0, CFS_ENOMEM,
 * CFS_EINVAL (msg cannot be encoded) or CFS_ETOOBIG (above FRAME_MAX); on error nothing is queued and release() is not
 * called.
 */
int frame_write(struct frame_writer *w, unsigned op, uint16_t flags, uint64_t number,
		const struct msg_desc *desc, const void *msg, const struct frame_bulk *bulk);

/* Queues an error reply: the wire number of code (negative) and a text for the client. As frame_write(). */
int frame_write_error(struct frame_writer *w, unsigned op, uint64_t number, int code,
		      const char *text);

/* Gives back the memory that is kept for the next frames. */
void frame_writer_trim(struct frame_writer *w);

/*
 * Frames made beforehand: appends header and encoded payload to out (for answers that must wait, or that were stored),
 * and queues a copy of such bytes, whole frames all of them. 0, CFS_ENOMEM, or CFS_ETOOBIG (above FRAME_MAX); nothing is
 * added then.
 */
int frame_append(struct buf *out, unsigned op, uint16_t flags, uint64_t number, const void *payload,
		 size_t len);
int frame_write_raw(struct frame_writer *w, const void *frames, size_t len);

/*
 * Sends as much as the stream takes now. Returns 0 when all is with the kernel, CFS_EBUSY when some is left (poll for
 * stream_events() | POLLOUT and come again), or what the stream said.
 */
int frame_writer_flush(struct frame_writer *w, struct cfs_err *err);

/* Bytes that are queued here, bulk included: an owner stops reading requests when there are too many. */
size_t frame_writer_queued(const struct frame_writer *w);

#endif
