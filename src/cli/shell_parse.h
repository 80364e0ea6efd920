/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_SHELL_PARSE_H
#define CFS_CLI_SHELL_PARSE_H

/*
 * The shell's grammar:
 *
 *	text     = [item] { (";" | "&" | newline) [item] }       "&": the item before it runs in the background
 *	item     = pipeline { ("&&" | "||") {newline} pipeline }
 *	pipeline = ["-"] ( "!" rest of the line | command { "|" {newline} command } )
 *	command  = { redirection } word { word | redirection }
 *
 * The first command of a pipeline is one of the shell's, the others are programs of this machine. Pure functions.
 */

#include <stdbool.h>

#include "cli/shell_lex.h"
#include "cli/words.h"

struct shell_redirect {
	enum shell_token_kind kind; /* SHELL_IN … SHELL_ERR_TO_OUT */
	char *path;                 /* NULL for SHELL_ERR_TO_OUT */
	struct shell_redirect *next;
};

struct shell_command {
	struct words words;
	char *local; /* "!": for the local shell, as typed; there are no words then */
	struct shell_redirect *redirects; /* in their order */
	struct shell_command *next;       /* behind '|' */
};

struct shell_pipeline {
	enum shell_token_kind
	    join;    /* to the one before: SHELL_AND, SHELL_OR, or SHELL_END for the first */
	bool ignore; /* its failure does not count */
	struct shell_command *commands;
	struct shell_pipeline *next;
};

struct shell_item {
	unsigned line;
	bool background;
	struct shell_pipeline *pipelines;
	struct shell_item *next;
};

/* Where a text comes from, for messages. */
struct shell_source {
	const char *name; /* "script", or NULL: messages name the column alone */
	unsigned line;    /* of its first line */
	shell_alias_fn *alias;
	void *arg;
};

/*
 * Parses the whole text; *out is NULL where nothing stands. CFS_EUSAGE says where and why: "script:3:7: …", or "column 7: …"; *more_out (may be NULL) is
 * then whether more text could make it whole.
 */
int shell_parse(const char *text, const struct shell_source *source, struct shell_item **out,
		bool *more_out, struct cfs_err *err);
void shell_items_free(struct shell_item *items);

/* One item as text that parses to the same, without its '&'; malloc'd, NULL without memory. */
char *shell_item_text(const struct shell_item *item);

#endif
