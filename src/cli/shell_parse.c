/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_parse.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct parser {
	const struct shell_source *source;
	struct shell_token *t; /* the next one */
	bool more;
	struct cfs_err *err;
};

static int
refuse(struct parser *p, const struct shell_token *at, const char *why, const char *what)
{
	if (p->source->name == NULL) {
		return err_set(p->err, CFS_EUSAGE, "column %u: %s%s", at->column, why, what);
	}
	return err_set(p->err, CFS_EUSAGE, "%s:%u:%u: %s%s", p->source->name, at->line, at->column,
		       why, what);
}

static char *
take_text(struct parser *p)
{
	char *text = p->t->text;

	p->t->text = NULL;
	p->t++;
	return text;
}

static void
skip_newlines(struct parser *p)
{
	while (p->t->kind == SHELL_NEWLINE) {
		p->t++;
	}
}

static bool
is_redirect(enum shell_token_kind kind)
{
	return kind >= SHELL_IN && kind <= SHELL_ERR_TO_OUT;
}

static int
parse_redirect(struct parser *p, struct shell_redirect ***tail)
{
	enum shell_token_kind kind = p->t->kind;
	struct shell_redirect *r = calloc(1, sizeof *r);

	if (r == NULL) {
		return err_code(p->err, CFS_ENOMEM);
	}
	r->kind = kind;
	**tail = r;
	*tail = &r->next;
	p->t++;
	if (kind == SHELL_ERR_TO_OUT) {
		return 0;
	}
	if (p->t->kind != SHELL_WORD) {
		return refuse(p, p->t, "a file is missing behind ", shell_token_name(kind));
	}
	r->path = take_text(p);
	return 0;
}

static int
parse_command(struct parser *p, struct shell_command **out)
{
	struct shell_command *c = *out = calloc(1, sizeof *c);
	struct shell_redirect **tail;
	const struct shell_token *first = p->t;
	int rc = 0;

	if (c == NULL) {
		return err_code(p->err, CFS_ENOMEM);
	}
	tail = &c->redirects;
	while (rc == 0 && (p->t->kind == SHELL_WORD || is_redirect(p->t->kind))) {
		if (p->t->kind == SHELL_WORD) {
			char *word = take_text(p);

			rc = words_add(&c->words, word) != 0 ? err_code(p->err, CFS_ENOMEM) : 0;
			free(word);
		} else {
			rc = parse_redirect(p, &tail);
		}
	}
	if (rc == 0 && c->words.n == 0) {
		p->more = p->t->kind == SHELL_END && p->t == first;
		rc = refuse(p, p->t, "a command is missing before ", shell_token_name(p->t->kind));
	}
	return rc;
}

static int
parse_pipeline(struct parser *p, struct shell_pipeline *l)
{
	struct shell_command **next = &l->commands;
	int rc;

	if (p->t->kind == SHELL_IGNORE) {
		l->ignore = true;
		p->t++;
	}
	if (p->t->kind == SHELL_LOCAL) {
		*next = calloc(1, sizeof **next);
		if (*next == NULL) {
			return err_code(p->err, CFS_ENOMEM);
		}
		(*next)->local = take_text(p);
		return 0;
	}
	for (;;) {
		rc = parse_command(p, next);
		if (rc != 0 || p->t->kind != SHELL_PIPE) {
			/* A dash alone promises nothing. */
			p->more = p->more && !(l->ignore && next == &l->commands);
			return rc;
		}
		p->t++;
		skip_newlines(p);
		next = &(*next)->next;
	}
}

static int
parse_item(struct parser *p, struct shell_item *item)
{
	struct shell_pipeline **next = &item->pipelines;
	enum shell_token_kind join = SHELL_END;
	int rc;

	item->line = p->t->line;
	for (;;) {
		*next = calloc(1, sizeof **next);
		if (*next == NULL) {
			return err_code(p->err, CFS_ENOMEM);
		}
		(*next)->join = join;
		rc = parse_pipeline(p, *next);
		if (rc != 0 || (p->t->kind != SHELL_AND && p->t->kind != SHELL_OR)) {
			return rc;
		}
		join = p->t->kind;
		p->t++;
		skip_newlines(p);
		next = &(*next)->next;
	}
}

static int
parse_items(struct parser *p, struct shell_item **next)
{
	for (;;) {
		int rc;

		skip_newlines(p);
		if (p->t->kind == SHELL_END) {
			return 0;
		}
		*next = calloc(1, sizeof **next);
		if (*next == NULL) {
			return err_code(p->err, CFS_ENOMEM);
		}
		rc = parse_item(p, *next);
		if (rc != 0) {
			return rc;
		}
		if (p->t->kind != SHELL_SEMICOLON && p->t->kind != SHELL_BACKGROUND &&
		    p->t->kind != SHELL_NEWLINE && p->t->kind != SHELL_END) {
			return refuse(p, p->t,
				      "this cannot stand here: ", shell_token_name(p->t->kind));
		}
		(*next)->background = p->t->kind == SHELL_BACKGROUND;
		p->t += p->t->kind != SHELL_END;
		next = &(*next)->next;
	}
}

int
shell_parse(const char *text, const struct shell_source *source, struct shell_item **out,
	    bool *more_out, struct cfs_err *err)
{
	struct parser p = {.source = source, .err = err};
	struct shell_tokens tokens;
	int rc = shell_lex(text, source->line, source->alias, source->arg, &tokens, err);

	*out = NULL;
	if (rc == 0 && (tokens.open == '\'' || tokens.open == '"')) {
		/* The word that is open is the last one. */
		p.more = true;
		rc = refuse(&p, &tokens.v[tokens.n - 2],
			    "a quote is not closed: ", tokens.open == '"' ? "\"" : "'");
	} else if (rc == 0) {
		p.t = tokens.v;
		rc = parse_items(&p, out);
	}
	if (rc != 0) {
		shell_items_free(*out);
		*out = NULL;
	}
	if (more_out != NULL) {
		*more_out = p.more || (rc == 0 && tokens.open != '\0');
	}
	shell_tokens_fini(&tokens);
	return rc;
}

static void
commands_free(struct shell_command *c)
{
	while (c != NULL) {
		struct shell_command *next = c->next;

		while (c->redirects != NULL) {
			struct shell_redirect *r = c->redirects;

			c->redirects = r->next;
			free(r->path);
			free(r);
		}
		words_fini(&c->words);
		free(c->local);
		free(c);
		c = next;
	}
}

void
shell_items_free(struct shell_item *item)
{
	while (item != NULL) {
		struct shell_item *next = item->next;

		while (item->pipelines != NULL) {
			struct shell_pipeline *l = item->pipelines;

			item->pipelines = l->next;
			commands_free(l->commands);
			free(l);
		}
		free(item);
		item = next;
	}
}

/* ---- as text again ---- */

static int
put_word(struct buf *b, const char *before, const char *word, bool first)
{
	char *quoted = words_quote(word);
	/* A dash that begins a command would be the other one. */
	int rc = quoted == NULL || buf_append_str(b, before) != 0 ||
			 (first && *word == '-' && buf_append_byte(b, '\\') != 0) ||
			 buf_append_str(b, quoted) != 0
		     ? CFS_ENOMEM
		     : 0;

	free(quoted);
	return rc;
}

static int
put_command(struct buf *b, const struct shell_command *c)
{
	int rc = 0;

	if (c->local != NULL) {
		return buf_appendf(b, "!%s", c->local);
	}
	for (size_t i = 0; rc == 0 && i < c->words.n; i++) {
		rc = put_word(b, i > 0 ? " " : "", c->words.v[i], i == 0);
	}
	for (const struct shell_redirect *r = c->redirects; rc == 0 && r != NULL; r = r->next) {
		rc = buf_appendf(b, " %s", shell_token_name(r->kind));
		if (rc == 0 && r->path != NULL) {
			rc = put_word(b, " ", r->path, false);
		}
	}
	return rc;
}

char *
shell_item_text(const struct shell_item *item)
{
	struct buf b = BUF_INIT;
	char *out = NULL;
	int rc = 0;

	for (const struct shell_pipeline *l = item->pipelines; rc == 0 && l != NULL; l = l->next) {
		if (l->join != SHELL_END) {
			rc = buf_appendf(&b, " %s ", shell_token_name(l->join));
		}
		if (rc == 0 && l->ignore) {
			rc = buf_append_byte(&b, '-');
		}
		for (const struct shell_command *c = l->commands; rc == 0 && c != NULL;
		     c = c->next) {
			rc = put_command(&b, c);
			if (rc == 0 && c->next != NULL) {
				rc = buf_append_str(&b, " | ");
			}
		}
	}
	if (rc == 0) {
		out = buf_take(&b, NULL);
	}
	buf_fini(&b);
	return out;
}
