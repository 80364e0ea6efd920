/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_STORM_H
#define CFS_TESTS_FAULT_STORM_H

/*
 * storm: clients at work on a whole server, while the disk fails (faults.c) or processes are killed (kills.c). Each client is a
 * thread with a user of its own (worker.c), who knows what his files hold; what a client was told is done must be there, of
 * what failed all or nothing.
 *
 * main.c reads options and goes from seed to seed; server.c has the daemon; tree.c what a client knows; face_lib.c and face_mount.c do
 * to files what libcfs's users and programs in a mount do.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../crash/rng.h"
#include "../inject/inject.h"
#include "base/err.h"
#include "tree.h"

#define WORKERS_MAX 4u

/* ---- the daemon ---- */

struct server {
	const char *programs; /* folder of cfsd, cfsadm, cfs-mount */
	const char *preload;  /* inject.so, NULL: none */
	char folder[4096];    /* of this seed: conf, store, log, config, inject */
	pid_t pid;            /* 0: does not run */
	pid_t launcher;
	int launcher_fd;
	struct inject *inject;
};

/* Makes the store and the control file, starts the daemon, and signs in users u0… up to count. 0, or -1 having said why. */
int server_make(struct server *s, unsigned count);
/* Starts it; it keeps its port. */
int server_start(struct server *s);
/* SIGTERM or SIGKILL, and waits for the end: -1 if SIGTERM does not end it, or not with success. */
int server_stop(struct server *s, int signal);
/* What the log was not flushed of becomes zeros, as after a power cut. The daemon has been killed. */
int server_lose_log(const struct server *s);
/* cfsadm fsck: 0 when clean; what it says is printed else. */
int server_fsck(const struct server *s);
void server_free(struct server *s);

/* Runs a program of the folder of programs; what it prints goes into out (may be NULL). Its exit code, or -1. */
int server_run(const struct server *s, const char *const *argv, char *out, size_t size);

/* Becomes a program of that folder; a log of this seed's folder, to be written to. */
void server_exec(const struct server *s, const char *const *argv) __attribute__((noreturn));
int server_open_log(const struct server *s, const char *name);

/*
 * launcher.c: a process that has no files of a mount open makes the daemons, and they become this process's children. Whatever
 * becomes another program closes its files, and for those in a mount that waits for the server, which would wait for itself.
 */
int launcher_make(struct server *s);
pid_t launcher_launch(const struct server *s);
void launcher_end(struct server *s);

/* The processes of the daemon but the first one: how many of them are in pids. */
unsigned server_children(const struct server *s, pid_t *pids, unsigned max);
/* Those of clients that are signed in. */
unsigned server_sessions(const struct server *s, pid_t *pids, unsigned max);
bool server_child_lives(const struct server *s, pid_t pid);

/* ---- a client's way to its files; names are plain, in one folder ---- */

struct face;
struct face_ops {
	int (*put)(struct face *f, const char *name, const struct content *c, struct cfs_err *err);
	/* In place; durable, or when it returns only visible. */
	int (*write)(struct face *f, const char *name, const struct content *bytes, size_t offset,
		     bool durable, struct cfs_err *err);
	int (*rename)(struct face *f, const char *name, const char *to, struct cfs_err *err);
	int (*remove)(struct face *f, const char *name, struct cfs_err *err);
	/* CFS_ENOENT where there is none. */
	int (*read)(struct face *f, const char *name, struct content **out, struct cfs_err *err);
	int (*list)(struct face *f, void (*each)(void *arg, const char *name), void *arg,
		    struct cfs_err *err);
	void (*free)(struct face *f);
};
struct face {
	const struct face_ops *ops;
};

/* User u`number`, through libcfs. After a cut it dials for reconnect_ms. NULL with err set. */
struct face *face_lib_new(unsigned number, unsigned reconnect_ms, struct cfs_err *err);
/* Through a mount, which it makes and ends. */
struct face *face_mount_new(const struct server *s, unsigned number, struct cfs_err *err);

/* ---- a run ---- */

enum storm_mode { STORM_FAULTS, STORM_KILLS };

struct storm {
	enum storm_mode mode;
	uint64_t seed;
	unsigned workers; /* of this seed */
	bool
	    lie; /* faults: flushes of the log are promised and not made, to see that it is noticed */
	bool mounts; /* kills: one of the workers has a mount */
	bool verbose;
	struct server server;
	atomic_uint findings;
};

/* Something that must not be. Any thread. */
void finding(struct storm *st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* With -v. */
void tell(const struct storm *st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct worker {
	struct storm *storm;
	unsigned number;
	bool durable_only; /* everything is durable before it counts as done */
	bool mount;
	unsigned reconnect_ms;
	struct rng rng;
	struct tree tree;
	pthread_t thread;
	atomic_bool stop, ended;
	atomic_ulong done, failed; /* operations */
};

void worker_init(struct worker *w, struct storm *st, unsigned number);
void worker_fini(struct worker *w);
/* Works until it is told to stop, or all files are in doubt. */
void worker_start(struct worker *w);
void worker_stop(struct worker *w);
/* Compares everything with what is there, over a connection of its own; doubts are settled. */
void worker_verify(struct worker *w, const char *when);

/* Operations of all that were done. */
unsigned long workers_done(const struct worker *w, unsigned count);

/* One seed on a server that runs: several storms, each with its end and its verification. */
void faults_run(struct storm *st, struct worker *workers);
void kills_run(struct storm *st, struct worker *workers);

/* The command "order" of main()'s usage: its exit code. */
int storm_order(int argc, char **argv);

/* 2 ms: between two looks at what others do. */
void pause_briefly(void);

#endif
