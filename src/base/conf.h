/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_CONF_H
#define CFS_BASE_CONF_H

/*
 * Settings in INI files (read with inih), described by one table: the parser, the checks and the commented sample all
 * come from it. Values land in a struct of the caller's through offsets. No state of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* What a value is, and the C type that stands at its offset. */
enum conf_type {
	CONF_STRING,   /* const char *; NULL where there is no default */
	CONF_BOOL,     /* bool: yes/no, true/false, on/off, 1/0 */
	CONF_INT,      /* int64_t, decimal */
	CONF_OCTAL,    /* int64_t: a file mode */
	CONF_SIZE,     /* uint64_t bytes, see size_parse() */
	CONF_DURATION, /* int64_t milliseconds, see duration_parse() */
	CONF_ENUM,     /* int: the index in values */
	CONF_LIST, /* struct conf_list: words separated by white space or commas; a key given again adds to it */
};

/* The longest line, in bytes with its newline. */
#define CONF_LINE_MAX 8192

/* Words; owned by the struct conf that was parsed with. */
struct conf_list {
	const char **items;
	size_t n;
};

struct conf_key {
	const char *section;
	const char *key;
	enum conf_type type;
	size_t offset; /* offsetof() in the caller's struct */
	const char
	    *def; /* the default as it would stand in a file; NULL: none (NULL, 0, false, empty) */
	int64_t min,
	    max; /* numbers: the range, both ends in it; both 0: any (not negative for sizes) */
	const char *const *values; /* CONF_ENUM: the words, ended by NULL */
	const char *doc;           /* whole sentences for the sample; "\n" breaks a line */
	int (*check)(
	    const char *text,
	    struct cfs_err *err); /* CONF_STRING: 0, or a code and why it is refused; may be NULL */
};

/* A table of keys; those of one section stand together. */
struct conf_table {
	const struct conf_key *keys;
	size_t n;
};

/* Owns every string and list of one parsing. */
struct conf {
	struct conf_chunk *chunks;
};

#define CONF_INIT                                                                                  \
	{                                                                                          \
		.chunks = NULL                                                                     \
	}

/* Told of every error found, in order: "cfsd.conf:12: [limits] conections: unknown key; did you mean connections?" */
typedef void conf_error_fn(void *arg, const char *text);

/*
 * Sets every default of the table in values, then what the file says. All errors of the file are told to on_error
 * (may be NULL) and the first one is left in err. An unknown section or key, a key given twice, a bad value, a value
 * out of range and a line that is no INI line are errors (of the last kind the first alone is told). Blanks before a
 * line do not count. " ;" begins a comment, as inih has it, and "quotes" around a value keep the blanks at its ends.
 *
 * Sets inih's process-wide limit of the line length (to CONF_LINE_MAX), so not from two threads at once.
 *
 * conf is one of CONF_INIT and owns what values points to, until conf_fini(); on error conf is empty and values must not be
 * used. Returns 0, CFS_ECONFIG (errors in the file), CFS_ENOENT or another code when it cannot be read, CFS_ENOMEM.
 */
int conf_parse_file(struct conf *conf, const char *path, const struct conf_table *table,
		    void *values, conf_error_fn *on_error, void *arg, struct cfs_err *err);

/* The same from len bytes of text; name stands for the file's in messages. An empty text gives the defaults. */
int conf_parse_text(struct conf *conf, const char *name, const char *text, size_t len,
		    const struct conf_table *table, void *values, conf_error_fn *on_error,
		    void *arg, struct cfs_err *err);

/* Frees all strings and lists of a parsing; the values that pointed there must not be used any more. */
void conf_fini(struct conf *conf);

/*
 * Prints a sample file: every section and key with its documentation, type and range as comments, and its default,
 * commented out ("#key = default"), so that the file as printed changes nothing. Write errors are left in f (ferror()).
 */
void conf_print_sample(FILE *f, const struct conf_table *table);

#endif
