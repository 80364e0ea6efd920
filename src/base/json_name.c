/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json_name.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/path.h"

void
json_set_name(json_t *object, const char *key, const char *bytes, size_t len)
{
	struct buf b = BUF_INIT;
	char key_b64[64];

	if (utf8_valid(bytes, len)) {
		(void)json_object_set_new(object, key, json_stringn(bytes, len));
		return;
	}
	if (utf8_lossy(&b, bytes, len) == 0)
		(void)json_object_set_new(object, key, json_stringn((const char *)b.data, b.len));
	buf_clear(&b);
	if (buf_reserve(&b, BASE64_SIZE(len)) != NULL) {
		base64_encode((char *)b.data, BASE64_STD, bytes, len);
		(void)snprintf(key_b64, sizeof(key_b64), "%s_b64", key);
		(void)json_object_set_new(object, key_b64, json_string((const char *)b.data));
	}
	buf_fini(&b);
}
