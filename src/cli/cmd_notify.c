/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/commands.h"
#include "cli/notices.h"
#include "cli/remote.h"
#include "show/event_text.h"

/* notify: who downloaded my files, until seen; with -f also those to come. */

#define BATCH 256u

struct notify_values {
	bool follow;
};

const struct arg_opt notify_opts[] = {
    {.short_name = 'f',
     .long_name = "follow",
     .kind = ARG_FLAG,
     .offset = offsetof(struct notify_values, follow),
     .help = "wait for more, until interrupted"},
};
const size_t notify_n_opts = sizeof notify_opts / sizeof *notify_opts;

struct notices {
	struct cli *cli;
	struct cfs *c;
	FILE *f;
	unsigned count;
};

static int
print_notice(void *arg, const struct cfs_event *e)
{
	struct notices *n = arg;

	n->count++;
	event_print(n->f, e, n->cli->opt.json, true);
	return 0;
}

int
notices_print(struct cli *cli, struct cfs *c, FILE *f, uint64_t *upto_out, struct cfs_err *err)
{
	struct notices n = {.cli = cli, .c = c, .f = f};
	uint64_t since = 0, last = 0;
	unsigned before;
	int rc;

	do {
		before = n.count;
		rc = cfs_events(c, since, BATCH, CFS_EVENTS_RECEIPTS | CFS_EVENTS_UNSEEN,
				print_notice, &n, &last, err);
		since = last;
	} while (rc == 0 && n.count - before == BATCH);
	/* Only what was really printed is marked. */
	if (rc == 0 && n.count > 0 && fflush(f) == 0) {
		rc = cfs_events_seen(c, last, err);
	}
	if (upto_out != NULL) {
		*upto_out = last;
	}
	return rc;
}

/* A push was printed whole. The subscription ends where nobody reads any more. */
static int
caught_up(void *arg, uint64_t upto, uint64_t newest)
{
	struct notices *n = arg;
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	(void)newest;
	if (n->count == 0) {
		return 0;
	}
	rc = fflush(n->f) == 0 ? cfs_events_seen(n->c, upto, &err) : 0;
	n->count = 0;
	/* Marking can wait for the next time; not so the end of the output. */
	return rc == 0 ? cli_check(n->cli, &err) : 0;
}

static int
follow(struct cli *cli, struct cfs *c, uint64_t since, struct cfs_err *err)
{
	struct notices n = {.cli = cli, .c = c, .f = cli->out};
	struct cfs_subscription *sub;
	struct cfs_subscribe how = {
	    .since = since,
	    .filter = CFS_EVENTS_RECEIPTS | CFS_EVENTS_UNSEEN,
	    .event = print_notice,
	    .caught_up = caught_up,
	    .arg = &n,
	};
	int rc = cfs_subscribe(c, &how, &sub, NULL, err);

	if (rc == 0) {
		rc = cfs_subscription_wait(sub, err);
		cfs_unsubscribe(sub);
	}
	return rc;
}

int
cmd_notify(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct notify_values o = {0};
	const struct cli_args args = {
	    .name = "notify",
	    .synopsis = "[-f]",
	    .summary = "List downloads of your files by others that you have not seen yet.",
	    .opts = notify_opts,
	    .n_opts = notify_n_opts,
	    .values = &o,
	};
	uint64_t upto;
	struct cfs *c;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0 || (rc = remote_default(cli, &c, err)) != 0) {
		return rc;
	}
	rc = notices_print(cli, c, cli->out, &upto, err);
	if (rc == 0 && o.follow && (rc = remote_follow(cli, &c, err)) == 0) {
		rc = follow(cli, c, upto, err);
	}
	return rc;
}
