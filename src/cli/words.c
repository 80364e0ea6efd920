/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int
words_read(const char **p, const char *ends, struct buf *out)
{
	char quote = '\0';
	bool joined = false;
	const char *s = *p;

	for (; *s != '\0' && (quote != '\0' || strchr(ends, *s) == NULL); s++) {
		if (quote != '\0' ? *s == quote : *s == '\'' || *s == '"') {
			quote = quote != '\0' ? '\0' : *s;
			continue;
		}
		if (*s == '\\' && quote != '\'') {
			if (s[1] == '\n') {
				s++;
				joined = s[1] == '\0';
				continue;
			}
			if (s[1] == '\0' && quote == '\0') {
				*p = s + 1;
				return buf_append_byte(out, '\\') == 0 ? '\\' : CFS_ENOMEM;
			}
			s += quote == '\0' || s[1] == '"' || s[1] == '\\';
		}
		if (buf_append_byte(out, (unsigned char)*s) != 0) {
			return CFS_ENOMEM;
		}
	}
	*p = s;
	return quote == '\0' && joined ? '\n' : quote;
}

int
words_add_bytes(struct words *w, const char *p, size_t n)
{
	char **v = realloc(w->v, (w->n + 2) * sizeof *v);

	if (v == NULL) {
		return CFS_ENOMEM;
	}
	w->v = v;
	v[w->n] = strndup(n > 0 ? p : "", n);
	v[w->n + 1] = NULL;
	if (v[w->n] == NULL) {
		return CFS_ENOMEM;
	}
	w->n++;
	return 0;
}

int
words_add(struct words *w, const char *word)
{
	return words_add_bytes(w, word, strlen(word));
}

int
words_split(const char *line, struct words *out, struct cfs_err *err)
{
	struct buf b = BUF_INIT;
	int open = 0, rc = 0;

	*out = (struct words){0};
	for (const char *p = line + strspn(line, WORDS_BLANK); rc == 0 && *p != '\0' && *p != '#';
	     p += strspn(p, WORDS_BLANK)) {
		buf_clear(&b);
		open = words_read(&p, WORDS_BLANK, &b);
		rc = open < 0 ? open : words_add_bytes(out, (const char *)b.data, b.len);
	}
	buf_fini(&b);
	if (rc != 0) {
		err_code(err, rc);
	} else if (open == '\'' || open == '"') {
		rc = err_set(err, CFS_EUSAGE, "a %c is not closed", open);
	}
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

/* What needs a backslash outside quotes. */
static const char special[] = " \t'\"\\#*?[;&|<>!";

char *
words_quote_in(const char *word, char quote)
{
	/* At most four bytes for one: a ' between '…'. */
	char *out = malloc(4 * strlen(word) + 1), *o = out;

	if (out == NULL) {
		return NULL;
	}
	for (const char *p = word; *p != '\0'; p++) {
		if (quote == '\'' && *p == '\'') {
			memcpy(o, "'\\'", 3);
			o += 3;
		} else if (quote == '"' ? *p == '"' || *p == '\\'
					: quote == '\0' && strchr(special, *p) != NULL) {
			*o++ = '\\';
		} else if (quote == '\0' && *p == '\n') {
			/* Behind a backslash it would be taken away. */
			memcpy(o, "'\n", 2);
			o += 2;
			*o++ = '\'';
			continue;
		}
		*o++ = *p;
	}
	*o = '\0';
	return out;
}

char *
words_quote(const char *word)
{
	return *word != '\0' ? words_quote_in(word, '\0') : strdup("''");
}
