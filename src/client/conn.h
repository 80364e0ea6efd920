/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CONN_H
#define CFS_CLIENT_CONN_H

/*
 * One connection, used by any number of threads; what struct cfs is inside.
 *
 * There is no I/O thread on the way of a call. The first thread that waits for an answer leads: it polls, reads, and
 * hands the answers out to all; the others sleep, each on a condition of its own. A leader that has its answer passes
 * the lead on. Only when requests are under way and nobody waits does a background thread lead, and a waiter that
 * comes takes the lead from it at once, so a lone round trip never pays for a wake-up.
 *
 * c->lock guards everything in here, the stream included; it is never held in poll(), in dialling or in a callback of
 * the user's. "Locked" below means that the caller holds it.
 */

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/spin.h"
#include "client/bucket.h"
#include "client/bufs.h"
#include "client/cfs.h"
#include "client/changes.h"
#include "client/lease.h"
#include "client/link.h"
#include "client/lock.h"

struct call;

#define CONN_BUCKETS      256u
#define CONN_WAIT_FDS     8u
#define CONN_RECONNECT_MS 3000u

/*
 * Where a thread sleeps that waits. It is the connection's, not the thread's, so that it can be rung without the lock, when the
 * thread has perhaps left already: who has it next looks once for nothing then. No condition variable: coming back from one,
 * glibc takes the lock for contended, and every unlock is a system call.
 */
struct parker {
	sem_t rung;
	struct parker *next; /* free */
};

/* Those who are woken after the answers that are there were handled, without the lock that they would run into. */
#define CONN_WOKEN 32u

/* A thread that waits, on its own stack. Set ready, arg and fd, and what it may suffer; the rest is conn.c's. */
struct waiter {
	bool (*ready)(void *arg); /* asked locked */
	void *arg;
	int fd; /* also awaited: ready() is asked again when it becomes readable; -1: none */
	bool
	    eager; /* goes on at its first news; else all answers that are there are handled first */
	bool
	    patient; /* waits for what nobody is in a hurry for: whoever comes takes the lead from it */
	bool breakable; /* cfs_interrupt_thread() ends it */
	bool broken;    /* it did */
	pthread_t thread;
	unsigned interrupts; /* c->interrupts from which on an interruption counts */
	unsigned given_up;   /* c->given_up when the wait began */
	struct cfs *c;
	struct parker *parker;
	struct waiter *next, **prev;
};

/* Calls in the order of their submission. */
struct call_queue {
	struct call *first, **last;
};

struct cfs {
	pthread_mutex_t lock;
	struct cfs_profile profile;
	struct cfs_options options;
	char *user, *program, *password;
	struct cfs_identity who;
	uint32_t max_frame;
	uint32_t heartbeat_ms;

	struct cfs_subscription *sub; /* NULL: none */
	uint64_t lines;               /* made so far */

	/* the line; link.stream NULL: down */
	struct dialer *dialer;
	/* What is known of the server's keys, and which profile says so (NULL: none); for dialers of TLS. */
	bool tls_dialer, has_next_pin;
	struct sha256 pin, next_pin;
	char *profile_name;
	struct sign_in sign_in; /* for the next lines; its strings are the members above */
	struct link link;
	bool pinging;          /* a heartbeat is under way */
	uint64_t ping_ns;      /* when the last one was sent */
	uint64_t expire_ns;    /* conn_expire() has nothing to do before */
	bool dialling;         /* somebody is at it, without the lock */
	bool dial_wanted;      /* the background thread is to begin that */
	uint64_t down_ns;      /* since when it is down */
	uint64_t retry_ns;     /* not to be dialled before */
	unsigned dial_count;   /* attempts since then */
	uint64_t line_ns;      /* when the last line was signed in */
	unsigned line_answers; /* that came on it */
	unsigned brief_lines;  /* one after the other that ended as soon as they were there */
	bool dismissed;        /* the server wants it to stay down; lost says why */
	struct cfs_err lost;   /* why it is down */
	unsigned given_up;     /* how often all that waited was told that it stays down */
	struct cfs_err given_up_why;
	uint64_t rx_ns;        /* last byte received */
	uint64_t rx_useful_ns; /* last byte that was no heartbeat's */
	uint64_t tx_ns;        /* last byte sent */

	/* requests */
	uint64_t last_number;
	struct call *table[CONN_BUCKETS]; /* by number: sent or to be sent, not answered */
	struct call_queue flying;         /* the same in order */
	size_t flying_count;
	struct call_queue tx_fast,
	    tx_bulk;              /* to be sent: small requests pass bulk, changes never pass */
	struct call_queue tx_now; /* order on the wire is settled, the first perhaps half sent */
	size_t tx_now_bytes;
	size_t tx_lazy_bytes; /* of lazy calls queued since the last output */
	struct call *rx_call; /* whose reply is being received */
	bool tx_unflushed;    /* bytes may be left in the stream's own buffer */
	struct call *spare;   /* kept for reuse */
	unsigned spare_count;
	struct bucket tx_bucket, rx_bucket;

	struct changes changes;

	/* who leads */
	struct waiter *leader; /* NULL: nobody; BACKGROUND: the thread */
	struct waiter background;
	struct waiter *waiters; /* all that wait but the background */
	struct parker *parkers; /* free ones */
	struct parker crowded;  /* for all that got none for want of memory */
	struct parker *woken[CONN_WOKEN];
	unsigned woken_count;
	bool gathering;          /* wakes go to woken */
	_Atomic unsigned coming; /* threads that are about to take the lock and submit a call */
	int wake_fd;             /* eventfd: ends a poll */
	struct spin spin;        /* the leader's, whoever it is */
	atomic_uint interrupts;
	unsigned interrupts_seen; /* those that all waiters were woken for */
	bool closing;
	unsigned users; /* threads inside */

	pthread_t thread;
	bool thread_runs;
	bool thread_asleep;
	bool thread_waits; /* asleep, but for a moment: soon it looks whether to listen */
	pthread_cond_t thread_cond;

	struct cfs_file *files;   /* open ones */
	struct bufs read_bufs;    /* of FILE_SEGMENT */
	struct bufs write_bufs;   /* of CFS_BLOB_MAX */
	size_t ahead_bytes;       /* of what was asked for ahead of readers */
	size_t write_bytes;       /* room that their writes take, gathered or under way */
	size_t gather_bytes;      /* of that, gathered */
	uint64_t writes_seen;     /* calls that wrote */
	uint64_t room_changes;    /* times that room may have come free */
	atomic_uint room_waiters; /* threads that look for some, or wait */
	bool memory_used;         /* since file_memory_rest() */
	unsigned file_watchers;   /* threads that wait for one of their answers */

	struct user_names *names;
	struct client_leases leases;
	struct trust *trust;        /* NULL: none are wanted */
	struct client_cache *cache; /* on disk; NULL: none */
	bool no_maps;               /* the server does not know MAP */
	struct id128 client_id;     /* for HELLO; zeros then */
	struct client_locks locks;
};

/* Makes the parts of a struct cfs that conn.c owns; 0 or a code. */
int conn_init(struct cfs *c, struct cfs_err *err);
/* Frees them; nobody may be inside any more. */
void conn_fini(struct cfs *c);

/* Prepares a waiter; interruptions from now on count. */
void waiter_init(struct waiter *w, struct cfs *c, bool (*ready)(void *arg), void *arg, int fd);
/*
 * Locked. Waits until w->ready(), working the connection meanwhile if nobody else does. Returns 0, or CFS_ECANCELED
 * after cfs_interrupt(), cfs_interrupt_thread() or cfs_close(). Calls end by themselves when they time out or the line is lost, so
 * waiting for calls
 * ends; changes that are kept to be repeated do not, so whoever still waits when the line was given up gets that error (but
 * not the patient).
 */
int conn_wait(struct cfs *c, struct waiter *w, struct cfs_err *err);
/* Locked. Has the waiter look again; all of them. */
void waiter_wake(struct waiter *w);
void conn_wake_all(struct cfs *c);
/* Locked, when nobody leads and somebody waits. Wakes one who has no answer yet, if there is one: others would only pass the lead on. */
void conn_offer_lead(struct cfs *c);
/* Locked or not: ends a poll that is under way. */
void conn_kick(struct cfs *c);

/* Locked. Moves what can be moved without waiting. A broken line is noted (conn_lost()), calls stay in flight. */
void conn_input(struct cfs *c);
void conn_output(struct cfs *c);
/* Locked. Sends what lazy calls have queued, by somebody who will not wait. */
void conn_push(struct cfs *c);
/* Locked. Whether conn_output() has anything to do. */
bool conn_has_output(const struct cfs *c);

/* Locked. Puts a call on its way, and out at once as far as that goes without waiting. */
void conn_submit(struct cfs *c, struct call *k);
/* Locked. The call is in flight no more. */
void conn_remove(struct cfs *c, struct call *k);
/* Locked. Queues a call that is in flight for sending. */
void conn_queue(struct cfs *c, struct call *k);
/* Locked. The owner of the call wants no answer any more: bytes still to come for it are dropped. */
void conn_forget(struct cfs *c, struct call *k);
/* Locked. Sends a heartbeat, unless one is under way. */
void conn_ping(struct cfs *c);
/* Locked, by the thread that leads. One round: waits for something to happen on the line and handles it. */
void conn_lead(struct cfs *c, struct waiter *self);

/* Locked. Empties the eventfd after a poll, and tells everybody of an interruption. */
void conn_take_kicks(struct cfs *c);
/* Locked. The line is broken: closes it; calls stay, to be repeated. */
void conn_lost(struct cfs *c, const struct cfs_err *why);
/* Locked. The server announces that it ends the line, and whether its client may come back. */
void conn_goodbye(struct cfs *c, const struct m_goodbye_push *bye);
/* Locked. Whether the line is down and must not be made anew. */
bool conn_stays_down(const struct cfs *c);
/*
 * Locked, by the thread that leads; unlocks while it waits. One step towards a line: has it made anew, or waits for that or for
 * the time to try again; fails calls when it is time to.
 */
void conn_redial(struct cfs *c);
/* Locked; unlocks while dialling. Makes the line anew and sends again what was not answered. */
void conn_dial(struct cfs *c);
/* Locked. Waits a little for the dialling of another thread, of whose end w is told, and ends calls whose time is over. */
void conn_await_dial(struct cfs *c, struct waiter *w);
/* Locked. Ends every call that waits, with this error. */
void conn_fail_all(struct cfs *c, const struct cfs_err *why);
/* Locked. Ends calls whose time is over; a line that is silent for too long is lost. Says when to come again, in ms. */
int conn_expire(struct cfs *c);

/* Locked. Starts or wakes the background thread if requests are under way and nobody waits. */
void background_nudge(struct cfs *c);
/*
 * Locked. Has the background thread dial, for whoever waits must be able to stop waiting, and dialling takes its time. False: there
 * is no such thread.
 */
bool background_dials(struct cfs *c);
/* Not locked. Ends the thread. */
void background_stop(struct cfs *c);

#endif
