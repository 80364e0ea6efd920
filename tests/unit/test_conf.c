/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/conf.h"
#include "base/suggest.h"

struct settings {
	const char *path, *title;
	bool sync;
	int64_t connections, mode, timeout_ms;
	uint64_t frame_bytes;
	int access;
	struct conf_list listen;
};

static const char *const access_words[] = {"shared", "private", NULL};

#define AT(field) offsetof(struct settings, field)

static const struct conf_key keys[] = {
    {.section = "server",
     .key = "listen",
     .type = CONF_LIST,
     .offset = AT(listen),
     .def = "[::]:7440 0.0.0.0:7440",
     .doc = "Addresses."},
    {.section = "server",
     .key = "title",
     .type = CONF_STRING,
     .offset = AT(title),
     .doc = "A title.\nFree text."},
    {.section = "server",
     .key = "timeout",
     .type = CONF_DURATION,
     .offset = AT(timeout_ms),
     .def = "30s",
     .min = 1000,
     .max = 3600000,
     .doc = "How long."},
    {.section = "store",
     .key = "path",
     .type = CONF_STRING,
     .offset = AT(path),
     .def = "/srv/cfs",
     .doc = "Where."},
    {.section = "store",
     .key = "mode",
     .type = CONF_OCTAL,
     .offset = AT(mode),
     .def = "600",
     .max = 0777,
     .doc = "A mode."},
    {.section = "store",
     .key = "sync",
     .type = CONF_BOOL,
     .offset = AT(sync),
     .def = "yes",
     .doc = "Whether."},
    {.section = "limits",
     .key = "connections",
     .type = CONF_INT,
     .offset = AT(connections),
     .def = "100",
     .min = 1,
     .max = 10000,
     .doc = "How many."},
    {.section = "limits",
     .key = "frame",
     .type = CONF_SIZE,
     .offset = AT(frame_bytes),
     .def = "4M",
     .min = 65536,
     .max = 1 << 26,
     .doc = "How large."},
    {.section = "access",
     .key = "default",
     .type = CONF_ENUM,
     .offset = AT(access),
     .def = "shared",
     .values = access_words,
     .doc = "Who."},
};

static const struct conf_table table = {keys, ARRAY_SIZE(keys)};

/* Parses text and collects all messages, one a line, in told. */
static char told[2048];

static void
note(void *arg, const char *text)
{
	(void)arg;
	(void)strncat(told, text, sizeof(told) - strlen(told) - 2);
	(void)strcat(told, "\n");
}

static int
parse(struct conf *conf, const char *text, struct settings *s, struct cfs_err *err)
{
	told[0] = '\0';
	return conf_parse_text(conf, "cfsd.conf", text, strlen(text), &table, s, note, NULL, err);
}

static void
an_empty_file_gives_the_defaults(void **state)
{
	struct conf conf = CONF_INIT;
	struct settings s;

	(void)state;
	memset(&s, 0x55, sizeof(s));
	assert_int_equal(parse(&conf, "", &s, NULL), 0);
	assert_string_equal(s.path, "/srv/cfs");
	assert_null(s.title);
	assert_true(s.sync);
	assert_int_equal(s.connections, 100);
	assert_int_equal(s.mode, 0600);
	assert_int_equal(s.timeout_ms, 30000);
	assert_int_equal(s.frame_bytes, 4 << 20);
	assert_int_equal(s.access, 0);
	assert_int_equal(s.listen.n, 2);
	assert_string_equal(s.listen.items[1], "0.0.0.0:7440");
	conf_fini(&conf);
}

static void
values_are_read(void **state)
{
	static const char text[] =
	    "# comment\n[server]\n  listen = a:1, b:2\nlisten=c:3 ; and one more\n"
	    "title = \" spaced \"\r\n  timeout = 2m\n[store]\npath: /x y/z\nsync = OFF\n"
	    "mode = 0644\n[limits]\nframe = 64KiB\nconnections = 10000\n"
	    "[access]\ndefault = private";
	struct conf conf = CONF_INIT;
	struct cfs_err err = CFS_ERR_INIT;
	struct settings s;
	int rc = parse(&conf, text, &s, &err);

	(void)state;
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	assert_int_equal(s.listen.n, 3);
	assert_string_equal(s.listen.items[0], "a:1");
	assert_string_equal(s.listen.items[1], "b:2");
	assert_string_equal(s.listen.items[2], "c:3");
	assert_string_equal(s.title, " spaced ");
	assert_int_equal(s.timeout_ms, 120000);
	assert_string_equal(s.path, "/x y/z");
	assert_false(s.sync);
	assert_int_equal(s.mode, 0644);
	assert_int_equal(s.frame_bytes, 65536);
	assert_int_equal(s.connections, 10000);
	assert_int_equal(s.access, 1);
	conf_fini(&conf);
}

static void
mistakes_are_named_with_their_line(void **state)
{
	static const char *const cases[][2] = {
	    {"[limits]\nconections = 5\n",
	     "cfsd.conf:2: [limits] conections: unknown key; did you mean connections?"},
	    {"\n[limts]\nframe = 1\nfoo = 2\n",
	     "cfsd.conf:3: [limts]: unknown section; did you mean [limits]?"},
	    {"[whatever]\nx = 1\n", "cfsd.conf:2: [whatever]: unknown section"},
	    {"[server]\npath = /\n",
	     "cfsd.conf:2: [server] path: unknown key; it belongs in [store]"},
	    {"[server]\nqqqqq = /\n", "cfsd.conf:2: [server] qqqqq: unknown key"},
	    {"frame = 1\n", "cfsd.conf:1: a key before the first [section]"},
	    {"[store]\npath = /a\npath = /b\n", "cfsd.conf:3: [store] path: given twice"},
	    {"[store]\nsync = maybe\n", "cfsd.conf:2: [store] sync: 'maybe' is neither yes nor no"},
	    {"[store]\nmode = 9\n", "cfsd.conf:2: [store] mode: '9' is not an octal number"},
	    {"[store]\nmode = 1000\n", "cfsd.conf:2: [store] mode: 1000 is not from 0 to 777"},
	    {"[limits]\nconnections = 0\n",
	     "cfsd.conf:2: [limits] connections: 0 is not from 1 to 10000"},
	    {"[limits]\nconnections = 5x\n",
	     "cfsd.conf:2: [limits] connections: '5x' is not a number"},
	    {"[limits]\nframe = 1\n",
	     "cfsd.conf:2: [limits] frame: 1 is not from 64 KiB to 64 MiB"},
	    {"[limits]\nframe = big\n",
	     "cfsd.conf:2: [limits] frame: 'big' is not a size (as 512, 64K, 1.5G)"},
	    {"[server]\ntimeout = 1ms\n",
	     "cfsd.conf:2: [server] timeout: 1ms is not from 1000ms to 3600000ms"},
	    {"[access]\ndefault = all\n",
	     "cfsd.conf:2: [access] default: 'all' is none of shared, private"},
	    {"[store]\nnonsense\n", "cfsd.conf:2: neither [section] nor key = value"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conf conf = CONF_INIT;
		struct cfs_err err = CFS_ERR_INIT;
		struct settings s;

		assert_int_equal(parse(&conf, cases[i][0], &s, &err), CFS_ECONFIG);
		assert_string_equal(err.text, cases[i][1]);
		assert_null(conf.chunks);
	}
}

static void
every_mistake_is_told_and_the_first_is_kept(void **state)
{
	struct conf conf = CONF_INIT;
	struct cfs_err err = CFS_ERR_INIT;
	struct settings s;

	(void)state;
	assert_int_equal(parse(&conf, "[store]\nbroken\nsync = x\nmode = y\n", &s, &err),
			 CFS_ECONFIG);
	assert_non_null(strstr(told, ":2: "));
	assert_non_null(strstr(told, ":3: "));
	assert_non_null(strstr(told, ":4: "));
	assert_memory_equal(err.text, "cfsd.conf:2: ", 13);
}

static void
long_lines_are_read_or_refused(void **state)
{
	struct conf conf = CONF_INIT;
	struct cfs_err err = CFS_ERR_INIT;
	struct settings s;
	char *text = malloc(2 * CONF_LINE_MAX);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 2 * CONF_LINE_MAX);
	memcpy(text, "[store]\npath = ", 15);
	assert_int_equal(conf_parse_text(&conf, "f", text, 6000, &table, &s, NULL, NULL, &err), 0);
	assert_int_equal(strlen(s.path), 6000 - 15);
	conf_fini(&conf);
	assert_int_equal(
	    conf_parse_text(&conf, "f", text, 2 * CONF_LINE_MAX, &table, &s, NULL, NULL, &err),
	    CFS_ECONFIG);
	assert_memory_equal(err.text, "f:2: line too long", 18);
	assert_int_equal(conf_parse_text(&conf, "f", "[a]\n\0b=1", 8, &table, &s, NULL, NULL, &err),
			 CFS_ECONFIG);
	assert_int_equal(conf_parse_file(&conf, "/nonexistent", &table, &s, NULL, NULL, &err),
			 CFS_ENOENT);
	free(text);
}

static void
the_sample_changes_nothing_and_says_all(void **state)
{
	struct conf conf = CONF_INIT;
	struct cfs_err err = CFS_ERR_INIT;
	struct settings s;
	char *text = NULL, *p;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_non_null(f);
	conf_print_sample(f, &table);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(parse(&conf, text, &s, &err), 0);
	assert_int_equal(s.connections, 100);
	conf_fini(&conf);
	assert_non_null(strstr(text, "\n[limits]\n\n# How many.\n# Type: number, from 1 to 10000.\n"
				     "#connections = 100\n"));
	assert_non_null(strstr(text, "# A title.\n# Free text.\n# Type: text.\n#title =\n"));
	assert_non_null(strstr(text, "from 1s to 1h."));
	assert_non_null(strstr(text, "from 64K to 64M."));
	assert_non_null(strstr(text, "# Type: one of shared, private."));
	/* The defaults that it names are valid where they are switched on. */
	for (p = strstr(text, "\n#"); p != NULL; p = strstr(p + 1, "\n#")) {
		if (p[2] != ' ')
			p[1] = ' ';
	}
	assert_int_equal(parse(&conf, strstr(text, "[store]"), &s, &err), 0);
	assert_string_equal(s.path, "/srv/cfs");
	conf_fini(&conf);
	free(text);
}

static void
near_words_are_suggested(void **state)
{
	static const struct {
		const char *word, *candidate;
		bool near;
	} cases[] = {
	    {"conect", "connect", true},   {"jobs", "jbos", true},
	    {"jobs", "job", true},         {"x", "y", true},
	    {"abc", "xyz", false},         {"recusrive", "recursive", true},
	    {"verbose", "version", false}, {"same", "same", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct suggest s;

		suggest_init(&s, cases[i].word);
		suggest_offer(&s, "somethingelse");
		suggest_offer(&s, cases[i].candidate);
		if ((s.best != NULL) != cases[i].near)
			fail_msg("%s and %s", cases[i].word, cases[i].candidate);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_file_gives_the_defaults),
	    cmocka_unit_test(values_are_read),
	    cmocka_unit_test(mistakes_are_named_with_their_line),
	    cmocka_unit_test(every_mistake_is_told_and_the_first_is_kept),
	    cmocka_unit_test(long_lines_are_read_or_refused),
	    cmocka_unit_test(the_sample_changes_nothing_and_says_all),
	    cmocka_unit_test(near_words_are_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
