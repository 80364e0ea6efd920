/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/output.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/path.h"
#include "base/time.h"

static const char *const type_names[] = {
    [CFS_FILE] = "file",   [CFS_DIR] = "directory",   [CFS_SYMLINK] = "symlink",
    [CFS_FIFO] = "fifo",   [CFS_CHR] = "char-device", [CFS_BLK] = "block-device",
    [CFS_SOCK] = "socket",
};

const char *
out_type(enum cfs_type type)
{
	size_t i = (size_t)type;

	return i < sizeof type_names / sizeof *type_names && type_names[i] != NULL ? type_names[i]
										   : "unknown";
}

void
out_json(struct cli *cli, json_t *object)
{
	json_dumpf(object, cli->out, JSON_COMPACT);
	fputc('\n', cli->out);
	json_decref(object);
}

void
out_json_attr(struct cfs *c, json_t *o, const struct cfs_attr *a)
{
	char text[80];

	json_object_set_new(o, "type", json_string(out_type(a->type)));
	json_object_set_new(o, "size", json_integer((json_int_t)a->size));
	json_object_set_new(o, "stored", json_integer((json_int_t)a->stored));
	snprintf(text, sizeof text, "%04o", (unsigned)a->mode);
	json_object_set_new(o, "mode", json_string(text));
	json_object_set_new(o, "owner",
			    json_string(cfs_user_name(c, a->owner, text, NULL) == 0 ? text : ""));
	json_object_set_new(
	    o, "uploader", json_string(cfs_user_name(c, a->uploader, text, NULL) == 0 ? text : ""));
	json_object_set_new(o, "version", json_integer((json_int_t)a->version));
	json_object_set_new(o, "ino", json_integer((json_int_t)a->ref.ino));
	json_object_set_new(o, "nlink", json_integer((json_int_t)a->nlink));
	out_json_time(o, "mtime", a->mtime_ns);
	out_json_time(o, "ctime", a->ctime_ns);
	out_json_time(o, "btime", a->btime_ns);
}

void
out_mode(char buf[11], const struct cfs_attr *a)
{
	static const char types[] = "?-dlpcbs";
	static const char bits[] = "rwxrwxrwx";

	buf[0] = (size_t)a->type < sizeof types - 1 ? types[a->type] : '?';
	for (unsigned i = 0; i < 9; i++) {
		buf[1 + i] = (a->mode >> (8 - i)) & 1u ? bits[i] : '-';
	}
	if (a->mode & 04000) {
		buf[3] = a->mode & 0100 ? 's' : 'S';
	}
	if (a->mode & 02000) {
		buf[6] = a->mode & 0010 ? 's' : 'S';
	}
	if (a->mode & 01000) {
		buf[9] = a->mode & 0001 ? 't' : 'T';
	}
	buf[10] = '\0';
}

bool
out_is_abandoned(const struct cli *cli)
{
	struct pollfd p = {.fd = fileno(cli->out)};

	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR) != 0;
}

bool
out_colors(const struct cli *cli)
{
	return cli->opt.color == CLI_COLOR_ALWAYS ||
	       (cli->opt.color == CLI_COLOR_AUTO && isatty(fileno(cli->out)));
}
