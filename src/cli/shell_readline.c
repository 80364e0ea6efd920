/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

/* readline's headers want FILE. */
#include <stdio.h>

#include <readline/readline.h>

#include "base/bytes.h"
#include "base/path.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "cli/shell_cursor.h"

/*
 * Completion in readline's terms. readline's own idea of words and quotes is not ours, so it gets the whole line up to the
 * cursor as the word to complete, and whole lines as candidates: what is common to the names is found among the names, before they are
 * quoted. readline's hooks take no argument; the shell that they serve is kept here.
 */
static struct shell *current;

/* The candidates of the last Tab, for the list. */
static struct words found;
static bool found_directory; /* of the only one */

static void
collect(void *arg, const char *word, bool is_directory)
{
	int *rc = arg;

	found_directory = is_directory;
	*rc = *rc == 0 ? words_add(&found, word) : *rc;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
sort_found(void)
{
	size_t n = 0;

	qsort(found.v, found.n, sizeof *found.v, by_bytes);
	for (size_t i = 0; i < found.n; i++) {
		if (n > 0 && strcmp(found.v[i], found.v[n - 1]) == 0) {
			free(found.v[i]);
		} else {
			found.v[n++] = found.v[i];
		}
	}
	found.n = n;
	found.v[n] = NULL;
}

/* How much of the first name all have; no half character. */
static size_t
common_length(void)
{
	const char *first = found.v[0], *last = found.v[found.n - 1];
	size_t n = 0;

	/* Sorted: what the first and the last have in common, all have. */
	while (first[n] != '\0' && first[n] == last[n]) {
		n++;
	}
	while (n > 0 && first[n] != '\0' && ((unsigned char)first[n] & 0xc0) == 0x80) {
		n--;
	}
	return n;
}

/* readline's array: what takes the line's place, then an entry for each candidate, which it only counts: their names are `found`. */
static char **
make_matches(const struct shell_cursor *at, const char *line)
{
	bool one = found.n == 1;
	char **matches = calloc(found.n + 2, sizeof *matches);
	char *common = strndup(found.v[0], common_length());

	if (matches != NULL && common != NULL) {
		matches[0] = shell_cursor_replace(at, line, common, one, one && found_directory);
		for (size_t i = 0; !one && i < found.n; i++) {
			matches[i + 1] = strdup("");
		}
	}
	free(common);
	if (matches != NULL && matches[0] == NULL) {
		free(matches);
		return NULL;
	}
	return matches;
}

static char **
attempt(const char *text, int start, int end)
{
	struct shell_cursor at;
	char **matches = NULL;
	int rc = shell_cursor(text, shell_alias, current, &at);

	(void)start;
	(void)end;
	rl_attempted_completion_over = 1;
	rl_completion_append_character = '\0';
	words_fini(&found);
	if (rc == 0) {
		shell_candidates(current, &at, collect, &rc);
	}
	if (rc == 0 && found.n > 0) {
		sort_found();
		matches = make_matches(&at, text);
	}
	shell_cursor_fini(&at);
	return matches;
}

/* The list of several candidates shows last components only. */
static void
show_matches(char **matches, int n, int longest)
{
	char **shown = calloc(found.n + 2, sizeof *shown);
	int width = 0;

	(void)matches;
	(void)n;
	(void)longest;
	for (size_t i = 0; shown != NULL && i < found.n; i++) {
		size_t len = strlen(found.v[i]);
		const char *p = found.v[i] + (len > 0 ? len - 1 : 0);

		while (p > found.v[i] && p[-1] != '/') {
			p--;
		}
		shown[i + 1] = out_escape(p);
		if (shown[i + 1] == NULL) {
			found.n = i;
		} else if ((int)strlen(shown[i + 1]) > width) {
			width = (int)strlen(shown[i + 1]);
		}
	}
	if (shown != NULL) {
		rl_display_match_list(shown, (int)found.n, width);
		for (size_t i = 0; i < found.n; i++) {
			free(shown[i + 1]);
		}
	}
	rl_forced_update_display();
	free(shown);
}

void
shell_completion_install(struct shell *sh)
{
	static const char none[] = "";

	current = sh;
	rl_completer_word_break_characters = (char *)(uintptr_t)none;
	rl_basic_quote_characters = none;
	rl_completer_quote_characters = NULL;
	rl_sort_completion_matches = 0;
	rl_ignore_completion_duplicates = 0;
	rl_attempted_completion_function = attempt;
	rl_completion_display_matches_hook = show_matches;
}
