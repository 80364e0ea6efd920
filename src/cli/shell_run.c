/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/remote.h"

static int
do_cd(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	struct remote r;
	struct cfs_attr attr;
	int rc;

	if (w->n == 1) {
		free(sh->cli->cwd);
		sh->cli->cwd = NULL;
		return 0;
	}
	if (remote_is_other(w->v[1])) {
		return err_set(err, CFS_EUNSUPPORTED,
			       "%s: start a shell of its own for another server: cfs -P NAME shell",
			       w->v[1]);
	}
	rc = remote_open(sh->cli, w->v[1], &r, err);
	if (rc != 0) {
		return rc;
	}
	rc = cfs_stat(r.c, r.path, false, &attr, err);
	if (rc == 0 && attr.type != CFS_DIR) {
		rc = err_code(err, CFS_ENOTDIR);
	}
	if (rc == 0) {
		free(sh->cli->cwd);
		sh->cli->cwd = r.path;
		r.path = NULL;
	}
	remote_fini(&r);
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

static int
do_lls(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	const char *dir = w->n > 1 ? w->v[1] : ".";
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);

	if (n < 0) {
		return err_set_errno(err, errno, "%s", dir);
	}
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			char *shown = out_escape(list[i]->d_name);

			fprintf(sh->cli->out, "%s%s\n", shown != NULL ? shown : "",
				list[i]->d_type == DT_DIR ? "/" : "");
			free(shown);
		}
		free(list[i]);
	}
	free(list);
	return 0;
}

static int
do_help(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	(void)w;
	(void)err;
	for (const struct cli_command *c = cli_commands(); c->name != NULL; c++) {
		if (c->group != CLI_HIDDEN && c->group != CLI_SHELL) {
			fprintf(sh->cli->out, "  %-9s %s\n", c->name, c->summary);
		}
	}
	for (const struct shell_builtin *b = shell_builtins(); b->name != NULL; b++) {
		fprintf(sh->cli->out, "  %-9s %s\n", b->name, b->summary);
	}
	fprintf(sh->cli->out, "  %-9s %s\n", "!CMD", "run a command on this machine");
	fputs("COMMAND --help tells about one of them.\n", sh->cli->out);
	return 0;
}

static int
do_exit(struct shell *sh, const struct words *w, struct cfs_err *err)
{
	(void)w;
	(void)err;
	sh->done = true;
	return 0;
}

const struct shell_builtin *
shell_builtins(void)
{
	static const struct shell_builtin builtins[] = {
	    {"cd", "[DIR]", "go to a remote directory", CLI_REMOTE, do_cd},
	    {"pwd", "", "print the remote directory", CLI_NOTHING, do_pwd},
	    {"lcd", "[DIR]", "go to a local directory", CLI_LOCAL, do_lcd},
	    {"lpwd", "", "print the local directory", CLI_NOTHING, do_lpwd},
	    {"lls", "[DIR]", "list a local directory", CLI_LOCAL, do_lls},
	    {"help", "", "list the commands", CLI_NOTHING, do_help},
	    {"exit", "", "leave the shell", CLI_NOTHING, do_exit},
	    {"quit", "", "leave the shell", CLI_NOTHING, do_exit},
	    {.name = NULL},
	};

	return builtins;
}

/* !cmd: what stands behind is the local shell's business, as typed. */
static int
run_local(const char *command)
{
	int status = system(command);

	if (status == -1) {
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int
run_builtin(struct shell *sh, const struct shell_builtin *b, const struct words *w)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc = w->n > 2 ? err_set(&err, CFS_EUSAGE, "usage: %s %s", b->name, b->synopsis)
			  : b->run(sh, w, &err);

	fflush(sh->cli->out);
	if (rc != 0) {
		cli_error(sh->cli, b->name, w->n == 2 ? w->v[1] : NULL, rc, err.text);
	}
	return err_exit_code(rc);
}

static int
run_words(struct shell *sh, const struct words *w)
{
	for (const struct shell_builtin *b = shell_builtins(); b->name != NULL; b++) {
		if (strcmp(b->name, w->v[0]) == 0) {
			return run_builtin(sh, b, w);
		}
	}
	if (strcmp(w->v[0], "shell") == 0) {
		cli_error(sh->cli, "shell", NULL, CFS_EUSAGE, "this is the shell");
		return err_exit_code(CFS_EUSAGE);
	}
	return cli_run(sh->cli, (int)w->n, w->v);
}

void
shell_line(struct shell *sh, const char *line)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct words w;

	line += strspn(line, " \t");
	interrupt_begin();
	if (*line == '!') {
		sh->last = run_local(line + 1);
	} else if (words_split(line, &w, &err) != 0) {
		cli_error(sh->cli, NULL, NULL, err.code, err.text);
		sh->last = err_exit_code(err.code);
	} else {
		if (w.n > 0) {
			sh->last = run_words(sh, &w);
		}
		words_fini(&w);
	}
	if (interrupt_end() != 0) {
		sh->last = err_exit_code(CFS_ECANCELED);
	}
}
