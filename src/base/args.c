/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/time.h"

/* An option that was found, and the struct that its offset is in. */
struct found {
	const struct arg_opt *opt;
	void *values;
};

struct scan {
	const struct arg_spec *spec;
	int argc;
	char **argv;
	int at; /* the element of argv that is read next */
	struct cfs_err *err;
};

int
args_usage_error(const struct arg_spec *spec, struct cfs_err *err, const char *fmt, ...)
{
	char text[CFS_ERR_TEXT_MAX / 2];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* A question is advice enough. */
	len = strlen(text);
	if (len > 0 && text[len - 1] == '?')
		return err_set(err, CFS_EUSAGE, "%s", text);
	return err_set(err, CFS_EUSAGE, "%s; try '%s --help'", text, spec->prog);
}

static bool
takes_value(const struct arg_opt *opt)
{
	return opt->kind != ARG_FLAG && opt->kind != ARG_COUNT && opt->kind != ARG_CALL_FLAG;
}

/* The option of this short name, or of the long name of len bytes where short_name is 0. */
static bool
find_option(const struct arg_spec *spec, char short_name, const char *name, size_t len,
	    struct found *out)
{
	for (size_t g = 0; g < spec->n_groups; g++) {
		for (size_t i = 0; i < spec->groups[g].n; i++) {
			const struct arg_opt *opt = &spec->groups[g].opts[i];

			if (short_name != '\0' ? opt->short_name == short_name
					       : strlen(opt->long_name) == len &&
						     memcmp(opt->long_name, name, len) == 0) {
				*out = (struct found){opt, spec->groups[g].values};
				return true;
			}
		}
	}
	return false;
}

static int
unknown_long(const struct scan *s, const char *name)
{
	struct suggest near;

	suggest_init(&near, name);
	for (size_t g = 0; g < s->spec->n_groups; g++) {
		for (size_t i = 0; i < s->spec->groups[g].n; i++)
			suggest_offer(&near, s->spec->groups[g].opts[i].long_name);
	}
	if (near.best != NULL)
		return args_usage_error(s->spec, s->err, "--%s: unknown option; did you mean --%s?",
					name, near.best);
	return args_usage_error(s->spec, s->err, "--%s: unknown option", name);
}

static int
store_int(const struct scan *s, const struct found *f, const char *text)
{
	const struct arg_opt *opt = f->opt;
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || *end != '\0')
		return args_usage_error(s->spec, s->err, "--%s: '%s' is not a number",
					opt->long_name, text);
	if (errno != 0 || ((opt->min != 0 || opt->max != 0) && (v < opt->min || v > opt->max)))
		return args_usage_error(s->spec, s->err, "--%s: %s is not from %lld to %lld",
					opt->long_name, text, (long long)opt->min,
					(long long)opt->max);
	*(int64_t *)(void *)((char *)f->values + opt->offset) = v;
	return 0;
}

/* Stores the value (NULL for those without) of one option. */
static int
store(const struct scan *s, const struct found *f, const char *text)
{
	const struct arg_opt *opt = f->opt;
	void *at = f->values == NULL ? NULL : (char *)f->values + opt->offset;
	int rc = 0;

	switch (opt->kind) {
	case ARG_FLAG:
		*(bool *)at = true;
		return 0;
	case ARG_COUNT:
		++*(int *)at;
		return 0;
	case ARG_STRING:
		*(const char **)at = text;
		return 0;
	case ARG_INT:
		return store_int(s, f, text);
	case ARG_SIZE:
		if (size_parse(text, at) < 0)
			rc = args_usage_error(s->spec, s->err, "--%s: '%s' is not a size",
					      opt->long_name, text);
		return rc;
	case ARG_DURATION:
		if (duration_parse(text, at) < 0)
			rc = args_usage_error(s->spec, s->err, "--%s: '%s' is not a duration",
					      opt->long_name, text);
		return rc;
	case ARG_CALL:
	case ARG_CALL_FLAG:
		rc = opt->call(f->values, text, s->err);
		return rc < 0 ? err_wrap(s->err, "--%s", opt->long_name) : 0;
	}
	return CFS_EFAIL;
}

/* Reads "--name" or "--name=value". */
static int
read_long(struct scan *s)
{
	char *name = s->argv[s->at++] + 2;
	char *equals = strchr(name, '=');
	size_t len = equals == NULL ? strlen(name) : (size_t)(equals - name);
	char *value = equals == NULL ? NULL : equals + 1;
	struct found f;

	if (!find_option(s->spec, '\0', name, len, &f)) {
		if (strcmp(name, "help") == 0)
			return ARGS_HELP;
		if (strcmp(name, "version") == 0)
			return ARGS_VERSION;
		return unknown_long(s, name);
	}
	if (!takes_value(f.opt)) {
		if (value != NULL)
			return args_usage_error(s->spec, s->err, "--%s takes no value",
						f.opt->long_name);
	} else if (value == NULL) {
		if (s->at == s->argc)
			return args_usage_error(s->spec, s->err, "--%s needs a value",
						f.opt->long_name);
		value = s->argv[s->at++];
	}
	return store(s, &f, value);
}

/* The letter at p in "-abc"; find users and those of older tools write long names with one dash. */
static int
unknown_short(const struct scan *s, const char *word, const char *p)
{
	struct found f;

	if (strlen(word) > 2 && find_option(s->spec, '\0', word + 1, strlen(word + 1), &f))
		return args_usage_error(s->spec, s->err, "%s: unknown option; did you mean -%s?",
					word, word);
	return args_usage_error(s->spec, s->err, "-%c: unknown option", *p);
}

/* Reads "-a", "-abc", "-j4" or "-j 4". */
static int
read_short(struct scan *s)
{
	const char *word = s->argv[s->at++];

	for (char *p = s->argv[s->at - 1] + 1; *p != '\0'; p++) {
		char *value = NULL;
		struct found f;
		int rc;

		if (!find_option(s->spec, *p, NULL, 0, &f))
			return unknown_short(s, word, p);
		if (takes_value(f.opt)) {
			if (p[1] != '\0')
				value = p + 1;
			else if (s->at < s->argc)
				value = s->argv[s->at++];
			else
				return args_usage_error(s->spec, s->err, "-%c needs a value", *p);
		}
		rc = store(s, &f, value);
		if (rc != 0 || value != NULL)
			return rc;
	}
	return 0;
}

/*
 * Reads everything; the options with their values go to opts, the arguments to rest, both in their order. Both have room
 * for argc elements.
 */
static int
scan_all(struct scan *s, char **opts, int *n_opts, char **rest, int *n_rest)
{
	bool only_rest = false;

	while (s->at < s->argc) {
		char *word = s->argv[s->at];
		int before = s->at;
		int rc = 0;

		if (only_rest || word[0] != '-' || word[1] == '\0') {
			rest[(*n_rest)++] = word;
			s->at++;
			only_rest = only_rest || s->spec->stop_at_arg;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			only_rest = true;
			s->at++;
		} else if (word[1] == '-') {
			rc = read_long(s);
		} else {
			rc = read_short(s);
		}
		while (before < s->at)
			opts[(*n_opts)++] = s->argv[before++];
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
check_count(const struct scan *s, int n)
{
	if (n < s->spec->min_args)
		return args_usage_error(s->spec, s->err,
					n == 0 ? "argument missing" : "too few arguments");
	if (s->spec->max_args >= 0 && n > s->spec->max_args)
		return args_usage_error(s->spec, s->err, "too many arguments");
	return ARGS_OK;
}

int
args_parse(const struct arg_spec *spec, int argc, char **argv, int *first_out, struct cfs_err *err)
{
	struct scan s = {.spec = spec, .argc = argc, .argv = argv, .at = 1, .err = err};
	char **order = calloc(2 * (size_t)argc + 1, sizeof(*order));
	int n_opts = 0, n_rest = 0;
	int rc;

	*first_out = argc;
	if (order == NULL)
		return err_code(err, CFS_ENOMEM);
	rc = scan_all(&s, order, &n_opts, order + argc, &n_rest);
	if (rc != 0)
		goto out;
	for (int i = 0; i < n_opts; i++)
		argv[1 + i] = order[i];
	for (int i = 0; i < n_rest; i++)
		argv[1 + n_opts + i] = order[argc + i];
	*first_out = 1 + n_opts;
	rc = check_count(&s, n_rest);
out:
	free(order);
	return rc;
}

/* The column in which the help texts begin. */
#define HELP_COLUMN 26

static void
print_option(FILE *f, const struct arg_opt *opt)
{
	char left[128];
	int n;

	if (opt->help == NULL)
		return;
	n = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s", opt->short_name != '\0' ? '-' : ' ',
		     opt->short_name != '\0' ? opt->short_name : ' ',
		     opt->short_name != '\0' ? ", " : "  ", opt->long_name,
		     opt->arg_name != NULL ? "=" : "", opt->arg_name != NULL ? opt->arg_name : "");
	if (n + 2 > HELP_COLUMN)
		(void)fprintf(f, "%s\n%*s", left, HELP_COLUMN, "");
	else
		(void)fprintf(f, "%-*s", HELP_COLUMN, left);
	for (const char *p = opt->help; *p != '\0'; p++) {
		(void)fputc(*p, f);
		if (*p == '\n')
			(void)fprintf(f, "%*s", HELP_COLUMN, "");
	}
	(void)fputc('\n', f);
}

void
args_print_help(FILE *f, const struct arg_spec *spec)
{
	static const struct arg_opt help = {
	    .long_name = "help", .kind = ARG_FLAG, .help = "show this help and exit"};
	const char *line = spec->synopsis;
	const char *head = "usage:";

	do {
		size_t n = strcspn(line, "\n");

		(void)fprintf(f, "%s %s%s%.*s\n", head, spec->prog, n > 0 ? " " : "", (int)n, line);
		head = "      ";
		line += n + (line[n] == '\n');
	} while (*line != '\0');
	(void)fprintf(f, "%s\n", spec->summary);
	for (size_t g = 0; g < spec->n_groups; g++) {
		(void)fprintf(f, "\n%s:\n", spec->groups[g].title);
		for (size_t i = 0; i < spec->groups[g].n; i++)
			print_option(f, &spec->groups[g].opts[i]);
		if (g + 1 == spec->n_groups)
			print_option(f, &help);
	}
	if (spec->footer != NULL)
		(void)fprintf(f, "\n%s\n", spec->footer);
}
