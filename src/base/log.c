/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/path.h"
#include "base/time.h"

enum sink { SINK_STDERR, SINK_JOURNAL, SINK_SYSLOG, SINK_FILE };

/*
 * The state that log.h speaks of. There is no lock, so a child forked at any moment is never left with one held: a line
 * is made on the stack and written in one call, and a reopened file takes over the old one's descriptor number.
 */
atomic_int log_level_now = LVL_NOTICE;
static atomic_int sink_now = SINK_STDERR;
static atomic_int sink_fd = STDERR_FILENO;
static atomic_int format_now = LOG_TEXT;
static char fields[LOG_FIELDS_MAX]; /* "key=value " and so on; it only grows */
static atomic_size_t fields_len;
static char *file_path;
static _Atomic(log_tee_fn *) tee_fn;
static void *tee_arg;

static const struct {
	const char *name;
	int priority;
} levels[] = {
    [LVL_ERROR] = {"error", LOG_ERR},      [LVL_WARN] = {"warn", LOG_WARNING},
    [LVL_NOTICE] = {"notice", LOG_NOTICE}, [LVL_INFO] = {"info", LOG_INFO},
    [LVL_DEBUG] = {"debug", LOG_DEBUG},
};

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level_now, (int)level, memory_order_relaxed);
}

int
log_level_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name) == 0)
			return (int)i;
	}
	return CFS_EINVAL;
}

const char *
log_level_name(enum log_level level)
{
	return levels[level].name;
}

/* Changes the sink; fd is the file's, or stderr's. */
static void
switch_sink(enum sink sink, int fd)
{
	int old_sink = atomic_load(&sink_now);
	int old_fd = atomic_exchange(&sink_fd, fd);

	atomic_store(&sink_now, (int)sink);
	if (old_sink == SINK_FILE) {
		(void)close(old_fd);
	} else if (old_sink == SINK_SYSLOG) {
		closelog();
	}
	if (sink != SINK_FILE) {
		free(file_path);
		file_path = NULL;
	}
}

/* Whether stderr is the very stream that JOURNAL_STREAM names ("device:inode"), and not redirected since. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

void
log_to_stderr(void)
{
	switch_sink(stderr_is_journal() ? SINK_JOURNAL : SINK_STDERR, STDERR_FILENO);
}

void
log_to_syslog(const char *ident)
{
	switch_sink(SINK_SYSLOG, STDERR_FILENO);
	openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static int
open_file(const char *path, struct cfs_err *err)
{
	int fd = io_open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0600);

	return fd < 0 ? err_set_errno(err, errno, "open log file %s", path) : fd;
}

int
log_to_file(const char *path, struct cfs_err *err)
{
	char *copy = strdup(path);
	int fd;

	if (copy == NULL)
		return err_code(err, CFS_ENOMEM);
	fd = open_file(path, err);
	if (fd < 0) {
		free(copy);
		return fd;
	}
	switch_sink(SINK_FILE, fd);
	free(file_path);
	file_path = copy;
	return 0;
}

int
log_reopen(struct cfs_err *err)
{
	int fd, rc = 0;

	if (atomic_load(&sink_now) != SINK_FILE)
		return 0;
	fd = open_file(file_path, err);
	if (fd < 0)
		return fd;
	if (dup3(fd, atomic_load(&sink_fd), O_CLOEXEC) < 0)
		rc = err_set_errno(err, errno, "reopen log file %s", file_path);
	fd_close(&fd);
	return rc;
}

/* What stands before the message in this sink. Returns its length. */
static size_t
put_prefix(char *line, size_t size, enum sink sink, enum log_level level)
{
	bool as_fields = atomic_load(&format_now) == LOG_FIELDS;
	char when[TIME_SIZE];
	int n = 0;

	if (sink == SINK_JOURNAL)
		n = snprintf(line, size, "<%d>", levels[level].priority);
	else if (sink != SINK_SYSLOG)
		n = snprintf(line, size, as_fields ? "time=%s level=%s pid=%d " : "%s %s [%d] ",
			     time_format(when, now_real_ns(), 3), levels[level].name,
			     (int)getpid());
	if (as_fields) {
		size_t len = atomic_load_explicit(&fields_len, memory_order_acquire);

		memcpy(line + n, fields, len);
		n += (int)len;
	}
	return (size_t)n;
}

/*
 * Appends the message with everything unsafe escaped, cut where the line would get too long. Backslashes stay: names in
 * a message are escaped already. Returns the new length.
 */
static size_t
put_escaped(char *line, size_t len, size_t size, const char *msg)
{
	size_t left = strlen(msg);
	size_t used;

	for (; left > 0; msg += used, left -= used) {
		char text[NAME_ESCAPE_ONE];
		size_t n = name_escape_one(text, msg, left, &used);

		if (*msg == '\\')
			n = 1;
		if (n > size - len)
			break;
		memcpy(line + len, text, n);
		len += n;
	}
	return len;
}

/* Whether a value needs no quotes. */
static bool
is_plain(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] <= ' ' || text[i] == '"' || text[i] == '\\' || text[i] == '=')
			return false;
	}
	return n > 0;
}

/* Appends KEY=VALUE; text is escaped already, and is cut where there is no room. Returns the new length. */
static size_t
put_field(char *line, size_t len, size_t size, const char *key, const char *text, size_t n)
{
	bool quoted = !is_plain(text, n);
	size_t key_len = strlen(key);

	if (size - len < key_len + 3)
		return len;
	memcpy(line + len, key, key_len);
	len += key_len;
	line[len++] = '=';
	if (!quoted) {
		n = min_size(n, size - len);
		memcpy(line + len, text, n);
		return len + n;
	}
	line[len++] = '"';
	for (size_t i = 0; i < n && size - len >= 3; i++) {
		if (text[i] == '"' || text[i] == '\\')
			line[len++] = '\\';
		line[len++] = text[i];
	}
	line[len++] = '"';
	return len;
}

void
log_set_format(enum log_format format)
{
	atomic_store(&format_now, (int)format);
}

void
log_field(const char *key, const char *value)
{
	size_t len = atomic_load(&fields_len), size = sizeof(fields) - 1;
	char text[LOG_FIELDS_MAX];
	size_t n = put_escaped(text, 0, sizeof(text), value);

	/* Whole or not at all: what is cut would name somebody else. */
	if (size - len < strlen(key) + 3 + 2 * n)
		return;
	len = put_field(fields, len, size, key, text, n);
	fields[len++] = ' ';
	atomic_store_explicit(&fields_len, len, memory_order_release);
}

void
log_fields_drop(void)
{
	atomic_store(&fields_len, 0);
}

int
log_state(struct log_state *out)
{
	enum sink sink = (enum sink)atomic_load(&sink_now);

	*out = (struct log_state){.sink = sink,
				  .level = (uint32_t)atomic_load(&log_level_now),
				  .format = (uint32_t)atomic_load(&format_now)};
	return sink == SINK_SYSLOG ? -1 : atomic_load(&sink_fd);
}

void
log_adopt(const struct log_state *from, int fd)
{
	int mine = atomic_load(&sink_fd);

	log_set_level((enum log_level)from->level);
	log_set_format((enum log_format)from->format);
	if (fd < 0)
		return;
	if (mine == STDERR_FILENO) {
		atomic_store(&sink_fd, fd);
	} else {
		(void)dup3(fd, mine, O_CLOEXEC);
		(void)close(fd);
	}
	atomic_store(&sink_now, (int)from->sink);
}

void
log_tee(log_tee_fn *fn, void *arg)
{
	atomic_store(&tee_fn, NULL);
	tee_arg = arg;
	atomic_store(&tee_fn, fn);
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	enum sink sink = (enum sink)atomic_load_explicit(&sink_now, memory_order_relaxed);
	char msg[LOG_LINE_MAX], text[LOG_LINE_MAX], line[LOG_LINE_MAX];
	int saved = errno;
	va_list ap;
	log_tee_fn *tee = atomic_load(&tee_fn);
	size_t len, n;

	va_start(ap, fmt);
	if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
		msg[0] = '\0';
	va_end(ap);
	len = put_prefix(line, sizeof(line), sink, level);
	n = put_escaped(text, 0, sizeof(text) - 1 - len, msg);
	if (tee)
		tee(tee_arg, level, text, n);
	if (atomic_load(&format_now) == LOG_FIELDS) {
		len = put_field(line, len, sizeof(line) - 1, "msg", text, n);
	} else {
		memcpy(line + len, text, n);
		len += n;
	}
	if (sink == SINK_SYSLOG) {
		syslog(levels[level].priority, "%.*s", (int)len, line);
	} else {
		line[len++] = '\n';
		/* A message that cannot be written has nowhere else to go. */
		(void)!write(atomic_load_explicit(&sink_fd, memory_order_relaxed), line, len);
	}
	errno = saved;
}

void
log_err(const struct cfs_err *err)
{
	if (err != NULL && err->text[0] != '\0')
		log_write(LVL_ERROR, "%s", err->text);
}
