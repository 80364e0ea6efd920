/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/args.h"
#include "base/time.h"
#include "base/version.h"

/* Options of -o that go to libfuse or the kernel as they are. */
static const char *const passed_on[] = {
    "allow_other",  "allow_root", "default_permissions",
    "auto_unmount", "rw",         "suid",
    "nosuid",       "dev",        "nodev",
    "exec",         "noexec",     "atime",
    "noatime",      "relatime",   "sync",
    "async",        "dirsync",    NULL,
};

/* Options of -o that only mount(8) and fstab understand. */
static const char *const ignored[] = {"_netdev", "noauto", "auto",     "user", "nouser",
				      "users",   "nofail", "defaults", NULL};

static bool
in_list(const char *const *list, const char *word)
{
	while (*list != NULL && strcmp(*list, word) != 0) {
		list++;
	}
	return *list != NULL;
}

static int
pass_on(struct options *o, const char *word, struct cfs_err *err)
{
	int rc = o->passed.len > 0 ? buf_append_byte(&o->passed, ',') : 0;

	if (rc == 0) {
		rc = buf_append_str(&o->passed, word);
	}
	return rc == 0 ? 0 : err_code(err, rc);
}

static int
seconds(const char *key, const char *value, double *out, struct cfs_err *err)
{
	char *end;
	double v = strtod(value, &end);

	if (end == value || *end != '\0' || !(v >= 0) || v > 1e9) {
		return err_set(err, CFS_EUSAGE, "-o %s=%s: not a number of seconds", key, value);
	}
	*out = v;
	return 0;
}

static int
set_value(struct options *o, const char *key, const char *value, struct cfs_err *err)
{
	if (strcmp(key, "subdir") == 0) {
		o->subdir = value;
	} else if (strcmp(key, "profile") == 0) {
		o->profile = value;
	} else if (strcmp(key, "attr_timeout") == 0) {
		return seconds(key, value, &o->attr_timeout, err);
	} else if (strcmp(key, "entry_timeout") == 0) {
		return seconds(key, value, &o->entry_timeout, err);
	} else if (strcmp(key, "negative_timeout") == 0) {
		return seconds(key, value, &o->negative_timeout, err);
	} else if (strcmp(key, "timeout") == 0) {
		double s;
		int rc = seconds(key, value, &s, err);

		o->timeout_ms = rc == 0 ? (int64_t)(s * 1000) : 0;
		return rc;
	} else if (strcmp(key, "ids") == 0) {
		if (strcmp(value, "mine") != 0 && strcmp(value, "stored") != 0) {
			return err_set(err, CFS_EUSAGE, "-o ids=%s: mine or stored", value);
		}
		o->stored_ids = *value == 's';
	} else {
		return err_set(err, CFS_EUSAGE, "-o %s: not known; see cfs-mount(1)", key);
	}
	return 0;
}

static int
set_word(struct options *o, char *word, struct cfs_err *err)
{
	char *value = strchr(word, '=');

	if (*word == '\0' || in_list(ignored, word) || strncmp(word, "x-", 2) == 0) {
		return 0;
	}
	if (in_list(passed_on, word)) {
		return pass_on(o, word, err);
	}
	if (strcmp(word, "ro") == 0) {
		o->read_only = true;
		return pass_on(o, word, err);
	}
	if (value == NULL) {
		return err_set(err, CFS_EUSAGE, "-o %s: not known; see cfs-mount(1)", word);
	}
	*value++ = '\0';
	return set_value(o, word, value, err);
}

/* -o may be given several times; all words are kept in one place, which they point into. */
static int
add_words(void *values, const char *text, struct cfs_err *err)
{
	struct options *o = values;
	size_t old = o->words != NULL ? strlen(o->words) : 0;
	char *words = realloc(o->words, old + strlen(text) + 2);

	if (words == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	sprintf(words + old, "%s%s", old > 0 ? "," : "", text);
	o->words = words;
	return 0;
}

static int
read_words(struct options *o, struct cfs_err *err)
{
	char *rest = o->words, *word;
	int rc = 0;

	while (rc == 0 && (word = strsep(&rest, ",")) != NULL) {
		rc = set_word(o, word, err);
	}
	return rc;
}

#define OPT(short_, long_, kind_, field, arg_, help_)                                              \
	{                                                                                          \
		.short_name = (short_), .long_name = (long_), .kind = (kind_),                     \
		.offset = offsetof(struct options, field), .arg_name = (arg_), .help = (help_)     \
	}

static const struct arg_opt table[] = {
    {.short_name = 'o',
     .long_name = "options",
     .kind = ARG_CALL,
     .call = add_words,
     .arg_name = "OPT,…",
     .help = "ro, allow_other, subdir=DIR, timeout=S, attr_timeout=S … see cfs-mount(1)"},
    OPT('u', "unmount", ARG_FLAG, unmount, NULL, "unmount DIR"),
    OPT('f', "foreground", ARG_FLAG, foreground, NULL, "stay in the foreground"),
    OPT('d', "debug", ARG_FLAG, debug, NULL, "stay, and print each request of the kernel"),
    OPT('P', "profile", ARG_STRING, profile, "NAME", "sign in with this profile"),
};

int
options_parse(struct options *o, int argc, char **argv, struct cfs_err *err)
{
	const struct arg_group group = {
	    .title = "Options",
	    .opts = table,
	    .n = sizeof table / sizeof *table,
	    .values = o,
	};
	const struct arg_spec spec = {
	    .prog = "cfs-mount",
	    .synopsis = "[REMOTE] DIR [-o OPT,…]\n-u DIR",
	    .summary = "Mount your server's files on a directory.",
	    .groups = &group,
	    .n_groups = 1,
	    .min_args = 1,
	    .max_args = 2,
	};
	int first, rc;

	*o = (struct options){
	    .attr_timeout = 1,
	    .entry_timeout = 1,
	    .timeout_ms = 30000,
	    .passed = BUF_INIT,
	};
	rc = args_parse(&spec, argc, argv, &first, err);
	if (rc == ARGS_HELP) {
		args_print_help(stdout, &spec);
		return OPTIONS_DONE;
	}
	if (rc == ARGS_VERSION) {
		printf("cfs-mount %s\n", version_text());
		return OPTIONS_DONE;
	}
	if (rc == 0) {
		o->remote = argc - first == 2 ? argv[first] : NULL;
		o->dir = argv[argc - 1];
		rc = read_words(o, err);
	}
	if (rc == 0 && o->unmount && o->remote != NULL) {
		rc = args_usage_error(&spec, err, "-u takes one directory");
	}
	return rc;
}

void
options_fini(struct options *o)
{
	buf_fini(&o->passed);
	free(o->words);
}
