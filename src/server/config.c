/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "net/addr.h"
#include "net/listen.h"

static const char *const log_levels[] = {"error", "warn", "notice", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "fields", NULL};
static const char *const access_values[] = {"shared", "private", NULL};

#define AT(field) offsetof(struct config, field)
#define SECOND    INT64_C(1000)
#define DAY       (24 * 3600 * SECOND)

static int
check_address(const char *text, struct cfs_err *err)
{
	char host[HOST_SIZE];
	uint16_t port;

	return hostport_parse(text, CFS_PORT, host, &port, err);
}

static const struct conf_key keys[] = {
    {.section = "server",
     .key = "listen",
     .type = CONF_STRING,
     .offset = AT(listen),
     .def = ":7440",
     .check = listen_check,
     .doc =
	 "Addresses to listen on, separated by spaces or commas: HOST:PORT, [IPV6]:PORT, or :PORT\n"
	 "for every address of this machine. Port 0 takes a free one, which 'cfsadm status' names."},
    {.section = "server",
     .key = "address",
     .type = CONF_STRING,
     .offset = AT(address),
     .check = check_address,
     .doc =
	 "HOST:PORT by which clients reach this server; it goes into invites. Without it: what it\n"
	 "listens on, or this machine's name where that is every address."},
    {.section = "server",
     .key = "admin_socket",
     .type = CONF_STRING,
     .offset = AT(admin_socket),
     .doc = "Unix socket for cfsadm. Without it: admin.sock in the store."},
    {.section = "server",
     .key = "log",
     .type = CONF_STRING,
     .offset = AT(log),
     .def = "stderr",
     .doc = "Where messages go: stderr, syslog, or the path of a file (opened again on HUP)."},
    {.section = "server",
     .key = "log_level",
     .type = CONF_ENUM,
     .offset = AT(log_level),
     .def = "notice",
     .values = log_levels,
     .doc = "The least important messages that are logged."},
    {.section = "server",
     .key = "log_format",
     .type = CONF_ENUM,
     .offset = AT(log_format),
     .def = "text",
     .values = log_formats,
     .doc =
	 "How a line is written: text, for people; or fields, for programs: key=value with blanks\n"
	 "between (time, level, pid, role, peer, user, device, msg), quoted where it is needed."},
    {.section = "store",
     .key = "path",
     .type = CONF_STRING,
     .offset = AT(path),
     .doc = "Directory of the store, made by 'cfsadm init'. There is no default."},
    {.section = "store",
     .key = "attic_keep",
     .type = CONF_DURATION,
     .offset = AT(attic_keep_ms),
     .def = "30d",
     .max = 36500 * DAY,
     .doc = "How long replaced and deleted content is kept; 0 keeps nothing."},
    {.section = "store",
     .key = "attic_max",
     .type = CONF_SIZE,
     .offset = AT(attic_max_bytes),
     .def = "0",
     .doc = "How much of it is kept; the oldest gives way. 0: no limit but the time."},
    {.section = "store",
     .key = "quota",
     .type = CONF_SIZE,
     .offset = AT(quota_bytes),
     .def = "0",
     .doc =
	 "What the files of a user may take together, unless 'cfsadm quota' says otherwise for the\n"
	 "user; 0: no limit. Kept old versions do not count, but give way to files."},
    {.section = "store",
     .key = "min_free",
     .type = CONF_SIZE,
     .offset = AT(min_free_bytes),
     .def = "64M",
     .doc = "With less free disk than this nothing is added any more; deleting goes on working."},
    {.section = "events",
     .key = "keep",
     .type = CONF_DURATION,
     .offset = AT(events_keep_ms),
     .def = "90d",
     .max = 36500 * DAY,
     .doc =
	 "How long events are kept; 0: for ever. Downloads that their owner has not been told of stay."},
    {.section = "events",
     .key = "max",
     .type = CONF_SIZE,
     .offset = AT(events_max_bytes),
     .def = "256M",
     .doc = "About how much of them is kept; the oldest give way. 0: no limit but the time."},
    {.section = "audit",
     .key = "file",
     .type = CONF_STRING,
     .offset = AT(audit_file),
     .doc =
	 "A file that every event is appended to, one JSON object a line. On HUP it is opened again, so\n"
	 "that it can be moved away. Without it: none."},
    {.section = "metrics",
     .key = "listen",
     .type = CONF_STRING,
     .offset = AT(metrics_listen),
     .check = check_address,
     .doc =
	 "HOST:PORT at which http://HOST:PORT/metrics is answered for Prometheus, in the clear and\n"
	 "to everybody who can reach it. Without it: nowhere."},
    {.section = "metrics",
     .key = "remote",
     .type = CONF_BOOL,
     .offset = AT(metrics_remote),
     .def = "no",
     .doc = "Whether listen may name an address that other machines can reach."},
    {.section = "metrics",
     .key = "file",
     .type = CONF_STRING,
     .offset = AT(metrics_file),
     .doc = "A file that the same text is put into, replaced as a whole each time."},
    {.section = "metrics",
     .key = "interval",
     .type = CONF_DURATION,
     .offset = AT(metrics_interval_ms),
     .def = "15s",
     .min = SECOND,
     .max = DAY,
     .doc = "How often the file is written."},
    {.section = "access",
     .key = "default",
     .type = CONF_ENUM,
     .offset = AT(access),
     .def = "shared",
     .values = access_values,
     .doc = "shared: every signed-in user may list and read every tree. private: only their own.\n"
	    "Either way nobody but its owner changes a tree."},
    {.section = "limits",
     .key = "connections",
     .type = CONF_INT,
     .offset = AT(connections),
     .def = "1000",
     .min = 1,
     .max = 100000,
     .doc = "Connections at a time, each of them a process."},
    {.section = "limits",
     .key = "per_address",
     .type = CONF_INT,
     .offset = AT(per_address),
     .def = "250",
     .min = 1,
     .max = 100000,
     .doc = "Of those from one address (from one /64 network with IPv6)."},
    {.section = "limits",
     .key = "unauthenticated",
     .type = CONF_INT,
     .offset = AT(unauthenticated),
     .def = "64",
     .min = 1,
     .max = 100000,
     .doc = "Of those not signed in yet; one address takes three quarters of them at most."},
    {.section = "limits",
     .key = "requests_in_flight",
     .type = CONF_INT,
     .offset = AT(requests_in_flight),
     .def = "1024",
     .min = 16,
     .max = 65536,
     .doc = "Requests of one connection under way at a time; more wait in the network."},
    {.section = "limits",
     .key = "db_sessions",
     .type = CONF_INT,
     .offset = AT(db_sessions),
     .def = "256",
     .min = 1,
     .max = STORE_DB_SESSIONS_MAX,
     .doc = "Connections that have the database open at a time: those that asked something in the\n"
	    "last five seconds. More wait in order; open ones give way to them."},
    {.section = "timeouts",
     .key = "signin",
     .type = CONF_DURATION,
     .offset = AT(signin_ms),
     .def = "20s",
     .min = 100,
     .max = 3600 * SECOND,
     .doc = "A connection that has not signed in after this is closed."},
    {.section = "timeouts",
     .key = "idle",
     .type = CONF_DURATION,
     .offset = AT(idle_ms),
     .def = "15m",
     .min = SECOND,
     .max = 365 * DAY,
     .doc = "A connection from which nothing came for this long is closed."},
    {.section = "timeouts",
     .key = "heartbeat",
     .type = CONF_DURATION,
     .offset = AT(heartbeat_ms),
     .def = "10s",
     .min = SECOND,
     .max = 3600 * SECOND,
     .doc = "Clients are asked to send something at least this often."},
    {.section = "timeouts",
     .key = "lock_keep",
     .type = CONF_DURATION,
     .offset = AT(lock_keep_ms),
     .def = "30s",
     .min = SECOND,
     .max = 3600 * SECOND,
     .doc =
	 "How long a client's locks outlive its connection. After a restart new locks wait as long for\n"
	 "those who held some before."},
    {.section = "timeouts",
     .key = "drain",
     .type = CONF_DURATION,
     .offset = AT(drain_ms),
     .def = "15s",
     .max = 3600 * SECOND,
     .doc = "On TERM what is under way has this long to finish."},
};

static const struct conf_table table = {.keys = keys, .n = ARRAY_SIZE(keys)};

void
config_print_sample(FILE *f)
{
	(void)fputs(
	    "# cfsd.conf: settings of cfsd and cfsadm. What is commented out is the default.\n\n",
	    f);
	conf_print_sample(f, &table);
}

/* By its text: a name but localhost may mean anything tomorrow. */
static bool
is_loopback(const char *host)
{
	return strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

static int
check_metrics(const struct config *c, const char *path, struct cfs_err *err)
{
	char host[HOST_SIZE];
	uint16_t port;

	if (c->metrics_listen && hostport_parse(c->metrics_listen, 0, host, &port, err) == 0 &&
	    !c->metrics_remote && !is_loopback(host))
		return err_set(
		    err, CFS_ECONFIG,
		    "%s: [metrics] listen: other machines can reach that address; say remote = "
		    "yes if they should",
		    path);
	return 0;
}

/* What the table cannot say of a value. */
static int
check_values(const struct config *c, const char *path, struct cfs_err *err)
{
	if (!c->path || c->path[0] == '\0')
		return err_set(err, CFS_ECONFIG, "%s: [store] path is missing", path);
	return check_metrics(c, path, err);
}

int
config_load(const char *path, conf_error_fn *on_error, void *arg, struct config **out,
	    struct cfs_err *err)
{
	struct config *c = calloc(1, sizeof(*c));
	struct cfs_err wrong = CFS_ERR_INIT;
	int rc;

	*out = NULL;
	if (!c)
		return err_code(err, CFS_ENOMEM);
	rc = conf_parse_file(&c->owner, path, &table, c, on_error, arg, err);
	if (rc == 0) {
		rc = check_values(c, path, &wrong);
		if (rc && on_error)
			on_error(arg, wrong.text);
		if (rc)
			err_set(err, rc, "%s", wrong.text);
	}
	if (rc) {
		config_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void
config_free(struct config *c)
{
	if (!c)
		return;
	conf_fini(&c->owner);
	free(c);
}

struct store_conf
config_store(const struct config *c)
{
	return (struct store_conf){
	    .path = c->path,
	    .attic_keep_ms = c->attic_keep_ms,
	    .attic_max_bytes = c->attic_max_bytes,
	    .events_keep_ms = c->events_keep_ms,
	    .events_max_bytes = c->events_max_bytes,
	    .quota_bytes = c->quota_bytes,
	    .min_free_bytes = c->min_free_bytes,
	};
}

int
config_apply_log(const struct config *c, const char *ident, struct cfs_err *err)
{
	log_set_level((enum log_level)c->log_level);
	log_set_format((enum log_format)c->log_format);
	if (strcmp(c->log, "stderr") == 0) {
		log_to_stderr();
		return 0;
	}
	if (strcmp(c->log, "syslog") == 0) {
		log_to_syslog(ident);
		return 0;
	}
	return log_to_file(c->log, err);
}
