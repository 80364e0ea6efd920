/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/interrupt.h"
#include "cli/shell.h"

/* Where the shell's text comes from when nobody types it: files, standard input, -c. */

#define SCRIPT_MAX (16u * 1024 * 1024)
#define NESTED_MAX 16u

static struct shell_source
source_of(struct shell *sh, const char *name, unsigned line)
{
	return (struct shell_source){.name = name, .line = line, .alias = shell_alias, .arg = sh};
}

bool
shell_wants_more(struct shell *sh, const char *text)
{
	const struct shell_source source = source_of(sh, NULL, 1);
	struct shell_item *items;
	bool more;

	shell_parse(text, &source, &items, &more, NULL);
	shell_items_free(items);
	return more;
}

/* Lines that are read one by one, and run as soon as they are whole: an alias holds from the next line on. */
struct reader {
	struct shell *sh;
	const char *name; /* of the script, or NULL */
	struct buf text;  /* not whole yet */
	unsigned line;    /* the number of its first line */
};

/* Takes one more line, or with NULL the end. *go_on_out: whether the next one shall run. */
static int
take_line(struct reader *r, const char *line, size_t len, bool *go_on_out, struct cfs_err *err)
{
	const struct shell_source source = source_of(r->sh, r->name, r->line);
	struct shell_item *items = NULL;
	const char *p = NULL;
	bool more = false;
	int rc;

	*go_on_out = true;
	if (buf_append(&r->text, line, len) == 0) {
		p = buf_cstr(&r->text);
	}
	if (p == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	rc = shell_parse(p, &source, &items, &more, err);
	if (more && line != NULL) {
		shell_items_free(items);
		return 0;
	}
	for (; *p != '\0'; p++) {
		r->line += *p == '\n';
	}
	buf_clear(&r->text);
	if (rc == 0) {
		*go_on_out = shell_run(r->sh, items, r->name);
	}
	shell_items_free(items);
	return rc;
}

/* A text is looked at whole before any of it runs. */
static int
run_text(struct shell *sh, const char *text, const char *name, struct cfs_err *err)
{
	const struct shell_source source = source_of(sh, name, 1);
	struct reader r = {.sh = sh, .name = name, .text = BUF_INIT, .line = 1};
	struct shell_item *items;
	bool go_on = true;
	int rc = shell_parse(text, &source, &items, NULL, err);

	shell_items_free(items);
	while (rc == 0 && go_on && *text != '\0') {
		size_t n = strcspn(text, "\n");

		n += text[n] == '\n';
		rc = take_line(&r, text, n, &go_on, err);
		text += n;
	}
	if (rc == 0 && go_on) {
		rc = take_line(&r, NULL, 0, &go_on, err);
	}
	buf_fini(&r.text);
	return rc;
}

void
shell_text(struct shell *sh, const char *text)
{
	struct cfs_err err = CFS_ERR_INIT;

	interrupt_begin();
	shell_complete_forget(sh->cli);
	if (run_text(sh, text, NULL, &err) != 0) {
		cli_error(sh->cli, NULL, NULL, err.code, err.text);
		sh->last = err_exit_code(err.code);
	}
	interrupt_end();
}

static int
run_file(struct shell *sh, const char *path, struct cfs_err *err)
{
	struct buf text = BUF_INIT;
	int rc = io_read_file(AT_FDCWD, path, SCRIPT_MAX, &text, err);

	if (rc == 0 && buf_cstr(&text) == NULL) {
		rc = err_code(err, CFS_ENOMEM);
	}
	if (rc == 0 && memchr(buf_cstr(&text), '\0', text.len) != NULL) {
		rc = err_set(err, CFS_EUSAGE, "%s: is no text", path);
	}
	if (rc == 0) {
		sh->last = 0;
		rc = run_text(sh, buf_cstr(&text), path, err);
	}
	buf_fini(&text);
	return rc;
}

/* Line by line, so that a program can wait for what one does before it writes the next. */
static int
run_lines(struct shell *sh, FILE *f, struct cfs_err *err)
{
	struct reader r = {.sh = sh, .name = "stdin", .text = BUF_INIT, .line = 1};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = 1;
	bool go_on = true;
	int rc = 0;

	while (rc == 0 && go_on && n > 0) {
		n = getline(&line, &cap, f);
		if (n > 0 && memchr(line, '\0', (size_t)n) != NULL) {
			rc = err_set(err, CFS_EUSAGE, "stdin:%u: is no text", r.line);
		} else {
			rc = take_line(&r, n > 0 ? line : NULL, n > 0 ? (size_t)n : 0, &go_on, err);
		}
		fflush(sh->cli->out);
	}
	free(line);
	buf_fini(&r.text);
	return rc;
}

static int
run_stdin(struct shell *sh, struct cfs_err *err)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10), null;
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	int rc;

	if (f == NULL) {
		fd_close(&fd);
		return err_set_errno(err, errno, "stdin");
	}
	/* What a command reads must not be the script. */
	null = io_open("/dev/null", O_RDONLY, 0);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		fd_close(&null);
	}
	rc = run_lines(sh, f, err);
	fclose(f);
	return rc;
}

int
shell_script(struct shell *sh, const char *path, struct cfs_err *err)
{
	int rc;

	if (sh->nested >= NESTED_MAX) {
		return err_set(err, CFS_EUSAGE, "%s: scripts within scripts without end", path);
	}
	sh->nested++;
	rc = strcmp(path, "-") == 0 ? run_stdin(sh, err) : run_file(sh, path, err);
	sh->nested--;
	return rc;
}
