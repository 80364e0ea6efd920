/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/event_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/path.h"
#include "show/text.h"

const char *
event_kind(const struct cfs_event *e)
{
	switch (e->kind) {
	case CFS_EVENT_DOWNLOAD:
		return "download";
	case CFS_EVENT_CHANGE:
		return "change";
	case CFS_EVENT_SIGNIN:
		return "signin";
	case CFS_EVENT_REFUSED:
		return "refused";
	case CFS_EVENT_ADMIN:
		return "admin";
	default:
		return "other";
	}
}

const char *
event_op(char buf[32], unsigned op)
{
	size_t i = 0;

	for (const char *name = cfs_op_name(op); name[i] != '\0' && i < 31; i++) {
		buf[i] = (char)tolower((unsigned char)name[i]);
	}
	buf[i] = '\0';
	return buf;
}

const char *
event_verb(char buf[32], const struct cfs_event *e)
{
	if (e->kind == CFS_EVENT_DOWNLOAD) {
		return e->complete ? "download" : "open";
	}
	if (e->kind == CFS_EVENT_SIGNIN || e->kind == CFS_EVENT_REFUSED) {
		return "sign-in";
	}
	return event_op(buf, e->op);
}

static void
print_json(FILE *f, const struct cfs_event *e)
{
	char verb[32];
	json_t *o = json_object();

	json_object_set_new(o, "id", json_integer((json_int_t)e->id));
	out_json_time(o, "time", e->time_ns);
	json_object_set_new(o, "event", json_string(event_kind(e)));
	out_json_name(o, "user", e->user);
	out_json_name(o, "device", e->device);
	out_json_name(o, "peer", e->peer);
	json_object_set_new(o, "op", json_string(event_verb(verb, e)));
	out_json_name(o, "path", e->path);
	if (e->target[0] != '\0') {
		out_json_name(o, "target", e->target);
	}
	json_object_set_new(o, "ino", json_integer((json_int_t)e->ino));
	json_object_set_new(o, "version", json_integer((json_int_t)e->version));
	json_object_set_new(o, "bytes", json_integer((json_int_t)e->bytes));
	json_object_set_new(o, "duration_us", json_integer((json_int_t)e->duration_us));
	json_object_set_new(o, "result",
			    json_string(e->result == 0 ? "done" : err_name(e->result)));
	if (e->kind == CFS_EVENT_DOWNLOAD) {
		json_object_set_new(o, "complete", json_boolean(e->complete));
		json_object_set_new(o, "seen", json_boolean(e->seen));
	}
	json_dumpf(o, f, JSON_COMPACT);
	fputc('\n', f);
	json_decref(o);
}

static void
print_receipt(FILE *f, const char *time, const struct cfs_event *e, const char *path,
	      const char *device)
{
	fprintf(f, "%s  %s %s %s (from %s%s%s)\n", time, e->user,
		e->complete ? "downloaded" : "opened", path, e->peer, *device != '\0' ? ", " : "",
		device);
}

static void
print_line(FILE *f, const char *time, const struct cfs_event *e, const char *path)
{
	char verb[32], size[32];
	char *target = out_escape(e->target), *user = out_escape(e->user);

	fprintf(f, "%s  %llu  %s  %s", time, (unsigned long long)e->id, user != NULL ? user : "",
		event_verb(verb, e));
	if (*path != '\0') {
		fprintf(f, "  %s", path);
	}
	if (target != NULL && *target != '\0') {
		fprintf(f, " -> %s", target);
	}
	if (e->bytes > 0) {
		out_size(size, sizeof size, e->bytes, true);
		fprintf(f, " (%s)", size);
	}
	if (e->result != 0) {
		fprintf(f, ": %s", err_text(e->result));
	}
	fputc('\n', f);
	free(target);
	free(user);
}

void
event_print(FILE *f, const struct cfs_event *e, bool json, bool receipt)
{
	char time[32], *path, *device;

	if (json) {
		print_json(f, e);
		return;
	}
	path = out_escape(e->path);
	device = out_escape(e->device);
	if (path != NULL && device != NULL && receipt) {
		out_time(time, sizeof time, e->time_ns);
		print_receipt(f, time, e, path, device);
	} else if (path != NULL) {
		out_time_seconds(time, sizeof time, e->time_ns);
		print_line(f, time, e, path);
	}
	free(path);
	free(device);
}

void
event_line(char *out, size_t size, const struct cfs_event *e)
{
	struct buf b = BUF_INIT;
	char verb[32], bytes[32] = "";

	if (e->bytes > 0) {
		out_size(bytes, sizeof bytes, e->bytes, true);
	}
	if (name_escape(&b, e->user, strlen(e->user)) == 0 &&
	    buf_appendf(&b, *e->path != '\0' ? " %s " : " %s", event_verb(verb, e)) == 0 &&
	    name_escape(&b, e->path, strlen(e->path)) == 0 && e->target[0] != '\0' &&
	    buf_append_str(&b, " -> ") == 0) {
		(void)name_escape(&b, e->target, strlen(e->target));
	}
	snprintf(out, size, "%.*s%s%s%s%s%s", (int)b.len, b.len > 0 ? (const char *)b.data : "",
		 *bytes != '\0' ? " (" : "", bytes, *bytes != '\0' ? ")" : "",
		 e->result != 0 ? ": " : "", e->result != 0 ? err_text(e->result) : "");
	buf_fini(&b);
}
