/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "versions_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

static int
add(struct versions_list *list, const char *name, bool is_dir, const struct cfs_attr *attr)
{
	struct versions_row *row;

	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 16 : list->cap * 2;
		struct versions_row *v = realloc(list->v, cap * sizeof *v);

		if (v == NULL) {
			return CFS_ENOMEM;
		}
		list->v = v;
		list->cap = cap;
	}
	row = &list->v[list->n];
	*row = (struct versions_row){
	    .name = strdup(name), .ino = attr->ref.ino, .is_dir = is_dir, .attr = *attr};
	if (row->name == NULL) {
		return CFS_ENOMEM;
	}
	list->n++;
	return 0;
}

void
versions_list_fini(struct versions_list *list)
{
	if (list == NULL) {
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].name);
	}
	free(list->v);
	*list = (struct versions_list){0};
}

bool
versions_list_find(const struct versions_list *list, const char *name, struct cfs_attr *out)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i].name, name) == 0) {
			*out = list->v[i].attr;
			return true;
		}
	}
	return false;
}

static bool
is_version(const struct cfs_version *v)
{
	return v->attr.type == CFS_FILE && v->how >= CFS_VERSION_REPLACED &&
	       v->how <= CFS_VERSION_OVERWRITTEN;
}

static int
add_version(void *arg, const struct cfs_version *v)
{
	struct versions_list *list = arg;
	char name[TIME_SIZE + 32], time[TIME_SIZE];
	struct cfs_attr known;

	if (v->how == CFS_VERSION_PRESENT) {
		list->present = true;
	}
	if (!is_version(v)) {
		return 0;
	}
	(void)snprintf(name, sizeof name, "%llu-%s", (unsigned long long)v->version,
		       time_format(time, v->attr.mtime_ns, 0));
	/* The newest of a name; numbers can only come twice where files were renamed over each other. */
	return versions_list_find(list, name, &known) ? 0 : add(list, name, false, &v->attr);
}

int
versions_list_name(struct cfs *c, struct cfs_ref dir, const char *name, struct versions_list *out)
{
	return cfs_versions(c, dir, name, add_version, out, NULL);
}

static int
add_file(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	(void)cookie;
	return attr->type == CFS_FILE ? add(arg, name, true, attr) : 0;
}

static int
add_removed(void *arg, const struct cfs_version *v)
{
	struct cfs_attr known;

	if (!is_version(v) || versions_list_find(arg, v->name, &known)) {
		return 0;
	}
	return add(arg, v->name, true, &v->attr);
}

int
versions_list_dir(struct cfs *c, struct cfs_ref dir, struct versions_list *out)
{
	bool eof = false;
	int rc = cfs_removed(c, dir, "", add_removed, out, NULL);

	return rc == 0 ? cfs_readdir(c, dir, 0, add_file, out, &eof, NULL, NULL) : rc;
}
