/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "base/bytes.h"
#include "base/conf.h"
#include "base/time.h"

static const char *const type_names[] = {
    [CONF_STRING] = "text",
    [CONF_BOOL] = "yes or no",
    [CONF_INT] = "number",
    [CONF_OCTAL] = "octal number",
    [CONF_SIZE] = "size (512, 64K, 1G)",
    [CONF_DURATION] = "duration (500ms, 30s, 5m, 2h, 7d)",
    [CONF_ENUM] = "one of",
    [CONF_LIST] = "list of words",
};

/* One end of a range, as it would be written in the file. */
static void
print_bound(FILE *f, const struct conf_key *k, int64_t v)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	char text[SIZE_TEXT_SIZE];
	size_t i = 0;

	if (k->type == CONF_SIZE) {
		(void)fputs(size_format(text, (uint64_t)v, SIZE_SHORT), f);
	} else if (k->type == CONF_DURATION && v > 0) {
		while (v % units[i].ms != 0)
			i++;
		(void)fprintf(f, "%lld%s", (long long)(v / units[i].ms), units[i].name);
	} else {
		(void)fprintf(f, k->type == CONF_OCTAL ? "%llo" : "%lld", (long long)v);
	}
}

static void
print_type(FILE *f, const struct conf_key *k)
{
	(void)fprintf(f, "# Type: %s", type_names[k->type]);
	if (k->type == CONF_ENUM) {
		for (int i = 0; k->values[i] != NULL; i++)
			(void)fprintf(f, "%s %s", i == 0 ? "" : ",", k->values[i]);
	} else if (k->min != 0 || k->max != 0) {
		(void)fputs(", from ", f);
		print_bound(f, k, k->min);
		(void)fputs(" to ", f);
		print_bound(f, k, k->max);
	}
	(void)fputs(".\n", f);
}

void
conf_print_sample(FILE *f, const struct conf_table *table)
{
	const char *section = "";

	for (size_t i = 0; i < table->n; i++) {
		const struct conf_key *k = &table->keys[i];

		if (strcmp(section, k->section) != 0) {
			section = k->section;
			(void)fprintf(f, "%s[%s]\n", i == 0 ? "" : "\n", section);
		}
		(void)fputs("\n# ", f);
		for (const char *p = k->doc; *p != '\0'; p++)
			(void)fputs(*p == '\n' ? "\n# " : (char[]){*p, '\0'}, f);
		(void)fputc('\n', f);
		print_type(f, k);
		(void)fprintf(f, "#%s =%s%s\n", k->key,
			      k->def != NULL && k->def[0] != '\0' ? " " : "",
			      k->def != NULL ? k->def : "");
	}
}
