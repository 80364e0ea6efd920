/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Events in bulk: 8 writers make 10,000 changes a second between them, in pipelined bursts, while 100 watchers follow, 90
 * of them a hundredth each and 10 all of it. Checks that none is missing or doubled, and says when the last one was
 * delivered. Everything is on the same processors: sessions and both ends of every connection. --quick: 2 seconds
 * instead of 10.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/servertest.h"
#include "base/time.h"

#define WRITERS  8u
#define WATCHERS 100u
#define PARTIAL  90u /* of those */
#define DIRS     100u
#define RATE     10000u
#define BURST    125u

struct watcher {
	struct peer p;
	pthread_t thread;
	unsigned expected, got, overflows, wrong;
	uint64_t last_ns;
	struct m_subscribe_rep sub;
};

struct writer {
	struct peer p;
	pthread_t thread;
	const struct m_attr *dirs;
	unsigned count, first;
	uint64_t start_ns;
};

static void *
watch(void *arg)
{
	struct watcher *w = arg;
	uint64_t told = w->sub.since;
	struct m_notice_push m;
	struct m_push_ack_req ack;
	struct m_notice n;
	struct frame f;
	uint64_t id = 0;

	while (w->got < w->expected && caller_receive(w->p.c, &f, NULL) == 0) {
		w->overflows += !f.is_reply && f.op == OP_OVERFLOW;
		if (f.is_reply || f.op != OP_NOTICE || frame_decode(&f, &m, NULL, NULL))
			continue;
		w->wrong += m.before != told;
		told = m.upto;
		while (list_next(&m.notices, &n)) {
			w->wrong += n.event.id <= id;
			id = n.event.id;
			w->got++;
		}
		w->last_ns = now_mono_ns();
		ack.push = m.push;
		if (caller_send(w->p.c, OP_PUSH_ACK, 0, &ack, NULL, 0, &w->p.number, NULL))
			break;
	}
	return NULL;
}

static void
wait_until_ns(uint64_t at)
{
	struct timespec ts = {.tv_sec = (time_t)(at / (uint64_t)NS_PER_S),
			      .tv_nsec = (long)(at % (uint64_t)NS_PER_S)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void *
change(void *arg)
{
	struct writer *w = arg;
	struct m_setattr_req req = {.valid = 128};
	struct m_attr_rep rep;

	for (unsigned i = 0; i < w->count; i++) {
		const struct m_attr *dir = &w->dirs[(w->first + i) % DIRS];

		if (i % BURST == 0)
			wait_until_ns(w->start_ns +
				      (uint64_t)i * WRITERS * (uint64_t)NS_PER_S / RATE);
		req.seq = ++w->p.seq;
		req.ino = dir->ino;
		req.gen = dir->gen;
		peer_send(&w->p, OP_SETATTR, 0, &req, NULL, 0);
		if (i % BURST == BURST - 1 || i == w->count - 1)
			assert_int_equal(peer_wait(&w->p, w->p.number, &rep), 0);
	}
	return NULL;
}

static void
start_watcher(struct servertest *t, struct watcher *w, unsigned i, unsigned total)
{
	struct m_subscribe_req req = {.since = UINT64_MAX, .filter = 4, .kinds = 1u << 2};
	struct m_path path;
	struct buf b = BUF_INIT;
	char text[32];

	peer_start(t, &w->p, 'b');
	(void)snprintf(text, sizeof(text), "/alice/d%u", i);
	path.path = str_from(text);
	w->expected = total;
	if (i < PARTIAL) {
		w->expected = total / DIRS;
		assert_int_equal(codec_list_append(&req.paths, &msg_path, &path, &b, 0), 0);
	}
	assert_int_equal(peer_call(&w->p, OP_SUBSCRIBE, &req, &w->sub, NULL), 0);
	buf_fini(&b);
	assert_int_equal(pthread_create(&w->thread, NULL, watch, w), 0);
}

static void
start_writer(struct servertest *t, struct writer *w, unsigned i, unsigned count,
	     const struct m_attr *dirs)
{
	struct id128 stream = id128_random();

	peer_start(t, &w->p, 'a');
	peer_attach(&w->p, &stream, true);
	w->dirs = dirs;
	w->count = count;
	w->first = i * count;
	w->start_ns = now_mono_ns() + (uint64_t)NS_PER_S / 2;
}

static void
make_dirs(struct servertest *t, struct m_attr *dirs)
{
	struct id128 stream = id128_random();
	struct peer p;
	char name[16];

	peer_start(t, &p, 'a');
	peer_attach(&p, &stream, true);
	for (unsigned i = 0; i < DIRS; i++) {
		(void)snprintf(name, sizeof(name), "d%u", i);
		assert_int_equal(peer_mkdir(&p, p.home, name, &dirs[i]), 0);
	}
	peer_disconnect(&p);
}

int
main(int argc, char **argv)
{
	unsigned seconds = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 2 : 10;
	unsigned each = RATE * seconds / WRITERS, total = each * WRITERS;
	static struct watcher watchers[WATCHERS];
	static struct writer writers[WRITERS];
	static struct m_attr dirs[DIRS];
	unsigned missing = 0, wrong = 0, overflows = 0;
	uint64_t end, last = 0;
	void *state;

	if (servertest_setup(&state))
		return 1;
	make_dirs(state, dirs);
	for (unsigned i = 0; i < WATCHERS; i++)
		start_watcher(state, &watchers[i], i, total);
	for (unsigned i = 0; i < WRITERS; i++)
		start_writer(state, &writers[i], i, each, dirs);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&writers[i].thread, NULL, change, &writers[i]), 0);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
	end = now_mono_ns();
	for (unsigned i = 0; i < WATCHERS; i++) {
		assert_int_equal(pthread_join(watchers[i].thread, NULL), 0);
		missing += watchers[i].expected - watchers[i].got;
		wrong += watchers[i].wrong;
		overflows += watchers[i].overflows;
		last = watchers[i].last_ns > last ? watchers[i].last_ns : last;
	}
	printf("%u events in %.1f s to %u watchers: missing %u, doubled or out of order %u, "
	       "overflows %u, the last %.2f s after the end\n",
	       total, (double)(end - writers[0].start_ns) / 1e9, WATCHERS, missing, wrong,
	       overflows, last > end ? (double)(last - end) / 1e9 : 0.0);
	for (unsigned i = 0; i < WRITERS; i++)
		peer_disconnect(&writers[i].p);
	for (unsigned i = 0; i < WATCHERS; i++)
		peer_disconnect(&watchers[i].p);
	return servertest_teardown(&state) || missing || wrong || overflows;
}
