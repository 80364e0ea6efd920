/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/disk_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/time.h"
#include "client/disk_places.h"

/* Records that are read in one go. */
#define RECORDS_READ 1024u

struct disk_cache {
	char *dir;
	uint64_t scope;
	/*
	 * The descriptors' numbers stay: other files take their places (dup2(2)), so that who reads without the lock reads from
	 * the one file or the other, and the place's turn tells him.
	 */
	struct disk_files files;

	pthread_mutex_t lock; /* guards all below; not held while a part is read or written */
	struct places places;
	bool quiet; /* there are no files: nothing is held */
	uint64_t
	    look_ns; /* not to be looked at before: whether the files are there, or can be had */
	uint64_t pause_ns; /* nothing is written before */
};

uint32_t
disk_cache_places(uint64_t size)
{
	/* What the file system needs to know where the bytes are is counted too, and the directory. */
	uint64_t own = UINT64_C(65536) + size / 1024;

	return (uint32_t)((size - own) / (DISK_PART + DISK_RECORD));
}

/* ---- the files; with the lock, or before anybody else is there */

static int
load(struct disk_cache *d)
{
	unsigned char *bytes = malloc((size_t)RECORDS_READ * DISK_RECORD);
	struct disk_record r;
	ssize_t n = 1;

	if (bytes == NULL)
		return CFS_ENOMEM;
	for (uint32_t at = 0; n > 0 && at < d->places.count; at += RECORDS_READ) {
		uint32_t some = (uint32_t)min_u64(RECORDS_READ, d->places.count - at);

		n = io_pread_full(d->files.index, bytes, (size_t)some * DISK_RECORD,
				  DISK_INDEX_HEADER + (uint64_t)at * DISK_RECORD);
		for (uint32_t i = 0; (ssize_t)((i + 1) * DISK_RECORD) <= n; i++) {
			if (disk_record_decode(&r, bytes + (size_t)i * DISK_RECORD))
				places_note(&d->places, at + i, &r);
		}
	}
	free(bytes);
	return places_settle(&d->places);
}

/* Puts newly opened files where the old ones are, whose numbers readers may be using. */
static int
replace_files(struct disk_cache *d, struct disk_files *f)
{
	int rc = 0;

	if (d->files.parts < 0) {
		d->files = *f;
		return 0;
	}
	if (dup3(f->parts, d->files.parts, O_CLOEXEC) < 0 ||
	    dup3(f->index, d->files.index, O_CLOEXEC) < 0)
		rc = CFS_EFAIL;
	disk_files_close(f);
	return rc;
}

static int
open_files(struct disk_cache *d, struct cfs_err *err)
{
	struct disk_files f;
	int rc = disk_files_open(d->dir, d->places.count, &f, err);

	if (rc == 0)
		rc = replace_files(d, &f);
	if (rc == 0)
		rc = load(d);
	d->quiet = rc != 0;
	return rc;
}

/* Now and then: files whose names are gone are of no use, and those that could not be had perhaps can. */
static void
look_after_files(struct disk_cache *d)
{
	uint64_t now = now_mono_ns();
	struct cfs_err why = CFS_ERR_INIT;

	if (now < d->look_ns)
		return;
	d->look_ns = now + DISK_LOOK_NS;
	if (!d->quiet && disk_files_are_there(&d->files))
		return;
	if (!d->quiet) {
		log_info("cache %s: was removed", d->dir);
		disk_files_give_up(&d->files);
	}
	places_clear(&d->places);
	d->quiet = true;
	if (open_files(d, &why) != 0)
		log_debug("cache %s: %s", d->dir, why.text);
}

/* ---- life */

/* A client that ends has the lock for a moment longer than its mount is seen. */
static int
open_first(struct disk_cache *d, struct cfs_err *err)
{
	uint64_t until = deadline_from_ms(DISK_LOCK_MS);
	int rc;

	while ((rc = open_files(d, err)) == CFS_EBUSY && !deadline_passed(until))
		usleep(10000);
	if (rc == CFS_EBUSY) {
		log_notice("cache %s: another mount uses it; this one has it when that has ended",
			   d->dir);
		rc = 0;
	}
	if (rc == CFS_ENOSPC || rc == CFS_EQUOTA) {
		log_warn("cache %s: the disk is full; it is tried again later", d->dir);
		rc = 0;
	}
	return rc;
}

/* The process may go to another directory, as one in the background does. */
static char *
absolute(const char *dir)
{
	char here[PATH_MAX], *path = NULL;

	if (dir[0] == '/' || getcwd(here, sizeof(here)) == NULL)
		return strdup(dir);
	return asprintf(&path, "%s/%s", here, dir) >= 0 ? path : NULL;
}

int
disk_cache_open(const char *dir, uint64_t size, struct disk_cache **out, struct cfs_err *err)
{
	struct disk_cache *d;
	int rc;

	*out = NULL;
	if (size < CFS_CACHE_MIN || size > CFS_CACHE_MAX)
		return err_set(err, CFS_EUSAGE, "a cache has from 1 MiB to 1 TiB");
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return err_code(err, CFS_ENOMEM);
	d->files = (struct disk_files){.index = -1, .parts = -1};
	pthread_mutex_init(&d->lock, NULL);
	d->dir = absolute(dir);
	rc = d->dir != NULL ? places_init(&d->places, disk_cache_places(size)) : CFS_ENOMEM;
	if (rc == 0)
		rc = open_first(d, err);
	else
		err_code(err, rc);
	if (rc == 0)
		*out = d;
	else
		disk_cache_close(d);
	return rc;
}

/* So that the next client knows what was used last. What cannot be written was used longer ago. */
static void
write_uses(const struct disk_cache *d)
{
	for (uint32_t i = 0; i < d->places.count; i++) {
		const struct place *a = &d->places.all[i];

		if (a->state == PLACE_HELD && a->touched &&
		    disk_files_write_record(&d->files, i, &a->r) != 0)
			return;
	}
}

void
disk_cache_close(struct disk_cache *d)
{
	if (d == NULL)
		return;
	if (!d->quiet && d->files.index >= 0)
		write_uses(d);
	disk_files_close(&d->files);
	places_fini(&d->places);
	pthread_mutex_destroy(&d->lock);
	free(d->dir);
	free(d);
}

void
disk_cache_set_scope(struct disk_cache *d, uint64_t scope)
{
	d->scope = scope;
}

/* ---- reading */

bool
disk_cache_has(struct disk_cache *d, const struct id128 *blob, uint32_t part, uint32_t len)
{
	uint32_t at;
	bool has;

	pthread_mutex_lock(&d->lock);
	at = places_find(&d->places, d->scope, blob, part);
	has = at != PLACE_NONE && d->places.all[at].r.len >= len;
	pthread_mutex_unlock(&d->lock);
	return has;
}

bool
disk_cache_knows(struct disk_cache *d, uint64_t ino)
{
	bool knows;

	pthread_mutex_lock(&d->lock);
	look_after_files(d);
	knows = places_know(&d->places, ino);
	pthread_mutex_unlock(&d->lock);
	return knows;
}

/* Finds the place and says that it is used: its record as it is now, its turn. */
static uint32_t
look_up(struct disk_cache *d, const struct id128 *blob, uint32_t part, uint32_t end,
	struct disk_record *r, uint32_t *turn)
{
	uint32_t at;

	pthread_mutex_lock(&d->lock);
	look_after_files(d);
	at = places_find(&d->places, d->scope, blob, part);
	if (at != PLACE_NONE && d->places.all[at].r.len < end)
		at = PLACE_NONE;
	if (at != PLACE_NONE) {
		places_use(&d->places, at);
		*r = d->places.all[at].r;
		*turn = d->places.all[at].turn;
	}
	pthread_mutex_unlock(&d->lock);
	return at;
}

/* Whether it was the same place all the while; then bytes that are not good are damage, and the place is given up. */
static bool
confirm(struct disk_cache *d, uint32_t at, uint32_t turn, bool good)
{
	bool same;

	pthread_mutex_lock(&d->lock);
	same = d->places.all[at].turn == turn;
	if (same && !good) {
		places_free(&d->places, at);
		(void)disk_files_write_record(&d->files, at, NULL);
	}
	pthread_mutex_unlock(&d->lock);
	if (same && !good)
		log_warn("cache %s: what was kept is damaged; the server is asked", d->dir);
	return same && good;
}

static bool
read_whole(struct disk_cache *d, uint32_t at, const struct disk_record *r, uint32_t turn, void *dst)
{
	bool good = io_pread_full(d->files.parts, dst, r->len, (uint64_t)at * DISK_PART) ==
			(ssize_t)r->len &&
		    crc32c(0, dst, r->len) == r->crc;

	return confirm(d, at, turn, good);
}

bool
disk_cache_read(struct disk_cache *d, const struct id128 *blob, uint32_t part, uint32_t from,
		void *dst, uint32_t len)
{
	struct disk_record r;
	unsigned char *whole;
	uint32_t at, turn = 0;
	bool good;

	at = look_up(d, blob, part, from + len, &r, &turn);
	if (at == PLACE_NONE)
		return false;
	if (from == 0 && len == r.len)
		return read_whole(d, at, &r, turn, dst);
	whole = malloc(DISK_PART);
	good = whole != NULL && read_whole(d, at, &r, turn, whole);
	if (good)
		memcpy(dst, whole + from, len);
	free(whole);
	return good;
}

/* ---- keeping */

/* A place for the part, unless it is there, or nothing is written now. */
static uint32_t
take_place(struct disk_cache *d, const struct id128 *blob, uint32_t part, uint32_t len)
{
	uint32_t at = PLACE_NONE, old;

	pthread_mutex_lock(&d->lock);
	look_after_files(d);
	old = places_find(&d->places, d->scope, blob, part);
	if (!d->quiet && now_mono_ns() >= d->pause_ns &&
	    (old == PLACE_NONE || d->places.all[old].r.len < len)) {
		if (old != PLACE_NONE)
			places_free(&d->places, old);
		at = places_take(&d->places);
	}
	pthread_mutex_unlock(&d->lock);
	return at;
}

/* In this order: whatever is cut short, no record stands over bytes of another one. */
static int
write_part(const struct disk_cache *d, uint32_t at, const struct disk_record *r, const void *data)
{
	if (disk_files_write_record(&d->files, at, NULL) != 0 ||
	    io_pwrite_full(d->files.parts, data, r->len, (uint64_t)at * DISK_PART) != 0 ||
	    disk_files_write_record(&d->files, at, r) != 0)
		return errno > 0 ? errno : EIO;
	return 0;
}

static void
put_down(struct disk_cache *d, uint32_t at, struct disk_record *r, int rc)
{
	pthread_mutex_lock(&d->lock);
	/* Two threads may have brought the same. */
	if (rc == 0 && places_find(&d->places, r->scope, &r->blob, r->part) == PLACE_NONE)
		places_hold(&d->places, at, r);
	else
		places_free(&d->places, at);
	if (rc != 0)
		d->pause_ns = now_mono_ns() + DISK_PAUSE_NS;
	pthread_mutex_unlock(&d->lock);
	if (rc != 0)
		log_warn("cache %s: %s; nothing is written to it for a while", d->dir,
			 strerror(rc));
}

void
disk_cache_put(struct disk_cache *d, const struct id128 *blob, uint32_t part, const void *data,
	       uint32_t len, uint64_t ino)
{
	struct disk_record r = {
	    .crc = crc32c(0, data, len),
	    .part = part,
	    .len = len,
	    .scope = d->scope,
	    .ino = ino,
	    .blob = *blob,
	};
	uint32_t at = take_place(d, blob, part, len);

	if (at == PLACE_NONE)
		return;
	pthread_mutex_lock(&d->lock);
	r.used = ++d->places.clock;
	pthread_mutex_unlock(&d->lock);
	put_down(d, at, &r, write_part(d, at, &r, data));
}
