/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * busy ADDRESS PORT KEYFILE reads|changes|blobs|unread LINES: one user who keeps LINES connections busy until standard input ends:
 * with reads of a large file, with changes that carry as much as one can, with new large files; or with requests whose answers it
 * never reads. Says "busy" when all are, and at the end how many requests were answered, or (unread) sent.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/goodclient.h"
#include "base/bytes.h"
#include "base/rand.h"
#include "base/time.h"
#include "proto/codec.h"

#define BLOB_BYTES   (4u * 1024 * 1024)
#define CHANGE_BYTES 32768u
#define LINES_MAX    16u
#define CHANGES      64u /* under way */
#define READS        8u
#define BLOBS        8u

/* Nothing was sent for so long: more is not taken. */
#define FULL_NS (NS_PER_S / 2)

struct line;

struct business {
	const char *name;
	void (*work)(struct line *l);
	unsigned busy_at; /* requests that were answered by then; 0: when it is full */
};

struct line {
	pthread_t thread;
	struct good g;
	unsigned number;
	unsigned char *bytes;
	const struct business *kind;
	atomic_ulong done, last_ns; /* requests; when the last one was sent */
};

static atomic_bool stop;

static _Noreturn void
die(const char *what, const struct cfs_err *err)
{
	(void)fprintf(stderr, "busy: %s: %s\n", what, err->text);
	exit(1);
}

static void
send_one(struct line *l, unsigned op, const void *req, const void *bulk, size_t len)
{
	struct cfs_err err = CFS_ERR_INIT;

	/* That it can send no more for a minute is what some wait for; the program is over then. */
	if (caller_send(l->g.caller, op, 0, req, bulk, len, NULL, &err) && !atomic_load(&stop))
		die("send", &err);
	atomic_store(&l->last_ns, now_mono_ns());
}

/* The next answer; the number of its operation. */
static unsigned
receive_one(struct line *l, union m_any *rep)
{
	struct cfs_err err = CFS_ERR_INIT;
	struct str bulk;
	struct frame f;

	do {
		if (caller_receive(l->g.caller, &f, &err))
			die("receive", &err);
	} while (!f.is_reply);
	if (caller_decode(&f, rep, &bulk, &err))
		die("answer", &err);
	(void)atomic_fetch_add(&l->done, 1);
	return f.op;
}

/* A file of one blob: two requests. */
static void
send_file(struct line *l, unsigned i)
{
	struct m_blob_put_req blob = {.tag = rand_u64()};
	struct m_write_piece piece = {.length = BLOB_BYTES, .kind = 2, .tag = blob.tag};
	struct buf list = BUF_INIT;
	struct m_put_req req = {.dir = l->g.hello.home,
				.dir_gen = l->g.hello.gen,
				.flags = 1,
				.mode = 0644,
				.size = BLOB_BYTES};
	char name[32];

	(void)snprintf(name, sizeof(name), "large%u-%u", l->number, i);
	req.name = str_from(name);
	req.seq = ++l->g.seq;
	req.ino = l->g.ino++;
	/* New content each time, or there would be nothing to store. */
	store_le64(l->bytes, rand_u64());
	if (codec_list_append(&req.pieces, &msg_write_piece, &piece, &list, 0))
		exit(1);
	send_one(l, OP_BLOB_PUT, &blob, l->bytes, BLOB_BYTES);
	send_one(l, OP_PUT, &req, NULL, 0);
	buf_fini(&list);
}

static void
work_blobs(struct line *l)
{
	union m_any rep;

	while (!atomic_load(&stop)) {
		for (unsigned i = 0; i < BLOBS; i++)
			send_file(l, i);
		for (unsigned i = 0; i < 2 * BLOBS; i++)
			(void)receive_one(l, &rep);
	}
}

static void
make_file(struct line *l)
{
	union m_any rep;

	send_file(l, 0);
	while (receive_one(l, &rep) != OP_PUT)
		continue;
	l->g.file = rep.put_rep.attr;
}

static void
send_read(struct line *l)
{
	const struct m_read_req req = {
	    .ino = l->g.file.ino, .gen = l->g.file.gen, .length = BLOB_BYTES};

	send_one(l, OP_READ, &req, NULL, 0);
}

static void
work_reads(struct line *l)
{
	union m_any rep;

	make_file(l);
	for (unsigned i = 0; i < READS; i++)
		send_read(l);
	while (!atomic_load(&stop)) {
		(void)receive_one(l, &rep);
		send_read(l);
	}
}

static void
send_change(struct line *l, const struct list *pieces)
{
	struct m_write_req req = {.seq = ++l->g.seq,
				  .ack = 1 + atomic_load(&l->done), /* behind good_put()'s */
				  .ino = l->g.file.ino,
				  .gen = l->g.file.gen,
				  .pieces = *pieces};

	send_one(l, OP_WRITE, &req, l->bytes, CHANGE_BYTES);
}

static void
work_changes(struct line *l)
{
	struct m_write_piece piece = {.length = CHANGE_BYTES, .kind = 1};
	struct list pieces = {0};
	struct buf list = BUF_INIT;
	union m_any rep;
	char name[16];

	(void)snprintf(name, sizeof(name), "small%u", l->number);
	good_put(&l->g, name);
	if (codec_list_append(&pieces, &msg_write_piece, &piece, &list, 0))
		exit(1);
	for (unsigned i = 0; i < CHANGES; i++)
		send_change(l, &pieces);
	while (!atomic_load(&stop)) {
		(void)receive_one(l, &rep);
		send_change(l, &pieces);
	}
	buf_fini(&list);
}

static void
work_unread(struct line *l)
{
	make_file(l);
	while (!atomic_load(&stop)) {
		send_read(l);
		(void)atomic_fetch_add(&l->done, 1);
	}
}

static void *
run(void *arg)
{
	struct line *l = arg;

	l->kind->work(l);
	return NULL;
}

static bool
is_busy(struct line *l)
{
	uint64_t last = atomic_load(&l->last_ns);

	if (l->kind->busy_at > 0)
		return atomic_load(&l->done) >= l->kind->busy_at;
	return atomic_load(&l->done) > 1 && now_mono_ns() - last > FULL_NS;
}

int
main(int argc, char **argv)
{
	static const struct business kinds[] = {{"reads", work_reads, 4 * READS},
						{"changes", work_changes, 4 * CHANGES},
						{"blobs", work_blobs, 2 * BLOBS},
						{"unread", work_unread, 0}};
	static struct line lines[LINES_MAX];
	const struct business *kind = NULL;
	unsigned count = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	unsigned long done = 0;
	struct target to;
	char byte;

	for (size_t i = 0; argc == 6 && i < ARRAY_SIZE(kinds); i++)
		kind = strcmp(argv[4], kinds[i].name) == 0 ? &kinds[i] : kind;
	if (!kind || count == 0 || count > LINES_MAX) {
		(void)fprintf(stderr, "usage: busy ADDRESS PORT KEYFILE KIND LINES\n");
		return 2;
	}
	target_init(&to, argv[1], argv[2], argv[3]);
	for (unsigned i = 0; i < count; i++) {
		struct line *l = &lines[i];

		l->number = i;
		l->kind = kind;
		l->bytes = calloc(1, BLOB_BYTES);
		good_start(&l->g, &to);
		if (!l->bytes || pthread_create(&l->thread, NULL, run, l))
			return 1;
	}
	for (unsigned i = 0; i < count; i++) {
		while (!is_busy(&lines[i]))
			(void)usleep(1000);
	}
	(void)printf("busy\n");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	atomic_store(&stop, true);
	for (unsigned i = 0; i < count; i++)
		done += atomic_load(&lines[i].done);
	(void)printf("%lu\n", done);
	(void)fflush(stdout);
	/* Some never come to their end. */
	_exit(0);
}
