/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reel.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/io.h"
#include "workload.h"

static struct record
record_at(const struct reel *r, size_t at)
{
	struct record rec;

	memcpy(&rec, r->map + at, sizeof(rec));
	return rec;
}

static const char *
map_file(const char *path, struct reel *r)
{
	int fd = io_open(path, O_RDONLY, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) {
		fd_close(&fd);
		return "the log is not there, or empty";
	}
	r->size = (size_t)st.st_size;
	r->map = mmap(NULL, r->size, PROT_READ, MAP_PRIVATE, fd, 0);
	fd_close(&fd);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return "the log cannot be mapped";
	}
	return NULL;
}

static const char *
find_records(struct reel *r)
{
	size_t at = 0, n = 0, cap = r->size / sizeof(struct record) + 1;

	r->at = malloc(cap * sizeof(*r->at));
	r->moments = calloc(cap, sizeof(*r->moments));
	if (r->at == NULL || r->moments == NULL)
		return "memory";
	while (at < r->size) {
		struct record rec;

		if (r->size - at < sizeof(rec))
			return "the log ends in a record";
		rec = record_at(r, at);
		if (rec.size > r->size - at - sizeof(rec))
			return "the log ends in a record";
		r->at[n++] = at;
		at += sizeof(rec) + rec.size;
	}
	r->count = n;
	return NULL;
}

/* One mark's text; now is where the marks so far have led. */
static const char *
read_mark(struct reel *r, size_t i, const char *text, struct model *m, struct moment *now)
{
	struct step step;
	unsigned number;
	int used = 0;

	if (strcmp(text, "start") == 0) {
		r->start = i + 1;
		m->now.changes = WORKLOAD_FIRST_CHANGES;
		r->history.steps[0] = m->now;
	} else if (sscanf(text, "step %u %n", &number, &used) == 1 && used > 0) {
		if (number != now->begun + 1 || number >= MODEL_STEPS_MAX ||
		    step_parse(text + used, &step) != 0)
			return "a mark of a step cannot be read";
		model_apply(m, &step);
		r->history.steps[number] = m->now;
		r->history.count = number + 1;
		now->begun = number;
	} else if (sscanf(text, "ack %u", &number) == 1 && number <= now->begun) {
		now->promised = number;
	} else {
		return "a mark cannot be read";
	}
	return NULL;
}

static const char *
read_marks(struct reel *r, struct model *m)
{
	struct moment now = {0, 0};
	const char *wrong = NULL;

	r->history.steps = calloc(MODEL_STEPS_MAX, sizeof(*r->history.steps));
	if (r->history.steps == NULL)
		return "memory";
	for (size_t i = 0; i < r->count && wrong == NULL; i++) {
		struct record rec = record_at(r, r->at[i]);

		if (rec.type == RECORD_MARK) {
			char *text =
			    strndup((const char *)r->map + r->at[i] + sizeof(rec), rec.size);

			wrong = text == NULL ? "memory" : read_mark(r, i, text, m, &now);
			free(text);
		}
		r->moments[i] = now;
	}
	return wrong == NULL && r->start == 0 ? "the log has no mark \"start\"" : wrong;
}

const char *
reel_open(const char *path, struct reel *out)
{
	struct model m = {0};
	const char *wrong;

	memset(out, 0, sizeof(*out));
	wrong = map_file(path, out);
	if (wrong == NULL)
		wrong = find_records(out);
	if (wrong == NULL)
		wrong = model_init(&m) == 0 ? read_marks(out, &m) : "memory";
	model_fini(&m);
	return wrong;
}

void
reel_close(struct reel *r)
{
	if (r->map != NULL)
		munmap(r->map, r->size);
	free(r->at);
	free(r->moments);
	free(r->history.steps);
}

enum record_type
reel_type(const struct reel *r, size_t i)
{
	return (enum record_type)record_at(r, r->at[i]).type;
}

const char *
reel_play(const struct reel *r, size_t i, struct disk *d)
{
	struct record rec = record_at(r, r->at[i]);

	return disk_play(d, &rec, r->map + r->at[i] + sizeof(rec));
}
