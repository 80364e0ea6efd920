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
	out_json_attr(t->c, o, &d->attr);
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

	/* The command itself says that it was interrupted. */
	if (d->code == CFS_ECANCELED) {
		return;
	}
	if (d->code != 0 && t->silent && out_is_abandoned(t->cli)) {
		t->cli->abandoned = true;
		return;
	}
	if (d->code != 0) {
		cli_item_failed(t->cli, t->command,
				t->puts && d->local != NULL ? d->local : d->remote, d->code,
				d->text);
		return;
	}
	cli_item_done(t->cli);
	progress_file(&t->progress);
	if (t->silent) {
		return;
	}
	if (t->cli->opt.json) {
		print_done(t, d);
	} else {
		progress_clear(&t->progress);
		cli_did(t->cli, t->command, d->remote, false);
	}
}

static void
on_progress(void *arg, uint64_t more)
{
	struct transfer *t = arg;

	progress_bytes(&t->progress, more);
}

void
transfer_init(struct transfer *t, struct cli *cli, const char *command)
{
	*t = (struct transfer){.cli = cli, .command = command};
	progress_start(&t->progress, cli);
	cli->progress = &t->progress;
}

/* Waits for what is in the pipeline; files that failed were told by on_done(). */
static int
finish(struct transfer *t, struct cfs_err *err)
{
	int rc = t->x != NULL ? cfs_xfer_finish(t->x, err) : 0;

	if (rc == CFS_EPARTIAL) {
		rc = 0;
	}
	/* Directories and links were made without waiting: their durability, and the first that was refused. */
	if (rc == 0 && t->puts && t->c != NULL) {
		rc = cfs_sync(t->c, err);
	}
	cfs_xfer_free(t->x);
	t->x = NULL;
	return rc;
}

int
transfer_use(struct transfer *t, struct cfs *c, struct cfs_err *err)
{
	const struct cfs_xfer_hooks hooks = {.done = on_done, .progress = on_progress, .arg = t};
	int rc;

	if (t->x != NULL && t->c == c) {
		return 0;
	}
	rc = finish(t, err);
	if (rc == 0) {
		t->c = c;
		rc = cfs_xfer_new(c, &hooks, &t->x, err);
	}
	/* From here on an interruption ends the pipeline; one from before must not be lost. */
	return rc == 0 ? cli_check(t->cli, err) : rc;
}

int
transfer_failed(struct transfer *t, const char *item, int code, const char *text)
{
	if (cli_is_fatal(code)) {
		return code;
	}
	cli_item_failed(t->cli, t->command, item, code, text);
	return 0;
}

int
transfer_end(struct transfer *t, int rc, struct cfs_err *err)
{
	if (rc == 0) {
		rc = finish(t, err);
	}
	cfs_xfer_free(t->x);
	t->x = NULL;
	progress_clear(&t->progress);
	t->cli->progress = NULL;
	return rc == 0 ? cli_outcome(t->cli, err) : rc;
}
