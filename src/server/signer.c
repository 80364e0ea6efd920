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

#define TEXT_MAX       512
#define EVENTS_AT_ONCE 64

/* Signing takes 30 us; a session that got nothing after this never will. */
#define ANSWER_MS 5000
#define START_MS  10000

static void
say_key(int hub_fd, const struct tls_key *key, int rc, const struct cfs_err *why)
{
	struct signer_msg m = {.kind = SIGNER_KEY, .status = rc};
	struct cfs_err err = CFS_ERR_INIT;
	int n;

	if (rc == 0) {
		n = key_certificate(key, m.cert, sizeof(m.cert), &err);
		m.status = n < 0 ? n : 0;
		m.cert_len = n < 0 ? 0 : (uint32_t)n;
		why = &err;
	}
	(void)snprintf(m.text, sizeof(m.text), "%s", why->text);
	(void)fdpass_send(hub_fd, &m, sizeof(m), NULL, 0, 0);
}

/* A socket of a new connection. false: the hub is gone. */
static bool
take_socket(int hub_fd, int epoll_fd)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct signer_msg m;
	int fds[FDPASS_MAX];
	ssize_t n = fdpass_receive(hub_fd, &m, sizeof(m), fds, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EMSGSIZE;
	if (n == 0)
		return false;
	ev.data.fd = fds[0];
	if (n == (ssize_t)sizeof(m) && m.kind == SIGNER_ATTACH && fds[0] >= 0 &&
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[0], &ev) == 0)
		fds[0] = -1;
	fdpass_close(fds);
	return true;
}

/* One request, one answer, and the socket has served. No answer means no. */
static void
serve(const struct tls_key *key, int fd)
{
	unsigned char text[TEXT_MAX], sig[KEY_SIGNATURE_MAX];
	struct cfs_err err = CFS_ERR_INIT;
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT | MSG_TRUNC);
	int len;

	if (n > 0 && n <= (ssize_t)sizeof(text)) {
		len = key_sign_handshake(key, text, (size_t)n, sig, &err);
		if (len > 0)
			(void)send(fd, sig, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			log_warn("signer: refused: %s", err.text);
	}
	(void)close(fd);
}

static void
loop(const struct tls_key *key, int hub_fd, int epoll_fd)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS_AT_ONCE, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd != hub_fd)
				serve(key, events[i].data.fd);
			else if (!take_socket(hub_fd, epoll_fd))
				return;
		}
	}
}

int
signer_run(int hub_fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = hub_fd};
	struct cfs_err err = CFS_ERR_INIT;
	struct tls_key *key = NULL;
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int rc = key_load(AT_FDCWD, IDENTITY_KEY_FILE, &key, &err);

	if (rc == 0 && (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, hub_fd, &ev)))
		rc = err_set_errno(&err, errno, "epoll");
	say_key(hub_fd, key, rc, &err);
	if (rc == 0)
		loop(key, hub_fd, epoll_fd);
	key_free(key);
	fd_close(&epoll_fd);
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
		return err_set(err, out->status, "the server's key: %s", out->text);
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
