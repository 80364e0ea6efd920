/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/shell.h"
#include "cli/shell_cursor.h"

/* What only a shell can offer: its aliases, bookmarks and jobs, the programs of this machine. */

struct offer {
	const char *prefix;
	shell_candidate_fn *each;
	void *arg;
};

static void
offer(const struct offer *o, const char *before, const char *name, const char *after)
{
	char word[512];
	int n = snprintf(word, sizeof word, "%s%s%s", before, name, after);

	if (n > 0 && (size_t)n < sizeof word && strncmp(word, o->prefix, strlen(o->prefix)) == 0) {
		o->each(o->arg, word, *after == '/');
	}
}

static void
offer_names(const struct offer *o, const struct shell_names *names, const char *before,
	    const char *after)
{
	for (size_t i = 0; i < names->n; i++) {
		offer(o, before, names->v[i].name, after);
	}
}

static void
offer_jobs(const struct offer *o, const struct shell *sh)
{
	for (const struct job *job = sh->jobs.first; job != NULL; job = job->next) {
		char number[16];

		snprintf(number, sizeof number, "%u", job->number);
		offer(o, "%", number, "");
	}
}

static void
offer_programs_in(const struct offer *o, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.' && strncmp(e->d_name, o->prefix, strlen(o->prefix)) == 0 &&
		    faccessat(dirfd(d), e->d_name, X_OK, 0) == 0) {
			offer(o, "", e->d_name, "");
		}
	}
	if (d != NULL) {
		closedir(d);
	}
}

static void
offer_programs(const struct offer *o)
{
	const char *path = getenv("PATH");

	/* Of nothing typed, all programs there are would be no help. */
	while (path != NULL && *o->prefix != '\0') {
		size_t n = strcspn(path, ":");
		char *dir = strndup(path, n);

		if (dir != NULL) {
			offer_programs_in(o, dir);
		}
		free(dir);
		path = path[n] != '\0' ? path + n + 1 : NULL;
	}
}

/* Arguments of the shell's own commands that are no paths. True if it is one. */
static bool
offer_own(struct shell *sh, const struct offer *o, const struct words *before)
{
	static const char *const verbs[] = {"add", "del", "list"};
	const char *name = before->v[0];

	if (strcmp(name, "cd") == 0 && *o->prefix == '@' && strchr(o->prefix, '/') == NULL) {
		offer_names(o, &sh->bookmarks, "@", "/");
	} else if (strcmp(name, "fg") == 0 || strcmp(name, "wait") == 0 ||
		   strcmp(name, "kill") == 0) {
		offer_jobs(o, sh);
	} else if (strcmp(name, "alias") == 0 || strcmp(name, "unalias") == 0) {
		offer_names(o, &sh->aliases, "", "");
	} else if (strcmp(name, "help") == 0) {
		const struct words none = {0};

		shell_complete(sh->cli, &none, o->prefix, o->each, o->arg);
	} else if (strcmp(name, "bookmark") == 0 && before->n == 1) {
		for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
			offer(o, "", verbs[i], "");
		}
	} else if (strcmp(name, "bookmark") == 0 && before->n == 2 &&
		   strcmp(before->v[1], "del") == 0) {
		offer_names(o, &sh->bookmarks, "", "");
	} else {
		return false;
	}
	return true;
}

/* What a path below a bookmark, or an argument of bookmark add, is like: the argument of a command that takes one. */
static void
offer_remote(struct shell *sh, const struct offer *o)
{
	char name[] = "ls", *argv[] = {name, NULL};
	const struct words ls = {.v = argv, .n = 1};

	shell_complete(sh->cli, &ls, o->prefix, o->each, o->arg);
}

static void
offer_argument(struct shell *sh, const struct shell_cursor *at, const struct offer *o)
{
	if (offer_own(sh, o, &at->before)) {
		return;
	}
	if (strcmp(at->before.v[0], "bookmark") == 0) {
		if (at->before.n == 3 && strcmp(at->before.v[1], "add") == 0) {
			offer_remote(sh, o);
		}
		return;
	}
	shell_complete(sh->cli, &at->before, at->word, o->each, o->arg);
}

void
shell_candidates(struct shell *sh, const struct shell_cursor *at, shell_candidate_fn *each,
		 void *arg)
{
	const struct offer o = {.prefix = at->word, .each = each, .arg = arg};

	switch (at->place) {
	case SHELL_AT_COMMAND:
		offer_names(&o, &sh->aliases, "", "");
		shell_complete(sh->cli, &at->before, at->word, each, arg);
		break;
	case SHELL_AT_ARGUMENT:
		offer_argument(sh, at, &o);
		break;
	case SHELL_AT_PROGRAM:
		if (strchr(at->word, '/') == NULL) {
			offer_programs(&o);
			break;
		}
		shell_complete_file(at->word, each, arg);
		break;
	case SHELL_AT_FILE:
		shell_complete_file(at->word, each, arg);
		break;
	case SHELL_AT_NOTHING:
		break;
	}
}
