/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/ls_print.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/output.h"
#include "cli/remote.h"

#define GAP 2u /* blanks between columns */

/* Entries that compare equal otherwise are in the order of their names. */
static int
compare(const void *a, const void *b, void *arg)
{
	const struct ls_opts *o = arg;
	const struct child *x = a, *y = b;
	int d = 0;

	if (o->by_time && x->attr.mtime_ns != y->attr.mtime_ns) {
		d = x->attr.mtime_ns > y->attr.mtime_ns ? -1 : 1;
	} else if (o->by_size && x->attr.size != y->attr.size) {
		d = x->attr.size > y->attr.size ? -1 : 1;
	} else {
		d = strcmp(x->name, y->name);
	}
	return o->reverse ? -d : d;
}

static void
print_name(struct cli *cli, const struct child *e)
{
	char *shown = out_escape(e->name);
	bool blue = out_colors(cli) && e->attr.type == CFS_DIR;

	fprintf(cli->out, "%s%s%s", blue ? "\033[1;34m" : "", shown != NULL ? shown : "",
		blue ? "\033[0m" : "");
	free(shown);
}

/* ---- long lines ---- */

/* Widths of the columns, so that they stand below each other. */
struct widths {
	int nlink, owner, size;
};

static int
wider(int width, int n)
{
	return n > width ? n : width;
}

static struct widths
measure(struct cfs *c, const struct ls_opts *o, const struct children *list)
{
	struct widths w = {1, 1, 1};

	for (size_t i = 0; i < list->n; i++) {
		const struct cfs_attr *a = &list->v[i].attr;
		char owner[65], text[32];

		snprintf(text, sizeof text, "%u", a->nlink);
		w.nlink = wider(w.nlink, (int)strlen(text));
		if (cfs_user_name(c, a->owner, owner, NULL) == 0) {
			w.owner = wider(w.owner, (int)strlen(owner));
		}
		out_size(text, sizeof text, a->size, o->human);
		w.size = wider(w.size, (int)strlen(text));
	}
	return w;
}

static void
print_long(struct cli *cli, struct cfs *c, const struct ls_opts *o, const struct child *e,
	   const struct widths *w)
{
	char mode[11], owner[65], size[32], time[32], target[4096], *shown;

	out_mode(mode, &e->attr);
	out_size(size, sizeof size, e->attr.size, o->human);
	out_time(time, sizeof time, e->attr.mtime_ns);
	if (cfs_user_name(c, e->attr.owner, owner, NULL) != 0) {
		snprintf(owner, sizeof owner, "?");
	}
	fprintf(cli->out, "%s %*u %-*s %*s %s ", mode, w->nlink, e->attr.nlink, w->owner, owner,
		w->size, size, time);
	print_name(cli, e);
	if (e->attr.type == CFS_SYMLINK && cfs_readlink(c, e->attr.ref, target, NULL) == 0) {
		shown = out_escape(target);
		fprintf(cli->out, " -> %s", shown != NULL ? shown : "");
		free(shown);
	}
	fputc('\n', cli->out);
}

/* ---- columns on a terminal ---- */

/* Cells of a terminal that a name takes. */
static size_t
cells(const char *name)
{
	char *shown = out_escape(name);
	size_t n = 0;
	mbstate_t state = {0};

	for (const char *p = shown; p != NULL && *p != '\0';) {
		wchar_t wc;
		size_t len = mbrtowc(&wc, p, strlen(p), &state);
		int w = len < (size_t)-2 && len > 0 ? wcwidth(wc) : 1;

		if (len >= (size_t)-2 || len == 0) {
			state = (mbstate_t){0};
			len = 1;
		}
		n += w > 0 ? (size_t)w : 0;
		p += len;
	}
	free(shown);
	return n;
}

static size_t
terminal_width(FILE *f)
{
	struct winsize w;

	return ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* Down, then across, in columns of one width. */
static void
print_columns(struct cli *cli, const struct children *list)
{
	size_t widest = 1, columns, rows, width = terminal_width(cli->out);

	for (size_t i = 0; i < list->n; i++) {
		size_t n = cells(list->v[i].name);

		widest = n > widest ? n : widest;
	}
	columns = (width + GAP) / (widest + GAP);
	columns = columns > 0 ? columns : 1;
	rows = (list->n + columns - 1) / columns;
	for (size_t row = 0; row < rows; row++) {
		for (size_t i = row; i < list->n; i += rows) {
			print_name(cli, &list->v[i]);
			if (i + rows < list->n) {
				fprintf(cli->out, "%*s",
					(int)(widest + GAP - cells(list->v[i].name)), "");
			}
		}
		fputc('\n', cli->out);
	}
}

/* ---- all ---- */

static void
print_object(struct cli *cli, struct cfs *c, const struct child *e, const char *dir)
{
	char *path = dir != NULL ? remote_join(dir, e->name) : NULL;
	json_t *o = json_object();

	out_json_name(o, "name", e->name);
	out_json_name(o, "path", path != NULL ? path : e->name);
	out_json_attr(c, o, &e->attr);
	out_json(cli, o);
	free(path);
}

void
ls_print(struct cli *cli, struct cfs *c, const struct ls_opts *o, struct children *list,
	 const char *dir)
{
	struct ls_opts order = *o;
	struct widths w = {0};

	if (list->n > 1) {
		qsort_r(list->v, list->n, sizeof *list->v, compare, &order);
	}
	if (!cli->opt.json && !o->print0 && !o->lng && !o->one && isatty(fileno(cli->out))) {
		print_columns(cli, list);
		return;
	}
	if (o->lng && !cli->opt.json && !o->print0) {
		w = measure(c, o, list);
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct child *e = &list->v[i];

		if (cli->opt.json) {
			print_object(cli, c, e, dir);
		} else if (o->print0) {
			fwrite(e->name, 1, strlen(e->name) + 1, cli->out);
		} else if (o->lng) {
			print_long(cli, c, o, e, &w);
		} else {
			print_name(cli, e);
			fputc('\n', cli->out);
		}
	}
}
