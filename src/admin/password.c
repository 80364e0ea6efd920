/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/password.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/hash.h"

static int
read_line(FILE *f, char out[PASSWORD_SIZE], struct cfs_err *err)
{
	size_t len;

	if (!fgets(out, PASSWORD_SIZE, f))
		return err_set(err, CFS_EINVAL, "there is no password");
	len = strcspn(out, "\r\n");
	if (len == PASSWORD_SIZE - 1)
		return err_set(err, CFS_EINVAL, "the password is too long");
	out[len] = '\0';
	return len > 0 ? 0 : err_set(err, CFS_EINVAL, "the password is empty");
}

int
password_read_file(const char *path, char out[PASSWORD_SIZE], struct cfs_err *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int rc;

	if (!f)
		return err_set_errno(err, errno, "%s", path);
	rc = read_line(f, out, err);
	if (rc)
		err_wrap(err, "%s", path);
	if (f != stdin)
		(void)fclose(f);
	return rc;
}

static int
ask_once(FILE *tty, const char *prompt, char out[PASSWORD_SIZE], struct cfs_err *err)
{
	struct termios old, quiet;
	int rc;

	if (tcgetattr(fileno(tty), &old))
		return err_set_errno(err, errno, "terminal");
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)fprintf(tty, "%s", prompt);
	(void)fflush(tty);
	(void)tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	rc = read_line(tty, out, err);
	(void)tcsetattr(fileno(tty), TCSAFLUSH, &old);
	(void)fputc('\n', tty);
	return rc;
}

int
password_ask(const char *user, char out[PASSWORD_SIZE], struct cfs_err *err)
{
	char again[PASSWORD_SIZE], prompt[128];
	FILE *tty = fopen("/dev/tty", "r+e");
	int rc;

	if (!tty)
		return err_set(err, CFS_EUSAGE,
			       "no terminal to ask for a password on; "
			       "use --password-file");
	(void)snprintf(prompt, sizeof(prompt), "New password for %s: ", user);
	rc = ask_once(tty, prompt, out, err);
	if (rc == 0)
		rc = ask_once(tty, "Again: ", again, err);
	if (rc == 0 && strcmp(out, again) != 0)
		rc = err_set(err, CFS_EINVAL, "the two are not the same");
	secure_wipe(again, sizeof(again));
	(void)fclose(tty);
	return rc;
}
