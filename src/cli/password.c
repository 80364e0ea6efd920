/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/hash.h"

#define PASSWORD_MAX 1024

/* The first line of f without its newline, malloc'd. */
static int
read_line(FILE *f, const char *what, char **out, struct cfs_err *err)
{
	char line[PASSWORD_MAX + 2];
	size_t n;

	if (fgets(line, sizeof line, f) == NULL) {
		return err_set(err, CFS_EUSAGE, "%s: no password there", what);
	}
	n = strcspn(line, "\r\n");
	if (n > PASSWORD_MAX) {
		secure_wipe(line, sizeof line);
		return err_set(err, CFS_EUSAGE, "%s: longer than %d bytes", what, PASSWORD_MAX);
	}
	*out = strndup(line, n);
	secure_wipe(line, sizeof line);
	return *out != NULL ? 0 : err_code(err, CFS_ENOMEM);
}

static int
from_file(const char *path, char **out, struct cfs_err *err)
{
	FILE *f = fopen(path, "re");
	int rc;

	if (f == NULL) {
		return err_set_errno(err, errno, "%s", path);
	}
	rc = read_line(f, path, out, err);
	fclose(f);
	return rc;
}

/* Splits a command at blanks into at most 31 words, in place. */
static void
split(char *text, char *words[32])
{
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(text, " \t", &save); w != NULL && n < 31;
	     w = strtok_r(NULL, " \t", &save)) {
		words[n++] = w;
	}
	words[n] = NULL;
}

static int
from_command(const char *command, char **out, struct cfs_err *err)
{
	char *text = strdup(command), *words[32];
	int fds[2], status, rc;
	pid_t pid;
	FILE *f;

	if (text == NULL || pipe2(fds, O_CLOEXEC) != 0) {
		free(text);
		return err_code(err, CFS_ENOMEM);
	}
	split(text, words);
	pid = words[0] != NULL ? fork() : -1;
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execvp(words[0], words);
		_exit(127);
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	rc = f != NULL && pid > 0 ? read_line(f, command, out, err)
				  : err_set(err, CFS_EUSAGE, "--password-command: cannot run it");
	if (f != NULL) {
		fclose(f);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && rc == 0 && status != 0) {
		password_free(*out);
		*out = NULL;
		rc = err_set(err, CFS_EUSAGE, "%s: failed", command);
	}
	free(text);
	return rc;
}

static int
from_terminal(const char *prompt, char **out, struct cfs_err *err)
{
	FILE *tty = fopen("/dev/tty", "r+e");
	struct termios old, quiet;
	int rc;

	if (tty == NULL || tcgetattr(fileno(tty), &old) != 0) {
		if (tty != NULL) {
			fclose(tty);
		}
		return err_set(err, CFS_EUSAGE,
			       "no terminal to ask for the password; use --password-file");
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	fprintf(tty, "%s: ", prompt);
	fflush(tty);
	rc = read_line(tty, "terminal", out, err);
	tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fputc('\n', tty);
	fclose(tty);
	return rc;
}

int
password_get(struct cli *cli, const char *prompt, char **out, struct cfs_err *err)
{
	*out = NULL;
	if (cli->opt.password_file != NULL) {
		return from_file(cli->opt.password_file, out, err);
	}
	if (cli->opt.password_command != NULL) {
		return from_command(cli->opt.password_command, out, err);
	}
	return from_terminal(prompt != NULL ? prompt : "Password", out, err);
}

void
password_free(char *password)
{
	if (password != NULL) {
		secure_wipe(password, strlen(password));
		free(password);
	}
}
