/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/blobfmt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/blob_heads.h"

/*
 * The bytes, all little-endian:
 *
 *   0  magic "CFSb"            16  id of the blob (finds files that were mixed up)
 *   4  u16 format (1)          32  u32 CRC32C of the table
 *   6  u16 codec (0: plain)    36  u32 CRC32C of the 36 bytes before
 *   8  u32 raw length          40  table: for each frame u32 offset, u32 CRC32C of the stored bytes
 *  12  u32 stored size         …   zeros up to a multiple of 64, then the frames
 */
#define MAGIC        "CFSb"
#define FORMAT       1u
#define CODEC_PLAIN  0u
#define AT_FORMAT    4
#define AT_CODEC     6
#define AT_RAW       8
#define AT_STORED    12
#define AT_ID        16
#define AT_TABLE_CRC 32
#define AT_CRC       36
#define AT_TABLE     40
#define ENTRY        8u
#define ALIGN        64u
#define HEAD_MAX     (40u + BLOB_FRAMES_MAX * ENTRY + ALIGN)

static uint32_t
frames_of(uint32_t raw_length)
{
	return (raw_length + STORE_FRAME_RAW - 1) / STORE_FRAME_RAW;
}

/* Bytes of header, table and padding: where the first frame begins. */
static uint32_t
head_size(uint32_t raw_length)
{
	return (uint32_t)align_up_u64(AT_TABLE + frames_of(raw_length) * ENTRY, ALIGN);
}

/* Raw bytes of frame i. */
static uint32_t
frame_length(const struct blob_head *h, uint32_t i)
{
	return i + 1 < h->frame_count ? STORE_FRAME_RAW : h->raw_length - i * STORE_FRAME_RAW;
}

uint32_t
blobfmt_stored_size(uint32_t length)
{
	return head_size(length) + length;
}

/* Fills head with the bytes of header and table for raw; head is zeroed. */
static void
head_encode(unsigned char *head, const struct id128 *id, const unsigned char *raw, uint32_t length)
{
	uint32_t frames = frames_of(length), start = head_size(length);
	unsigned char *entry = head + AT_TABLE;

	for (uint32_t i = 0; i < frames; i++, entry += ENTRY) {
		uint32_t at = i * STORE_FRAME_RAW;
		size_t n = min_size(length - at, STORE_FRAME_RAW);

		store_le32(entry, start + at);
		store_le32(entry + 4, crc32c(0, raw + at, n));
	}
	memcpy(head, MAGIC, 4);
	store_le16(head + AT_FORMAT, FORMAT);
	store_le16(head + AT_CODEC, CODEC_PLAIN);
	store_le32(head + AT_RAW, length);
	store_le32(head + AT_STORED, start + length);
	memcpy(head + AT_ID, id->b, sizeof(id->b));
	store_le32(head + AT_TABLE_CRC, crc32c(0, head + AT_TABLE, start - AT_TABLE));
	store_le32(head + AT_CRC, crc32c(0, head, AT_CRC));
}

static int
store_blob(struct blob_backend *b, const struct id128 *id, const void *raw, uint32_t length,
	   int (*put)(struct blob_backend *b, const struct id128 *id, const struct iovec *iov,
		      int count, struct cfs_err *err),
	   struct cfs_err *err)
{
	unsigned char head[HEAD_MAX] = {0};
	struct iovec iov[2];

	if (length == 0 || length > STORE_BLOB_MAX)
		return err_set(err, CFS_EINVAL, "blob of %" PRIu32 " bytes", length);
	head_encode(head, id, raw, length);
	iov[0] = (struct iovec){.iov_base = head, .iov_len = head_size(length)};
	iov[1].iov_base = (void *)(uintptr_t)raw; /* iovec has no const; it is only read */
	iov[1].iov_len = length;
	return put(b, id, iov, 2, err);
}

int
blobfmt_write(struct blob_backend *b, const struct id128 *id, const void *raw, uint32_t length,
	      uint32_t *stored_out, struct cfs_err *err)
{
	int rc = store_blob(b, id, raw, length, blob_put, err);

	if (rc == 0)
		*stored_out = blobfmt_stored_size(length);
	return rc;
}

int
blobfmt_replace(struct blob_backend *b, const struct id128 *id, const void *raw, uint32_t length,
		struct cfs_err *err)
{
	return store_blob(b, id, raw, length, blob_replace, err);
}

/* Damage is told as the range of raw bytes that it takes away. last is the last one of them. */
static int
damaged(const struct id128 *id, uint32_t first, uint32_t last, const char *how, struct cfs_err *err)
{
	char hex[ID128_HEX_SIZE];

	return err_set(err, CFS_ECORRUPT, "blob %s: bytes %" PRIu32 "-%" PRIu32 " of it: %s",
		       id128_hex(hex, id), first, last, how);
}

/* Checks the table's entries and takes them over. NULL, or what is wrong. */
static const char *
table_decode(const unsigned char *bytes, struct blob_head *h)
{
	uint32_t at = head_size(h->raw_length);

	for (uint32_t i = 0; i < h->frame_count; i++) {
		const unsigned char *entry = bytes + AT_TABLE + i * ENTRY;

		h->frames[i].offset = load_le32(entry);
		h->frames[i].crc = load_le32(entry + 4);
		if (h->frames[i].offset != at)
			return "frame table is wrong";
		at += frame_length(h, i);
	}
	return NULL;
}

/* Checks head_size(raw_length) bytes of header and table and takes them over. */
static int
head_decode(const unsigned char *bytes, const struct id128 *id, uint32_t raw_length,
	    struct blob_head *h, struct cfs_err *err)
{
	uint32_t size = head_size(raw_length);
	const char *wrong = NULL;

	if (memcmp(bytes, MAGIC, 4) != 0 || crc32c(0, bytes, AT_CRC) != load_le32(bytes + AT_CRC))
		wrong = "header is damaged";
	else if (memcmp(bytes + AT_ID, id->b, sizeof(id->b)) != 0)
		wrong = "header names another blob";
	else if (load_le16(bytes + AT_FORMAT) != FORMAT ||
		 load_le16(bytes + AT_CODEC) != CODEC_PLAIN)
		return err_set(err, CFS_EFORMAT, "blob format %u, codec %u",
			       load_le16(bytes + AT_FORMAT), load_le16(bytes + AT_CODEC));
	else if (load_le32(bytes + AT_RAW) != raw_length ||
		 load_le32(bytes + AT_STORED) != size + raw_length)
		wrong = "header has another length";
	else if (crc32c(0, bytes + AT_TABLE, size - AT_TABLE) != load_le32(bytes + AT_TABLE_CRC))
		wrong = "frame table is damaged";
	if (wrong == NULL) {
		h->raw_length = raw_length;
		h->frame_count = frames_of(raw_length);
		wrong = table_decode(bytes, h);
	}
	return wrong == NULL ? 0 : damaged(id, 0, raw_length - 1, wrong, err);
}

/*
 * A read of raw bytes: those of the frames touched that were not asked for go to scratch, so that every frame is checked whole and
 * nothing is copied twice. Pieces: [header and table,] scratch before, dst, scratch behind.
 */
struct span {
	uint32_t first, last; /* frames */
	uint32_t before, length, behind;
	unsigned char *scratch; /* before + behind bytes */
	unsigned char *dst;
};

static void
span_set(struct span *s, uint32_t raw_length, uint32_t offset, uint32_t length, void *dst)
{
	uint64_t end;

	s->first = offset / STORE_FRAME_RAW;
	s->last = (offset + length - 1) / STORE_FRAME_RAW;
	end = min_u64((uint64_t)(s->last + 1) * STORE_FRAME_RAW, raw_length);
	s->before = offset % STORE_FRAME_RAW;
	s->length = length;
	s->behind = (uint32_t)end - (offset + length);
	s->dst = dst;
	s->scratch = NULL;
}

static int
span_pieces(const struct span *s, struct iovec *iov)
{
	int n = 0;

	if (s->before > 0)
		iov[n++] = (struct iovec){.iov_base = s->scratch, .iov_len = s->before};
	iov[n++] = (struct iovec){.iov_base = s->dst, .iov_len = s->length};
	if (s->behind > 0)
		iov[n++] = (struct iovec){.iov_base = s->scratch + s->before, .iov_len = s->behind};
	return n;
}

/* The CRC32C of the next n bytes of the pieces; *iov and its first element move on. */
static uint32_t
pieces_crc(struct iovec **iov, size_t n)
{
	uint32_t crc = 0;

	while (n > 0) {
		struct iovec *p = *iov;
		size_t part = min_size(n, p->iov_len);

		crc = crc32c(crc, p->iov_base, part);
		p->iov_base = (unsigned char *)p->iov_base + part;
		p->iov_len -= part;
		n -= part;
		if (p->iov_len == 0)
			*iov = p + 1;
	}
	return crc;
}

/* Checks the frames of a span that was read. The first run of damaged ones is named. */
static int
span_check(const struct span *s, const struct id128 *id, const struct blob_head *h,
	   struct cfs_err *err)
{
	struct iovec pieces[3], *iov = pieces;
	uint32_t bad = UINT32_MAX, bad_end = 0;

	span_pieces(s, pieces);
	for (uint32_t i = s->first; i <= s->last; i++) {
		uint32_t n = frame_length(h, i);

		if (pieces_crc(&iov, n) == h->frames[i].crc) {
			if (bad != UINT32_MAX)
				break;
			continue;
		}
		if (bad == UINT32_MAX)
			bad = i * STORE_FRAME_RAW;
		bad_end = i * STORE_FRAME_RAW + n;
	}
	if (bad == UINT32_MAX)
		return 0;
	return damaged(id, bad, bad_end - 1, "checksum is wrong", err);
}

/* What a failed read of stored bytes means: a file cut short has lost the raw bytes from there on. */
static int
read_failed(int rc, struct blob_backend *b, const struct id128 *id, uint32_t raw_length,
	    struct cfs_err *err)
{
	uint32_t head = head_size(raw_length);
	uint64_t size;

	if (rc != CFS_ECORRUPT || blob_size(b, id, &size, NULL) != 0)
		return rc;
	if (size < head)
		return damaged(id, 0, raw_length - 1, "header is cut off", err);
	return damaged(id, (uint32_t)min_u64(size - head, raw_length - 1), raw_length - 1,
		       "cut off", err);
}

/* Reads and checks header and table, and with s, whose first frame is 0, the span too, in one go. */
static int
head_read(struct blob_backend *b, const struct id128 *id, uint32_t raw_length, const struct span *s,
	  struct blob_head *h, struct cfs_err *err)
{
	unsigned char bytes[HEAD_MAX];
	struct iovec iov[4];
	int n = 1, rc;

	iov[0] = (struct iovec){.iov_base = bytes, .iov_len = head_size(raw_length)};
	if (s != NULL)
		n += span_pieces(s, iov + 1);
	rc = blob_read(b, id, 0, iov, n, err);
	if (rc != 0)
		return read_failed(rc, b, id, raw_length, err);
	rc = head_decode(bytes, id, raw_length, h, err);
	if (rc == 0)
		blob_heads_put(b->heads, id, h);
	return rc;
}

/* Reads a span, header and table first where they are not known or fresh is asked for. */
static int
span_read(struct blob_backend *b, const struct id128 *id, uint32_t raw_length, const struct span *s,
	  bool fresh, struct cfs_err *err)
{
	struct blob_head h;
	struct iovec iov[3];
	int rc;

	if (!fresh && blob_heads_get(b->heads, id, &h)) {
		if (h.raw_length != raw_length)
			return damaged(id, 0, raw_length - 1, "header has another length", err);
	} else {
		rc = head_read(b, id, raw_length, s->first == 0 ? s : NULL, &h, err);
		if (rc != 0)
			return rc;
		if (s->first == 0)
			return span_check(s, id, &h, err);
	}
	rc = blob_read(b, id, h.frames[s->first].offset, iov, span_pieces(s, iov), err);
	if (rc != 0)
		return read_failed(rc, b, id, raw_length, err);
	return span_check(s, id, &h, err);
}

/* Reads the whole blob into dst, header included, and compares its SHA-256. */
static int
read_verified(struct blob_backend *b, const struct id128 *id, uint32_t raw_length,
	      const struct sha256 *hash, void *dst, struct cfs_err *err)
{
	struct sha256 actual;
	struct span s;
	int rc;

	span_set(&s, raw_length, 0, raw_length, dst);
	rc = span_read(b, id, raw_length, &s, true, err);
	if (rc != 0)
		return rc;
	rc = sha256_once(NULL, dst, raw_length, &actual);
	if (rc != 0)
		return err_code(err, rc);
	if (!sha256_equal(&actual, hash))
		return damaged(id, 0, raw_length - 1, "SHA-256 is wrong", err);
	return 0;
}

/* A scrub in another process may heal what is damaged by a file of its own: the one that is open is not read for ever. */
static int
checked(struct blob_backend *b, int rc)
{
	if (rc == CFS_ECORRUPT)
		blob_idle(b);
	return rc;
}

int
blobfmt_read(struct blob_backend *b, const struct id128 *id, uint32_t raw_length, uint32_t offset,
	     uint32_t length, const struct sha256 *hash, void *dst, struct cfs_err *err)
{
	unsigned char *scratch = NULL;
	struct span s;
	int rc;

	if (raw_length == 0 || raw_length > STORE_BLOB_MAX || length == 0 || offset >= raw_length ||
	    length > raw_length - offset)
		return err_set(err, CFS_EINVAL,
			       "bytes %" PRIu32 "+%" PRIu32 " of a blob of %" PRIu32, offset,
			       length, raw_length);
	if (hash != NULL && length == raw_length)
		return checked(b, read_verified(b, id, raw_length, hash, dst, err));

	span_set(&s, raw_length, offset, length, dst);
	if (hash != NULL || s.before + s.behind > 0) {
		scratch = malloc(hash != NULL ? raw_length : s.before + s.behind);
		if (scratch == NULL)
			return err_code(err, CFS_ENOMEM);
	}
	if (hash != NULL) {
		rc = read_verified(b, id, raw_length, hash, scratch, err);
		if (rc == 0)
			memcpy(dst, scratch + offset, length);
	} else {
		s.scratch = scratch;
		rc = span_read(b, id, raw_length, &s, false, err);
	}
	free(scratch);
	return checked(b, rc);
}

int
blobfmt_read_now(struct blob_backend *b, const struct id128 *id, uint32_t raw_length,
		 uint32_t offset, uint32_t length, void *dst)
{
	struct blob_head h;
	struct iovec iov[3];
	struct span s;
	int rc = CFS_EBUSY;

	if (length == 0 || offset >= raw_length || length > raw_length - offset ||
	    !blob_heads_get(b->heads, id, &h) || h.raw_length != raw_length)
		return CFS_EBUSY;
	span_set(&s, raw_length, offset, length, dst);
	s.scratch = malloc(s.before + s.behind + 1);
	if (s.scratch != NULL &&
	    blob_read_now(b, id, h.frames[s.first].offset, iov, span_pieces(&s, iov), NULL) == 0 &&
	    span_check(&s, id, &h, NULL) == 0)
		rc = 0;
	free(s.scratch);
	return rc;
}
