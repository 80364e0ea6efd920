/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * blobs DIR [MIB [THREADS]]: how fast blobs are stored durably and read back from the page cache, against a plain write and
 * fdatasync of the same bytes in files of the same size; then random reads of 4 KiB. Makes and removes a folder in DIR.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/time.h"
#include "store/blobfmt.h"

#define THREADS_MAX  16u
#define RANDOM_READS 20000u
#define MIB          (1024.0 * 1024.0)

struct bench {
	struct blob_backend *b;
	int dir;
	unsigned blobs, threads;
	struct id128 *ids;
	unsigned char *raw;
	int (*one)(struct bench *bench, unsigned i, unsigned char *room);
	unsigned next, failed; /* shared by the threads */
};

static int
write_plain(struct bench *bench, unsigned i, unsigned char *room)
{
	char name[32];
	int fd, rc;

	(void)room;
	snprintf(name, sizeof(name), "plain%u", i);
	fd = io_openat(bench->dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -1;
	rc = io_write_full(fd, bench->raw, STORE_BLOB_MAX) != 0 || io_fdatasync(fd) != 0;
	fd_close(&fd);
	return rc;
}

static int
write_blob(struct bench *bench, unsigned i, unsigned char *room)
{
	uint32_t stored;

	(void)room;
	return blobfmt_write(bench->b, &bench->ids[i], bench->raw, STORE_BLOB_MAX, &stored, NULL);
}

static int
read_blob(struct bench *bench, unsigned i, unsigned char *room)
{
	return blobfmt_read(bench->b, &bench->ids[i], STORE_BLOB_MAX, 0, STORE_BLOB_MAX, NULL, room,
			    NULL);
}

static int
remove_both(struct bench *bench, unsigned i, unsigned char *room)
{
	char name[32];

	(void)room;
	snprintf(name, sizeof(name), "plain%u", i);
	(void)unlinkat(bench->dir, name, 0);
	return blob_remove(bench->b, &bench->ids[i], NULL);
}

static void *
work(void *arg)
{
	struct bench *bench = arg;
	unsigned char *room = malloc(STORE_BLOB_MAX);
	unsigned i;

	while ((i = __atomic_fetch_add(&bench->next, 1, __ATOMIC_RELAXED)) < bench->blobs)
		if (room == NULL || bench->one(bench, i, room) != 0)
			__atomic_fetch_add(&bench->failed, 1, __ATOMIC_RELAXED);
	free(room);
	return NULL;
}

/* Runs one() for every blob in so many threads and prints the rate. */
static void
run(struct bench *bench, const char *what, unsigned threads,
    int (*one)(struct bench *, unsigned, unsigned char *))
{
	pthread_t ids[THREADS_MAX];
	uint64_t start = now_mono_ns();
	double seconds;
	unsigned started = 0;

	bench->one = one;
	bench->next = 0;
	while (started < threads && pthread_create(&ids[started], NULL, work, bench) == 0)
		started++;
	for (unsigned i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	seconds = (double)(now_mono_ns() - start) / (double)NS_PER_S;
	printf("%-28s %u threads  %8.0f MiB/s\n", what, started,
	       bench->blobs * (STORE_BLOB_MAX / MIB) / seconds);
}

static void
run_random(struct bench *bench)
{
	unsigned char page[4096];
	uint64_t start = now_mono_ns();

	for (unsigned i = 0; i < RANDOM_READS; i++) {
		uint64_t r = rand_u64();
		uint32_t at = (uint32_t)(r % (STORE_BLOB_MAX - sizeof(page)));

		if (blobfmt_read(bench->b, &bench->ids[(r >> 32) % bench->blobs], STORE_BLOB_MAX,
				 at, sizeof(page), NULL, page, NULL) != 0)
			bench->failed++;
	}
	printf("%-28s 1 threads  %8.1f us each\n", "random reads of 4 KiB",
	       (double)(now_mono_ns() - start) / 1000.0 / RANDOM_READS);
}

static void
run_all(struct bench *bench)
{
	for (unsigned i = 0; i < bench->blobs; i++)
		bench->ids[i] = id128_random();
	run(bench, "plain write and fdatasync", bench->threads, write_plain);
	run(bench, "blobs stored durably", bench->threads, write_blob);
	run(bench, "blobs read (page cache)", 1, read_blob);
	run(bench, "blobs read (page cache)", bench->threads, read_blob);
	run_random(bench);
	run(bench, "removed", 1, remove_both);
}

int
main(int argc, char **argv)
{
	struct bench bench = {.dir = -1};
	struct cfs_err err = CFS_ERR_INIT;
	char folder[4096], fan[8];

	if (argc < 2) {
		fprintf(stderr, "usage: blobs DIR [MIB [THREADS]]\n");
		return 2;
	}
	bench.blobs = (unsigned)strtoul(argc > 2 ? argv[2] : "1024", NULL, 10) / 4;
	bench.threads = (unsigned)strtoul(argc > 3 ? argv[3] : "2", NULL, 10);
	if (bench.blobs == 0 || bench.threads == 0 || bench.threads > THREADS_MAX)
		return 2;
	snprintf(folder, sizeof(folder), "%s/blobs.XXXXXX", argv[1]);
	bench.ids = calloc(bench.blobs, sizeof(*bench.ids));
	bench.raw = malloc(STORE_BLOB_MAX);
	if (bench.ids == NULL || bench.raw == NULL || mkdtemp(folder) == NULL)
		return 1;
	rand_bytes(bench.raw, STORE_BLOB_MAX);
	bench.dir = io_open(folder, O_RDONLY | O_DIRECTORY, 0);
	if (bench.dir < 0 || blob_dir_create(bench.dir, &err) != 0 ||
	    blob_dir_open(bench.dir, &bench.b, &err) != 0) {
		fprintf(stderr, "blobs: %s\n", err.text);
		return 1;
	}
	run_all(&bench);
	blob_close(bench.b);
	for (unsigned i = 0; i < 256; i++) {
		snprintf(fan, sizeof(fan), "%02x", i);
		(void)unlinkat(bench.dir, fan, AT_REMOVEDIR);
	}
	fd_close(&bench.dir);
	rmdir(folder);
	free(bench.ids);
	free(bench.raw);
	if (bench.failed > 0)
		fprintf(stderr, "blobs: %u failed\n", bench.failed);
	return bench.failed > 0;
}
