/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/transfer.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "cli/output.h"

static void
print_done(struct transfer *t, const struct cfs_xfer_done *d)
{
	char hex[2 * sizeof d->sum.b + 1];
	json_t *o = json_object();

	out_json_name(o, "path", d->remote);
	if (d->local != NULL) {
		out_json_name(o, "local", d->local);
	}
	json_object_set_new(o, "bytes", json_integer((json_int_t)d->bytes));
	out_json_attr(t->cli, t->c, o, &d->attr);
	if (d->has_sum) {
		hex_encode(hex, d->sum.b, sizeof d->sum.b);
		json_object_set_new(o, "sha256", json_string(hex));
	}
	out_json(t->cli, o);
}

static void
on_done(void *arg, const struct cfs_xfer_done *d)
{
	struct transfer *t = arg;

	if (d->code != 0) {
		transfer_failed(t, d->local != NULL && t->command[0] == 'p' ? d->local : d->remote,
				d->code, d->text);
		return;
	}
	cli_item_done(t->cli);
	progress_file(&t->progress);
	if (t->cli->opt.json) {
		print_done(t, d);
	} else if (t->cli->opt.verbose > 0) {
		char *shown = out_escape(d->remote);

		progress_clear(&t->progress);
		cli_verbose(t->cli, "%s", shown != NULL ? shown : "");
		free(shown);
	}
}

static void
on_progress(void *arg, uint64_t more)
{
	struct transfer *t = arg;

	progress_bytes(&t->progress, more);
}

int
transfer_begin(struct transfer *t, struct cli *cli, const char *command, struct cfs *c,
	       struct cfs_err *err)
{
	const struct cfs_xfer_hooks hooks = {.done = on_done, .progress = on_progress, .arg = t};

	*t = (struct transfer){.cli = cli, .command = command, .c = c};
	progress_start(&t->progress, cli);
	return cfs_xfer_new(c, &hooks, &t->x, err);
}

void
transfer_failed(struct transfer *t, const char *item, int code, const char *text)
{
	progress_clear(&t->progress);
	cli_item_failed(t->cli, t->command, item, code, text);
}

int
transfer_end(struct transfer *t, int rc, struct cfs_err *err)
{
	int end = 0;

	if (t->x != NULL && rc == 0) {
		end = cfs_xfer_finish(t->x, err);
	}
	cfs_xfer_free(t->x);
	progress_clear(&t->progress);
	if (rc == 0) {
		/* A file that failed was told by on_done(); anything else ended it all. */
		rc = end == CFS_EPARTIAL ? 0 : end;
	}
	return rc == 0 ? cli_outcome(t->cli, err) : rc;
}
