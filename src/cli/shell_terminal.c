/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* readline's headers want FILE. */
#include <stdio.h>

#include <readline/readline.h>

#include "base/buf.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/shell.h"
#include "cli/shell_history.h"
#include "cli/shell_notices.h"
#include "cli/shell_prompt.h"

/*
 * The terminal: readline in its callback form, so that the loop can wait for other things than keys. readline's hooks take
 * no argument; the one shell of this process is therefore kept here, and the lines of a text that is not whole yet.
 */
static struct shell *current;
static struct buf unfinished = BUF_INIT;

static void on_line(char *line);

/* Notices stand out among what commands print. 0, or EOF when f cannot be written. */
static int
notice_color(const struct shell *sh, FILE *f, const char *code)
{
	if (out_colors(sh->cli) && !sh->cli->opt.json) {
		fputs(code, f);
	}
	return fflush(f);
}

/* What was pushed goes to f; it is marked seen once it is there. */
static void
print_pushed(struct shell *sh, FILE *f)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c;
	uint64_t upto;
	char *text = shell_notices_take(sh->notices, &upto);

	if (text != NULL) {
		notice_color(sh, f, "\033[36m");
	}
	if (text != NULL && fputs(text, f) != EOF && notice_color(sh, f, "\033[0m") == 0 &&
	    remote_default(sh->cli, &c, &err) == 0) {
		cfs_events_seen_later(c, upto);
	}
	free(text);
}

/* What jobs wrote, and which of them have ended. */
static void
print_jobs(struct shell *sh, FILE *f)
{
	struct buf text = BUF_INIT;

	if (jobs_read(&sh->jobs, &text) == 0 && jobs_reap(&sh->jobs, NULL, &text) == 0 &&
	    text.len > 0) {
		fwrite(text.data, 1, text.len, f);
		fflush(f);
	}
	buf_fini(&text);
}

/* What came while nobody was here, and from then on what is pushed. */
static void
catch_up(struct shell *sh)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c;
	uint64_t upto;
	int rc = CFS_ENET;

	if (sh->notices != NULL && shell_notices_ended(sh->notices)) {
		shell_notices_end(sh->notices);
		sh->notices = NULL;
	}
	if (sh->notices != NULL) {
		print_pushed(sh, sh->cli->out);
	} else if (remote_default(sh->cli, &c, &err) == 0) {
		notice_color(sh, sh->cli->out, "\033[36m");
		rc = notices_print(sh->cli, c, sh->cli->out, &upto, &err);
		notice_color(sh, sh->cli->out, "\033[0m");
	}
	if (rc == 0) {
		/* Without pushes each prompt asks. */
		(void)shell_notices_begin(sh->cli, c, upto, &sh->notices, &err);
	}
}

/* Above the prompt: the line that is being typed goes away, and comes back below. */
static void
print_above(struct shell *sh)
{
	rl_clear_visible_line();
	fflush(rl_outstream);
	print_jobs(sh, rl_outstream);
	if (sh->notices != NULL) {
		print_pushed(sh, rl_outstream);
	}
	rl_on_new_line();
	rl_redisplay();
}

/* What happened meanwhile, then the prompt. */
static void
prompt_again(struct shell *sh)
{
	char prompt[800];
	int rows, columns;

	if (unfinished.len > 0) {
		rl_callback_handler_install("> ", on_line);
		return;
	}
	interrupt_begin();
	print_jobs(sh, sh->cli->out);
	/* While the server cannot be reached, the prompt does not wait for it once more. */
	if (sh->last != err_exit_code(CFS_ENET)) {
		catch_up(sh);
	}
	rl_get_screen_size(&rows, &columns);
	shell_prompt(sh, columns, prompt, sizeof prompt);
	interrupt_end();
	rl_callback_handler_install(prompt, on_line);
}

/* Ctrl-D: as exit, which may refuse. */
static void
on_end(struct shell *sh)
{
	fputc('\n', sh->cli->out);
	shell_text(sh, "exit");
}

static void
run_typed(struct shell *sh, const char *line)
{
	const char *text;

	history_add(sh, line);
	if ((unfinished.len > 0 && buf_append_byte(&unfinished, '\n') != 0) ||
	    buf_append_str(&unfinished, line) != 0 || (text = buf_cstr(&unfinished)) == NULL) {
		buf_clear(&unfinished);
		return;
	}
	if (!shell_wants_more(sh, text)) {
		/* Whom the server sent away may sign in anew: a person is here. */
		remote_come_back(sh->cli);
		shell_text(sh, text);
		buf_clear(&unfinished);
	}
}

static void
on_line(char *line)
{
	struct shell *sh = current;

	/* The handler is taken away while a command runs, so that it has a normal terminal. */
	rl_callback_handler_remove();
	if (line == NULL) {
		buf_clear(&unfinished);
		on_end(sh);
	} else {
		run_typed(sh, line);
	}
	free(line);
	sh->done = sh->done || interrupt_ended() != 0;
	if (!sh->done) {
		prompt_again(sh);
	}
}

static void
drop_line(void)
{
	char byte;

	while (read(interrupt_fd(), &byte, 1) > 0) {
	}
	rl_callback_sigcleanup();
	fputs("^C\n", rl_outstream);
	rl_replace_line("", 0);
	if (unfinished.len > 0) {
		buf_clear(&unfinished);
		rl_callback_handler_remove();
		prompt_again(current);
		return;
	}
	rl_on_new_line();
	rl_redisplay();
}

static void
install(struct shell *sh)
{
	current = sh;
	rl_readline_name = "cfs";
	shell_completion_install(sh);
	/* Signals are interrupt.c's, but for the one that tells of another size, which readline keeps also while nothing is typed. */
	rl_catch_signals = 0;
	rl_catch_sigwinch = 1;
	rl_persistent_signal_handlers = 1;
	history_begin(sh);
}

/* After Ctrl-Z and fg of the shell that this one was started from, which has set the terminal its own way. */
static void
take_terminal(void)
{
	rl_deprep_terminal();
	rl_prep_terminal(1);
	rl_forced_update_display();
}

/* Waits for keys, Ctrl-C, jobs and notices, and does what is due. False at the end. */
static bool
attend(struct shell *sh)
{
	struct pollfd fds[4] = {
	    {.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = interrupt_fd(), .events = POLLIN},
	    {.fd = shell_notices_fd(sh->notices), .events = POLLIN},
	    {.fd = sh->jobs.epoll, .events = POLLIN},
	};

	if (poll(fds, 4, -1) < 0) {
		if (errno != EINTR) {
			return false;
		}
		if (interrupt_continued()) {
			take_terminal();
		} else if (rl_pending_signal() != 0) {
			rl_check_signals();
		}
		return true;
	}
	if (fds[1].revents != 0 && interrupt_ended() == 0) {
		drop_line();
	}
	if (fds[0].revents != 0) {
		rl_callback_read_char();
	} else if (fds[2].revents != 0 || fds[3].revents != 0) {
		print_above(sh);
	}
	return true;
}

void
shell_interactive(struct shell *sh)
{
	install(sh);
	prompt_again(sh);
	while (!sh->done && interrupt_ended() == 0 && attend(sh)) {
	}
	rl_callback_handler_remove();
	buf_fini(&unfinished);
	shell_notices_end(sh->notices);
	sh->notices = NULL;
	free(sh->history);
	sh->history = NULL;
}
