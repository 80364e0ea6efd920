/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

/* readline's headers want FILE. */
#include <stdio.h>

#include <readline/history.h>

#include "cli/output.h"
#include "cli/remote.h"
#include "cli/shell_builtins.h"

/* alias, unalias, bookmark, history: what is kept from one session to the next. */

const char *
shell_alias(void *sh, const char *name)
{
	const struct shell *self = sh;

	return names_find(&self->aliases, name);
}

/* As it could be typed. */
static int
print_name(struct shell *sh, const char *before, const struct shell_name *n, const char *between)
{
	char *quoted = words_quote(n->text);

	if (quoted == NULL) {
		return CFS_ENOMEM;
	}
	fprintf(sh->cli->out, "%s%s%s%s\n", before, n->name, between, quoted);
	free(quoted);
	return 0;
}

static int
alias_one(struct shell *sh, const char *word, struct cfs_err *err)
{
	const char *equals = strchr(word, '='), *text;
	struct shell_name found;
	char *name;
	int rc;

	if (equals != NULL) {
		name = strndup(word, (size_t)(equals - word));
		rc = name != NULL ? names_set(&sh->aliases, name, equals + 1, err)
				  : err_code(err, CFS_ENOMEM);
		free(name);
		return rc;
	}
	text = names_find(&sh->aliases, word);
	if (text == NULL) {
		return err_set(err, CFS_ENOENT, "%s: no such alias", word);
	}
	found =
	    (struct shell_name){.name = (char *)(uintptr_t)word, .text = (char *)(uintptr_t)text};
	return print_name(sh, "alias ", &found, "=");
}

int
builtin_alias(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && w->n == 1 && i < sh->aliases.n; i++) {
		rc = print_name(sh, "alias ", &sh->aliases.v[i], "=");
	}
	for (size_t i = 1; rc == 0 && i < w->n; i++) {
		rc = alias_one(sh, w->v[i], err);
	}
	return rc;
}

int
builtin_unalias(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	int rc = w->n > 1 ? 0 : err_set(err, CFS_EUSAGE, "usage: unalias NAME...");

	for (size_t i = 1; rc == 0 && i < w->n; i++) {
		rc = names_set(&sh->aliases, w->v[i], NULL, err);
	}
	return rc;
}

/* The directory goes in as a whole path, wherever the shell is when it is used. */
static int
bookmark_add(struct shell *sh, const char *name, const char *path, struct cfs_err *err)
{
	struct remote r;
	int rc = remote_is_other(path)
		     ? err_set(err, CFS_EUNSUPPORTED, "a bookmark is a directory of this server")
		     : remote_open(sh->cli, path, &r, err);

	if (rc == 0) {
		rc = names_set(&sh->bookmarks, name, r.path, err);
		remote_fini(&r);
	}
	return rc;
}

int
builtin_bookmark(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	const char *verb = w->n > 1 ? w->v[1] : "list";
	int rc = 0;

	if (strcmp(verb, "add") == 0 && (w->n == 3 || w->n == 4)) {
		return bookmark_add(sh, w->v[2], w->n == 4 ? w->v[3] : "", err);
	}
	if (strcmp(verb, "del") == 0 && w->n == 3) {
		return names_set(&sh->bookmarks, w->v[2], NULL, err);
	}
	if (strcmp(verb, "list") != 0 || w->n > 2) {
		return err_set(err, CFS_EUSAGE,
			       "usage: bookmark add NAME [DIR] | del NAME | [list]");
	}
	for (size_t i = 0; rc == 0 && i < sh->bookmarks.n; i++) {
		rc = print_name(sh, "", &sh->bookmarks.v[i], "  ");
	}
	return rc;
}

int
builtin_history(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	char *end = NULL;
	long most = w->n > 1 ? strtol(w->v[1], &end, 10) : history_length;

	if (w->n > 1 && strcmp(w->v[1], "-c") == 0) {
		clear_history();
		return sh->history != NULL && history_truncate_file(sh->history, 0) != 0
			   ? err_set(err, CFS_ELOCALIO, "%s: cannot be emptied", sh->history)
			   : 0;
	}
	if (w->n > 1 && (*end != '\0' || end == w->v[1] || most < 0)) {
		return err_set(err, CFS_EUSAGE, "usage: history [N | -c]");
	}
	for (int i = most < history_length ? history_length - (int)most : 0; i < history_length;
	     i++) {
		const HIST_ENTRY *e = history_get(history_base + i);

		if (e != NULL) {
			fprintf(sh->cli->out, "%5d  %s\n", history_base + i, e->line);
		}
	}
	return 0;
}
