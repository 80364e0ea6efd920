/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "cli/shell_local.h"

/* What sh(1) gives where there is no such program. */
#define NO_PROGRAM 127

/* ---- one command ---- */

static int
run_builtin(struct shell *sh, const struct shell_builtin *b, const struct words *w)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	sh->cli->exit_code = 0;
	rc = b->max_args >= 0 && w->n > (size_t)b->max_args + 1
		 ? err_set(&err, CFS_EUSAGE, "usage: %s %s", b->name, b->synopsis)
		 : b->run(sh, w, &err);
	fflush(sh->cli->out);
	if (rc != 0 && err.text[0] != '\0') {
		cli_error(sh->cli, b->name, w->n == 2 ? w->v[1] : NULL, rc, err.text);
	}
	return rc != 0 ? err_exit_code(rc) : sh->cli->exit_code;
}

static int
run_words(struct shell *sh, const struct words *w)
{
	const struct shell_builtin *b = shell_builtin_find(w->v[0]);

	if (b != NULL && w->n == 2 && strcmp(w->v[1], "--help") == 0) {
		char help[] = "help", *argv[] = {help, w->v[0], NULL};

		return run_builtin(sh, shell_builtin_find(help),
				   &(struct words){.v = argv, .n = 2});
	}
	sh->exit_warned = sh->exit_warned && b != NULL;
	if (b != NULL) {
		return run_builtin(sh, b, w);
	}
	if (strcmp(w->v[0], "shell") == 0) {
		cli_error(sh->cli, "shell", NULL, CFS_EUSAGE, "this is the shell");
		return err_exit_code(CFS_EUSAGE);
	}
	return cli_run(sh->cli, (int)w->n, w->v);
}

/* ---- a pipeline ---- */

/* A command of a pipeline: its descriptors 0, 1 and 2, where they are others than the shell's. The fourth is never. */
struct stage {
	const struct shell_command *command;
	int fds[4];
	pid_t pid;
};

static int
open_redirect(const struct shell_redirect *r, int fds[4], struct cfs_err *err)
{
	static const struct {
		int fd, flags;
	} how[] = {
	    [SHELL_IN] = {0, O_RDONLY},
	    [SHELL_OUT] = {1, O_WRONLY | O_CREAT | O_TRUNC},
	    [SHELL_APPEND] = {1, O_WRONLY | O_CREAT | O_APPEND},
	    [SHELL_ERR_OUT] = {2, O_WRONLY | O_CREAT | O_TRUNC},
	    [SHELL_ERR_APPEND] = {2, O_WRONLY | O_CREAT | O_APPEND},
	};
	int target = r->kind == SHELL_ERR_TO_OUT ? 2 : how[r->kind].fd;
	int fd = r->kind == SHELL_ERR_TO_OUT
		     ? fcntl(fds[1] >= 0 ? fds[1] : STDOUT_FILENO, F_DUPFD_CLOEXEC, 10)
		     : io_open(r->path, how[r->kind].flags | O_NOCTTY, 0666);

	if (fd < 0) {
		return err_set_errno(err, errno, "%s", r->path != NULL ? r->path : "2>&1");
	}
	fd_close(&fds[target]);
	fds[target] = fd;
	return 0;
}

/* Opens everything that a pipeline reads and writes, before any of it runs. */
static int
open_stages(struct stage *stages, size_t n, struct cfs_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int fds[2];

		if (i + 1 < n) {
			if (pipe2(fds, O_CLOEXEC) != 0) {
				return err_set_errno(err, errno, "pipe");
			}
			stages[i].fds[1] = fds[1];
			stages[i + 1].fds[0] = fds[0];
		}
		for (const struct shell_redirect *r = stages[i].command->redirects; r != NULL;
		     r = r->next) {
			int rc = open_redirect(r, stages[i].fds, err);

			if (rc != 0) {
				return rc;
			}
		}
	}
	return 0;
}

static void
close_fds(struct stage *s)
{
	for (int i = 0; i < 3; i++) {
		fd_close(&s->fds[i]);
	}
}

/* Puts the stage's descriptors in the place of the shell's own, which are kept in saved; and the other way. */
static void
use_fds(const struct stage *s, int saved[3])
{
	for (int i = 0; i < 3; i++) {
		saved[i] = -1;
		if (s->fds[i] >= 0) {
			saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
			dup2(s->fds[i], i);
		}
	}
}

static void
restore_fds(int saved[3])
{
	for (int i = 0; i < 3; i++) {
		if (saved[i] >= 0) {
			dup2(saved[i], i);
			close(saved[i]);
		}
	}
}

/* The shell's own part of a pipeline, with its descriptors in place. Gives its exit code. */
static int
run_first(struct shell *sh, struct stage *s, bool piped)
{
	struct cli *cli = sh->cli;
	int saved[3], code;
	bool gone;

	fflush(cli->out);
	fflush(cli->msg);
	use_fds(s, saved);
	cli->piped = piped;
	code = run_words(sh, &s->command->words);
	cli->piped = false;
	fflush(cli->msg);
	gone = cli->abandoned || out_is_abandoned(cli);
	if (fflush(cli->out) != 0 || ferror(cli->out)) {
		/* What could not be written there must not come out here. */
		__fpurge(cli->out);
		clearerr(cli->out);
		code = code != 0 ? code : err_exit_code(CFS_ELOCALIO);
		if (!gone && interrupt_pending() == 0) {
			code = err_exit_code(CFS_ELOCALIO);
			cli_error(cli, s->command->words.v[0], NULL, CFS_ELOCALIO,
				  "cannot write all of it");
		}
	}
	cli->abandoned = cli->abandoned && s->fds[1] < 0;
	restore_fds(saved);
	/* A filter that has read enough is no failure. */
	return piped && gone && interrupt_pending() == 0 ? 0 : code;
}

static int
start_filters(struct stage *stages, size_t n, struct cfs_err *err)
{
	int rc = 0;

	for (size_t i = 1; rc == 0 && i < n; i++) {
		char **argv = stages[i].command->words.v;

		rc = local_start(argv[0], argv, stages[i].fds, -1, &stages[i].pid, err);
		if (rc == 0) {
			close_fds(&stages[i]);
		}
	}
	return rc;
}

/* The code of the last command that failed, or 0. */
static int
run_stages(struct shell *sh, struct stage *stages, size_t n)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc = open_stages(stages, n, &err), code = err_exit_code(rc);

	if (rc == 0) {
		rc = start_filters(stages, n, &err);
		code = rc == CFS_ENOENT ? NO_PROGRAM : err_exit_code(rc);
	}
	if (rc == 0) {
		code = run_first(sh, &stages[0], n > 1);
	} else {
		cli_error(sh->cli, NULL, NULL, rc, err.text);
	}
	for (size_t i = 0; i < n; i++) {
		close_fds(&stages[i]);
	}
	for (size_t i = 1; i < n; i++) {
		int its = stages[i].pid > 0 ? local_wait(stages[i].pid) : 0;

		code = its != 0 && rc == 0 ? its : code;
	}
	return code;
}

static int
run_pipeline(struct shell *sh, const struct shell_pipeline *l)
{
	const struct shell_command *first = l->commands;
	struct stage *stages;
	size_t n = 0;
	int code;

	if (first->local != NULL) {
		fflush(sh->cli->out);
		sh->exit_warned = false;
		return local_shell(first->local);
	}
	if (first->next == NULL && first->redirects == NULL) {
		return run_words(sh, &first->words);
	}
	for (const struct shell_command *c = first; c != NULL; c = c->next) {
		n++;
	}
	stages = calloc(n, sizeof *stages);
	if (stages == NULL) {
		return err_exit_code(CFS_ENOMEM);
	}
	for (size_t i = 0; i < n; i++, first = first->next) {
		stages[i] = (struct stage){.command = first, .fds = {-1, -1, -1, -1}};
	}
	code = run_stages(sh, stages, n);
	free(stages);
	return code;
}

/* ---- lists ---- */

static bool
ends(const struct shell *sh)
{
	return sh->done || interrupt_pending() != 0;
}

static void
run_foreground(struct shell *sh, const struct shell_item *item)
{
	for (const struct shell_pipeline *l = item->pipelines; l != NULL && !ends(sh);
	     l = l->next) {
		if ((l->join == SHELL_AND && sh->last != 0) ||
		    (l->join == SHELL_OR && sh->last == 0)) {
			continue;
		}
		sh->last = run_pipeline(sh, l);
		if (l->ignore && !ends(sh)) {
			sh->last = 0;
		}
	}
}

static void
run_background(struct shell *sh, const struct shell_item *item)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct job *job;
	int rc;

	fflush(sh->cli->out);
	rc = jobs_start(&sh->jobs, sh->cli, item, sh->interactive, &job, &err);
	if (rc != 0) {
		cli_error(sh->cli, NULL, NULL, rc, err.text);
	} else if (sh->interactive) {
		cli_note(sh->cli, "[%u] %d", job->number, (int)job->pid);
	}
	sh->last = err_exit_code(rc);
}

/* Where a script ended, for who must mend it; not where it was interrupted, or nobody reads what it prints. */
static void
tell_where(struct shell *sh, const struct shell_item *item, const char *name)
{
	struct cfs_err err = CFS_ERR_INIT;
	char *text = shell_item_text(item);

	if (text != NULL && !ferror(sh->cli->out) && !sh->cli->abandoned) {
		err_set(&err, CFS_EFAIL, "%s:%u: ended here with code %d: %s", name, item->line,
			sh->last, text);
		cli_error(sh->cli, "shell", NULL, CFS_EFAIL, err.text);
	}
	free(text);
}

bool
shell_run(struct shell *sh, const struct shell_item *items, const char *name)
{
	/* Ctrl-C came behind the line and before its command: that is said, as if the command had begun. */
	if (items != NULL && interrupt_pending() != 0) {
		cli_error(sh->cli, NULL, NULL, CFS_ECANCELED, err_text(CFS_ECANCELED));
	}
	for (; items != NULL && !ends(sh); items = items->next) {
		if (items->background) {
			run_background(sh, items);
		} else {
			run_foreground(sh, items);
		}
		if (sh->last == 0 || (sh->interactive && name == NULL)) {
			continue;
		}
		if (name != NULL && !ends(sh)) {
			tell_where(sh, items, name);
		}
		break;
	}
	if (interrupt_pending() != 0) {
		sh->last = err_exit_code(CFS_ECANCELED);
	}
	return items == NULL && !ends(sh);
}

/* ---- the shell itself ---- */

void
shell_init(struct shell *sh, struct cli *cli, bool interactive)
{
	struct cfs_err err = CFS_ERR_INIT;

	*sh = (struct shell){.cli = cli, .interactive = interactive, .jobs = SHELL_JOBS_INIT};
	cli->shell = true;
	/* A script means the same whoever runs it: what it calls by an alias, it defines. */
	if (names_load(&sh->aliases, interactive ? "aliases" : NULL, &err) != 0) {
		cli_note(cli, "cfs: %s", err.text);
	}
	if (names_load(&sh->bookmarks, "bookmarks", &err) != 0) {
		cli_note(cli, "cfs: %s", err.text);
	}
}

void
shell_fini(struct shell *sh)
{
	int sig = interrupt_ended();

	jobs_fini(&sh->jobs, sig != 0 ? sig : SIGTERM);
	names_fini(&sh->aliases);
	names_fini(&sh->bookmarks);
	free(sh->previous);
	shell_complete_forget(sh->cli);
	free(sh->cli->cwd);
	sh->cli->cwd = NULL;
	sh->cli->shell = false;
}
