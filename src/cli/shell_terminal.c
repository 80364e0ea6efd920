/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* readline's headers want FILE. */
#include <stdio.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "base/buf.h"
#include "base/xdg.h"
#include "cli/interrupt.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "cli/remote.h"
#include "cli/shell.h"
#include "cli/shell_notices.h"

#define HISTORY_MAX 2000

/*
 * The terminal: readline in its callback form, so that the loop can wait for other things than keys. readline's hooks take
 * no argument; the one shell of this process is therefore kept here.
 */
static struct shell *current;

/* ---- completion: shell_complete() in readline's terms ---- */

struct candidates {
	char **v;
	size_t n, cap;
	bool one_directory;
	bool in_quotes;
};

static void
collect(void *arg, const char *word, bool is_directory)
{
	struct candidates *c = arg;
	char *quoted = c->in_quotes ? strdup(word) : words_quote(word);

	if (quoted == NULL) {
		return;
	}
	if (c->n + 2 > c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		char **v = realloc(c->v, cap * sizeof *v);

		if (v == NULL) {
			free(quoted);
			return;
		}
		c->v = v;
		c->cap = cap;
	}
	c->one_directory = is_directory;
	c->v[c->n++] = quoted;
	c->v[c->n] = NULL;
}

/* All that fits what stands before the cursor; in a quoted word the candidates are not quoted themselves. */
static void
fill(struct candidates *c, const char *text)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct words before, word = {0};
	int start = rl_point - (int)strlen(text) - (c->in_quotes ? 1 : 0);
	char *line = strndup(rl_line_buffer, start > 0 ? (size_t)start : 0);
	const char *prefix = text;

	if (line == NULL || words_split(line, &before, &err) != 0) {
		free(line);
		return;
	}
	free(line);
	if (!c->in_quotes && words_split(text, &word, &err) == 0) {
		prefix = word.n > 0 ? word.v[0] : "";
	}
	shell_complete(current->cli, &before, prefix, collect, c);
	words_fini(&word);
	words_fini(&before);
}

/* readline hands candidates out one by one; they are all made at the first call. */
static char *
next_candidate(const char *text, int state)
{
	static struct candidates c;
	static size_t next;

	if (state == 0) {
		free(c.v);
		c = (struct candidates){.in_quotes = rl_completion_quote_character != 0};
		next = 0;
		fill(&c, text);
		rl_completion_append_character = c.n == 1 && c.one_directory ? '\0' : ' ';
		rl_completion_suppress_quote = c.n == 1 && c.one_directory;
	}
	/* The strings go to readline, which frees them. */
	return next < c.n ? c.v[next++] : NULL;
}

static char **
attempt(const char *text, int start, int end)
{
	(void)start;
	(void)end;
	rl_attempted_completion_over = 1;
	return rl_completion_matches(text, next_candidate);
}

/* A blank behind a backslash does not end a word. */
static int
is_quoted(char *text, int index)
{
	int n = 0;

	while (index - n > 0 && text[index - n - 1] == '\\') {
		n++;
	}
	return n % 2;
}

/* The list of several candidates shows last components only. */
static void
show_matches(char **matches, int n, int longest)
{
	char **shown = calloc((size_t)n + 2, sizeof *shown);
	int width = 0;

	(void)longest;
	if (shown == NULL) {
		return;
	}
	for (int i = 0; i <= n; i++) {
		size_t len = strlen(matches[i]);
		const char *p = matches[i] + (len > 0 ? len - 1 : 0);

		while (p > matches[i] && p[-1] != '/') {
			p--;
		}
		shown[i] = (char *)(uintptr_t)p;
		width = (int)strlen(p) > width ? (int)strlen(p) : width;
	}
	putc('\n', rl_outstream);
	rl_display_match_list(shown, n, width);
	rl_forced_update_display();
	free(shown);
}

void
shell_completion_install(struct shell *sh)
{
	static const char breaks[] = " \t\n";

	current = sh;
	rl_readline_name = "cfs";
	rl_completer_word_break_characters = (char *)(uintptr_t)breaks;
	rl_char_is_quoted_p = is_quoted;
	rl_completer_quote_characters = "'\"";
	rl_attempted_completion_function = attempt;
	rl_completion_display_matches_hook = show_matches;
}

/* ---- history ---- */

static char *
history_file(void)
{
	struct buf path = BUF_INIT;

	if (xdg_path(XDG_STATE, "history", true, &path, NULL) != 0 ||
	    buf_append_byte(&path, '\0') != 0) {
		buf_fini(&path);
		return NULL;
	}
	return buf_take(&path, NULL);
}

/* Reads what was typed before, makes the file if there is none (what people type is theirs alone), and keeps it short. */
static void
history_begin(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
	}
	using_history();
	stifle_history(HISTORY_MAX);
	read_history(file);
	history_truncate_file(file, HISTORY_MAX);
}

/* Each line goes to the file at once: several shells may run, and any may be killed. */
static void
remember(const char *line, const char *file)
{
	HIST_ENTRY *last =
	    history_length > 0 ? history_get(history_base + history_length - 1) : NULL;

	if (line[strspn(line, " \t")] == '\0' || line[0] == ' ' ||
	    (last != NULL && strcmp(last->line, line) == 0)) {
		return;
	}
	add_history(line);
	if (file != NULL) {
		append_history(1, file);
	}
}

/* ---- the loop ---- */

/* "alice@host:~/docs> ", with " !" when the last command failed. */
static void
make_prompt(struct shell *sh, char *buf, size_t size)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct remote r;
	const char *user;
	char *shown;
	size_t n;
	bool own;

	if (remote_open(sh->cli, "", &r, &err) != 0) {
		snprintf(buf, size, "cfs (not connected)> ");
		return;
	}
	user = cfs_whoami(r.c)->user;
	n = strlen(user);
	own = strncmp(r.path + 1, user, n) == 0 && (r.path[n + 1] == '\0' || r.path[n + 1] == '/');
	shown = out_escape(own ? r.path + 1 + n : r.path);
	snprintf(buf, size, "%s@%s:%s%.300s%s> ", user, remote_host(sh->cli, r.c), own ? "~" : "",
		 shown != NULL ? shown : "", sh->last != 0 ? " !" : "");
	free(shown);
	remote_fini(&r);
}

static void on_line(char *line);

/* What was pushed goes to f; it is marked seen once it is there. */
static void
print_pushed(struct shell *sh, FILE *f)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c;
	uint64_t upto;
	char *text = shell_notices_take(sh->notices, &upto);

	if (text != NULL && fputs(text, f) != EOF && fflush(f) == 0 &&
	    remote_default(sh->cli, &c, &err) == 0) {
		cfs_events_seen_later(c, upto);
	}
	free(text);
}

/* What came while nobody was here, and from then on what is pushed. */
static void
catch_up(struct shell *sh)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct cfs *c;
	uint64_t upto;

	if (sh->notices != NULL && shell_notices_ended(sh->notices)) {
		shell_notices_end(sh->notices);
		sh->notices = NULL;
	}
	if (sh->notices != NULL) {
		print_pushed(sh, sh->cli->out);
	} else if (remote_default(sh->cli, &c, &err) == 0 &&
		   notices_print(sh->cli, c, sh->cli->out, &upto, &err) == 0) {
		fflush(sh->cli->out);
		/* Without pushes each prompt asks. */
		(void)shell_notices_begin(sh->cli, c, upto, &sh->notices, &err);
	}
}

/* Above the prompt: the line that is being typed goes away, and comes back below. */
static void
print_above(struct shell *sh)
{
	rl_clear_visible_line();
	print_pushed(sh, rl_outstream);
	rl_on_new_line();
	rl_redisplay();
}

/* What happened meanwhile, then the prompt. */
static void
prompt_again(struct shell *sh)
{
	char prompt[600];

	interrupt_begin();
	/* While the server cannot be reached, the prompt does not wait for it once more. */
	if (sh->last != err_exit_code(CFS_ENET)) {
		catch_up(sh);
	}
	make_prompt(sh, prompt, sizeof prompt);
	interrupt_end();
	rl_callback_handler_install(prompt, on_line);
}

static void
on_line(char *line)
{
	struct shell *sh = current;

	/* The handler is taken away while a command runs, so that it has a normal terminal. */
	rl_callback_handler_remove();
	if (line == NULL) {
		fputc('\n', sh->cli->out);
		sh->done = true;
		return;
	}
	remember(line, sh->history);
	shell_line(sh, line);
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
	rl_on_new_line();
	rl_redisplay();
}

void
shell_interactive(struct shell *sh)
{
	struct pollfd fds[3] = {
	    {.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = interrupt_fd(), .events = POLLIN},
	    {.events = POLLIN},
	};

	shell_completion_install(sh);
	rl_catch_signals = 0;
	sh->history = history_file();
	if (sh->history != NULL) {
		history_begin(sh->history);
	}
	prompt_again(sh);
	while (!sh->done && interrupt_ended() == 0) {
		fds[2].fd = shell_notices_fd(sh->notices);
		if (poll(fds, 3, -1) < 0 && errno != EINTR) {
			break;
		}
		if (fds[1].revents != 0 && interrupt_ended() == 0) {
			drop_line();
		}
		if (fds[0].revents != 0) {
			rl_callback_read_char();
		} else if (fds[2].revents != 0) {
			print_above(sh);
		}
		fds[0].revents = fds[1].revents = fds[2].revents = 0;
	}
	rl_callback_handler_remove();
	shell_notices_end(sh->notices);
	sh->notices = NULL;
	free(sh->history);
	sh->history = NULL;
}
