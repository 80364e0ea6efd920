/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_lex.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/words.h"

#define NESTED_MAX 16u
/* Where aliases name each other many times over, the text could grow without end. */
#define TEXT_MAX   (1024u * 1024)

#define WORD_ENDS WORDS_BLANK ";&|<>"

/* An alias whose text is being read. */
struct expansion {
	char *name;
	size_t left; /* bytes of the text that remain when its own are used up */
};

struct lexer {
	char *text;
	const char *p, *end; /* what is still to be read; aliases are put in before it */
	unsigned line;
	size_t line_left;      /* bytes from this line's start on, as it was without aliases */
	unsigned alias_column; /* where the outermost alias that is being read stands, or 0 */
	shell_alias_fn *alias;
	void *arg;
	struct expansion nested[NESTED_MAX];
	size_t depth;
	bool command; /* a command may begin here */
	bool target;  /* a redirection wants its file */
	struct shell_tokens *out;
};

/* What stands behind an alias is as far from the end as ever. */
static unsigned
column(const struct lexer *x, const char *at)
{
	return x->alias_column != 0 ? x->alias_column
				    : (unsigned)(x->line_left - (size_t)(x->end - at)) + 1;
}

/* Takes text over. */
static int
add(struct lexer *x, enum shell_token_kind kind, char *text, unsigned at)
{
	struct shell_tokens *t = x->out;
	struct shell_token *v = t->n % 16 == 0 ? realloc(t->v, (t->n + 16) * sizeof *v) : t->v;

	if (v == NULL) {
		free(text);
		return CFS_ENOMEM;
	}
	t->v = v;
	v[t->n++] = (struct shell_token){.kind = kind, .text = text, .line = x->line, .column = at};
	return 0;
}

/* An alias whose text is used up is an alias again. */
static void
leave_expansions(struct lexer *x)
{
	while (x->depth > 0 && (size_t)(x->end - x->p) <= x->nested[x->depth - 1].left) {
		free(x->nested[--x->depth].name);
	}
	if (x->depth == 0) {
		x->alias_column = 0;
	}
}

/* The text of the alias that a word is here, or NULL. */
static const char *
alias_text(const struct lexer *x, const char *word)
{
	for (size_t i = 0; i < x->depth; i++) {
		if (strcmp(x->nested[i].name, word) == 0) {
			return NULL;
		}
	}
	return x->alias != NULL && x->depth < NESTED_MAX ? x->alias(x->arg, word) : NULL;
}

/* Reads on in an alias's text, and then behind its name, which ends at p and is taken over. */
static int
expand(struct lexer *x, char *name, const char *value, unsigned at)
{
	size_t n = strlen(value), left = (size_t)(x->end - x->p);
	char *text = n + left < TEXT_MAX ? malloc(n + left + 1) : NULL;

	if (text == NULL) {
		free(name);
		return n + left < TEXT_MAX ? CFS_ENOMEM : CFS_ETOOBIG;
	}
	memcpy(text, value, n);
	memcpy(text + n, x->p, left + 1);
	x->alias_column = at;
	x->nested[x->depth++] = (struct expansion){.name = name, .left = left};
	free(x->text);
	x->text = text;
	x->p = text;
	x->end = text + n + left;
	return 0;
}

static int
read_word(struct lexer *x)
{
	unsigned at = column(x, x->p);
	const char *from = x->p, *value = NULL;
	struct buf b = BUF_INIT;
	int open = words_read(&x->p, WORD_ENDS, &b);
	char *word = open < 0 ? NULL : strndup(b.len > 0 ? (const char *)b.data : "", b.len);

	buf_fini(&b);
	if (word == NULL) {
		return CFS_ENOMEM;
	}
	x->out->open = open;
	/* A word with quotes is longer as written. */
	if (x->command && !x->target && strlen(word) == (size_t)(x->p - from)) {
		value = alias_text(x, word);
	}
	if (value != NULL) {
		return expand(x, word, value, at);
	}
	x->command = x->command && x->target;
	x->target = false;
	if (add(x, SHELL_WORD, word, at) != 0) {
		return CFS_ENOMEM;
	}
	for (; from < x->p; from++) {
		if (*from == '\n') {
			x->line++;
			x->line_left = (size_t)(x->end - from) - 1;
		}
	}
	return 0;
}

static const struct {
	char text[6];
	enum shell_token_kind kind;
} operators[] = {
    /* The longer ones first. */
    {"2>&1", SHELL_ERR_TO_OUT}, {"2>>", SHELL_ERR_APPEND}, {"2>", SHELL_ERR_OUT},
    {">>", SHELL_APPEND},       {">", SHELL_OUT},          {"<", SHELL_IN},
    {"&&", SHELL_AND},          {"&", SHELL_BACKGROUND},   {"||", SHELL_OR},
    {"|", SHELL_PIPE},          {";", SHELL_SEMICOLON},    {"\n", SHELL_NEWLINE},
};

/* An operator at p is read; false if there is none. */
static bool
read_operator(struct lexer *x, int *rc)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		enum shell_token_kind kind = operators[i].kind;
		size_t n = strlen(operators[i].text);

		if (strncmp(x->p, operators[i].text, n) != 0) {
			continue;
		}
		*rc = add(x, kind, NULL, column(x, x->p));
		x->p += n;
		if (kind == SHELL_NEWLINE) {
			x->line++;
			x->line_left = (size_t)(x->end - x->p);
		}
		x->target = kind == SHELL_IN || kind == SHELL_OUT || kind == SHELL_APPEND ||
			    kind == SHELL_ERR_OUT || kind == SHELL_ERR_APPEND;
		/* Behind '|' are programs of this machine. */
		if (!x->target && kind != SHELL_ERR_TO_OUT) {
			x->command = kind != SHELL_PIPE;
		}
		return true;
	}
	return false;
}

static int
read_token(struct lexer *x)
{
	int rc;

	if (*x->p == '\\' && x->p[1] == '\n') {
		x->p += 2;
		x->line++;
		x->line_left = (size_t)(x->end - x->p);
		x->out->open = x->p == x->end ? '\n' : '\0';
		return 0;
	}
	if (read_operator(x, &rc)) {
		return rc;
	}
	if (*x->p == '#') {
		x->p += strcspn(x->p, "\n");
		return 0;
	}
	if (x->command && !x->target && *x->p == '!') {
		size_t n = strcspn(x->p + 1, "\n");
		char *text = strndup(x->p + 1, n);
		unsigned at = column(x, x->p);

		x->p += n + 1;
		x->command = false;
		return text != NULL ? add(x, SHELL_LOCAL, text, at) : CFS_ENOMEM;
	}
	if (x->command && !x->target && *x->p == '-') {
		return add(x, SHELL_IGNORE, NULL, column(x, x->p++));
	}
	return read_word(x);
}

int
shell_lex(const char *text, unsigned line, shell_alias_fn *alias, void *arg,
	  struct shell_tokens *out, struct cfs_err *err)
{
	struct lexer x = {.text = strdup(text),
			  .line = line,
			  .alias = alias,
			  .arg = arg,
			  .command = true,
			  .out = out};
	int rc = x.text != NULL ? 0 : CFS_ENOMEM;

	*out = (struct shell_tokens){0};
	x.p = x.text;
	x.line_left = strlen(text);
	x.end = x.text != NULL ? x.text + x.line_left : NULL;
	while (rc == 0) {
		x.p += strspn(x.p, " \t");
		leave_expansions(&x);
		if (x.p == x.end) {
			break;
		}
		rc = read_token(&x);
		out->in_word = x.p == x.end && out->n > 0 && out->v[out->n - 1].kind == SHELL_WORD;
	}
	if (rc == 0) {
		rc = add(&x, SHELL_END, NULL, column(&x, x.p));
	}
	while (x.depth > 0) {
		free(x.nested[--x.depth].name);
	}
	free(x.text);
	return rc == CFS_ETOOBIG ? err_set(err, rc, "the aliases are too long")
	       : rc != 0         ? err_code(err, rc)
				 : 0;
}

void
shell_tokens_fini(struct shell_tokens *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].text);
	}
	free(t->v);
	*t = (struct shell_tokens){0};
}

const char *
shell_token_name(enum shell_token_kind kind)
{
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
		if (operators[i].kind == kind && kind != SHELL_NEWLINE) {
			return operators[i].text;
		}
	}
	return kind == SHELL_END || kind == SHELL_NEWLINE ? "the end of the line"
	       : kind == SHELL_IGNORE                     ? "-"
							  : "a word";
}
