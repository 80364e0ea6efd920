/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "disk_impl.h"

#define SECTOR 512u

/* How much of what is not promised is there. */
enum luck { LUCK_NOTHING, LUCK_PREFIX, LUCK_SOME, LUCK_ALL, LUCK_KINDS };
enum rule { RULE_JOURNAL, RULE_FOLDER, RULE_NAME, RULE_KINDS };

static enum luck
draw_luck(struct rng *rng)
{
	return (enum luck)rng_below(rng, LUCK_KINDS);
}

/* ---- names ---- */

/* The folders that a change touches, for the rule of prefixes by folder. */
static bool
same_folder(const struct disk *d, const struct name_change *a, const struct name_change *b)
{
	unsigned af = d->paths[a->from].parent, at = d->paths[a->to].parent;
	unsigned bf = d->paths[b->from].parent, bt = d->paths[b->to].parent;

	return (af != 0 && (af == bf || af == bt)) || (at != 0 && (at == bf || at == bt));
}

/* Whether an earlier change that must come first was lost. */
static bool
must_be_lost(const struct disk *d, const bool *there, size_t i, enum rule rule)
{
	for (size_t j = 0; j < i; j++) {
		const struct name_change *a = &d->names[j], *b = &d->names[i];

		if (there[j])
			continue;
		if (rule == RULE_JOURNAL || names_meet(a, b) ||
		    (rule == RULE_FOLDER && same_folder(d, a, b)))
			return true;
	}
	return false;
}

/* Which names are there after the crash: map has room for all paths. */
static void
crash_names(const struct disk *d, struct rng *rng, enum luck luck, unsigned *map)
{
	enum rule rule = (enum rule)rng_below(rng, RULE_KINDS);
	bool *there = calloc(d->name_count + 1, sizeof(*there));
	unsigned percent = rng_percent(rng, 50) ? 50 : 90;

	if (there == NULL)
		abort();
	memcpy(map, d->safe, d->path_count * sizeof(*map));
	for (size_t i = 0; i < d->name_count; i++) {
		bool forced = rule == RULE_JOURNAL && d->names[i].seq <= d->journal_seq;

		there[i] = forced || (luck != LUCK_NOTHING && !must_be_lost(d, there, i, rule) &&
				      (luck == LUCK_ALL || rng_percent(rng, percent)));
		if (there[i])
			name_apply(&d->names[i], map);
	}
	free(there);
}

/* ---- bytes ---- */

/* Applies those sectors of a write that luck leaves: a prefix, or any. */
static void
apply_torn(const struct change *c, struct rng *rng, struct image *im)
{
	uint64_t first = c->offset / SECTOR, last = (c->offset + c->length - 1) / SECTOR;
	uint64_t keep = rng_below(rng, last - first + 1);
	bool prefix = rng_percent(rng, 50);

	for (uint64_t s = first; s <= last; s++) {
		uint64_t from = s * SECTOR, to = from + SECTOR;

		if (prefix ? s - first >= keep : rng_percent(rng, 30))
			continue;
		if (from < c->offset)
			from = c->offset;
		if (to > c->offset + c->length)
			to = c->offset + c->length;
		image_write(im, from, c->data + (from - c->offset), to - from);
	}
}

/* The content of a file after the crash, from its promised one. */
static void
crash_bytes(const struct object *o, struct rng *rng, enum luck luck, struct image *im)
{
	size_t prefix = rng_below(rng, o->pending_count + 1);
	unsigned percent = rng_percent(rng, 50) ? 50 : 95;
	struct image full;

	image_copy(im, &o->safe);
	if (o->pending_count == 0 || luck == LUCK_NOTHING)
		return;
	for (size_t i = 0; i < o->pending_count; i++) {
		const struct change *c = &o->pending[i];

		if (luck == LUCK_ALL || (luck == LUCK_PREFIX && i < prefix) ||
		    (luck == LUCK_SOME && rng_percent(rng, percent)))
			change_apply(c, im);
		else if (c->type == RECORD_WRITE && c->length > 0 &&
			 (luck == LUCK_SOME ? rng_percent(rng, 50) : i == prefix))
			apply_torn(c, rng, im);
	}
	if (luck == LUCK_SOME && rng_percent(rng, 30)) {
		image_copy(&full, &o->safe);
		for (size_t i = 0; i < o->pending_count; i++)
			change_apply(&o->pending[i], &full);
		if (full.size > im->size)
			image_resize(im, full.size);
		image_fini(&full);
	}
}

/* ---- writing a state out ---- */

static int
write_file(int dir, const char *path, const struct image *im)
{
	int fd = io_openat(dir, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	int rc = fd < 0 ? -1 : 0;

	if (rc == 0 && im->filled > 0)
		rc = io_pwrite_full(fd, im->data, im->filled, 0);
	if (rc == 0 && im->size > im->filled)
		rc = ftruncate(fd, (off_t)im->size);
	fd_close(&fd);
	return rc;
}

/* One path of the state; what lies in a folder that is not there is not there either. */
static int
write_path(const struct disk *d, const unsigned *map, unsigned path, const struct image *im,
	   int dir)
{
	int rc = d->objects[map[path]].folder ? mkdirat(dir, d->paths[path].text, 0700)
					      : write_file(dir, d->paths[path].text, im);

	return rc != 0 && errno != ENOENT ? -1 : 0;
}

const char *
disk_crash(struct disk *d, struct rng *rng, int dir)
{
	unsigned *map = calloc(d->path_count, sizeof(*map));
	/* Now and then all files and names have the same luck: then nothing, or everything, is there that might be. */
	bool together = rng_percent(rng, 30);
	enum luck luck = draw_luck(rng);
	const char *wrong = NULL;

	if (map == NULL)
		abort();
	crash_names(d, rng, luck, map);
	for (unsigned p = 2; p < d->path_count && wrong == NULL; p++) {
		struct image im = {0};

		if (map[p] == 0)
			continue;
		if (!together)
			luck = draw_luck(rng);
		crash_bytes(&d->objects[map[p]], rng, luck, &im);
		if (write_path(d, map, p, &im, dir) != 0)
			wrong = strerror(errno);
		image_fini(&im);
	}
	free(map);
	return wrong;
}

/* ---- the end ---- */

static bool
same_content(int fd, const struct image *im)
{
	struct image there = {0};
	struct stat st;
	bool same = fstat(fd, &st) == 0 && (uint64_t)st.st_size == im->size;

	if (same) {
		/* Zeros that were written and zeros that never were are the same. */
		image_write(&there, im->size, "", 1);
		same = io_pread_full(fd, there.data, im->size, 0) == (ssize_t)im->size;
		same = same && (im->filled == 0 || memcmp(there.data, im->data, im->filled) == 0);
		for (size_t i = im->filled; same && i < im->size; i++)
			same = there.data[i] == 0;
	}
	image_fini(&there);
	return same;
}

static bool
same_file(const struct object *o, int dir, const char *path)
{
	struct image im;
	int fd = io_openat(dir, path, O_RDONLY, 0);
	bool same;

	if (fd < 0)
		return false;
	if (o->folder) {
		fd_close(&fd);
		return true;
	}
	image_copy(&im, &o->safe);
	for (size_t i = 0; i < o->pending_count; i++)
		change_apply(&o->pending[i], &im);
	same = same_content(fd, &im);
	image_fini(&im);
	fd_close(&fd);
	return same;
}

/* Files and folders below dir (a descriptor that is used up), but for *-shm. */
static unsigned
count_below(int dir)
{
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	struct dirent *e;
	unsigned n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (e->d_name[0] == '.' || (len > 4 && strcmp(e->d_name + len - 4, "-shm") == 0))
			continue;
		n++;
		if (e->d_type == DT_DIR)
			n += count_below(io_openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY, 0));
	}
	if (d != NULL)
		closedir(d);
	return n;
}

const char *
disk_compare(struct disk *d, int dir)
{
	unsigned n = 0;

	for (unsigned p = 2; p < d->path_count; p++) {
		if (d->live[p] == 0)
			continue;
		n++;
		if (!same_file(&d->objects[d->live[p]], dir, d->paths[p].text))
			return d->paths[p].text;
	}
	return n == count_below(io_openat(dir, ".", O_RDONLY | O_DIRECTORY, 0))
		   ? NULL
		   : "a file that is not in the log";
}
