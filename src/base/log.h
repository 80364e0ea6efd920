/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_LOG_H
#define CFS_BASE_LOG_H

/*
 * Logging, for the daemon above all.
 *
 * This module, and no other, keeps process-wide state: the sink and the level. A log line can be due anywhere, also
 * where nothing was handed down, and every process has one place for it; a logger passed through every function
 * would say nothing more. It is set up in main() and left alone after that, but for reopening and the level.
 *
 * One message is one line and one write(2): bytes that are not printable ASCII or valid UTF-8, and newlines, are
 * escaped as \xNN and \n; a line is cut at LOG_LINE_MAX. Safe from any thread; a forked child goes on with the sink of
 * its parent and its own pid. No call here changes errno. Not for signal handlers.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LVL_ERROR, LVL_WARN, LVL_NOTICE, LVL_INFO, LVL_DEBUG };

/* The longest line, its newline included; POSIX asks no more of one write to a pipe being whole (PIPE_BUF). */
#define LOG_LINE_MAX 4096

/* The process's level: read through log_enabled(), set with log_set_level(). */
extern atomic_int log_level_now;

/* Whether a message of this level would be written: one relaxed load. */
static inline bool
log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

/* Sets the least important level that is still written; LVL_NOTICE at the start. */
void log_set_level(enum log_level level);

/* The level for "error", "warn", "notice", "info" or "debug", or CFS_EINVAL. */
int log_level_parse(const char *name);

/* The name of a level: a constant. */
const char *log_level_name(enum log_level level);

/*
 * Where messages go; each call replaces (and closes) the sink before it. At the start it is stderr.
 *
 * log_to_stderr: with "<N>" in front (N: syslog priority, sd-daemon(3)) when the environment's JOURNAL_STREAM names the
 *   stream that stderr is (systemd.exec(5)), else "TIME LEVEL [PID] ".
 * log_to_syslog: syslog(3), facility daemon; connects at once, so that it works in a sandbox later. ident must stay
 *   valid.
 * log_to_file: appends to path (made with mode 0600), with time, level and pid. path is copied; relative to the working
 *   directory of each (re)opening. Returns 0 or an error code, and the sink stays as it was then.
 */
void log_to_stderr(void);
void log_to_syslog(const char *ident);
int log_to_file(const char *path, struct cfs_err *err);

/* Opens a file sink's path again, after it was rotated; nothing for other sinks. On error the old file stays. */
int log_reopen(struct cfs_err *err);

/*
 * How a line is written. LOG_TEXT: as above. LOG_FIELDS: as fields, key=value with blanks between, for programs: time, level and pid
 * (where the sink does not have them by itself), what log_field() said, and last msg. A value that is not plain stands in double
 * quotes, with a backslash before a quote or a backslash in it.
 */
enum log_format { LOG_TEXT, LOG_FIELDS };
void log_set_format(enum log_format format);

/*
 * A field that every later line of this process, and of its children to come, has in LOG_FIELDS. key: small letters. Fields
 * stay, up to LOG_FIELDS_MAX bytes in all; one thread says them.
 */
#define LOG_FIELDS_MAX 512
void log_field(const char *key, const char *value);
/* A forked process begins anew. */
void log_fields_drop(void);

/*
 * Hands the sink on to processes that cannot open it themselves: what to tell them, with a descriptor that stays this process's, or
 * -1 where there is none (syslog).
 */
struct log_state {
	uint32_t sink, level, format;
};
int log_state(struct log_state *out);

/*
 * Goes on as log_state() said elsewhere. Takes fd; without one the sink stays as it is. Any thread may be logging meanwhile:
 * no descriptor that was a sink's is closed.
 */
void log_adopt(const struct log_state *from, int fd);

/*
 * Also hands each message that is written to fn, escaped, without its prefix (not NUL-terminated); NULL: no more. fn runs in
 * whatever thread logs and must not log. Children that are forked later inherit it.
 */
typedef void log_tee_fn(void *arg, enum log_level level, const char *text, size_t len);
void log_tee(log_tee_fn *fn, void *arg);

/* Writes one message whatever the level; use the macros below, which look at the level first. */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes err's text as an error; nothing when err is NULL or empty. */
void log_err(const struct cfs_err *err);

/* Macros only so that the arguments of a message that is not wanted are never computed. */
#define log_error(...)  (log_enabled(LVL_ERROR) ? log_write(LVL_ERROR, __VA_ARGS__) : (void)0)
#define log_warn(...)   (log_enabled(LVL_WARN) ? log_write(LVL_WARN, __VA_ARGS__) : (void)0)
#define log_notice(...) (log_enabled(LVL_NOTICE) ? log_write(LVL_NOTICE, __VA_ARGS__) : (void)0)
#define log_info(...)   (log_enabled(LVL_INFO) ? log_write(LVL_INFO, __VA_ARGS__) : (void)0)
#define log_debug(...)  (log_enabled(LVL_DEBUG) ? log_write(LVL_DEBUG, __VA_ARGS__) : (void)0)

#endif
