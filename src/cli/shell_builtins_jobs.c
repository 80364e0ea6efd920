/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/shell_builtins.h"

/* jobs, wait, fg, kill, and exit, which must think of them. */

#define LOOK_MS 100

static void
print_object(struct shell *sh, const struct job *job, const struct progress *p)
{
	char state[32];
	json_t *o = json_object();

	json_object_set_new(o, "job", json_integer(job->number));
	json_object_set_new(o, "pid", json_integer(job->pid));
	json_object_set_new(o, "state", json_string(job_state(job, state)));
	out_json_name(o, "command", job->text);
	if (p != NULL) {
		json_object_set_new(o, "bytes", json_integer((json_int_t)p->bytes));
		json_object_set_new(o, "total_bytes", json_integer((json_int_t)p->total_bytes));
	}
	out_json(sh->cli, o);
}

/* What has come from jobs goes where the output of commands goes. */
static int
print_news(struct shell *sh, const struct job *reap, struct progress *p)
{
	struct buf text = BUF_INIT;
	int rc = jobs_read(&sh->jobs, &text);

	if (rc == 0 && reap != NULL) {
		rc = jobs_reap(&sh->jobs, reap, &text);
	}
	if (text.len > 0) {
		if (p != NULL) {
			progress_clear(p);
		}
		fwrite(text.data, 1, text.len, sh->cli->out);
		fflush(sh->cli->out);
	}
	buf_fini(&text);
	return rc;
}

int
builtin_jobs(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	int rc = print_news(sh, NULL, NULL);
	struct buf ended = BUF_INIT;

	(void)w;
	for (const struct job *job = sh->jobs.first; job != NULL; job = job->next) {
		struct progress p = {0};
		bool moving = !job->ended && progress_page_read(job->page, &p);
		char state[32], line[160];

		if (sh->cli->opt.json) {
			print_object(sh, job, moving ? &p : NULL);
			continue;
		}
		fprintf(sh->cli->out, "[%u] %s  %s\n", job->number, job_state(job, state),
			job->text);
		if (moving) {
			progress_text(&p, line, sizeof line);
			fprintf(sh->cli->out, "    %s\n", line + strspn(line, " "));
		}
	}
	/* Told of: forgotten. */
	if (rc == 0) {
		rc = jobs_reap(&sh->jobs, NULL, &ended);
	}
	buf_fini(&ended);
	return rc != 0 ? err_code(err, rc) : 0;
}

/* Waits for the end of one job and forgets it; its exit code. Ctrl-C ends the wait with `sig` 0, or else is handed on to it. */
static int
wait_for(struct shell *sh, const struct job *job, bool foreground, struct cfs_err *err)
{
	struct progress p = {0};
	int sig = SIGINT, code, rc = 0;

	progress_start(&p, sh->cli);
	while (rc == 0 && !job->ended) {
		jobs_poll(&sh->jobs, LOOK_MS);
		rc = print_news(sh, NULL, &p);
		if (interrupt_pending() != 0 && !foreground) {
			rc = CFS_ECANCELED;
		} else if (interrupt_pending() != 0) {
			job_signal(job, sig);
			/* Who asks twice means it. */
			sig = SIGKILL;
			if (interrupt_ended() == 0) {
				interrupt_begin();
			}
		}
		if (rc == 0 && foreground && !job->ended && progress_page_read(job->page, &p)) {
			progress_draw(&p);
		}
	}
	progress_clear(&p);
	if (rc != 0) {
		return err_code(err, rc);
	}
	code = job_exit_code(job);
	if (!foreground && sh->interactive) {
		rc = print_news(sh, job, NULL);
	} else {
		struct buf unsaid = BUF_INIT;

		rc = jobs_reap(&sh->jobs, job, &unsaid);
		buf_fini(&unsaid);
	}
	sh->cli->exit_code = code;
	return rc != 0 ? err_code(err, rc) : 0;
}

int
builtin_wait(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	struct job *job;
	int rc = 0, failed = 0;

	for (size_t i = 1; rc == 0 && i < w->n; i++) {
		rc = jobs_find(&sh->jobs, w->v[i], &job, err);
		if (rc == 0) {
			rc = wait_for(sh, job, false, err);
		}
	}
	while (rc == 0 && w->n == 1 && sh->jobs.first != NULL) {
		rc = wait_for(sh, sh->jobs.first, false, err);
		failed = failed != 0 ? failed : sh->cli->exit_code;
		sh->cli->exit_code = failed;
	}
	return rc;
}

int
builtin_fg(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	struct job *job;
	int rc = jobs_find(&sh->jobs, w->n > 1 ? w->v[1] : NULL, &job, err);

	if (rc == 0) {
		cli_note(sh->cli, "%s", job->text);
		rc = wait_for(sh, job, true, err);
	}
	return rc;
}

static int
signal_number(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"KILL", SIGKILL},
		     {"TERM", SIGTERM}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		char number[12];

		snprintf(number, sizeof number, "%d", known[i].number);
		if (strcasecmp(text, known[i].name) == 0 || strcmp(text, number) == 0) {
			return known[i].number;
		}
	}
	return 0;
}

int
builtin_kill(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	size_t first = w->n > 1 && w->v[1][0] == '-' ? 2 : 1;
	int sig = first == 2 ? signal_number(w->v[1] + 1) : SIGTERM, rc = 0;

	if (sig == 0 || w->n == first) {
		return err_set(err, CFS_EUSAGE,
			       "usage: kill [-HUP|INT|KILL|TERM|STOP|CONT] %%N...");
	}
	for (size_t i = first; rc == 0 && i < w->n; i++) {
		struct job *job;

		rc = jobs_find(&sh->jobs, w->v[i], &job, err);
		if (rc == 0) {
			job_signal(job, sig);
		}
	}
	return rc;
}

int
builtin_exit(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	char *end = NULL;
	unsigned long code = w->n > 1 ? strtoul(w->v[1], &end, 10) : 0;

	if (w->n > 1 && (!isdigit((unsigned char)w->v[1][0]) || *end != '\0' || code > 255)) {
		return err_set(err, CFS_EUSAGE, "not an exit code");
	}
	if (sh->interactive && !sh->exit_warned) {
		(void)print_news(sh, NULL, NULL);
		if (jobs_running(&sh->jobs)) {
			sh->exit_warned = true;
			return err_set(
			    err, CFS_EBUSY,
			    "jobs are running: 'wait' for them, or exit again to end them");
		}
	}
	sh->done = true;
	/* Of a script without a number, it is that of the last command, as in sh(1). */
	sh->cli->exit_code = w->n > 1 ? (int)code : sh->interactive ? 0 : sh->last;
	return 0;
}
