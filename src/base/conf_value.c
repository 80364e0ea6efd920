/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/conf_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/time.h"

/* One allocation of a parsing; all are freed together. */
struct conf_chunk {
	struct conf_chunk *next;
	max_align_t data[];
};

static void *
chunk_alloc(struct conf *conf, size_t n)
{
	struct conf_chunk *chunk;
	size_t size;

	if (!add_size(sizeof(*chunk), n, &size))
		return NULL;
	chunk = malloc(size);
	if (chunk == NULL)
		return NULL;
	chunk->next = conf->chunks;
	conf->chunks = chunk;
	return chunk->data;
}

void
conf_fini(struct conf *conf)
{
	while (conf->chunks != NULL) {
		struct conf_chunk *next = conf->chunks->next;

		free(conf->chunks);
		conf->chunks = next;
	}
}

static char *
chunk_copy(struct conf *conf, const char *p, size_t n)
{
	char *copy = chunk_alloc(conf, n + 1);

	if (copy != NULL) {
		memcpy(copy, p, n);
		copy[n] = '\0';
	}
	return copy;
}

static int
set_string(struct conf *conf, const struct conf_key *k, const char *text, const char **out,
	   char *why)
{
	struct cfs_err err = CFS_ERR_INIT;
	size_t n = strlen(text);

	if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
		text++;
		n -= 2;
	}
	*out = chunk_copy(conf, text, n);
	if (*out == NULL)
		return CFS_ENOMEM;
	if (k->check != NULL && k->check(*out, &err) < 0) {
		(void)snprintf(why, CONF_WHY_MAX, "%.*s", CONF_WHY_MAX - 1, err.text);
		return CFS_ECONFIG;
	}
	return 0;
}

static int
set_bool(const char *text, bool *out, char *why)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2 == 1;
			return 0;
		}
	}
	(void)snprintf(why, CONF_WHY_MAX, "'%.60s' is neither yes nor no", text);
	return CFS_ECONFIG;
}

/* The range of k, widened to everything where it has none. */
static bool
in_range(const struct conf_key *k, int64_t v)
{
	return (k->min == 0 && k->max == 0) || (v >= k->min && v <= k->max);
}

static int
set_int(const struct conf_key *k, const char *text, int64_t *out, char *why)
{
	int base = k->type == CONF_OCTAL ? 8 : 10;
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, base);
	if (end == text || *end != '\0') {
		(void)snprintf(why, CONF_WHY_MAX, "'%.60s' is not a%s number", text,
			       base == 8 ? "n octal" : "");
		return CFS_ECONFIG;
	}
	if (errno != 0 && k->min == 0 && k->max == 0) {
		(void)snprintf(why, CONF_WHY_MAX, "%.60s is too large", text);
		return CFS_ECONFIG;
	}
	if (errno != 0 || !in_range(k, v)) {
		(void)snprintf(why, CONF_WHY_MAX,
			       base == 8 ? "%.60s is not from %llo to %llo"
					 : "%.60s is not from %lld to %lld",
			       text, (long long)k->min, (long long)k->max);
		return CFS_ECONFIG;
	}
	*out = v;
	return 0;
}

static int
set_size(const struct conf_key *k, const char *text, uint64_t *out, char *why)
{
	int rc = size_parse(text, out);

	if (rc == CFS_EINVAL) {
		(void)snprintf(why, CONF_WHY_MAX, "'%.60s' is not a size (as 512, 64K, 1.5G)",
			       text);
		return CFS_ECONFIG;
	}
	if (rc < 0 || *out > INT64_MAX || !in_range(k, (int64_t)*out)) {
		char low[SIZE_TEXT_SIZE], high[SIZE_TEXT_SIZE];

		(void)snprintf(
		    why, CONF_WHY_MAX, "%.60s is not from %s to %s", text,
		    size_format(low, (uint64_t)k->min, SIZE_LONG),
		    size_format(high, (uint64_t)(k->max == 0 ? INT64_MAX : k->max), SIZE_LONG));
		return CFS_ECONFIG;
	}
	return 0;
}

static int
set_duration(const struct conf_key *k, const char *text, int64_t *out, char *why)
{
	int rc = duration_parse(text, out);

	if (rc == CFS_EINVAL) {
		(void)snprintf(why, CONF_WHY_MAX, "'%.60s' is not a duration (as 30s, 5m, 2h, 7d)",
			       text);
		return CFS_ECONFIG;
	}
	if (rc < 0 || !in_range(k, *out)) {
		(void)snprintf(why, CONF_WHY_MAX, "%.60s is not from %lldms to %lldms", text,
			       (long long)k->min, (long long)(k->max == 0 ? INT64_MAX : k->max));
		return CFS_ECONFIG;
	}
	return 0;
}

static int
set_enum(const struct conf_key *k, const char *text, int *out, char *why)
{
	size_t at;

	for (int i = 0; k->values[i] != NULL; i++) {
		if (strcmp(text, k->values[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	at = (size_t)snprintf(why, CONF_WHY_MAX, "'%.60s' is none of", text);
	for (int i = 0; k->values[i] != NULL && at < CONF_WHY_MAX; i++)
		at += (size_t)snprintf(why + at, CONF_WHY_MAX - at, "%s %s", i == 0 ? "" : ",",
				       k->values[i]);
	return CFS_ECONFIG;
}

/* Adds the words of text to the list; its array is made anew for each line, of which there are few. */
static int
add_words(struct conf *conf, const char *text, struct conf_list *list)
{
	static const char blanks[] = " \t\r,";
	size_t n = 0;
	const char **items;

	for (const char *p = text + strspn(text, blanks); *p != '\0'; n++) {
		p += strcspn(p, blanks);
		p += strspn(p, blanks);
	}
	items = chunk_alloc(conf, (list->n + n + 1) * sizeof(*items));
	if (items == NULL)
		return CFS_ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		items[i] = list->items[i];
	for (const char *p = text + strspn(text, blanks); *p != '\0'; p += strspn(p, blanks)) {
		size_t len = strcspn(p, blanks);

		items[list->n] = chunk_copy(conf, p, len);
		if (items[list->n] == NULL)
			return CFS_ENOMEM;
		list->n++;
		p += len;
	}
	list->items = items;
	return 0;
}

int
conf_value_set(struct conf *conf, const struct conf_key *k, const char *text, bool first,
	       void *values, char why[CONF_WHY_MAX])
{
	void *at = (char *)values + k->offset;

	switch (k->type) {
	case CONF_STRING:
		return set_string(conf, k, text, at, why);
	case CONF_BOOL:
		return set_bool(text, at, why);
	case CONF_INT:
	case CONF_OCTAL:
		return set_int(k, text, at, why);
	case CONF_SIZE:
		return set_size(k, text, at, why);
	case CONF_DURATION:
		return set_duration(k, text, at, why);
	case CONF_ENUM:
		return set_enum(k, text, at, why);
	case CONF_LIST:
		if (first)
			*(struct conf_list *)at = (struct conf_list){NULL, 0};
		return add_words(conf, text, at);
	}
	return CFS_EFAIL;
}

int
conf_value_default(struct conf *conf, const struct conf_key *k, void *values,
		   char why[CONF_WHY_MAX])
{
	void *at = (char *)values + k->offset;

	if (k->def != NULL)
		return conf_value_set(conf, k, k->def, true, values, why);
	switch (k->type) {
	case CONF_STRING:
		*(const char **)at = NULL;
		break;
	case CONF_BOOL:
		*(bool *)at = false;
		break;
	case CONF_INT:
	case CONF_OCTAL:
	case CONF_DURATION:
		*(int64_t *)at = 0;
		break;
	case CONF_SIZE:
		*(uint64_t *)at = 0;
		break;
	case CONF_ENUM:
		*(int *)at = 0;
		break;
	case CONF_LIST:
		*(struct conf_list *)at = (struct conf_list){NULL, 0};
		break;
	}
	return 0;
}
