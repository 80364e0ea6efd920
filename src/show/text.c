/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "show/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/path.h"
#include "base/time.h"

void
out_json_name(json_t *object, const char *key, const char *bytes)
{
	size_t len = strlen(bytes);
	struct buf b = BUF_INIT;
	char key_b64[64];

	if (utf8_valid(bytes, len)) {
		json_object_set_new(object, key, json_stringn(bytes, len));
		return;
	}
	if (utf8_lossy(&b, bytes, len) == 0) {
		json_object_set_new(object, key, json_stringn((const char *)b.data, b.len));
	}
	buf_clear(&b);
	if (buf_reserve(&b, BASE64_SIZE(len)) != NULL) {
		base64_encode((char *)b.data, BASE64_STD, bytes, len);
		snprintf(key_b64, sizeof key_b64, "%s_b64", key);
		json_object_set_new(object, key_b64, json_string((const char *)b.data));
	}
	buf_fini(&b);
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
out_time(char *buf, size_t size, int64_t time_ns)
{
	time_t t = (time_t)(time_ns / 1000000000);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(buf, size, "%Y-%m-%d %H:%M", &tm) == 0) {
		snprintf(buf, size, "?");
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
