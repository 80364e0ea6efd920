/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/time.h"
#include "cli/globals.h"
#include "cli/remote.h"
#include "cli/shell.h"

/* What can stand at the end of a line, without readline: the command's name, its options, remote and local paths. */

struct completion {
	const char *typed_dir; /* the part of the word up to the last '/', as typed */
	const char *start;     /* the part behind it */
	shell_candidate_fn *each;
	void *arg;
	size_t n; /* offered so far */
};

/* A directory's name ends in '/'. */
static void
offer(struct completion *x, const char *name)
{
	size_t dir_len = strlen(x->typed_dir), len = strlen(name);
	char *word;

	/* As in a shell, names with a leading dot are offered when the dot was typed. */
	if (strncmp(name, x->start, strlen(x->start)) != 0 ||
	    (name[0] == '.' && x->start[0] != '.')) {
		return;
	}
	word = malloc(dir_len + len + 1);
	if (word != NULL) {
		memcpy(word, x->typed_dir, dir_len);
		memcpy(word + dir_len, name, len + 1);
		x->each(x->arg, word, name[len - 1] == '/');
		x->n++;
		free(word);
	}
}

/*
 * The names that were fetched last: a second Tab, or one after some letters more, need not fetch 10,000 of them again. Not longer
 * than a person types a line, nor beyond a command.
 */
struct cli_listed {
	struct cfs *c;
	struct cfs_ref dir;
	char *prefix; /* that they begin with */
	uint64_t until_ns;
	struct words names; /* a directory's ends in '/' */
};

#define LISTED_NS UINT64_C(5000000000)

void
shell_complete_forget(struct cli *cli)
{
	if (cli->listed != NULL) {
		words_fini(&cli->listed->names);
		free(cli->listed->prefix);
		free(cli->listed);
		cli->listed = NULL;
	}
}

static int
keep_name(void *arg, const char *name, enum cfs_type type)
{
	struct cli_listed *l = arg;
	size_t len = strlen(name);
	char word[CFS_NAME_MAX + 2];

	memcpy(word, name, len);
	if (type == CFS_DIR) {
		word[len++] = '/';
	}
	word[len] = '\0';
	return words_add(&l->names, word);
}

static bool
is_listed(const struct cli_listed *l, const struct cfs *c, struct cfs_ref dir, const char *start)
{
	return l != NULL && now_mono_ns() < l->until_ns && l->c == c && l->dir.ino == dir.ino &&
	       l->dir.gen == dir.gen && strncmp(start, l->prefix, strlen(l->prefix)) == 0;
}

static const struct cli_listed *
list(struct cli *cli, struct cfs *c, struct cfs_ref dir, const char *start)
{
	struct cli_listed *l;

	if (is_listed(cli->listed, c, dir, start)) {
		return cli->listed;
	}
	shell_complete_forget(cli);
	cli->listed = l = calloc(1, sizeof *l);
	if (l == NULL) {
		return NULL;
	}
	*l = (struct cli_listed){.c = c, .dir = dir, .prefix = strdup(start)};
	/* What cannot be listed whole is offered as far as it goes, and not kept. */
	if (l->prefix != NULL && cfs_names(c, dir, start, keep_name, l, NULL) == 0) {
		l->until_ns = now_mono_ns() + LISTED_NS;
	}
	return l;
}

static void
complete_remote(struct cli *cli, struct completion *x)
{
	const struct cli_listed *l = NULL;
	struct cfs_attr dir;
	struct remote r;

	if (remote_open(cli, x->typed_dir, &r, NULL) != 0) {
		return;
	}
	if (cfs_stat(r.c, r.path, false, &dir, NULL) == 0 && dir.type == CFS_DIR) {
		l = list(cli, r.c, dir.ref, x->start);
	}
	for (size_t i = 0; l != NULL && i < l->names.n; i++) {
		offer(x, l->names.v[i]);
	}
	remote_fini(&r);
}

static void
complete_local(struct completion *x)
{
	DIR *d = opendir(*x->typed_dir != '\0' ? x->typed_dir : ".");
	struct dirent *e;

	if (d == NULL) {
		return;
	}
	while ((e = readdir(d)) != NULL) {
		struct stat st;
		char name[sizeof e->d_name + 1];
		bool dir = e->d_type == DT_DIR;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
			continue;
		}
		if (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN) {
			dir = fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
		}
		snprintf(name, sizeof name, "%s%s", e->d_name, dir ? "/" : "");
		offer(x, name);
	}
	closedir(d);
}

static void
offer_options(const struct arg_opt *opts, size_t n, const char *prefix, shell_candidate_fn *each,
	      void *arg)
{
	char word[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(word, sizeof word, "--%s", opts[i].long_name);
		if (strncmp(word, prefix, strlen(prefix)) == 0) {
			each(arg, word, false);
		}
	}
}

/* c: whose options there are besides those of every command, or NULL. */
static void
complete_option(struct cli *cli, const struct cli_command *c, const char *prefix,
		shell_candidate_fn *each, void *arg)
{
	static const struct arg_opt always[] = {{.long_name = "help"}, {.long_name = "version"}};
	const struct arg_group globals = cli_globals_group(&cli->opt);

	if (c != NULL && c->n_opts != NULL) {
		offer_options(c->opts, *c->n_opts, prefix, each, arg);
	}
	offer_options(globals.opts, globals.n, prefix, each, arg);
	offer_options(always, sizeof always / sizeof *always, prefix, each, arg);
}

static void
complete_command(const struct cli *cli, const char *prefix, shell_candidate_fn *each, void *arg)
{
	size_t n = strlen(prefix);

	for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
		if (c->group != CLI_HIDDEN && (c->group != CLI_SHELL || !cli->shell) &&
		    strncmp(c->name, prefix, n) == 0) {
			each(arg, c->name, false);
		}
	}
	for (const struct shell_builtin *b = shell_builtins(); cli->shell && b->name != NULL; b++) {
		if (strncmp(b->name, prefix, n) == 0) {
			each(arg, b->name, false);
		}
	}
}

/* What the argument number `index` (from 0) of a command is. */
static enum cli_complete
kind_of(const char *name, size_t index)
{
	const struct cli_command *c = cli_command_find(name);
	enum cli_complete kind = c != NULL ? c->complete : CLI_NOTHING;

	for (const struct shell_builtin *b = shell_builtins(); b->name != NULL; b++) {
		if (strcmp(b->name, name) == 0) {
			kind = b->complete;
		}
	}
	/* The first is a source for sure; the others may be either. */
	if (kind == CLI_LOCAL_THEN_REMOTE && index == 0) {
		return CLI_LOCAL;
	}
	return kind == CLI_REMOTE_THEN_LOCAL && index == 0 ? CLI_REMOTE : kind;
}

/* How much of the word names the directory: up to the last '/', or another profile's "name:". */
static size_t
directory_length(const char *word)
{
	const char *slash = strrchr(word, '/');

	if (slash == NULL && remote_is_other(word)) {
		slash = strchr(word, ':');
	}
	return slash != NULL ? (size_t)(slash - word) + 1 : 0;
}

void
shell_complete_file(const char *prefix, shell_candidate_fn *each, void *arg)
{
	size_t dir_len = directory_length(prefix);
	char *dir = strndup(prefix, dir_len);
	struct completion x = {
	    .typed_dir = dir, .start = prefix + dir_len, .each = each, .arg = arg};

	if (dir != NULL) {
		complete_local(&x);
	}
	free(dir);
}

static void
complete_argument(struct cli *cli, const struct words *before, const char *prefix,
		  shell_candidate_fn *each, void *arg)
{
	size_t dir_len = directory_length(prefix), index = 0;
	char *dir = strndup(prefix, dir_len);
	struct completion x = {
	    .typed_dir = dir, .start = prefix + dir_len, .each = each, .arg = arg};
	enum cli_complete kind;

	if (dir == NULL) {
		return;
	}
	for (size_t i = 1; i < before->n; i++) {
		index += before->v[i][0] != '-' || before->v[i][1] == '\0';
	}
	kind = kind_of(before->v[0], index);
	if (kind == CLI_REMOTE || kind == CLI_LOCAL_THEN_REMOTE) {
		complete_remote(cli, &x);
	} else if (kind == CLI_LOCAL || kind == CLI_REMOTE_THEN_LOCAL) {
		complete_local(&x);
	}
	/* One of several sources, perhaps. */
	if (x.n == 0 && kind == CLI_LOCAL_THEN_REMOTE) {
		complete_local(&x);
	} else if (x.n == 0 && kind == CLI_REMOTE_THEN_LOCAL) {
		complete_remote(cli, &x);
	}
	free(dir);
}

void
shell_complete(struct cli *cli, const struct words *before, const char *prefix,
	       shell_candidate_fn *each, void *arg)
{
	const struct cli_command *c = before->n > 0 ? cli_command_find(before->v[0]) : NULL;

	if (prefix[0] == '-' && (c != NULL || !cli->shell)) {
		complete_option(cli, c, prefix, each, arg);
	} else if (before->n == 0) {
		complete_command(cli, prefix, each, arg);
	} else {
		complete_argument(cli, before, prefix, each, arg);
	}
}
