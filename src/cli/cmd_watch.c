/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/hooks.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "show/event_stream.h"
#include "show/event_text.h"

/* watch: events as they happen, printed or handed to a program. */

struct watch_values {
	struct event_stream stream;
	int64_t jobs;
	const char *exec;
};

const struct arg_opt watch_opts[] = {
    EVENT_STREAM_OPTS(struct watch_values, stream),
    {.short_name = 'x',
     .long_name = "exec",
     .kind = ARG_STRING,
     .offset = offsetof(struct watch_values, exec),
     .arg_name = "COMMAND",
     .help = "run COMMAND for each event, which stands in CFS_EVENT_…, and wait for it"},
    {.short_name = 'j',
     .long_name = "jobs",
     .kind = ARG_INT,
     .offset = offsetof(struct watch_values, jobs),
     .arg_name = "N",
     .help = "at most N commands at once (1: one after the other, in order)",
     .min = 1,
     .max = 256},
};
const size_t watch_n_opts = sizeof watch_opts / sizeof *watch_opts;

/* What ended the subscription from inside. */
#define ENOUGH   1
#define NOTE_MAX 160u

struct watch {
	struct cli *cli;
	struct watch_values o;
	struct hooks *hooks;
	struct cfs_err err; /* of a callback */
	int64_t told;
	uint64_t newest; /* when it began */
};

static void
hook_failed(void *arg, const char *text)
{
	struct watch *w = arg;

	cli_item_failed(w->cli, "watch", w->o.exec, CFS_EFAIL, text);
}

static int
on_event(void *arg, const struct cfs_event *e)
{
	struct watch *w = arg;
	int rc = 0;

	if (w->hooks != NULL) {
		rc = hooks_run(w->hooks, e, hook_failed, w, &w->err);
	} else {
		event_print(w->cli->out, e, w->cli->opt.json, false);
	}
	w->told++;
	return rc == 0 && event_stream_is_enough(&w->o.stream, w->told, 0, w->newest) ? ENOUGH : rc;
}

static int
on_caught_up(void *arg, uint64_t upto, uint64_t newest)
{
	struct watch *w = arg;
	int rc;

	(void)newest;
	fflush(w->cli->out);
	rc = cli_check(w->cli, &w->err);
	return rc == 0 && event_stream_is_enough(&w->o.stream, w->told, upto, w->newest) ? ENOUGH
											 : rc;
}

static int
tell_break(struct watch *w, const struct event_break *b)
{
	char text[NOTE_MAX];

	if (w->cli->opt.json && w->hooks == NULL) {
		event_stream_print_break(w->cli->out, b);
		return 0;
	}
	event_stream_break_text(text, sizeof text, b);
	cli_note(w->cli, "cfs watch: %s", text);
	return 0;
}

static int
on_overflow(void *arg, uint64_t since, uint64_t gone)
{
	return tell_break(arg, &(struct event_break){EVENTS_GONE, since, gone});
}

static int
on_renumbered(void *arg, uint64_t since, uint64_t newest)
{
	return tell_break(arg, &(struct event_break){EVENTS_RENUMBERED, since, newest});
}

/* Paths of one server, without the slash of the root: NULL-terminated. */
struct paths {
	struct remote *remotes;
	const char **v;
	size_t n;
};

static void
paths_fini(struct paths *p)
{
	for (size_t i = 0; i < p->n; i++) {
		remote_fini(&p->remotes[i]);
	}
	free(p->remotes);
	free(p->v);
}

static int
take_paths(struct cli *cli, size_t n, char **argv, struct paths *p, struct cfs **c,
	   struct cfs_err *err)
{
	int rc;

	*p = (struct paths){
	    .remotes = calloc(n + 1, sizeof *p->remotes),
	    .v = calloc(n + 1, sizeof *p->v),
	};
	if (p->remotes == NULL || p->v == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	for (size_t i = 0; i < n; i++) {
		struct remote *r = &p->remotes[i];

		rc = remote_open(cli, argv[i], r, err);
		if (rc != 0) {
			return rc;
		}
		p->v[p->n++] = r->path[1] == '\0' ? "" : r->path;
		if (r->c != p->remotes[0].c) {
			return cli_usage("watch", err, "the paths are on different servers");
		}
	}
	*c = p->remotes[0].c;
	return n > 0 ? 0 : remote_default(cli, c, err);
}

/* A path need not be there: it may have been, or be made later. But it may be a mistake, too. */
static int
say_what_is_absent(struct cli *cli, struct cfs *c, const struct paths *p, struct cfs_err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct cfs_attr attr;
		int rc = cfs_stat(c, p->remotes[i].path, false, &attr, err);

		if (rc == CFS_ENOENT || rc == CFS_ENOTDIR) {
			char *path = out_escape(p->remotes[i].path);

			cli_note(cli, "cfs watch: %s: no such file or directory at present",
				 path != NULL ? path : "");
			free(path);
		} else if (rc != 0) {
			return cli_wrap(err, p->remotes[i].path);
		}
	}
	return 0;
}

static int
run(struct watch *w, struct cfs *c, const struct paths *paths, struct cfs_err *err)
{
	struct cfs_subscription *sub;
	struct cfs_subscribe how = {
	    .since = event_stream_begin(&w->o.stream),
	    .filter = CFS_EVENTS_VISIBLE,
	    .paths = paths->v,
	    .path_count = paths->n,
	    .event = on_event,
	    .caught_up = on_caught_up,
	    .overflow = on_overflow,
	    .renumbered = on_renumbered,
	    .arg = w,
	};
	int rc = cfs_subscribe(c, &how, &sub, &w->newest, err);

	if (rc != 0) {
		return rc;
	}
	rc = cfs_subscription_wait(sub, err);
	cfs_unsubscribe(sub);
	if (w->hooks != NULL) {
		hooks_wait(w->hooks, hook_failed, w);
	}
	if (rc < 0 && w->err.text[0] != '\0') {
		*err = w->err;
	}
	/* Hooks that failed were told of; otherwise there is no success without all of them. */
	return rc == ENOUGH ? cli_outcome(w->cli, err) : rc;
}

int
cmd_watch(struct cli *cli, int argc, char **argv, struct cfs_err *err)
{
	struct watch w = {
	    .cli = cli,
	    .o = {.stream = EVENT_STREAM_INIT, .jobs = 1},
	    .err = CFS_ERR_INIT,
	    .newest = UINT64_MAX,
	};
	const struct cli_args args = {
	    .name = "watch",
	    .synopsis = "[--since N] [--exec COMMAND [-j N]] [PATH...]",
	    .summary = "Tell what happens to files: everywhere, or to PATHs and below them.",
	    .opts = watch_opts,
	    .n_opts = watch_n_opts,
	    .values = &w.o,
	    .max_args = -1,
	};
	struct paths paths = {0};
	struct cfs *c = NULL;
	int first, rc = cli_args(cli, &args, argc, argv, &first, err);

	if (rc != 0) {
		return rc;
	}
	if (w.o.exec != NULL) {
		rc = hooks_new(w.o.exec, (unsigned)w.o.jobs, &w.hooks, err);
	}
	if (rc == 0) {
		rc = take_paths(cli, (size_t)(argc - first), argv + first, &paths, &c, err);
	}
	if (rc == 0) {
		rc = say_what_is_absent(cli, c, &paths, err);
	}
	if (rc == 0) {
		rc = remote_follow(cli, &c, err);
	}
	if (rc == 0) {
		rc = run(&w, c, &paths, err);
	}
	paths_fini(&paths);
	hooks_free(w.hooks);
	return rc;
}
