/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "show/event_text.h"

/* receipts: who downloaded my files. who-has: who has this one. */

#define BATCH 256u

struct receipts_values {
	bool unread, mark;
};

const struct arg_opt receipts_opts[] = {
    {.short_name = 'u',
     .long_name = "unread",
     .kind = ARG_FLAG,
     .offset = offsetof(struct receipts_values, unread),
     .help = "only those not seen yet"},
    {.short_name = 'm',
     .long_name = "mark-seen",
     .kind = ARG_FLAG,
     .offset = offsetof(struct receipts_values, mark),
     .help = "and mark them seen, on every device"},
};
const size_t receipts_n_opts = sizeof receipts_opts / sizeof *receipts_opts;

struct receipts {
	struct cli *cli;
	unsigned count;
};

static int
print_receipt(void *arg, const struct cfs_event *e)
{
	struct receipts *r = arg;

	r->count++;
	if (!r->cli->opt.json) {
		fputs(e->seen ? "  " : "* ", r->cli->out);
	}
	event_print(r->cli->out, e, r->cli->opt.json, true);
	return 0;
}

int
cmd_receipts(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct receipts_values o = {0};
	const struct cli_args args = {
	    .name = "receipts",
	    .synopsis = "[-u] [-m]",
	    .summary = "List downloads of your files by others; * marks those not seen yet.",
	    .opts = receipts_opts,
	    .n_opts = receipts_n_opts,
	    .values = &o,
	};
	struct receipts r = {.cli = cli};
	uint64_t since = 0, last = 0;
	unsigned before;
	struct cfs *c;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0 || (rc = remote_default(cli, &c, err)) != 0) {
		return rc;
	}
	do {
		before = r.count;
		rc = cfs_events(c, since, BATCH,
				CFS_EVENTS_RECEIPTS | (o.unread ? CFS_EVENTS_UNSEEN : 0),
				print_receipt, &r, &last, err);
		since = last;
	} while (rc == 0 && r.count - before == BATCH && (rc = cli_check(cli, err)) == 0);
	if (rc == 0 && o.mark && r.count > 0 && fflush(cli->out) == 0) {
		rc = cfs_events_seen(c, last, err);
	}
	return rc;
}

struct who_has {
	struct cli *cli;
	const char *path;
	uint64_t version;
};

static int
print_holder(void *arg, const struct cfs_holder *h)
{
	struct who_has *w = arg;
	char time[32], *device;

	if (w->cli->opt.json) {
		json_t *o = json_object();

		out_json_name(o, "path", w->path);
		out_json_name(o, "user", h->user);
		out_json_name(o, "device", h->device);
		json_object_set_new(o, "version", json_integer((json_int_t)h->version));
		json_object_set_new(o, "current",
				    json_boolean(h->complete && h->version == w->version));
		json_object_set_new(o, "complete", json_boolean(h->complete));
		json_object_set_new(o, "downloads", json_integer((json_int_t)h->downloads));
		out_json_time(o, "last", h->last_ns);
		out_json(w->cli, o);
		return 0;
	}
	out_time(time, sizeof time, h->last_ns);
	device = out_escape(h->device);
	fprintf(w->cli->out, "%s  %s%s%s: %s version %llu%s\n", time, h->user,
		device != NULL && *device != '\0' ? " on " : "", device != NULL ? device : "",
		h->complete ? "has" : "opened", (unsigned long long)h->version,
		h->complete && h->version == w->version ? ", the newest" : "");
	free(device);
	return 0;
}

static int
who_has(void *arg, struct cfs *c, const char *path, const char *shown, const struct cfs_attr *attr,
	struct cfs_err *err)
{
	struct who_has *w = arg;

	(void)shown;
	w->path = path;
	w->version = attr->version;
	return cfs_who_has(c, attr->ref, print_holder, w, &w->version, err);
}

int
cmd_who_has(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "who-has",
	    .synopsis = "PATH...",
	    .summary = "List who downloaded a file of yours, and which version they have.",
	    .min_args = 1,
	    .max_args = -1,
	};
	struct who_has w = {.cli = cli};
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	return remote_each(cli, "who-has", argc - first, argv + first, 0, who_has, &w, err);
}
