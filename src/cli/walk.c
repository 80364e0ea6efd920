/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/walk.h"

#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/remote.h"

struct walker {
	const struct walk *w;
	struct listings *listings;
	struct cfs_err *err;
};

static int visit_item(struct walker *k, struct walk_item *item, struct children *siblings,
		      size_t index);

/* Everything in a directory; takes the list. */
static int
visit_children(struct walker *k, const struct walk_item *dir, struct children *list)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < list->n; i++) {
		char *path = remote_join(dir->path, list->v[i].name);
		char *shown = remote_join(dir->shown, list->v[i].name);
		struct walk_item item = {
		    .path = path,
		    .shown = shown,
		    .name = list->v[i].name,
		    .attr = &list->v[i].attr,
		    .parent = dir->attr->ref,
		    .depth = dir->depth + 1,
		};

		rc = path != NULL && shown != NULL ? visit_item(k, &item, list, i)
						   : err_code(k->err, CFS_ENOMEM);
		free(path);
		free(shown);
	}
	children_fini(list);
	return rc;
}

static int
enter(struct walker *k, struct walk_item *dir, struct children *siblings, size_t index)
{
	struct children list = {0};
	int rc = siblings != NULL ? listings_take(k->listings, siblings, index, &list, k->err)
				  : children_read(k->w->c, dir->attr->ref, &list, k->err);

	if (rc != 0) {
		if (dir->depth == 0 || cli_is_fatal(rc)) {
			return rc;
		}
		k->w->failed(k->w->arg, dir, rc, k->err != NULL ? k->err->text : NULL);
		return 0;
	}
	rc = visit_children(k, dir, &list);
	if (rc == 0 && (k->w->order & WALK_POST) != 0) {
		dir->post = true;
		rc = k->w->visit(k->w->arg, dir, k->err);
	}
	return rc;
}

static int
visit_item(struct walker *k, struct walk_item *item, struct children *siblings, size_t index)
{
	bool dir = item->attr->type == CFS_DIR;
	int rc = cli_check(k->w->cli, k->err);

	if (rc == 0 && (!dir || (k->w->order & WALK_PRE) != 0)) {
		rc = k->w->visit(k->w->arg, item, k->err);
	}
	if (rc == 0 && dir) {
		rc = enter(k, item, siblings, index);
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
	struct walker k = {.w = w, .err = err};
	int rc = listings_new(w->c, &k.listings, err);

	if (rc == 0) {
		rc = visit_item(&k, &item, NULL, 0);
	}
	listings_free(k.listings);
	return rc;
}
