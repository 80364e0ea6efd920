/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/path.h"

#include <string.h>

#include "base/bytes.h"

static bool
view_is(struct path_view v, const char *s)
{
	return v.len == strlen(s) && memcmp(v.p, s, v.len) == 0;
}

int
name_check(const char *name, size_t len)
{
	struct path_view v = {name, len};

	if (len == 0)
		return CFS_EBADNAME;
	if (len > CFS_NAME_MAX)
		return CFS_ENAMETOOLONG;
	if (memchr(name, '/', len) != NULL || memchr(name, '\0', len) != NULL)
		return CFS_EBADNAME;
	if (view_is(v, ".") || view_is(v, "..") || view_is(v, ".versions"))
		return CFS_EBADNAME;
	return 0;
}

bool
path_next(struct path_view *rest, struct path_view *name_out)
{
	const char *slash;

	while (rest->len > 0 && rest->p[0] == '/') {
		rest->p++;
		rest->len--;
	}
	if (rest->len == 0)
		return false;
	slash = memchr(rest->p, '/', rest->len);
	name_out->p = rest->p;
	name_out->len = slash == NULL ? rest->len : (size_t)(slash - rest->p);
	rest->p += name_out->len;
	rest->len -= name_out->len;
	return true;
}

/* Takes the last component off what is built so far ("/a/b" → "/a" → ""); false at the root. */
static bool
step_up(struct buf *out)
{
	size_t n = out->len;

	if (n == 0)
		return false;
	while (out->data[n - 1] != '/')
		n--;
	buf_truncate(out, n - 1);
	return true;
}

/* Walks on from what is built so far along one path. The root is built as "" here. */
static int
walk(struct path_view path, struct buf *out)
{
	struct path_view name;

	while (path_next(&path, &name)) {
		if (view_is(name, "."))
			continue;
		if (view_is(name, "..")) {
			if (!step_up(out))
				return CFS_EINVAL;
			continue;
		}
		if (name.len > CFS_NAME_MAX || out->len + 1 + name.len > CFS_PATH_MAX)
			return CFS_ENAMETOOLONG;
		if (memchr(name.p, '\0', name.len) != NULL)
			return CFS_EINVAL;
		if (buf_append_byte(out, '/') < 0 || buf_append(out, name.p, name.len) < 0)
			return CFS_ENOMEM;
	}
	return 0;
}

int
path_normalise(struct path_view base, struct path_view path, struct buf *out)
{
	int rc = 0;

	buf_clear(out);
	if (path.len == 0 || path.p[0] != '/')
		rc = walk(base, out);
	if (rc == 0)
		rc = walk(path, out);
	if (rc == 0 && out->len == 0)
		rc = buf_append_byte(out, '/');
	return rc;
}

struct path_view
path_view_str(const char *s)
{
	return (struct path_view){s, strlen(s)};
}

struct path_view
path_view_buf(const struct buf *b)
{
	return (struct path_view){b->len == 0 ? "" : (const char *)b->data, b->len};
}

static struct path_view
without_trailing_slashes(struct path_view path)
{
	while (path.len > 0 && path.p[path.len - 1] == '/')
		path.len--;
	return path;
}

struct path_view
path_base(struct path_view path)
{
	struct path_view v = without_trailing_slashes(path);
	size_t start = v.len;

	while (start > 0 && v.p[start - 1] != '/')
		start--;
	return v.len == 0 ? (struct path_view){"", 0}
			  : (struct path_view){v.p + start, v.len - start};
}

struct path_view
path_dir(struct path_view path)
{
	struct path_view v = without_trailing_slashes(path);
	bool absolute = path.len > 0 && path.p[0] == '/';

	while (v.len > 0 && v.p[v.len - 1] != '/')
		v.len--;
	v = without_trailing_slashes(v);
	if (v.len > 0)
		return v;
	return absolute ? (struct path_view){"/", 1} : (struct path_view){".", 1};
}

bool
path_is_below(struct path_view path, struct path_view top)
{
	top = without_trailing_slashes(top);
	if (path.len < top.len || (top.len > 0 && memcmp(path.p, top.p, top.len) != 0))
		return false;
	return path.len == top.len || path.p[top.len] == '/';
}
