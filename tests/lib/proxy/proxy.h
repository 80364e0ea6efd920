/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of the proxy share: connections (conn.c), commands (control.c), the loop (main.c).
 */
#ifndef CFS_TESTS_PROXY_H
#define CFS_TESTS_PROXY_H

#include "delayline.h"

#include <netdb.h>
#include <stdbool.h>

enum dir { UP, DOWN };

enum watch_kind { WATCH_LISTENER, WATCH_TIMER, WATCH_CONTROL, WATCH_COMMAND, WATCH_SIDE };

struct watch { /* what an epoll event points at */
	enum watch_kind kind;
	int fd;
	uint32_t armed;
	struct conn *conn;
};

struct flow { /* one direction of a connection */
	struct delayline line;
	uint64_t passed; /* bytes handed to the receiver */
	uint64_t cut_at; /* cut the connection after so many; UINT64_MAX: never */
	int64_t end_ns;  /* when the end of the stream arrives */
	bool ended;      /* the sender has said all */
	bool aborted;    /* ... by a reset */
	bool shut;       /* the receiver has been told */
	bool to_hold;    /* to be held back from a turn on */
	bool held;       /* it is: what came stays here, and the end alone is passed on */
};

struct conn {
	struct watch side[2]; /* side[UP] is the client: flow[d] goes from side[d] to side[!d] */
	struct flow flow[2];
	int64_t open_ns; /* from then on the client is read: its handshake is over */
	int64_t dial_ns; /* then the server is called */
	bool open, dialled, connected, dead;
	enum dir speaker;    /* whose bytes came last */
	unsigned turns_left; /* times that the client speaks after the server before it is held */
	struct conn *next;
};

struct proxy {
	int epoll;
	struct watch listener, timer, control;
	struct addrinfo *target;
	int64_t delay_ns;
	double ns_per_byte;
	size_t window_bytes;
	uint64_t cut_at[2];
	long cuts_left; /* how many connections still get cut; negative: all */
	bool dropping, refusing, stop;
	int64_t link_free_ns[2]; /* when the capped link has sent what it took */
	uint64_t accepted, bytes[2];
	unsigned conn_count;
	struct conn *conns;
};

/** The monotonic clock. */
int64_t now_ns(void);

/** Prints what failed and why, and ends the proxy: it holds nothing that must survive. */
_Noreturn void die(const char *what);

/** Watches W for EVENTS; none at all takes it out of epoll, which would report its end for ever. */
void arm(struct proxy *p, struct watch *w, uint32_t events);

/** Takes a new connection from the listener; its server is called when the handshake is over. */
void conn_accept(struct proxy *p);

/** Learns how the call to the server ended. */
void conn_connected(struct conn *c);

/** Moves what can be moved now and watches for what cannot. */
void conn_pump(struct proxy *p, struct conn *c);

/** Ends a connection, in order or by a reset; it is freed by conns_sweep(), not before. */
void conn_close(struct conn *c, bool reset);

/** Frees the ended connections. Not while events that may name them are being handled. */
void conns_sweep(struct proxy *p);

/** When something of this connection falls due without an event; INT64_MAX: nothing will. */
int64_t conn_next_ns(const struct conn *c);

/** Listens for commands on the Unix socket PATH, which must not exist. */
void control_start(struct proxy *p, const char *path);

/** Takes one caller of the control socket. */
void control_accept(struct proxy *p);

/** Reads a caller's command, does it, answers, and hangs up. */
void control_command(struct proxy *p, struct watch *w);

/** The other end: sends the words as one command to the proxy at PATH, prints the answer.
 *  Returns the exit code: 0, or 1 when the command was refused. */
int control_tell(const char *path, char **word);

/** The commands, for the usage. */
extern const char control_help[];

#endif
