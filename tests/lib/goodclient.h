/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_GOODCLIENT_H
#define CFS_TESTS_GOODCLIENT_H

/* For measuring: a client of a whole server, signed in by key, that does small things one after the other. Ends the program when one fails. */

#include "net/tls.h"
#include "proto/caller.h"
#include "proto/ops.h"

struct target {
	const char *host;
	uint16_t port;
	struct tls_key *key;
	struct tls_ctx *tls;
};

/* port and keyfile as on a command line. */
void target_init(struct target *t, const char *host, const char *port, const char *keyfile);
void target_fini(struct target *t);

/* A descriptor, or -1. */
int target_connect(const struct target *t);
/* NULL with err set. */
struct caller *target_sign_in(const struct target *t, struct m_hello_rep *rep, struct cfs_err *err);

struct good {
	struct caller *caller;
	struct m_hello_rep hello;
	uint64_t seq, ino;
	struct m_attr file; /* that was put last */
};

void good_start(struct good *g, const struct target *t);
void good_end(struct good *g);
/* A small file, on stable storage when it is answered; a look-up of "crowd-0"; a read of the file that was put last. */
void good_put(struct good *g, const char *name);
void good_look(struct good *g);
void good_read(struct good *g);

/* "name<tab>unit<tab>value", for tests/bench. */
void print_row(const char *name, const char *unit, double value);

#endif
