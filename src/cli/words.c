/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Reads one word at *p (not a blank) into b. */
static int
read_word(const char **p, struct buf *b, struct cfs_err *err)
{
	char quote = '\0';
	const char *s = *p;

	for (; *s != '\0' && (quote != '\0' || strchr(" \t\n", *s) == NULL); s++) {
		if (quote == '\0' && (*s == '\'' || *s == '"')) {
			quote = *s;
			continue;
		}
		if (quote != '\0' && *s == quote) {
			quote = '\0';
			continue;
		}
		if (*s == '\\' && s[1] != '\0' &&
		    (quote == '\0' || (quote == '"' && (s[1] == '"' || s[1] == '\\')))) {
			s++;
		}
		if (buf_append_byte(b, (unsigned char)*s) != 0) {
			return err_code(err, CFS_ENOMEM);
		}
	}
	*p = s;
	return quote == '\0' ? 0 : err_set(err, CFS_EUSAGE, "a %c is not closed", quote);
}

static int
add(struct words *w, struct buf *b, struct cfs_err *err)
{
	char **v = realloc(w->v, (w->n + 2) * sizeof *v);

	if (v == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	w->v = v;
	v[w->n] = strdup(b->len > 0 ? buf_cstr(b) : "");
	v[w->n + 1] = NULL;
	if (v[w->n] == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	w->n++;
	return 0;
}

int
words_split(const char *line, struct words *out, struct cfs_err *err)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	*out = (struct words){0};
	for (const char *p = line + strspn(line, " \t\n"); rc == 0 && *p != '\0' && *p != '#';
	     p += strspn(p, " \t\n")) {
		buf_clear(&b);
		rc = read_word(&p, &b, err);
		if (rc == 0) {
			rc = add(out, &b, err);
		}
	}
	buf_fini(&b);
	if (rc != 0) {
		words_fini(out);
	}
	return rc;
}

void
words_fini(struct words *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i]);
	}
	free(w->v);
	*w = (struct words){0};
}

char *
words_quote(const char *word)
{
	static const char special[] = " \t\n'\"\\#*?[;&|<>$!";
	char *out = malloc(2 * strlen(word) + 3), *o = out;

	if (out == NULL) {
		return NULL;
	}
	/* A newline cannot stand behind a backslash on one line; quotes keep it. */
	if (strchr(word, '\n') != NULL && strchr(word, '\'') == NULL) {
		sprintf(out, "'%s'", word);
		return out;
	}
	for (const char *p = word; *p != '\0'; p++) {
		if (strchr(special, *p) != NULL) {
			*o++ = '\\';
		}
		*o++ = *p;
	}
	*o = '\0';
	return out;
}
