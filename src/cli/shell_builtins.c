/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_builtins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/remote.h"
#include "cli/shell_local.h"

/* Goes there; takes path over. */
static void
enter(struct shell *sh, char *path)
{
	free(sh->previous);
	sh->previous = sh->cli->cwd;
	sh->cli->cwd = path;
}

/* "@docs/a" is below the bookmark; malloc'd. */
static char *
follow_bookmark(const struct shell *sh, const char *dir, struct cfs_err *err)
{
	size_t n = strcspn(dir + 1, "/");
	char *name = strndup(dir + 1, n), *out = NULL;
	const char *top = name != NULL ? names_find(&sh->bookmarks, name) : NULL;

	if (top != NULL) {
		out = dir[n + 1] == '/' ? remote_join(top, dir + n + 2) : strdup(top);
	}
	if (out == NULL) {
		err_set(err, CFS_ENOENT, "no such bookmark");
	}
	free(name);
	return out;
}

static int
go(struct shell *sh, const char *dir, struct cfs_err *err)
{
	struct remote r;
	struct cfs_attr attr;
	int rc = remote_open(sh->cli, dir, &r, err);

	if (rc != 0) {
		return rc;
	}
	rc = cfs_stat(r.c, r.path, false, &attr, err);
	if (rc == 0 && attr.type != CFS_DIR) {
		rc = err_code(err, CFS_ENOTDIR);
	}
	if (rc == 0) {
		enter(sh, r.path);
		r.path = NULL;
	}
	remote_fini(&r);
	return rc;
}

static int
do_cd(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	const char *dir = w->n > 1 ? w->v[1] : NULL;
	char *path;
	int rc;

	if (dir == NULL) {
		enter(sh, NULL);
		return 0;
	}
	if (remote_is_other(dir)) {
		return err_set(err, CFS_EUNSUPPORTED,
			       "start a shell of its own for another server: cfs -P NAME shell");
	}
	if (strcmp(dir, "-") == 0) {
		path = strdup(sh->previous != NULL ? sh->previous : "");
		if (path != NULL && *path == '\0') {
			free(path);
			enter(sh, NULL);
			return 0;
		}
	} else {
		path = *dir == '@' ? follow_bookmark(sh, dir, err) : strdup(dir);
	}
	if (path == NULL) {
		return err->code != 0 ? err->code : err_code(err, CFS_ENOMEM);
	}
	rc = go(sh, path, err);
	free(path);
	return rc;
}

static int
do_pwd(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	struct remote r;
	int rc = remote_open(sh->cli, "", &r, err);

	(void)w;
	if (rc == 0) {
		char *shown = out_escape(r.path);

		fprintf(sh->cli->out, "%s\n", shown != NULL ? shown : "");
		free(shown);
		remote_fini(&r);
	}
	return rc;
}

static int
do_lcd(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	const char *dir = w->n > 1 ? w->v[1] : getenv("HOME");

	(void)sh;
	if (dir == NULL || chdir(dir) != 0) {
		return err_set_errno(err, errno, "%s", dir != NULL ? dir : "HOME");
	}
	return 0;
}

static int
do_lpwd(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	char *dir = getcwd(NULL, 0);

	(void)w;
	if (dir == NULL) {
		return err_set_errno(err, errno, "getcwd");
	}
	fprintf(sh->cli->out, "%s\n", dir);
	free(dir);
	return 0;
}

/* ls(1) with the same words. */
static int
do_lls(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	static const int fds[4] = {-1, -1, -1, -1};
	pid_t pid;
	int rc;

	fflush(sh->cli->out);
	rc = local_start("ls", w->v, fds, -1, &pid, err);
	if (rc == 0) {
		sh->cli->exit_code = local_wait(pid);
	}
	return rc;
}

static int
do_source(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	int rc;

	if (w->n != 2 || strcmp(w->v[1], "-") == 0) {
		return err_set(err, CFS_EUSAGE, "usage: source FILE");
	}
	rc = shell_script(sh, w->v[1], err);
	sh->cli->exit_code = sh->last;
	return rc;
}

static int
help_of(struct shell *sh, char *name)
{
	char help[] = "--help", *argv[] = {name, help, NULL};
	const struct shell_builtin *b = shell_builtin_find(name);

	if (b != NULL) {
		fprintf(sh->cli->out, "usage: %s%s%s\n%s\n", b->name,
			*b->synopsis != '\0' ? " " : "", b->synopsis, b->summary);
		return 0;
	}
	sh->cli->exit_code = cli_run(sh->cli, 2, argv);
	return 0;
}

static int
do_help(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	FILE *f = sh->cli->out;

	(void)err;
	if (w->n > 1) {
		return help_of(sh, w->v[1]);
	}
	fputs("Commands of cfs:\n", f);
	for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
		if (c->group != CLI_HIDDEN && c->group != CLI_SHELL) {
			fprintf(f, "  %-9s %s\n", c->name, c->summary);
		}
	}
	fputs("\nCommands of the shell:\n", f);
	for (const struct shell_builtin *b = shell_builtins(); b->name != NULL; b++) {
		fprintf(f, "  %-9s %s\n", b->name, b->summary);
	}
	fputs("\nOn a line:\n"
	      "  !CMD               run CMD with the local shell\n"
	      "  A | PROGRAM        PROGRAM of this machine reads what A writes\n"
	      "  A > FILE  >> FILE  write to a local file, or behind what is in it; 2> errors\n"
	      "  A < FILE           read a local file:  put - name < FILE\n"
	      "  A ; B  A && B  A || B  one after the other, if it worked, if it failed\n"
	      "  A &                in the background: see jobs\n"
	      "  -A                 failure does not count, in scripts\n"
	      "\n'help COMMAND' tells about one of them; the manual is cfs-shell(1).\n",
	      f);
	return 0;
}

const struct shell_builtin *
shell_builtins(void)
{
	static const struct shell_builtin builtins[] = {
	    {"cd", "[DIR | - | @BOOKMARK[/DIR]]", "go to a remote directory", CLI_REMOTE, 1, do_cd},
	    {"pwd", "", "print the remote directory", CLI_NOTHING, 0, do_pwd},
	    {"lcd", "[DIR]", "go to a local directory", CLI_LOCAL, 1, do_lcd},
	    {"lpwd", "", "print the local directory", CLI_NOTHING, 0, do_lpwd},
	    {"lls", "[OPTIONS] [PATH...]", "list a local directory with ls(1)", CLI_LOCAL, -1,
	     do_lls},
	    {"jobs", "", "list what runs in the background", CLI_NOTHING, 0, builtin_jobs},
	    {"fg", "[%N]", "wait for a job and show its progress", CLI_NOTHING, 1, builtin_fg},
	    {"wait", "[%N...]", "wait for jobs, or for all", CLI_NOTHING, -1, builtin_wait},
	    {"kill", "[-SIGNAL] %N...", "end jobs", CLI_NOTHING, -1, builtin_kill},
	    {"alias", "[NAME[=TEXT]...]", "list, show or make aliases", CLI_NOTHING, -1,
	     builtin_alias},
	    {"unalias", "NAME...", "forget aliases", CLI_NOTHING, -1, builtin_unalias},
	    {"bookmark", "add NAME [DIR] | del NAME | [list]", "names of directories, for cd @NAME",
	     CLI_NOTHING, -1, builtin_bookmark},
	    {"source", "FILE", "run a script here", CLI_LOCAL, 1, do_source},
	    {"history", "[N | -c]", "list lines typed before, or forget them", CLI_NOTHING, 1,
	     builtin_history},
	    {"help", "[COMMAND]", "list the commands, or tell about one", CLI_NOTHING, 1, do_help},
	    {"exit", "[CODE]", "leave the shell", CLI_NOTHING, 1, builtin_exit},
	    {"quit", "[CODE]", "leave the shell", CLI_NOTHING, 1, builtin_exit},
	    {.name = NULL},
	};

	return builtins;
}

const struct shell_builtin *
shell_builtin_find(const char *name)
{
	for (const struct shell_builtin *b = shell_builtins(); b->name != NULL; b++) {
		if (strcmp(b->name, name) == 0) {
			return b;
		}
	}
	return NULL;
}
