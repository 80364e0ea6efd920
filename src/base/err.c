/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct entry {
	int code;
	int exit_code;
	int errno_value;
	const char *name;
	const char *text;
};

static const struct entry entries[] = {
#define ERR(name, number, exit_code, errno_value, text)                                            \
	{CFS_E##name, exit_code, errno_value, #name, text},
#include "base/errors.def"
#undef ERR
};

#define ENTRY_COUNT (sizeof(entries) / sizeof(entries[0]))

/* NULL for CFS_OK and for a code that errors.def does not have. */
static const struct entry *
entry_find(int code)
{
	for (size_t i = 0; i < ENTRY_COUNT; i++) {
		if (entries[i].code == code)
			return &entries[i];
	}
	return NULL;
}

/*
 * A text often quotes a name, and a name may hold any byte: a line break in it must not make a second line in a log or
 * a terminal. Bytes of UTF-8 sequences pass.
 */
static void
text_make_printable(char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			*text = '?';
	}
}

int
err_set(struct cfs_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	va_start(ap, fmt);
	if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0)
		err->text[0] = '\0';
	va_end(ap);
	text_make_printable(err->text);
	return code;
}

int
err_set_errno(struct cfs_err *err, int errno_value, const char *fmt, ...)
{
	char context[CFS_ERR_TEXT_MAX];
	char reason[128];
	va_list ap;

	if (err == NULL)
		return err_from_errno(errno_value);
	va_start(ap, fmt);
	if (vsnprintf(context, sizeof(context), fmt, ap) < 0)
		context[0] = '\0';
	va_end(ap);
	/* The GNU variant: the text may be in reason or a constant of the library's own. */
	return err_set(err, err_from_errno(errno_value), "%s: %s", context,
		       strerror_r(errno_value, reason, sizeof(reason)));
}

int
err_wrap(struct cfs_err *err, const char *fmt, ...)
{
	char inner[CFS_ERR_TEXT_MAX];
	char context[CFS_ERR_TEXT_MAX];
	va_list ap;

	if (err == NULL)
		return CFS_EFAIL;
	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	if (vsnprintf(context, sizeof(context), fmt, ap) < 0)
		context[0] = '\0';
	va_end(ap);
	return err_set(err, err->code, "%s: %s", context, inner);
}

int
err_code(struct cfs_err *err, int code)
{
	return err_set(err, code, "%s", err_text(code));
}

const char *
err_text(int code)
{
	const struct entry *e = entry_find(code);

	if (e != NULL)
		return e->text;
	return code == CFS_OK ? "no error" : "unknown error";
}

const char *
err_name(int code)
{
	const struct entry *e = entry_find(code);

	if (e != NULL)
		return e->name;
	return code == CFS_OK ? "OK" : "UNKNOWN";
}

int
err_exit_code(int code)
{
	const struct entry *e = entry_find(code);

	if (e != NULL)
		return e->exit_code;
	return code == CFS_OK ? 0 : 1;
}

int
err_to_errno(int code)
{
	const struct entry *e = entry_find(code);

	if (e != NULL)
		return e->errno_value;
	return code == CFS_OK ? 0 : EIO;
}

/*
 * Not the table read backwards: several codes share an errno there, and an errno of our own system calls means less
 * than it does in an answer to a user (EACCES on the server's own files is no "permission denied" for the client, but
 * it is the client's for its local files, so the caller decides).
 */
int
err_from_errno(int errno_value)
{
	static const struct {
		int errno_value;
		int code;
	} map[] = {
	    {0, CFS_OK},
	    {ENOENT, CFS_ENOENT},
	    {EEXIST, CFS_EEXIST},
	    {ENOTDIR, CFS_ENOTDIR},
	    {EISDIR, CFS_EISDIR},
	    {ENOTEMPTY, CFS_ENOTEMPTY},
	    {EACCES, CFS_EDENIED},
	    {EPERM, CFS_EPERM},
	    {ENAMETOOLONG, CFS_ENAMETOOLONG},
	    {ELOOP, CFS_ELOOP},
	    {EXDEV, CFS_EXDEV},
	    {EINVAL, CFS_EINVAL},
	    {EFBIG, CFS_EFBIG},
	    {ENOSPC, CFS_ENOSPC},
	    {EDQUOT, CFS_EQUOTA},
	    {EROFS, CFS_EREADONLY},
	    {ESTALE, CFS_ESTALE},
	    {EOPNOTSUPP, CFS_EUNSUPPORTED},
	    {ENOSYS, CFS_EUNSUPPORTED},
	    {EPROTO, CFS_EPROTO},
	    {EMSGSIZE, CFS_ETOOBIG},
	    {EAGAIN, CFS_EBUSY},
	    {EBUSY, CFS_EBUSY},
	    {ETIMEDOUT, CFS_ETIMEDOUT},
	    {ECONNREFUSED, CFS_ENET},
	    {ECONNRESET, CFS_ENET},
	    {ECONNABORTED, CFS_ENET},
	    {ENOTCONN, CFS_ENET},
	    {EPIPE, CFS_ENET},
	    {EHOSTUNREACH, CFS_ENET},
	    {EHOSTDOWN, CFS_ENET},
	    {ENETUNREACH, CFS_ENET},
	    {ENETDOWN, CFS_ENET},
	    {ENETRESET, CFS_ENET},
	    {EINTR, CFS_ECANCELED},
	    {ECANCELED, CFS_ECANCELED},
	    {ENOMEM, CFS_ENOMEM},
	    {EMLINK, CFS_EMLINK},
	    {ENODATA, CFS_ENODATA},
	    {ERANGE, CFS_ERANGE},
	    {ENXIO, CFS_ENXIO},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (map[i].errno_value == errno_value)
			return map[i].code;
	}
	return CFS_EIO;
}

int
err_from_local(int errno_value)
{
	switch (errno_value) {
	case ENOENT:
	case EEXIST:
	case EACCES:
	case EPERM:
		return err_from_errno(errno_value);
	case ENOSPC:
	case EDQUOT:
		return CFS_ELOCALSPACE;
	default:
		return CFS_ELOCALIO;
	}
}

int
err_from_wire(unsigned number)
{
	for (size_t i = 0; i < ENTRY_COUNT; i++) {
		if (err_to_wire(entries[i].code) == number)
			return entries[i].code;
	}
	return number == 0 ? CFS_OK : CFS_EFAIL;
}

unsigned
err_to_wire(int code)
{
	return code < 0 ? 0U - (unsigned)code : 0;
}
