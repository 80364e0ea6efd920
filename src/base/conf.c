/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/conf_value.h"
#include "base/io.h"
#include "base/suggest.h"

/* A settings file of more than this is no settings file. */
#define FILE_MAX ((size_t)1 << 20)

struct parse {
	const char *name;
	const char *text; /* what is still to be read */
	size_t left;
	int line;
	bool line_too_long;
	struct conf *conf;
	const struct conf_table *table;
	bool *seen; /* for each key of the table */
	void *values;
	conf_error_fn *on_error;
	void *arg;
	struct cfs_err *err;
	int rc;                   /* CFS_ECONFIG once there was an error, or CFS_ENOMEM */
	int first_line;           /* where the error that err tells of is */
	char unknown_section[64]; /* told of already */
};

/* Tells of one error of the file; err keeps the one that stands first in it. */
static void __attribute__((format(printf, 3, 4)))
report(struct parse *p, int line, const char *fmt, ...)
{
	struct cfs_err e;
	char text[CFS_ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_set(&e, CFS_ECONFIG, "%s:%d: %s", p->name, line, text);
	if (p->on_error != NULL)
		p->on_error(p->arg, e.text);
	if (p->rc == 0 || line < p->first_line) {
		p->first_line = line;
		if (p->err != NULL)
			*p->err = e;
	}
	if (p->rc == 0)
		p->rc = CFS_ECONFIG;
}

static void
report_unknown_section(struct parse *p, const char *section)
{
	struct suggest s;

	if (section[0] == '\0') {
		report(p, p->line, "a key before the first [section]");
		return;
	}
	if (strncmp(p->unknown_section, section, sizeof(p->unknown_section) - 1) == 0)
		return;
	(void)snprintf(p->unknown_section, sizeof(p->unknown_section), "%s", section);
	suggest_init(&s, section);
	for (size_t i = 0; i < p->table->n; i++)
		suggest_offer(&s, p->table->keys[i].section);
	if (s.best != NULL)
		report(p, p->line, "[%s]: unknown section; did you mean [%s]?", section, s.best);
	else
		report(p, p->line, "[%s]: unknown section", section);
}

static void
report_unknown_key(struct parse *p, const char *section, const char *key)
{
	const char *elsewhere = NULL;
	bool section_known = false;
	struct suggest s;

	suggest_init(&s, key);
	for (size_t i = 0; i < p->table->n; i++) {
		const struct conf_key *k = &p->table->keys[i];

		if (strcmp(k->section, section) == 0) {
			section_known = true;
			suggest_offer(&s, k->key);
		} else if (strcmp(k->key, key) == 0) {
			elsewhere = k->section;
		}
	}
	if (!section_known)
		report_unknown_section(p, section);
	else if (s.best != NULL)
		report(p, p->line, "[%s] %s: unknown key; did you mean %s?", section, key, s.best);
	else if (elsewhere != NULL)
		report(p, p->line, "[%s] %s: unknown key; it belongs in [%s]", section, key,
		       elsewhere);
	else
		report(p, p->line, "[%s] %s: unknown key", section, key);
}

/* inih's handler: one key and its value. Always 1, so that inih's own result tells of malformed lines alone. */
static int
on_pair(void *arg, const char *section, const char *key, const char *value)
{
	struct parse *p = arg;
	char why[CONF_WHY_MAX];
	size_t i;
	int rc;

	for (i = 0; i < p->table->n; i++) {
		if (strcmp(p->table->keys[i].section, section) == 0 &&
		    strcmp(p->table->keys[i].key, key) == 0)
			break;
	}
	if (i == p->table->n) {
		report_unknown_key(p, section, key);
		return 1;
	}
	if (p->seen[i] && p->table->keys[i].type != CONF_LIST) {
		report(p, p->line, "[%s] %s: given twice", section, key);
		return 1;
	}
	rc = conf_value_set(p->conf, &p->table->keys[i], value, !p->seen[i], p->values, why);
	p->seen[i] = true;
	if (rc == CFS_ENOMEM)
		p->rc = err_code(p->err, CFS_ENOMEM);
	else if (rc < 0)
		report(p, p->line, "[%s] %s: %s", section, key, why);
	return 1;
}

/*
 * inih's reader, in the manner of fgets(3): it counts the lines, which inih's handler is not told, and takes the blanks
 * at their beginning away, which would make them continuations.
 */
static char *
next_line(char *out, int size, void *arg)
{
	struct parse *p = arg;
	const char *newline;
	size_t n;

	if (p->left == 0)
		return NULL;
	p->line++;
	newline = memchr(p->text, '\n', p->left);
	n = newline == NULL ? p->left : (size_t)(newline - p->text);
	p->left -= n + (newline != NULL);
	while (n > 0 && (*p->text == ' ' || *p->text == '\t')) {
		p->text++;
		n--;
	}
	if (n + 2 > (size_t)size) {
		report(p, p->line, "line too long (more than %d bytes)", size - 2);
		out[0] = '\n';
		out[1] = '\0';
	} else if (memchr(p->text, '\0', n) != NULL) {
		report(p, p->line, "a NUL byte in the line");
		out[0] = '\n';
		out[1] = '\0';
	} else {
		memcpy(out, p->text, n);
		out[n] = '\n';
		out[n + 1] = '\0';
	}
	p->text += n + (newline != NULL);
	return out;
}

static int
set_defaults(struct parse *p)
{
	char why[CONF_WHY_MAX];

	for (size_t i = 0; i < p->table->n; i++) {
		const struct conf_key *k = &p->table->keys[i];
		int rc = conf_value_default(p->conf, k, p->values, why);

		if (rc == CFS_ENOMEM)
			return err_code(p->err, rc);
		if (rc < 0)
			return err_set(p->err, CFS_EFAIL, "default of [%s] %s: %s", k->section,
				       k->key, why);
	}
	return 0;
}

int
conf_parse_text(struct conf *conf, const char *name, const char *text, size_t len,
		const struct conf_table *table, void *values, conf_error_fn *on_error, void *arg,
		struct cfs_err *err)
{
	struct parse p = {
	    .name = name,
	    .text = text,
	    .left = len,
	    .conf = conf,
	    .table = table,
	    .values = values,
	    .on_error = on_error,
	    .arg = arg,
	    .err = err,
	};
	int bad_line;

	conf->chunks = NULL;
	p.seen = calloc(table->n + 1, sizeof(*p.seen));
	if (p.seen == NULL)
		return err_code(err, CFS_ENOMEM);
	p.rc = set_defaults(&p);
	if (p.rc < 0)
		goto out;
	ini_use_stack = false;
	ini_max_line = CONF_LINE_MAX;
	ini_initial_alloc = CONF_LINE_MAX;
	bad_line = ini_parse_stream(next_line, &p, on_pair, &p);
	if (bad_line > 0)
		report(&p, bad_line, "neither [section] nor key = value");
	else if (bad_line < 0)
		p.rc = err_code(err, CFS_ENOMEM);
out:
	free(p.seen);
	if (p.rc < 0)
		conf_fini(conf);
	return p.rc;
}

int
conf_parse_file(struct conf *conf, const char *path, const struct conf_table *table, void *values,
		conf_error_fn *on_error, void *arg, struct cfs_err *err)
{
	struct buf text = BUF_INIT;
	int rc = io_read_file(AT_FDCWD, path, FILE_MAX, &text, err);

	conf->chunks = NULL;
	if (rc == 0)
		rc = conf_parse_text(conf, path, (const char *)text.data, text.len, table, values,
				     on_error, arg, err);
	buf_fini(&text);
	return rc;
}
