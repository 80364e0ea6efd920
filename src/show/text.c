/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/json_name.h"
#include "base/path.h"
#include "base/time.h"

void
out_json_name(json_t *object, const char *key, const char *bytes)
{
	json_set_name(object, key, bytes, strlen(bytes));
}

void
out_json_time(json_t *o, const char *key, int64_t ns)
{
	char text[TIME_SIZE];

	json_object_set_new(o, key, json_string(time_format(text, ns, 9)));
}

char *
out_escape(const char *bytes)
{
	struct buf b = BUF_INIT;

	if (name_escape(&b, bytes, strlen(bytes)) != 0 || buf_append_byte(&b, '\0') != 0) {
		buf_fini(&b);
		return NULL;
	}
	return buf_take(&b, NULL);
}

void
out_time_seconds(char *buf, size_t size, int64_t time_ns)
{
	time_t t = (time_t)(time_ns / 1000000000);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
		snprintf(buf, size, "?");
	}
}

void
out_time(char *buf, size_t size, int64_t time_ns)
{
	size_t n;

	out_time_seconds(buf, size, time_ns);
	n = strlen(buf);
	if (n > strlen(":59")) {
		buf[n - strlen(":59")] = '\0';
	}
}

void
out_size(char *buf, size_t size, uint64_t bytes, bool human)
{
	char text[SIZE_TEXT_SIZE];

	if (human) {
		snprintf(buf, size, "%s", size_format(text, bytes, SIZE_SHORT));
	} else {
		snprintf(buf, size, "%llu", (unsigned long long)bytes);
	}
}
