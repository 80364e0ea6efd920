/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_cursor.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static bool
is_redirect(enum shell_token_kind kind)
{
	return kind >= SHELL_IN && kind <= SHELL_ERR_APPEND;
}

/* Whether a command ends before such a token. */
static bool
separates(enum shell_token_kind kind)
{
	return kind == SHELL_NEWLINE || kind == SHELL_SEMICOLON || kind == SHELL_BACKGROUND ||
	       kind == SHELL_AND || kind == SHELL_OR || kind == SHELL_PIPE;
}

/* Where a token begins in the text. */
static size_t
offset_of(const char *text, const struct shell_token *t)
{
	const char *p = text;

	for (unsigned line = 1; line < t->line; line++) {
		p = strchr(p, '\n') + 1;
	}
	return (size_t)(p - text) + t->column - 1;
}

/* The place behind tokens [0, n), and the words of the command there. */
static int
look(struct shell_cursor *c, const struct shell_token *v, size_t n)
{
	size_t first = n;

	while (first > 0 && !separates(v[first - 1].kind)) {
		first--;
	}
	for (size_t i = first; i < n; i++) {
		if (v[i].kind == SHELL_WORD && (i == 0 || !is_redirect(v[i - 1].kind)) &&
		    words_add(&c->before, v[i].text) != 0) {
			return CFS_ENOMEM;
		}
	}
	if (n > 0 && is_redirect(v[n - 1].kind)) {
		c->place = SHELL_AT_FILE;
	} else if (first > 0 && v[first - 1].kind == SHELL_PIPE) {
		c->place = c->before.n == 0 ? SHELL_AT_PROGRAM : SHELL_AT_FILE;
	} else {
		c->place = c->before.n == 0 ? SHELL_AT_COMMAND : SHELL_AT_ARGUMENT;
	}
	return 0;
}

/* The arguments as they will be when aliases are replaced. */
static int
look_again(struct shell_cursor *c, const char *line, shell_alias_fn *alias, void *arg)
{
	struct shell_tokens t = {0};
	char *text = strndup(line, c->start);
	int rc = text != NULL ? shell_lex(text, 1, alias, arg, &t, NULL) : CFS_ENOMEM;

	free(text);
	if (rc == 0) {
		words_fini(&c->before);
		rc = look(c, t.v, t.n - 1);
	}
	shell_tokens_fini(&t);
	return rc;
}

/* Behind a '!': the local shell's words are nearly ours. */
static int
look_local(struct shell_cursor *c, const char *text, size_t offset)
{
	struct shell_tokens t;
	int rc = shell_lex(text, 1, NULL, NULL, &t, NULL);
	size_t n = rc == 0 ? t.n - 1 : 0;

	c->place = SHELL_AT_NOTHING;
	if (rc == 0 && t.in_word) {
		free(c->word);
		c->word = strdup(t.v[--n].text);
		c->start = offset + offset_of(text, &t.v[n]);
		c->quote = (char)(t.open == '\'' || t.open == '"' ? t.open : '\0');
	}
	if (rc == 0) {
		rc = c->word != NULL ? look(c, t.v, n) : CFS_ENOMEM;
		c->place = c->place == SHELL_AT_COMMAND    ? SHELL_AT_PROGRAM
			   : c->place == SHELL_AT_ARGUMENT ? SHELL_AT_FILE
							   : c->place;
	}
	shell_tokens_fini(&t);
	return rc;
}

int
shell_cursor(const char *line, shell_alias_fn *alias, void *arg, struct shell_cursor *out)
{
	struct shell_tokens t;
	size_t n, len = strlen(line);
	int rc = shell_lex(line, 1, NULL, NULL, &t, NULL);

	*out = (struct shell_cursor){.start = len, .word = strdup(""), .place = SHELL_AT_NOTHING};
	n = rc == 0 ? t.n - 1 : 0;
	if (rc == 0 && n > 0 && t.v[n - 1].kind == SHELL_LOCAL) {
		rc = look_local(out, t.v[n - 1].text, len - strlen(t.v[n - 1].text));
		shell_tokens_fini(&t);
		return rc;
	}
	if (rc == 0 && t.in_word) {
		char *word = t.v[--n].text;

		free(out->word);
		out->start = offset_of(line, &t.v[n]);
		out->quote = (char)(t.open == '\'' || t.open == '"' ? t.open : '\0');
		/* A backslash that waits for what it quotes is no part of it yet. */
		out->word = strndup(word, strlen(word) - (t.open == '\\'));
	}
	if (rc == 0) {
		rc = out->word != NULL ? look(out, t.v, n) : CFS_ENOMEM;
	}
	if (rc == 0 && out->place == SHELL_AT_ARGUMENT) {
		rc = look_again(out, line, alias, arg);
	}
	shell_tokens_fini(&t);
	return rc;
}

void
shell_cursor_fini(struct shell_cursor *c)
{
	words_fini(&c->before);
	free(c->word);
	*c = (struct shell_cursor){0};
}

char *
shell_cursor_replace(const struct shell_cursor *c, const char *line, const char *word, bool whole,
		     bool is_directory)
{
	const char quote[] = {c->quote, '\0'};
	struct buf b = BUF_INIT;
	char *written = words_quote_in(word, c->quote), *out = NULL;

	if (written != NULL && buf_append(&b, line, c->start) == 0 &&
	    buf_append_str(&b, quote) == 0 && buf_append_str(&b, written) == 0 &&
	    (!whole || is_directory ||
	     (buf_append_str(&b, quote) == 0 && buf_append_byte(&b, ' ') == 0))) {
		out = buf_take(&b, NULL);
	}
	free(written);
	buf_fini(&b);
	return out;
}
