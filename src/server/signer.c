/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "server/identity.h"
#include "store/layout.h"

#define TEXT_MAX       512
#define EVENTS_AT_ONCE 64

/* Signing takes 30 us; a session that got nothing after this never will. */
#define ANSWER_MS 5000
#define START_MS  10000

struct signer {
	int hub_fd, epoll_fd;
	struct tls_key *key;
	struct sha256 next; /* zeros: none */
	bool over;
};

static const struct sha256 none;

static int
load(struct signer *s, struct cfs_err *err)
{
	struct tls_key *key, *next;
	int rc = key_load(AT_FDCWD, IDENTITY_KEY_FILE, &key, err);

	if (rc)
		return rc;
	key_free(s->key);
	s->key = key;
	s->next = none;
	rc = key_load(AT_FDCWD, IDENTITY_NEXT_FILE, &next, err);
	if (rc == 0) {
		key_fingerprint(next, &s->next);
		key_free(next);
	}
	return rc == CFS_ENOENT ? 0 : rc;
}

static int
make_next(const struct signer *s, struct cfs_err *err)
{
	struct tls_key *key;
	int rc;

	if (!sha256_equal(&s->next, &none))
		return err_set(err, CFS_EEXIST, "there is a next key already");
	rc = key_generate(KEY_SERVER, &key, err);
	if (rc)
		return rc;
	rc = key_save(key, AT_FDCWD, IDENTITY_NEXT_FILE, err);
	key_free(key);
	return rc;
}

/* The old key goes: its file is the new one from the rename on. */
static int
change(struct signer *s, int what, struct cfs_err *err)
{
	int rc = 0;

	if ((what == KEY_USE || what == KEY_DROP) && sha256_equal(&s->next, &none))
		return err_set(err, CFS_ENOENT, "there is no next key");
	if (what == KEY_NEXT)
		rc = make_next(s, err);
	else if (what == KEY_USE && rename(IDENTITY_NEXT_FILE, IDENTITY_KEY_FILE))
		rc = err_set_errno(err, errno, "rename " IDENTITY_NEXT_FILE);
	else if (what == KEY_DROP && unlink(IDENTITY_NEXT_FILE))
		rc = err_set_errno(err, errno, "remove " IDENTITY_NEXT_FILE);
	if (rc == 0 && what != KEY_TELL && io_fsync_dir(AT_FDCWD, LAYOUT_KEYS))
		rc = err_set_errno(err, errno, "flush " LAYOUT_KEYS);
	return rc ? rc : load(s, err);
}

static void
say_key(const struct signer *s, int rc, const struct cfs_err *why)
{
	struct signer_msg m = {.kind = SIGNER_KEY, .status = rc, .next = s->next};
	struct cfs_err err = CFS_ERR_INIT;
	int n;

	if (s->key) {
		n = key_certificate(s->key, m.cert, sizeof(m.cert), &err);
		m.cert_len = n < 0 ? 0 : (uint32_t)n;
	}
	(void)snprintf(m.text, sizeof(m.text), "%s", why->text);
	(void)fdpass_send(s->hub_fd, &m, sizeof(m), NULL, 0, 0);
}

/* The hub's: a socket of a new connection, or an order. */
static void
read_hub(struct signer *s)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct cfs_err err = CFS_ERR_INIT;
	struct signer_msg m;
	int fds[FDPASS_MAX];
	ssize_t n = fdpass_receive(s->hub_fd, &m, sizeof(m), fds, MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(m) && m.kind == SIGNER_CHANGE) {
		say_key(s, change(s, m.status, &err), &err);
	} else if (n == (ssize_t)sizeof(m) && m.kind == SIGNER_LOG) {
		log_adopt(&m.log, fds[0]);
		fds[0] = -1;
	} else if (n == (ssize_t)sizeof(m) && m.kind == SIGNER_ATTACH && fds[0] >= 0) {
		ev.data.fd = fds[0];
		if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fds[0], &ev) == 0)
			fds[0] = -1;
	} else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EMSGSIZE)) {
		s->over = true;
	}
	fdpass_close(fds);
}

/* One request, one answer, and the socket has served. No answer means no. */
static void
serve(const struct signer *s, int fd)
{
	unsigned char text[TEXT_MAX], sig[KEY_SIGNATURE_MAX];
	struct cfs_err err = CFS_ERR_INIT;
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT | MSG_TRUNC);
	int len;

	if (n > 0 && n <= (ssize_t)sizeof(text)) {
		len = key_sign_handshake(s->key, text, (size_t)n, sig, &err);
		if (len > 0)
			(void)send(fd, sig, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			log_warn("signer: refused: %s", err.text);
	}
	(void)close(fd);
}

static void
loop(struct signer *s)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	while (!s->over) {
		int n = epoll_wait(s->epoll_fd, events, EVENTS_AT_ONCE, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == s->hub_fd)
				read_hub(s);
			else
				serve(s, events[i].data.fd);
		}
	}
}

int
signer_run(int hub_fd)
{
	struct signer s = {.hub_fd = hub_fd, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = hub_fd};
	struct cfs_err err = CFS_ERR_INIT;
	int rc = load(&s, &err);

	if (rc == 0 && (s.epoll_fd < 0 || epoll_ctl(s.epoll_fd, EPOLL_CTL_ADD, hub_fd, &ev)))
		rc = err_set_errno(&err, errno, "epoll");
	say_key(&s, rc, &err);
	if (rc == 0)
		loop(&s);
	key_free(s.key);
	fd_close(&s.epoll_fd);
	return rc ? 1 : 0;
}

int
signer_wait(int fd, struct signer_msg *out, struct cfs_err *err)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, START_MS) != 1 ||
	    recv(fd, out, sizeof(*out), MSG_DONTWAIT) != (ssize_t)sizeof(*out) ||
	    out->kind != SIGNER_KEY || out->cert_len > sizeof(out->cert))
		return err_set(err, CFS_EFAIL, "the process with the server's key does not answer");
	out->text[sizeof(out->text) - 1] = '\0';
	if (out->status)
		return err_set(err, out->status, "%s", out->text);
	return 0;
}

int
signer_ask(void *arg, const unsigned char *data, size_t len, unsigned char sig[KEY_SIGNATURE_MAX])
{
	const int *fd = arg;
	struct pollfd p = {.fd = *fd, .events = POLLIN};
	ssize_t n;

	if (send(*fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len ||
	    poll(&p, 1, ANSWER_MS) != 1)
		return CFS_ETIMEDOUT;
	n = recv(*fd, sig, KEY_SIGNATURE_MAX, MSG_DONTWAIT);
	return n > 0 ? (int)n : CFS_EIO;
}
