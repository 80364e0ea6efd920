/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_SERVERTEST_H
#define CFS_TESTS_SERVERTEST_H

/*
 * A whole server without TLS or fork: a store in a folder of its own with users alice and bob, and sessions in threads,
 * each at the other end of a socketpair. Helpers assert.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "minihub.h"
#include "proto/caller.h"
#include "proto/codec.h"
#include "proto/ops.h"
#include "server/promise_table.h"
#include "server/session.h"
#include "store/people.h"
#include "store/store.h"

#define ALICE_PASSWORD "open sesame"

/* A test with a server of its own. */
#define TEST(f) cmocka_unit_test_setup_teardown(f, servertest_setup, servertest_teardown)

struct lockhub;

struct servertest {
	char folder[256], path[300];
	struct store_conf store_conf;
	struct session_conf conf; /* change it before connecting */
	struct store_shared *shared;
	struct person alice, bob;
	struct minihub *hub;            /* NULL: sessions have none */
	struct promise_table *promises; /* made by servertest_promises() */
	struct lockhub *locks;          /* the same, for locks: one or the other */
};

/* One connection. */
struct peer {
	struct servertest *t;
	pthread_t thread;
	struct session_args args;
	struct store *store;
	struct caller *c;
	int fd;              /* the session's end of the connection, borrowed */
	int result;          /* of session_run(), after st_disconnect() */
	struct id128 client; /* for HELLO; zeros: no read promises */

	/* After peer_hello() and peer_attach(). */
	uint64_t user, home, root;
	uint32_t gen;
	uint64_t next_ino, end_ino, seq;
	uint64_t number; /* of the request sent last */
};

int servertest_setup(void **state);
int servertest_teardown(void **state);
/* Sessions from now on give and heed read promises, which hold for so long. */
void servertest_promises(struct servertest *t, uint32_t ms);

/* Connects without saying hello. who: 'a' shows alice's device key, 'b' bob's, 'x' an unknown one, 'r' is the admin, 0 none. */
void peer_connect(struct servertest *t, struct peer *p, char who);
/* The same over a descriptor of the test's own: its end is *fd_out, and p->c is NULL. */
void peer_connect_raw(struct servertest *t, struct peer *p, char who, int *fd_out);
/* Ends the connection and waits for the session's end. */
void peer_disconnect(struct peer *p);

/* The network breaks. */
int shutdown_line(const struct peer *p);

int peer_hello(struct peer *p);
/* Connects and signs in. */
void peer_start(struct servertest *t, struct peer *p, char who);
void peer_attach(struct peer *p, const struct id128 *stream, bool create);

int peer_call(struct peer *p, unsigned op, const void *req, void *rep, struct str *bulk_out);
/* A call with bulk and flags. */
int peer_call_bulk(struct peer *p, unsigned op, uint16_t flags, const void *req, const void *bulk,
		   size_t len, void *rep);
/* Sends without waiting. */
void peer_send(struct peer *p, unsigned op, uint16_t flags, const void *req, const void *bulk,
	       size_t len);
/* Waits for the answer to the request of that number and returns its status; other answers are dropped. */
int peer_wait(struct peer *p, uint64_t number, void *rep);

/* A new file of inline content by PUT, up to 32 KiB; its status, with attr (may be NULL). */
int peer_put(struct peer *p, uint64_t dir, const char *name, const void *data, uint32_t len,
	     struct m_attr *attr);
/* Its request, for those who send it themselves: the pieces live in out. */
void peer_fill_put(struct peer *p, uint64_t dir, const char *name, uint32_t len,
		   struct m_put_req *req, struct buf *out);
int peer_mkdir(struct peer *p, uint64_t dir, const char *name, struct m_attr *attr);
int peer_lookup(struct peer *p, uint64_t dir, const char *name, struct m_attr *attr);
/* READ of a whole small file into out. */
int peer_read(struct peer *p, const struct m_attr *attr, uint32_t flags, struct buf *out);

#endif
