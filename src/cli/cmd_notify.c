/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/remote.h"

/* notify: who downloaded my files, until seen. */

#define BATCH         256u
#define FILTER_UNSEEN 3u

struct notices {
	struct cli *cli;
	FILE *f;
	unsigned count;
};

static int
print_notice(void *arg, const struct cfs_event *e)
{
	struct notices *n = arg;
	char time[TIME_SIZE], local[32], *path, *device;

	n->count++;
	if (n->cli->opt.json) {
		json_t *o = json_object();

		json_object_set_new(o, "id", json_integer((json_int_t)e->id));
		json_object_set_new(o, "time", json_string(time_format(time, e->time_ns, 9)));
		json_object_set_new(o, "event", json_string("download"));
		out_json_name(o, "user", e->user);
		out_json_name(o, "device", e->device);
		out_json_name(o, "peer", e->peer);
		out_json_name(o, "path", e->path);
		json_object_set_new(o, "version", json_integer((json_int_t)e->version));
		json_object_set_new(o, "bytes", json_integer((json_int_t)e->bytes));
		json_object_set_new(o, "complete", json_boolean(e->complete));
		json_dumpf(o, n->f, JSON_COMPACT);
		fputc('\n', n->f);
		json_decref(o);
		return 0;
	}
	out_time(local, sizeof local, e->time_ns);
	path = out_escape(e->path);
	device = out_escape(e->device);
	fprintf(n->f, "%s  %s %s %s (from %s%s%s)\n", local, e->user,
		e->complete ? "downloaded" : "opened", path != NULL ? path : "", e->peer,
		device != NULL && *device != '\0' ? ", " : "", device != NULL ? device : "");
	free(path);
	free(device);
	return 0;
}

int
notices_print(struct cli *cli, struct cfs *c, FILE *f, unsigned *count_out, struct cfs_err *err)
{
	struct notices n = {.cli = cli, .f = f};
	uint64_t since = 0, last = 0;
	unsigned before;
	int rc;

	do {
		before = n.count;
		rc = cfs_events(c, since, BATCH, FILTER_UNSEEN, print_notice, &n, &last, err);
		since = last;
	} while (rc == 0 && n.count - before == BATCH);
	/* Only what was really printed is marked. */
	if (rc == 0 && n.count > 0 && fflush(f) == 0) {
		rc = cfs_events_seen(c, last, err);
	}
	if (count_out != NULL) {
		*count_out = n.count;
	}
	return rc;
}

int
cmd_notify(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	const struct cli_args args = {
	    .name = "notify",
	    .synopsis = "",
	    .summary = "List downloads of your files by others that you have not seen yet.",
	};
	struct cfs *c;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0 || (rc = remote_default(cli, &c, err)) != 0) {
		return rc;
	}
	return notices_print(cli, c, cli->out, NULL, err);
}
