/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_CONFIG_H
#define CFS_SERVER_CONFIG_H

/* cfsd.conf: what cfsd and cfsadm read. The table below is the whole truth; conf/cfsd.conf is printed from it. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/conf.h"
#include "base/err.h"
#include "server/session.h"
#include "store/store.h"

#define CONFIG_DEFAULT_PATH "/etc/cfs/cfsd.conf"

enum access_default { ACCESS_SHARED, ACCESS_PRIVATE };

/* Values; strings are owned by `owner`. */
struct config {
	/* [server] */
	const char *listen;
	const char *address;      /* NULL: made from listen */
	const char *admin_socket; /* NULL: in the store */
	const char *log;
	int log_level;  /* enum log_level */
	int log_format; /* enum log_format */
	/* [store] */
	const char *path;
	int64_t attic_keep_ms;
	uint64_t attic_max_bytes;
	uint64_t quota_bytes;
	uint64_t min_free_bytes;
	/* [events] */
	int64_t events_keep_ms;
	uint64_t events_max_bytes;
	/* [audit] */
	const char *audit_file; /* NULL: none */
	/* [metrics] */
	const char *metrics_listen, *metrics_file; /* NULL: none */
	bool metrics_remote;
	int64_t metrics_interval_ms;
	/* [access] */
	int access; /* enum access_default */
	/* [limits] */
	int64_t connections, per_address, unauthenticated, requests_in_flight, db_sessions;
	/* [timeouts] */
	int64_t signin_ms, idle_ms, heartbeat_ms, lock_keep_ms, drain_ms;

	struct conf owner;
};

/*
 * Reads a file; every error in it is told to on_error (may be NULL), the first is in err. *out is made anew, freed with
 * config_free(). Nothing is kept of a file with an error.
 */
int config_load(const char *path, conf_error_fn *on_error, void *arg, struct config **out,
		struct cfs_err *err);
void config_free(struct config *c);

/* The commented sample: what conf/cfsd.conf is. */
void config_print_sample(FILE *f);

/* The parts that other modules take; strings stay the config's. */
struct store_conf config_store(const struct config *c);

/* Sends logs where the config says. ident for syslog. */
int config_apply_log(const struct config *c, const char *ident, struct cfs_err *err);

#endif
