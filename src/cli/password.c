/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/interrupt.h"
#include "cli/words.h"

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

/* Starts the words with their standard output in a pipe; *pid_out and the pipe's end to read. */
static FILE *
start(const struct words *w, pid_t *pid_out)
{
	int fds[2];
	pid_t pid;
	FILE *f;

	if (pipe2(fds, O_CLOEXEC) != 0) {
		return NULL;
	}
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		execvp(w->v[0], w->v);
		_exit(127);
	}
	close(fds[1]);
	f = pid > 0 ? fdopen(fds[0], "r") : NULL;
	if (f == NULL) {
		close(fds[0]);
	}
	*pid_out = pid;
	return f;
}

static int
from_command(const char *command, char **out, struct cfs_err *err)
{
	struct words w;
	int status = 0, rc = words_split(command, &w, err);
	pid_t pid = -1;
	FILE *f;

	if (rc != 0) {
		return err_wrap(err, "--password-command");
	}
	f = w.n > 0 ? start(&w, &pid) : NULL;
	rc = f != NULL ? read_line(f, command, out, err)
		       : err_set(err, CFS_EUSAGE, "--password-command: cannot run it");
	if (f != NULL) {
		fclose(f);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		/* A signal; the command ends all the same. */
	}
	if (status != 0) {
		password_free(*out);
		*out = NULL;
		rc = err_set(err, CFS_EUSAGE, "%s: failed", command);
	}
	words_fini(&w);
	return rc;
}

/* Waits for input or Ctrl-C, also one that came before the wait. */
static void
await_input(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (interrupt_pending() == 0 && poll(&p, 1, 100) <= 0) {
	}
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
	/* From here on Ctrl-C must find its way to the line that turns the echo on again. */
	interrupt_asking(true);
	tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	fprintf(tty, "%s: ", prompt);
	fflush(tty);
	await_input(fileno(tty));
	rc = interrupt_pending() != 0 ? err_code(err, CFS_ECANCELED)
				      : read_line(tty, "terminal", out, err);
	tcsetattr(fileno(tty), TCSAFLUSH, &old);
	interrupt_asking(false);
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
