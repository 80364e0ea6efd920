/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/output.h"
#include "net/key.h"
#include "proto/codec.h"

static const struct arg_spec spec = {
    .prog = "cfsadm status",
    .synopsis = "",
    .summary = "Say how the server and its store are; without a daemon, how the store is.",
};

static json_t *
sessions_json(struct list sessions)
{
	json_t *array = json_array();
	struct m_session_info s;

	while (list_next(&sessions, &s))
		(void)json_array_append_new(
		    array, json_pack("{s:I, s:o, s:o, s:o, s:o}", "pid", (json_int_t)s.pid, "user",
				     output_str(s.user), "device", output_str(s.device), "peer",
				     output_str(s.peer), "since", output_json_time(s.since)));
	return array;
}

static int
print_json(const struct m_admin_status_rep *rep, const char *fingerprint, struct cfs_err *err)
{
	json_t *o =
	    json_pack("{s:b, s:o, s:I, s:o, s:i, s:s, s:o}", "running", rep->pid != 0, "server",
		      output_str(rep->server), "pid", (json_int_t)rep->pid, "address",
		      output_str(rep->address), "port", (int)rep->port, "fingerprint", fingerprint,
		      "started", output_json_time(rep->started));
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
	    {"users", rep->users},
	    {"files", rep->files},
	    {"logical_bytes", rep->logical_bytes},
	    {"blob_bytes", rep->blob_bytes},
	    {"attic_files", rep->attic_files},
	    {"attic_bytes", rep->attic_bytes},
	    {"free_bytes", rep->free_bytes},
	};

	for (size_t i = 0; o && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)json_object_set_new(o, numbers[i].name,
					  json_integer((json_int_t)numbers[i].value));
	if (o)
		(void)json_object_set_new(o, "sessions", sessions_json(rep->sessions));
	return output_json(o, err);
}

static void
print_sessions(struct list sessions)
{
	struct m_session_info s;
	char since[TIME_SIZE];

	while (list_next(&sessions, &s))
		(void)printf("  %-8llu %-16.*s %-16.*s %-24.*s since %s\n",
			     (unsigned long long)s.pid, STR_ARGS(s.user), STR_ARGS(s.device),
			     STR_ARGS(s.peer), output_time(since, s.since));
}

static void
print_text(const struct m_admin_status_rep *rep, const char *fingerprint)
{
	char logical[SIZE_TEXT_SIZE], blobs[SIZE_TEXT_SIZE], attic[SIZE_TEXT_SIZE],
	    left[SIZE_TEXT_SIZE], started[TIME_SIZE];

	if (rep->pid)
		(void)printf("daemon       %.*s, process %llu, on %.*s since %s\n",
			     STR_ARGS(rep->server), (unsigned long long)rep->pid,
			     STR_ARGS(rep->address), output_time(started, rep->started));
	else
		(void)printf("daemon       not running\n");
	(void)printf("fingerprint  %s\n", fingerprint);
	(void)printf("users        %llu\n", (unsigned long long)rep->users);
	(void)printf("files        %llu, %s\n", (unsigned long long)rep->files,
		     size_format(logical, rep->logical_bytes, SIZE_LONG));
	(void)printf("blobs        %s\n", size_format(blobs, rep->blob_bytes, SIZE_LONG));
	(void)printf("attic        %llu, %s\n", (unsigned long long)rep->attic_files,
		     size_format(attic, rep->attic_bytes, SIZE_LONG));
	(void)printf("free         %s\n", size_format(left, rep->free_bytes, SIZE_LONG));
	(void)printf("connections  %u\n", rep->sessions.count);
	print_sessions(rep->sessions);
}

int
cmd_status(struct admin *a, int argc, char **argv, struct cfs_err *err)
{
	char fingerprint[FINGERPRINT_TEXT_SIZE];
	struct m_empty req = {0};
	struct m_admin_status_rep rep;
	struct admin_link *link;
	int first, rc;

	rc = admin_args(a, &spec, argc, argv, &first, err);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = admin_config(a, err);
	if (rc)
		return rc;
	rc = admin_connect(a, &link, err);
	if (rc)
		return rc;
	rc = admin_call(link, OP_ADMIN_STATUS, &req, &rep, err);
	if (rc == 0) {
		fingerprint_format(fingerprint, &rep.fingerprint);
		if (a->json)
			rc = print_json(&rep, fingerprint, err);
		else
			print_text(&rep, fingerprint);
	}
	admin_disconnect(link);
	return rc;
}
