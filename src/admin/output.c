/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "admin/output.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/path.h"

int
output_json(json_t *object, struct cfs_err *err)
{
	int rc;

	if (!object)
		return err_code(err, CFS_ENOMEM);
	rc = json_dumpf(object, stdout, JSON_COMPACT);
	json_decref(object);
	if (rc || putchar('\n') == EOF)
		return err_set(err, CFS_ELOCALIO, "cannot write to standard output");
	return 0;
}

void
output_json_error(const char *name, int exit_code, const char *message)
{
	json_t *o = json_pack("{s:s, s:i, s:o}", "error", name, "exit_code", exit_code, "message",
			      output_str(str_from(message)));

	if (o)
		(void)json_dumpf(o, stderr, JSON_COMPACT);
	(void)fputc('\n', stderr);
	json_decref(o);
}

json_t *
output_str(struct str s)
{
	struct buf text = BUF_INIT;
	json_t *value = NULL;

	if (utf8_lossy(&text, s.len ? s.p : "", s.len) == 0)
		value = json_stringn(text.len ? (const char *)text.data : "", text.len);
	buf_fini(&text);
	return value;
}

char *
output_time(char out[TIME_SIZE], int64_t ns)
{
	return ns ? time_format(out, ns, 0) : strcpy(out, "-");
}

json_t *
output_json_time(int64_t ns)
{
	char text[TIME_SIZE];

	return ns ? json_string(time_format(text, ns, 3)) : json_null();
}
