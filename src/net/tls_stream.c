/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/io.h"
#include "net/key_internal.h"
#include "net/tls_internal.h"

/*
 * OpenSSL's own socket BIO makes one system call for each record of 16 KiB. Here its records are gathered (one copy of
 * bytes that are in the cache anyway) and sent when SEND_AT are together or at a flush. Reading needs no buffer of ours:
 * with read-ahead OpenSSL asks for as much as its own holds.
 */
#define RECORD_MAX  16384
#define RECORD_ROOM (RECORD_MAX + 512) /* with header, padding and tag (RFC 8446, 5.2) */
#define SEND_AT     (128 * 1024)
#define OUT_MAX     (SEND_AT + RECORD_ROOM)
#define OUT_KEEP    (16 * 1024) /* an empty buffer is kept up to this */

/* OpenSSL's own messages (KeyUpdate, alerts) may go above OUT_MAX by this; a peer that makes more waits. */
#define OUT_HARD_MAX (OUT_MAX + 64 * 1024)

#define ALERT_NO_ROOM 224 /* the first for private use (IANA, TLS Alerts) */

/* A record of alerts, of two bytes: fatal. */
const unsigned char tls_refusal[TLS_REFUSAL_SIZE] = {21, 3, 3, 0, 2, 2, ALERT_NO_ROOM};

static struct tls_stream *
self(struct stream *s)
{
	return CONTAINER_OF(s, struct tls_stream, stream);
}

static const struct tls_stream *
self_const(const struct stream *s)
{
	return (const struct tls_stream *)(const void *)s;
}

int
tls_send(struct tls_stream *t, struct cfs_err *err)
{
	while (t->out.len > 0) {
		ssize_t n = send(t->fd, t->out.data, t->out.len, MSG_NOSIGNAL);

		if (n >= 0) {
			buf_consume(&t->out, (size_t)n);
		} else if (errno == EAGAIN) {
			t->blocked = true;
			return CFS_EBUSY;
		} else if (errno != EINTR) {
			t->socket_errno = errno;
			return err_set(err, CFS_ENET, "connection lost: %s",
				       strerrordesc_np(errno));
		}
	}
	t->blocked = false;
	return 0;
}

static int
bio_write(BIO *bio, const char *p, int n)
{
	struct tls_stream *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (t->out.len + (size_t)n > OUT_HARD_MAX && tls_send(t, NULL) == CFS_EBUSY &&
	    t->out.len + (size_t)n > OUT_HARD_MAX) {
		BIO_set_retry_write(bio);
		return -1;
	}
	if (t->socket_errno || buf_append(&t->out, p, (size_t)n) < 0)
		return -1;
	return n;
}

static int
bio_read(BIO *bio, char *p, int size)
{
	struct tls_stream *t = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (size <= 0)
		return 0;
	do
		n = recv(t->fd, p, (size_t)size, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return (int)n;
	if (n == 0)
		t->eof = true;
	else if (errno == EAGAIN)
		BIO_set_retry_read(bio);
	else
		t->socket_errno = errno;
	return n == 0 ? 0 : -1;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct tls_stream *t = BIO_get_data(bio);
	int rc;

	(void)num;
	(void)ptr;
	if (cmd == BIO_CTRL_EOF)
		return t->eof;
	if (cmd != BIO_CTRL_FLUSH)
		return 0;
	BIO_clear_retry_flags(bio);
	rc = tls_send(t, NULL);
	if (rc == CFS_EBUSY)
		BIO_set_retry_write(bio);
	return rc == 0 ? 1 : -1;
}

BIO_METHOD *
tls_bio_method_new(void)
{
	/*
	 * No index of its own: there are 128 in a process, a client may make more contexts than that, and only
	 * BIO_find_type() would ask for it.
	 */
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "cfs socket");

	if (m && BIO_meth_set_write(m, bio_write) == 1 && BIO_meth_set_read(m, bio_read) == 1 &&
	    BIO_meth_set_ctrl(m, bio_ctrl) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

int
tls_failed(struct tls_stream *t, int result, struct cfs_err *err)
{
	int e = SSL_get_error(t->ssl, result);

	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return CFS_EBUSY;
	if (e == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (t->socket_errno) {
		ERR_clear_error();
		return err_set(err, CFS_ENET, "connection lost: %s",
			       strerrordesc_np(t->socket_errno));
	}
	if (t->eof) {
		ERR_clear_error();
		return err_set(err, CFS_ENET, "connection cut by the other side");
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_AD_REASON_OFFSET + ALERT_NO_ROOM) {
		ERR_clear_error();
		return err_set(
		    err, CFS_ENET,
		    "the server has too many connections now, in all or from this address: try again later");
	}
	/* Nothing that this side did (RFC 8446, 6.2): a server whose signer is being started anew, say. Worth another try. */
	if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_TLSV1_ALERT_INTERNAL_ERROR)
		return openssl_error(err, CFS_ENET, "the other side cannot go on now");
	return openssl_error(err, CFS_EPROTO, "TLS");
}

static ssize_t
read_stream(struct stream *s, void *buf, size_t size, struct cfs_err *err)
{
	struct tls_stream *t = self(s);
	size_t n;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(t->ssl, buf, size, &n);
	if (rc == 1) {
		t->read_blocked = false;
		return (ssize_t)n;
	}
	rc = tls_failed(t, rc, err);
	t->read_blocked = rc == CFS_EBUSY;
	/* An answer to a KeyUpdate may have been written: whoever only reads would never send it. */
	if (rc == CFS_EBUSY && t->out.len > 0 && tls_send(t, err) == CFS_ENET)
		return CFS_ENET;
	return rc;
}

/* Makes room for at least one more record. 0, CFS_EBUSY or another code. */
static int
make_room(struct tls_stream *t, size_t to_come, struct cfs_err *err)
{
	int rc;

	if (t->out.len >= SEND_AT) {
		rc = tls_send(t, err);
		if (rc < 0 && (rc != CFS_EBUSY || t->out.len >= SEND_AT))
			return rc;
	}
	/* All of it at once: growing by doubling would copy. */
	if (to_come > RECORD_MAX &&
	    !buf_reserve(&t->out,
			 min_size(to_come + to_come / 64 + RECORD_ROOM, OUT_MAX - t->out.len)))
		return err_code(err, CFS_ENOMEM);
	return 0;
}

static ssize_t
writev_stream(struct stream *s, const struct iovec *iov, int count, struct cfs_err *err)
{
	struct tls_stream *t = self(s);
	size_t done = 0;
	size_t total = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	for (int i = 0; i < count; i++) {
		const unsigned char *p = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		while (left > 0) {
			size_t n;
			int rc = make_room(t, total - done, err);

			if (rc == 0) {
				ERR_clear_error();
				rc = SSL_write_ex(t->ssl, p, min_size(left, RECORD_MAX), &n);
				rc = rc == 1 ? 1 : tls_failed(t, rc, err);
				if (rc == 0)
					rc = err_set(err, CFS_ENET, "connection closed");
			}
			if (rc < 0)
				return rc == CFS_EBUSY && done > 0 ? (ssize_t)done : rc;
			p += n;
			left -= n;
			done += n;
		}
	}
	return (ssize_t)done;
}

static int
flush_stream(struct stream *s, struct cfs_err *err)
{
	struct tls_stream *t = self(s);
	int rc = tls_send(t, err);

	/* The end of a burst: the memory goes back. */
	if (rc == 0 && t->out.cap > OUT_KEEP)
		buf_fini(&t->out);
	return rc;
}

static int
fd_of(const struct stream *s)
{
	return self_const(s)->fd;
}

static short
events_of(const struct stream *s)
{
	const struct tls_stream *t = self_const(s);

	/* In TLS 1.3 no write waits for a read once the handshake is done, and whether to read is the owner's matter. */
	if (t->blocked)
		return POLLOUT;
	return t->established ? 0 : POLLIN;
}

static size_t
buffered_in(const struct stream *s)
{
	const struct tls_stream *t = self_const(s);

	/*
	 * SSL_has_pending() also counts a record that is not complete yet; after a read that found nothing, what is
	 * there can be nothing else.
	 */
	if (t->read_blocked || !t->established)
		return 0;
	return (size_t)SSL_has_pending(t->ssl);
}

static void
close_stream(struct stream *s)
{
	struct tls_stream *t = self(s);

	if (t->established && !t->socket_errno)
		SSL_shutdown(t->ssl);
	if (!t->socket_errno)
		tls_send(t, NULL);
	ERR_clear_error();
	SSL_free(t->ssl);
	buf_fini(&t->out);
	fd_close(&t->fd);
	free(t);
}

const struct stream_ops tls_stream_ops = {
    .read = read_stream,
    .writev = writev_stream,
    .flush = flush_stream,
    .fd = fd_of,
    .events = events_of,
    .buffered = buffered_in,
    .close = close_stream,
};
