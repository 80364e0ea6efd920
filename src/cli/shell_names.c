/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_names.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/xdg.h"
#include "cli/words.h"

#define FILE_MAX (1024u * 1024)

static size_t
place_of(const struct shell_names *names, const char *name)
{
	size_t i = 0;

	while (i < names->n && strcmp(names->v[i].name, name) < 0) {
		i++;
	}
	return i;
}

static bool
is_at(const struct shell_names *names, size_t i, const char *name)
{
	return i < names->n && strcmp(names->v[i].name, name) == 0;
}

const char *
names_find(const struct shell_names *names, const char *name)
{
	size_t i = place_of(names, name);

	return is_at(names, i, name) ? names->v[i].text : NULL;
}

static void
drop(struct shell_names *names, const char *name)
{
	size_t i = place_of(names, name);

	if (is_at(names, i, name)) {
		free(names->v[i].name);
		free(names->v[i].text);
		names->n--;
		memmove(&names->v[i], &names->v[i + 1], (names->n - i) * sizeof *names->v);
	}
}

static int
put(struct shell_names *names, const char *name, const char *text)
{
	struct shell_name one = {.name = strdup(name), .text = strdup(text)};
	struct shell_name *v = realloc(names->v, (names->n + 1) * sizeof *v);
	size_t i;

	if (v != NULL) {
		names->v = v;
	}
	if (v == NULL || one.name == NULL || one.text == NULL) {
		free(one.name);
		free(one.text);
		return CFS_ENOMEM;
	}
	drop(names, name);
	i = place_of(names, name);
	memmove(&v[i + 1], &v[i], (names->n - i) * sizeof *v);
	v[i] = one;
	names->n++;
	return 0;
}

static void
clear(struct shell_names *names)
{
	while (names->n > 0) {
		drop(names, names->v[names->n - 1].name);
	}
}

void
names_fini(struct shell_names *names)
{
	clear(names);
	free(names->v);
	*names = (struct shell_names){0};
}

/* ---- the file ---- */

static int
file_path(const struct shell_names *names, struct buf *path, struct cfs_err *err)
{
	int rc = xdg_path(XDG_CONFIG, names->file, true, path, err);

	return rc == 0 && buf_cstr(path) == NULL ? err_code(err, CFS_ENOMEM) : rc;
}

static int
read_text(struct shell_names *names, const char *path, const char *text, struct cfs_err *err)
{
	struct words w;
	int rc = words_split(text, &w, err);

	for (size_t i = 0; rc == 0 && i < w.n; i += 2) {
		rc = i + 1 < w.n ? put(names, w.v[i], w.v[i + 1])
				 : err_set(err, CFS_EINVAL, "%s: is without a text", w.v[i]);
	}
	words_fini(&w);
	return rc != 0 ? err_wrap(err, "%s", path) : 0;
}

static int
reload(struct shell_names *names, struct cfs_err *err)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	int rc = file_path(names, &path, err);

	if (rc == 0) {
		rc = io_read_file(AT_FDCWD, buf_cstr(&path), FILE_MAX, &text, err);
	}
	if (rc == 0) {
		clear(names);
		rc = buf_cstr(&text) != NULL
			 ? read_text(names, buf_cstr(&path), buf_cstr(&text), err)
			 : err_code(err, CFS_ENOMEM);
	} else if (rc == CFS_ENOENT) {
		clear(names);
		rc = 0;
	}
	buf_fini(&path);
	buf_fini(&text);
	return rc;
}

static int
save(const struct shell_names *names, struct cfs_err *err)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	int rc = file_path(names, &path, err);

	for (size_t i = 0; rc == 0 && i < names->n; i++) {
		char *quoted = words_quote(names->v[i].text);

		rc = quoted != NULL ? buf_appendf(&text, "%s %s\n", names->v[i].name, quoted)
				    : CFS_ENOMEM;
		free(quoted);
	}
	if (rc == 0) {
		rc = io_write_file(AT_FDCWD, buf_cstr(&path), text.data, text.len, 0600, err);
	} else {
		err_code(err, rc);
	}
	buf_fini(&path);
	buf_fini(&text);
	return rc;
}

int
names_load(struct shell_names *names, const char *file, struct cfs_err *err)
{
	*names = (struct shell_names){.file = file};
	return file != NULL ? reload(names, err) : 0;
}

int
names_set(struct shell_names *names, const char *name, const char *text, struct cfs_err *err)
{
	int rc = 0;

	for (const char *p = name; text != NULL && *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr("_.-", *p) == NULL) {
			rc = CFS_EINVAL;
		}
	}
	if (rc != 0 || *name == '\0' || *name == '-') {
		return err_set(err, CFS_EINVAL, "'%s': a name is letters, digits and '_.-'", name);
	}
	if (names->file != NULL && (rc = reload(names, err)) != 0) {
		return rc;
	}
	if (text != NULL) {
		rc = put(names, name, text);
	} else if (names_find(names, name) == NULL) {
		return err_set(err, CFS_ENOENT, "%s: no such name", name);
	} else {
		drop(names, name);
	}
	if (rc != 0) {
		return err_code(err, rc);
	}
	return names->file != NULL ? save(names, err) : 0;
}
