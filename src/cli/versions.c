/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/versions.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/output.h"

static int
keep(void *arg, const struct cfs_version *v)
{
	struct versions *list = arg;
	struct cfs_version copy = *v;

	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		struct cfs_version *grown = realloc(list->v, cap * sizeof *grown);

		if (grown == NULL) {
			return CFS_ENOMEM;
		}
		list->v = grown;
		list->cap = cap;
	}
	copy.dir = strdup(v->dir);
	copy.name = strdup(v->name);
	list->v[list->n++] = copy;
	return copy.dir != NULL && copy.name != NULL ? 0 : CFS_ENOMEM;
}

static int
kept(struct versions *list, int rc, struct cfs_err *err)
{
	if (rc == CFS_ENOMEM) {
		err_code(err, rc);
	}
	if (rc != 0) {
		versions_fini(list);
	}
	return rc;
}

int
versions_of(struct cfs *c, const char *path, struct versions *out, struct cfs_err *err)
{
	*out = (struct versions){0};
	return kept(out, cfs_versions(c, (struct cfs_ref){0}, path, keep, out, err), err);
}

int
versions_removed(struct cfs *c, const char *path, struct versions *out, struct cfs_err *err)
{
	*out = (struct versions){0};
	return kept(out, cfs_removed(c, (struct cfs_ref){0}, path, keep, out, err), err);
}

void
versions_fini(struct versions *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free((char *)(uintptr_t)list->v[i].dir);
		free((char *)(uintptr_t)list->v[i].name);
	}
	free(list->v);
	*list = (struct versions){0};
}

bool
versions_has_content(const struct cfs_version *v)
{
	return v->how <= CFS_VERSION_OVERWRITTEN;
}

const struct cfs_version *
versions_find(const struct versions *list, uint64_t number)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].version == number && versions_has_content(&list->v[i])) {
			return &list->v[i];
		}
	}
	return NULL;
}

bool
versions_split(char *path, uint64_t *number_out)
{
	char *at = strrchr(path, '@'), *end;
	size_t digits = at != NULL ? strspn(at + 1, "0123456789") : 0;

	if (digits == 0 || digits > 18 || at[1 + digits] != '\0' || at == path || at[-1] == '/') {
		return false;
	}
	*number_out = strtoull(at + 1, &end, 10);
	*at = '\0';
	return true;
}

int
versions_attr(struct cfs *c, const char *path, uint64_t number, struct cfs_attr *out,
	      struct cfs_err *err)
{
	const struct cfs_version *v;
	struct versions list;
	int rc = versions_of(c, path, &list, err);

	if (rc != 0) {
		return rc;
	}
	v = versions_find(&list, number);
	if (v != NULL) {
		*out = v->attr;
	} else {
		rc =
		    err_set(err, CFS_ENOENT, "no version %llu is kept", (unsigned long long)number);
	}
	versions_fini(&list);
	return rc;
}

const char *
versions_state(const struct cfs_version *v)
{
	static const char *const states[] = {"now",         "replaced",     "removed",
					     "overwritten", "name-removed", "directory-removed"};

	return (size_t)v->how < ARRAY_SIZE(states) ? states[v->how] : "unknown";
}

char *
versions_path(const struct cfs_version *v)
{
	return *v->dir != '\0' ? remote_join(v->dir, v->name) : strdup(v->name);
}

void
versions_json(struct cli *cli, struct cfs *c, const char *path, const struct cfs_version *v)
{
	json_t *o = json_object();
	char name[65] = "?", *where = *v->dir != '\0' ? versions_path(v) : NULL;

	out_json_name(o, "path", path);
	json_object_set_new(o, "version", json_integer((json_int_t)v->version));
	json_object_set_new(o, "state", json_string(versions_state(v)));
	json_object_set_new(o, "type", json_string(out_type(v->attr.type)));
	json_object_set_new(o, "size", json_integer((json_int_t)v->attr.size));
	out_json_time(o, "mtime", v->attr.mtime_ns);
	cfs_user_name(c, v->attr.uploader, name, NULL);
	json_object_set_new(o, "uploader", json_string(name));
	if (v->source != 0) {
		json_object_set_new(o, "restored_from", json_integer((json_int_t)v->source));
	}
	if (v->id != 0) {
		out_json_time(o, "removed", v->removed_ns);
		cfs_user_name(c, v->remover, name, NULL);
		json_object_set_new(o, "remover", json_string(name));
	}
	if (where != NULL) {
		out_json_name(o, "was", where);
	}
	free(where);
	out_json(cli, o);
}
