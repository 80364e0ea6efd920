/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SIGNER_H
#define CFS_SERVER_SIGNER_H

/*
 * The signer: the one process that has the server's key. The hub gives it a socket for each connection, whose session may
 * have one handshake signed over it. It signs nothing else: what it is sent must be a TLS handshake of a server, so a signature
 * is good for the one connection that it was made for. Nobody can ask for the key. On an administrator's order it makes the next one,
 * and puts it in the present one's place.
 */

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "net/key.h"

#define SIGNER_CERT_MAX 1024

enum signer_kind {
	/* hub to signer */
	SIGNER_ATTACH = 1, /* with a socket */
	SIGNER_CHANGE = 2, /* status: enum key_change; answered by SIGNER_KEY */
	SIGNER_LOG = 3,    /* log, with a descriptor or none */
	/* signer to hub */
	SIGNER_KEY =
	    16, /* at the start, and when asked: the key's certificate, or what went wrong */
};

/* ADMIN_KEY's `what`. */
enum key_change { KEY_TELL = 0, KEY_NEXT = 1, KEY_USE = 2, KEY_DROP = 3 };

struct signer_msg {
	uint32_t kind;
	int32_t status; /* 0 or a code, then with text */
	struct log_state log;
	struct sha256 next; /* fingerprint of the next key; zeros: none */
	uint32_t cert_len;
	unsigned char cert[SIGNER_CERT_MAX];
	char text[512];
};

/* The signer's life; ends with the hub. Its working directory is the store. Returns the exit status. */
int signer_run(int hub_fd);

/* Waits for SIGNER_KEY of a signer just started. Returns 0 or a code. */
int signer_wait(int fd, struct signer_msg *out, struct cfs_err *err);

/* A key_sign_fn of net/key.h for a session: asks over the socket *arg (an int). */
int signer_ask(void *arg, const unsigned char *data, size_t len,
	       unsigned char sig[KEY_SIGNATURE_MAX]);

#endif
