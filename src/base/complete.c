/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/complete.h"

#include <stdlib.h>
#include <string.h>

/* Tokens of a synopsis' line that are looked at, and bytes of one. */
#define TOKENS_MAX 16
#define TOKEN_MAX  64

struct token {
	char text[TOKEN_MAX]; /* without brackets and dots */
	bool optional, repeated;
};

/* ---- words ---- */

/*
 * Splits a line as bash does it, quotes and backslashes taken off; a quote need not end. words has room for each two bytes of
 * the line; the words are written over the line. Returns their number: the last is what the cursor stands behind, of which
 * *cut_out bytes end with the last unquoted one of breaks.
 */
static int
split(char *line, const char *breaks, char **words, size_t *cut_out)
{
	char *to = line, quote = '\0';
	int n = 0;

	words[n++] = to;
	*cut_out = 0;
	for (const char *p = line; *p != '\0'; p++) {
		if (*p == '\\' && quote != '\'' && p[1] != '\0') {
			*to++ = *++p;
		} else if (quote != '\0' ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote != '\0' ? '\0' : *p;
		} else if (quote == '\0' && (*p == ' ' || *p == '\t')) {
			*to++ = '\0';
			if (*words[n - 1] != '\0')
				n++;
			words[n - 1] = to;
			*cut_out = 0;
		} else {
			*to++ = *p;
			if (quote == '\0' && strchr(breaks, *p) != NULL)
				*cut_out = (size_t)(to - words[n - 1]);
		}
	}
	*to = '\0';
	return n;
}

bool
complete_init(struct complete *c, int argc, char **argv, FILE *out)
{
	int at = 1;

	*c = (struct complete){.out = out};
	if (at < argc && strcmp(argv[at], "-d") == 0) {
		c->describe = true;
		at++;
	}
	if (argc - at == 3 && strcmp(argv[at], "-l") == 0) {
		size_t len = strlen(argv[at + 1]);

		c->line = strdup(argv[at + 1]);
		c->words = calloc(len / 2 + 2, sizeof(*c->words));
		if (c->line == NULL || c->words == NULL) {
			complete_fini(c);
			return false;
		}
		c->n = split(c->line, argv[at + 2], c->words, &c->cut);
	} else if (argc - at >= 3 && strcmp(argv[at], "--") == 0) {
		c->words = argv + at + 1;
		c->n = argc - at - 1;
	}
	if (c->n < 2) {
		complete_fini(c);
		return false;
	}
	c->front = c->typed = c->words[c->n - 1];
	return true;
}

void
complete_fini(struct complete *c)
{
	if (c->line != NULL) {
		free(c->words);
		free(c->line);
	}
	c->line = NULL;
	c->words = NULL;
	c->n = 0;
}

void
complete_keep(struct complete *c, size_t n)
{
	c->front_len += (int)n;
	c->typed += n;
}

/* ---- candidates ---- */

void
complete_offer(struct complete *c, const char *word, const char *help)
{
	size_t front = (size_t)c->front_len;

	if (strncmp(word, c->typed, strlen(c->typed)) != 0 || strpbrk(word, "\n\t") != NULL)
		return;
	if (c->cut < front)
		(void)fprintf(c->out, "%.*s%s", (int)(front - c->cut), c->front + c->cut, word);
	else
		(void)fputs(word + (c->cut - front), c->out);
	if (c->describe && help != NULL)
		(void)fprintf(c->out, "\t%.*s", (int)strcspn(help, "\n"), help);
	(void)fputc('\n', c->out);
}

void
complete_files(struct complete *c, bool directories)
{
	if (!c->asked)
		(void)fprintf(c->out, "\t%s\n", directories ? "directories" : "files");
	c->asked = true;
}

void
complete_commands(struct complete *c, const char *help)
{
	char name[TOKEN_MAX], what[160];

	for (; help != NULL && *help != '\0'; help += strcspn(help, "\n"), help += *help == '\n') {
		if (sscanf(help, "  %63[a-z-]%*[ ]%159[^\n]", name, what) == 2 && *help == ' ')
			complete_offer(c, name, what);
	}
}

/* ---- options ---- */

static bool
takes_value(const struct arg_opt *opt)
{
	return opt->kind != ARG_FLAG && opt->kind != ARG_COUNT && opt->kind != ARG_CALL_FLAG;
}

/* The option with a value that a word names: "--color", its first len bytes; or "-P", "-rP", where the last letter counts. */
static const struct arg_opt *
option_of(const char *word, size_t len, const struct arg_group *groups, size_t n_groups)
{
	bool is_long = len > 2 && word[1] == '-';

	for (size_t g = 0; g < n_groups; g++) {
		for (size_t i = 0; i < groups[g].n; i++) {
			const struct arg_opt *o = &groups[g].opts[i];

			if (takes_value(o) &&
			    (is_long ? strlen(o->long_name) == len - 2 &&
					   memcmp(o->long_name, word + 2, len - 2) == 0
				     : o->short_name == word[len - 1]))
				return o;
		}
	}
	return NULL;
}

const struct arg_opt *
complete_value_of(struct complete *c, const struct arg_group *groups, size_t n_groups)
{
	const char *last = c->typed, *before = c->n > 1 ? c->words[c->n - 2] : "";
	const char *equals = strchr(last, '=');
	const struct arg_opt *o = NULL;

	if (strncmp(last, "--", 2) == 0 && equals != NULL) {
		o = option_of(last, (size_t)(equals - last), groups, n_groups);
		if (o != NULL)
			complete_keep(c, (size_t)(equals - last) + 1);
		return o;
	}
	if (before[0] == '-' && before[1] != '\0' && strchr(before, '=') == NULL)
		o = option_of(before, strlen(before), groups, n_groups);
	return o;
}

static void
offer_options(struct complete *c, const struct arg_group *groups, size_t n_groups)
{
	char word[TOKEN_MAX];

	for (size_t g = 0; g < n_groups; g++) {
		for (size_t i = 0; i < groups[g].n; i++) {
			if (groups[g].opts[i].help == NULL)
				continue;
			(void)snprintf(word, sizeof(word), "--%s", groups[g].opts[i].long_name);
			complete_offer(c, word, groups[g].opts[i].help);
		}
	}
	complete_offer(c, "--help", "print the options");
	complete_offer(c, "--version", "print the version");
}

/* ---- the synopsis ---- */

/* Reads one line of a synopsis; options and what belongs to them are passed over. Returns the number of tokens. */
static int
read_synopsis(const char *line, size_t len, struct token tokens[TOKENS_MAX])
{
	const char *end = line + len;
	int n = 0;

	while (line < end && n < TOKENS_MAX) {
		bool optional = *line == '[';
		const char *start = line + optional;
		size_t size = 0;

		if (optional && *start == '-') {
			for (int depth = 1; ++line < end && depth > 0;)
				depth += (*line == '[') - (*line == ']');
		} else {
			while (line < end && *line != ' ')
				line++;
		}
		if (start < line && *start != '-' && *start != ' ') {
			struct token *t = &tokens[n++];

			for (; start < line && *start != ']' && *start != '.' &&
			       (unsigned char)*start < 0x80 && size + 1 < sizeof(t->text);
			     start++)
				t->text[size++] = *start;
			t->text[size] = '\0';
			t->optional = optional;
			t->repeated = start < line && *start != ']';
		}
		line += line < end;
	}
	return n;
}

static bool
is_literal(const char *text)
{
	return *text >= 'a' && *text <= 'z' && strchr(text, ':') == NULL;
}

/* Whether a word is one of "add|passwd". */
static bool
is_one_of(const char *word, const char *alternatives)
{
	size_t len = strlen(word);

	for (const char *p = alternatives; *p != '\0'; p += strcspn(p, "|"), p += *p == '|') {
		if (strcspn(p, "|") == len && memcmp(p, word, len) == 0)
			return true;
	}
	return false;
}

static void
offer_token(struct complete *c, const char *text, complete_kind_fn *kind, void *arg)
{
	char word[TOKEN_MAX];

	for (const char *p = text; *p != '\0'; p += strcspn(p, "|"), p += *p == '|') {
		(void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(p, "|"), p);
		if (is_literal(word))
			complete_offer(c, word, NULL);
		else if (!kind(c, word, arg) &&
			 (strcmp(word, "FILE") == 0 || strcmp(word, "DIR") == 0))
			complete_files(c, word[0] == 'D');
	}
}

/* What a line has at the place of the argument number `index`, if the ones before it fit. */
static void
offer_line(struct complete *c, const struct token *tokens, int n, char **args, int index,
	   complete_kind_fn *kind, void *arg)
{
	int needed = 0;

	for (int i = 0; i < n; i++) {
		const struct token *t = &tokens[i];

		if (i < index && is_literal(t->text) && !is_one_of(args[i], t->text))
			return;
		if (needed <= index && (i >= index || t->repeated))
			offer_token(c, t->text, kind, arg);
		needed += !t->optional;
	}
}

static void
offer_arguments(struct complete *c, const struct arg_spec *spec, char **args, int index,
		complete_kind_fn *kind, void *arg)
{
	struct token tokens[TOKENS_MAX];
	const char *line = spec->synopsis;

	for (; line != NULL && *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		int n = read_synopsis(line, strcspn(line, "\n"), tokens);

		offer_line(c, tokens, n, args, index, kind, arg);
	}
}

void
complete_spec(struct complete *c, const struct arg_spec *spec, int first, complete_kind_fn *kind,
	      void *arg)
{
	const struct arg_opt *o = complete_value_of(c, spec->groups, spec->n_groups);
	char **args;
	int index = 0;

	if (o != NULL) {
		offer_token(c, o->arg_name, kind, arg);
		return;
	}
	if (c->typed[0] == '-') {
		offer_options(c, spec->groups, spec->n_groups);
		return;
	}
	args = calloc((size_t)c->n, sizeof(*args));
	for (int i = first + 1; args != NULL && i < c->n - 1; i++) {
		const char *w = c->words[i];

		if (w[0] != '-' || w[1] == '\0')
			args[index++] = c->words[i];
		else if (strchr(w, '=') == NULL &&
			 option_of(w, strlen(w), spec->groups, spec->n_groups) != NULL)
			i++;
	}
	if (args != NULL)
		offer_arguments(c, spec, args, index, kind, arg);
	free(args);
}
