/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Fair shares: one user who keeps the store busy, with large files and with thousands of small changes, does not keep another from it. */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "servertest.h"
#include "store/impl.h"

#define HOGS    6u
#define LARGE   (4u * 1024 * 1024)
#define WINDOW  50u /* small changes; two windows are under way */
#define SAMPLES 40u

struct hog {
	struct servertest *t;
	pthread_t thread;
	bool large;
	atomic_bool *stop;
	atomic_ulong *done;
};

struct fair {
	struct hog hogs[HOGS];
	atomic_bool stop;
	atomic_ulong done; /* changes of the busy user */
};

static void
put_large(struct peer *p, unsigned char *bytes, uint64_t n)
{
	struct m_blob_put_req blob = {.tag = n};
	struct m_write_piece piece = {.length = LARGE, .kind = 2, .tag = n};
	struct buf list = BUF_INIT;
	struct m_put_req req;
	struct m_put_rep rep;

	/* New content each time, or there would be nothing to store. */
	store_le64(bytes, rand_u64());
	peer_send(p, OP_BLOB_PUT, 0, &blob, bytes, LARGE);
	peer_fill_put(p, p->home, "large", 0, &req, &list);
	req.size = LARGE;
	assert_int_equal(codec_list_append(&req.pieces, &msg_write_piece, &piece, &list, 0), 0);
	peer_send(p, OP_PUT, FRAME_DURABLE, &req, NULL, 0);
	buf_fini(&list);
	assert_int_equal(peer_wait(p, p->number, &rep), 0);
}

/* A window more, then the answers to the one before: the session always has something to do. */
static void
put_small(struct peer *p)
{
	uint64_t before = p->number;
	struct m_put_rep rep;
	struct m_put_req req;
	char name[16];

	for (unsigned i = 0; i < WINDOW; i++) {
		struct buf pieces = BUF_INIT;

		(void)snprintf(name, sizeof(name), "s%u", i);
		peer_fill_put(p, p->home, name, 5, &req, &pieces);
		peer_send(p, OP_PUT, 0, &req, "12345", 5);
		buf_fini(&pieces);
	}
	if (p->seq > WINDOW)
		assert_int_equal(peer_wait(p, before, &rep), 0);
}

static void *
work(void *arg)
{
	struct hog *h = arg;
	struct id128 stream = id128_random();
	unsigned char *bytes = calloc(1, LARGE);
	struct peer p;

	peer_start(h->t, &p, 'b');
	peer_attach(&p, &stream, true);
	for (uint64_t n = 1; !atomic_load(h->stop) && p.next_ino + WINDOW < p.end_ino; n++) {
		if (h->large)
			put_large(&p, bytes, n);
		else
			put_small(&p);
		(void)atomic_fetch_add(h->done, h->large ? 1 : WINDOW);
	}
	peer_disconnect(&p);
	free(bytes);
	return NULL;
}

static void
start_hogs(struct fair *f, struct servertest *t)
{
	for (unsigned i = 0; i < HOGS; i++) {
		f->hogs[i] =
		    (struct hog){.t = t, .large = i < 2, .stop = &f->stop, .done = &f->done};
		assert_int_equal(pthread_create(&f->hogs[i].thread, NULL, work, &f->hogs[i]), 0);
	}
	while (atomic_load(&f->done) < 4 * WINDOW)
		(void)sched_yield();
}

static void
stop_hogs(struct fair *f)
{
	atomic_store(&f->stop, true);
	for (unsigned i = 0; i < HOGS; i++)
		(void)pthread_join(f->hogs[i].thread, NULL);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t
median(uint64_t *values)
{
	qsort(values, SAMPLES, sizeof(*values), compare);
	return values[SAMPLES / 2];
}

struct measured {
	uint64_t look_ns, put_ns; /* medians */
	/* Transactions of all while one look-up or small put waits: all but a tenth keep to it. */
	uint64_t look_commits, put_commits;
};

static struct measured
measure(struct peer *p)
{
	uint64_t look[SAMPLES], put[SAMPLES], look_commits[SAMPLES], put_commits[SAMPLES];
	struct m_attr attr;

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t before = store_last_commit(p->store), t = now_mono_ns();

		assert_int_equal(peer_put(p, p->home, "mine", "12345", 5, &attr), 0);
		put[i] = now_mono_ns() - t;
		put_commits[i] = store_last_commit(p->store) - before;
		before = store_last_commit(p->store);
		t = now_mono_ns();
		assert_int_equal(peer_lookup(p, p->home, "mine", &attr), 0);
		look[i] = now_mono_ns() - t;
		look_commits[i] = store_last_commit(p->store) - before;
	}
	(void)median(look_commits);
	(void)median(put_commits);
	return (struct measured){.look_ns = median(look),
				 .put_ns = median(put),
				 .look_commits = look_commits[SAMPLES * 9 / 10],
				 .put_commits = put_commits[SAMPLES * 9 / 10]};
}

static void
test_a_busy_user_starves_nobody(void **state)
{
	struct servertest *t = *state;
	struct id128 stream = id128_random();
	struct fair f = {.stop = false};
	struct measured quiet, busy;
	unsigned long done;
	struct peer alice;

	peer_start(t, &alice, 'a');
	peer_attach(&alice, &stream, true);
	quiet = measure(&alice);
	start_hogs(&f, t);
	done = atomic_load(&f.done);
	busy = measure(&alice);
	done = atomic_load(&f.done) - done;
	stop_hogs(&f);
	peer_disconnect(&alice);
	print_message(
	    "look-up %.2f ms (quiet %.2f), %lu transactions; put %.2f ms (quiet %.2f), %lu "
	    "transactions; %lu changes of the busy user\n",
	    (double)busy.look_ns / 1e6, (double)quiet.look_ns / 1e6,
	    (unsigned long)busy.look_commits, (double)busy.put_ns / 1e6, (double)quiet.put_ns / 1e6,
	    (unsigned long)busy.put_commits, done);
	/* There was something to wait for. */
	assert_true(done > 0);
	/* Counted in turns, which no load of the machine changes: each of the others some, and none for a look-up. */
	assert_true(busy.put_commits <= 4 * HOGS);
	assert_true(busy.look_commits <= HOGS);
	/* And in time, a batch (20 ms) of each and slices of the processors. */
	assert_true(busy.put_ns < 20 * quiet.put_ns + 400 * (uint64_t)NS_PER_MS);
	assert_true(busy.look_ns < 20 * quiet.look_ns + 100 * (uint64_t)NS_PER_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_a_busy_user_starves_nobody)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
