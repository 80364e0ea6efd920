/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/args.h"
#include "base/complete.h"
#include "base/suggest.h"
#include "base/time.h"
#include "base/version.h"
#include "client/cfs.h"

/* Of the cache on disk, unless it is said. */
#define CACHE_SIZE (UINT64_C(1) << 30)

/* Options of -o that go to libfuse or the kernel as they are. */
static const char *const passed_on[] = {
    "allow_other",  "allow_root", "default_permissions",
    "auto_unmount", "rw",         "suid",
    "nosuid",       "dev",        "nodev",
    "exec",         "noexec",     "atime",
    "noatime",      "sync",       "async",
    "dirsync",      NULL,
};

/* Options of -o that only mount(8) and fstab understand, and one that this mount always has. */
static const char *const ignored[] = {"_netdev",  "noauto",   "auto",      "user",
				      "nouser",   "users",    "nofail",    "owner",
				      "defaults", "relatime", "reconnect", NULL};

/* Options of -o with a value. */
static const char *const valued[] = {
    "subdir",  "profile",    "attr_timeout", "entry_timeout", "negative_timeout",
    "timeout", "ids",        "local_lock",   "uid",           "gid",
    "umask",   "max_inodes", "cache_dir",    "cache_size",    NULL,
};

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
number(const char *key, const char *value, int64_t *out, struct cfs_err *err)
{
	char *end;
	unsigned long long v = strtoull(value, &end, 10);

	if (end == value || *end != '\0' || *value == '-' || v >= UINT32_MAX) {
		return err_set(err, CFS_EUSAGE, "-o %s=%s: not a number", key, value);
	}
	*out = (int64_t)v;
	return 0;
}

static int
set_umask(struct options *o, const char *value, struct cfs_err *err)
{
	char *end;
	unsigned long v = strtoul(value, &end, 8);

	if (end == value || *end != '\0' || v > 0777) {
		return err_set(err, CFS_EUSAGE, "-o umask=%s: not an octal mode", value);
	}
	o->umask = (unsigned)v;
	return 0;
}

static int
unknown(const char *key, struct cfs_err *err)
{
	static const char *const *const lists[] = {passed_on, valued};
	struct suggest near;

	suggest_init(&near, key);
	suggest_offer(&near, "ro");
	suggest_offer(&near, "noinotify");
	for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
		for (size_t i = 0; lists[l][i] != NULL; i++) {
			suggest_offer(&near, lists[l][i]);
		}
	}
	if (near.best != NULL) {
		return err_set(err, CFS_EUSAGE, "-o %s: not known; did you mean '%s'?", key,
			       near.best);
	}
	return err_set(err, CFS_EUSAGE, "-o %s: not known; see cfs-mount(1)", key);
}

static int
set_timeout(struct options *o, const char *key, const char *value, struct cfs_err *err)
{
	double s = 0;
	int rc = seconds(key, value, &s, err);

	if (rc == 0 && (s < 0.001 || s > 86400)) {
		rc = err_set(err, CFS_EUSAGE, "-o %s=%s: from 0.001 to 86400 seconds", key, value);
	}
	o->timeout_ms = (int64_t)(s * 1000);
	return rc;
}

static int
set_cache_size(struct options *o, const char *value, struct cfs_err *err)
{
	if (size_parse(value, &o->cache_size) != 0 || o->cache_size < CFS_CACHE_MIN ||
	    o->cache_size > CFS_CACHE_MAX) {
		return err_set(err, CFS_EUSAGE, "-o cache_size=%s: a size from 1M to 1T", value);
	}
	return 0;
}

/* The options of the cache on disk fit together. */
static int
check_cache(struct options *o, struct cfs_err *err)
{
	if (o->cache_dir == NULL) {
		return o->cache_size == 0 ? 0
					  : err_set(err, CFS_EUSAGE,
						    "-o cache_size: needs -o cache_dir=DIRECTORY");
	}
	if (o->cache_dir[0] == '\0') {
		return err_set(err, CFS_EUSAGE, "-o cache_dir: needs a directory");
	}
	/* What is kept is only as good as the promise to tell of changes. */
	if (o->attr_timeout <= 0 || o->entry_timeout <= 0) {
		return err_set(err, CFS_EUSAGE,
			       "-o cache_dir: not with attr_timeout=0 or entry_timeout=0");
	}
	if (o->cache_size == 0) {
		o->cache_size = CACHE_SIZE;
	}
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
		return set_timeout(o, key, value, err);
	} else if (strcmp(key, "cache_dir") == 0) {
		o->cache_dir = value;
	} else if (strcmp(key, "cache_size") == 0) {
		return set_cache_size(o, value, err);
	} else if (strcmp(key, "umask") == 0) {
		return set_umask(o, value, err);
	} else if (strcmp(key, "uid") == 0) {
		return number(key, value, &o->uid, err);
	} else if (strcmp(key, "gid") == 0) {
		return number(key, value, &o->gid, err);
	} else if (strcmp(key, "max_inodes") == 0) {
		return number(key, value, &o->max_inodes, err);
	} else if (strcmp(key, "local_lock") == 0) {
		bool all = strcmp(value, "all") == 0;

		o->local_bytes = all || strcmp(value, "posix") == 0;
		o->local_whole = all || strcmp(value, "flock") == 0;
		if (!o->local_bytes && !o->local_whole && strcmp(value, "none") != 0) {
			return err_set(err, CFS_EUSAGE,
				       "-o local_lock=%s: none, flock, posix or all", value);
		}
	} else if (strcmp(key, "ids") == 0) {
		if (strcmp(value, "mine") != 0 && strcmp(value, "stored") != 0) {
			return err_set(err, CFS_EUSAGE, "-o ids=%s: mine or stored", value);
		}
		o->stored_ids = *value == 's';
	} else {
		return unknown(key, err);
	}
	return 0;
}

static int
set_word(struct options *o, char *word, struct cfs_err *err)
{
	char *value = strchr(word, '=');
	int rc;

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
	if (strcmp(word, "nonempty") == 0) {
		o->non_empty = true;
		return 0;
	}
	if (strcmp(word, "noinotify") == 0) {
		o->no_inotify = true;
		return 0;
	}
	rc = options_take_of_sshfs(word, err);
	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	if (strncmp(word, "user=", 5) == 0 || strncmp(word, "comment=", 8) == 0) {
		return 0;
	}
	if (value == NULL) {
		return in_list(valued, word)
			   ? err_set(err, CFS_EUSAGE, "-o %s: needs a value", word)
			   : unknown(word, err);
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
		if (rc == CFS_EUSAGE && o->sloppy) {
			rc = 0;
		}
	}
	if (rc == 0) {
		rc = check_cache(o, err);
	}
	if (rc == 0 && o->stored_ids) {
		/* Who may do what is then said by the modes, which the kernel enforces. */
		rc = pass_on(o, "default_permissions", err);
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

/* How mount(8) calls /sbin/mount.cfs: SPEC DIR [-sfnv] [-N NAMESPACE] [-o OPT,…] [-t TYPE]. */
static const struct arg_opt mount_table[] = {
    {.short_name = 'o',
     .long_name = "options",
     .kind = ARG_CALL,
     .call = add_words,
     .arg_name = "OPT,…",
     .help = "as of cfs-mount(1)"},
    OPT('f', "fake", ARG_FLAG, fake, NULL, "do everything but mount"),
    OPT('s', "sloppy", ARG_FLAG, sloppy, NULL, "pass over options that are not known"),
    OPT('n', "no-mtab", ARG_FLAG, ignored, NULL, "nothing: there is no mtab"),
    OPT('v', "verbose", ARG_FLAG, ignored, NULL, "nothing: there is no more to say"),
    OPT('N', "namespace", ARG_STRING, ignored_value, "NS", "nothing: mount(8) has entered it"),
    OPT('t', "type", ARG_STRING, ignored_value, "TYPE", "nothing: it is cfs"),
};

static void
offer_words(struct complete *c)
{
	static const char *const own[] = {"ro", "noinotify", NULL};
	static const char *const *const lists[] = {own, passed_on, valued};
	const char *comma = strrchr(c->typed, ',');
	char word[64];

	if (comma != NULL) {
		complete_keep(c, (size_t)(comma - c->typed) + 1);
	}
	for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
		for (size_t i = 0; lists[l][i] != NULL; i++) {
			snprintf(word, sizeof word, "%s%s", lists[l][i],
				 lists[l] == valued ? "=" : "");
			complete_offer(c, word, NULL);
		}
	}
}

struct offered {
	struct complete *c;
	const char *end; /* ":" where a remote is meant */
};

static int
offer_profile(void *arg, const struct cfs_profile *p, bool is_default)
{
	const struct offered *o = arg;
	char word[512];

	(void)is_default;
	snprintf(word, sizeof word, "%s%s", p->name, o->end);
	complete_offer(o->c, word, p->host);
	return 0;
}

static void
offer_profiles(struct complete *c, const char *end)
{
	struct offered o = {.c = c, .end = end};
	struct cfs_err err = CFS_ERR_INIT;

	cfs_profile_list(offer_profile, &o, &err);
}

/* Places of the command line by their names in the tables and the synopsis. */
static bool
offer_kind(struct complete *c, const char *kind, void *arg)
{
	(void)arg;
	if (strncmp(kind, "OPT", 3) == 0) {
		offer_words(c);
	} else if (strcmp(kind, "NAME") == 0) {
		offer_profiles(c, "");
	} else if (strcmp(kind, "REMOTE") == 0) {
		offer_profiles(c, ":");
	} else {
		return false;
	}
	return true;
}

static int
parse_arguments(struct options *o, bool helper, int argc, char **argv, struct cfs_err *err)
{
	const struct arg_group group = {
	    .title = "Options",
	    .opts = helper ? mount_table : table,
	    .n = helper ? sizeof mount_table / sizeof *mount_table : sizeof table / sizeof *table,
	    .values = o,
	};
	const struct arg_spec spec = {
	    .prog = helper ? "mount.cfs" : "cfs-mount",
	    .synopsis = helper ? "REMOTE DIR [-o OPT,…]" : "[REMOTE] DIR [-o OPT,…]\n-u DIR",
	    .summary = "Mount your server's files on a directory.",
	    .groups = &group,
	    .n_groups = 1,
	    .min_args = helper ? 2 : 1,
	    .max_args = 2,
	};
	struct complete c;
	int first, rc;

	if (argc > 1 && strcmp(argv[1], "__complete") == 0) {
		if (complete_init(&c, argc - 1, argv + 1, stdout)) {
			complete_spec(&c, &spec, 0, offer_kind, NULL);
			complete_fini(&c);
		}
		return OPTIONS_DONE;
	}
	rc = args_parse(&spec, argc, argv, &first, err);
	if (rc == ARGS_HELP) {
		args_print_help(stdout, &spec);
		return OPTIONS_DONE;
	}
	if (rc == ARGS_VERSION) {
		printf("%s %s\n", spec.prog, version_text());
		return OPTIONS_DONE;
	}
	if (rc != 0) {
		return rc;
	}
	o->remote = argc - first == 2 ? argv[first] : NULL;
	o->dir = argv[argc - 1];
	return o->unmount && o->remote != NULL
		   ? args_usage_error(&spec, err, "-u takes one directory")
		   : 0;
}

int
options_parse(struct options *o, int argc, char **argv, struct cfs_err *err)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
	bool helper = strcmp(name, "mount.cfs") == 0;
	int rc;

	*o = (struct options){
	    .attr_timeout = 86400,
	    .entry_timeout = 86400,
	    .negative_timeout = 86400,
	    .timeout_ms = 30000,
	    .max_inodes = 16384,
	    .uid = -1,
	    .gid = -1,
	    .passed = BUF_INIT,
	};
	rc = parse_arguments(o, helper, argc, argv, err);
	if (rc != 0) {
		return rc;
	}
	/* fstab must name something in the first column. */
	if (helper && (strcmp(o->remote, "none") == 0 || strcmp(o->remote, "cfs") == 0)) {
		o->remote = NULL;
	}
	/* mount(8) hides what is there, and who calls it knows. */
	o->non_empty = helper;
	return read_words(o, err);
}

void
options_fini(struct options *o)
{
	buf_fini(&o->passed);
	free(o->words);
}
