/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/walk.h"

#include <stdlib.h>
#include <string.h>

#include "cli/remote.h"

static int
collect(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	struct children *list = arg;

	(void)cookie;
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 256;
		struct child *v = realloc(list->v, cap * sizeof *v);

		if (v == NULL) {
			return CFS_ENOMEM;
		}
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n] = (struct child){.name = strdup(name), .attr = *attr};
	return list->v[list->n++].name != NULL ? 0 : CFS_ENOMEM;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct child *)a)->name, ((const struct child *)b)->name);
}

int
children_read(struct cfs *c, struct cfs_ref dir, struct children *out, struct cfs_err *err)
{
	uint64_t parent;
	bool eof;
	int rc;

	*out = (struct children){0};
	rc = cfs_readdir(c, dir, 0, collect, out, &eof, &parent, err);
	if (rc != 0) {
		children_fini(out);
		return rc == CFS_ENOMEM ? err_code(err, rc) : rc;
	}
	if (out->n > 1) {
		qsort(out->v, out->n, sizeof *out->v, by_name);
	}
	return 0;
}

void
children_fini(struct children *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].name);
	}
	free(list->v);
	*list = (struct children){0};
}

static int walk_item(const struct walk *w, struct walk_item *item, struct cfs_err *err);

static int
walk_children(const struct walk *w, const struct walk_item *dir, struct cfs_err *err)
{
	struct children list;
	int rc = children_read(w->c, dir->attr->ref, &list, err);

	if (rc != 0) {
		if (rc == CFS_ENET || rc == CFS_ECANCELED || w->failed == NULL) {
			return rc;
		}
		w->failed(w->arg, dir, rc, err != NULL ? err->text : NULL);
		return 0;
	}
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		char *path = remote_join(dir->path, list.v[i].name);
		char *shown = remote_join(dir->shown, list.v[i].name);
		struct walk_item item = {
		    .path = path,
		    .shown = shown,
		    .name = list.v[i].name,
		    .attr = &list.v[i].attr,
		    .parent = dir->attr->ref,
		    .depth = dir->depth + 1,
		};

		rc = path != NULL && shown != NULL ? walk_item(w, &item, err)
						   : err_code(err, CFS_ENOMEM);
		free(path);
		free(shown);
	}
	children_fini(&list);
	return rc;
}

static int
walk_item(const struct walk *w, struct walk_item *item, struct cfs_err *err)
{
	bool dir = item->attr->type == CFS_DIR;
	int rc = 0;

	if (!dir || (w->order & WALK_PRE) != 0) {
		rc = w->visit(w->arg, item, err);
	}
	if (rc == 0 && dir) {
		rc = walk_children(w, item, err);
		if (rc == 0 && (w->order & WALK_POST) != 0) {
			item->post = true;
			rc = w->visit(w->arg, item, err);
		}
	}
	return rc == WALK_SKIP ? 0 : rc;
}

int
walk_tree(const struct walk *w, const char *path, const char *shown, const struct cfs_attr *top,
	  struct cfs_ref parent, struct cfs_err *err)
{
	const char *slash = strrchr(path, '/');
	struct walk_item item = {
	    .path = path,
	    .shown = shown,
	    .name = slash != NULL ? slash + 1 : path,
	    .attr = top,
	    .parent = parent,
	};

	return walk_item(w, &item, err);
}
