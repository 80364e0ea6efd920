/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_ADMIN_ADMIN_H
#define CFS_ADMIN_ADMIN_H

/*
 * cfsadm: a table of commands, one file each. They speak the protocol to the daemon's admin socket, or where no daemon
 * runs to a session in this very process, so that both ways are one path.
 */

#include <stdbool.h>

#include "base/args.h"
#include "base/err.h"
#include "proto/caller.h"
#include "server/config.h"

/* What every command gets. */
struct admin {
	const char *config_path;
	bool json;
	struct config *config;
	struct complete *completing; /* admin_args() offers candidates instead of reading options */
	int completing_from;         /* the command's place among its words */
};

/* argv[0] is the command's name. Returns 0 or a code with err set. */
typedef int admin_fn(struct admin *a, int argc, char **argv, struct cfs_err *err);

struct admin_cmd {
	const char *name;
	admin_fn *run;
};

admin_fn cmd_init, cmd_invite, cmd_user, cmd_quota, cmd_status, cmd_fsck, cmd_gc, cmd_scrub,
    cmd_backup, cmd_verify_backup, cmd_restore, cmd_rotate_key, cmd_top, cmd_sessions, cmd_kick,
    cmd_events;

/*
 * A command's options: as args_parse() with the spec's one group (or none) and the options that all commands have.
 * Returns an enum args_result, having printed what ARGS_HELP and ARGS_VERSION ask for, or a code.
 */
int admin_args(struct admin *a, const struct arg_spec *spec, int argc, char **argv, int *first_out,
	       struct cfs_err *err);

/* The command of this name, or NULL. */
const struct admin_cmd *admin_find(const char *name);

/* The whole of `cfsadm __complete …`; argv[0] is that. spec: the program's own, whose footer lists the commands. Returns 0. */
int admin_complete(struct admin *a, const struct arg_spec *spec, int argc, char **argv);

/* What admin_args() does while a->completing is set. */
void admin_offer(struct admin *a, const struct arg_spec *spec);

/* Reads the settings into a->config: what every command does once its options are read. Errors in the file are printed. */
int admin_config(struct admin *a, struct cfs_err *err);

/*
 * Before the store's files are touched without a daemon: root becomes the owner of the store (of the directory above it while
 * there is none), for good. What is made then belongs to whom the daemon runs as, and root follows no link that this user laid.
 */
int admin_become_owner(const struct admin *a, struct cfs_err *err);

/* A connection as administrator, to the daemon or (daemon = false) to a session of this process. */
struct admin_link;

/* CFS_ELOCKED when the store is in use and no daemon answers. */
int admin_connect(const struct admin *a, struct admin_link **out, struct cfs_err *err);
/* The same to the daemon alone: CFS_ENET where none answers. */
int admin_connect_daemon(const struct admin *a, struct admin_link **out, struct cfs_err *err);
void admin_disconnect(struct admin_link *l);

/* Calls and waits; reply holds views that are valid until the next call. */
int admin_call(struct admin_link *l, unsigned op, const void *request, void *reply,
	       struct cfs_err *err);

/* Pushes: the next frame, whatever it is, as caller_receive(); and a request whose answer will be one of those. */
int admin_receive(struct admin_link *l, struct frame *frame_out, struct cfs_err *err);
int admin_send(struct admin_link *l, unsigned op, const void *request, struct cfs_err *err);

#endif
