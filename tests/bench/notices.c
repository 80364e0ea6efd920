/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * How soon a notice reaches an owner who is online: bob reads small files of alice's, one after the other, and it is timed
 * from his request to her notice of the download, over sessions on the same processors. Prints the median, what 99 of 100 keep
 * to, and the worst, in milliseconds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/servertest.h"
#include "base/time.h"

#define FILES 300u

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Waits for the push that tells of a file, and acknowledges what comes. */
static void
await_notice(struct peer *p, uint64_t ino)
{
	struct m_push_ack_req ack;
	struct m_notice_push m;
	struct m_notice n;
	struct frame f;
	bool found = false;

	while (!found) {
		assert_int_equal(caller_receive(p->c, &f, NULL), 0);
		if (f.is_reply || f.op != OP_NOTICE)
			continue;
		assert_int_equal(frame_decode(&f, &m, NULL, NULL), 0);
		while (list_next(&m.notices, &n))
			found = found || n.event.ino == ino;
		ack.push = m.push;
		peer_send(p, OP_PUSH_ACK, 0, &ack, NULL, 0);
	}
}

int
main(void)
{
	struct m_subscribe_req sub = {.since = UINT64_MAX, .filter = 1};
	struct id128 stream = id128_random();
	static struct m_attr files[FILES];
	static uint64_t took[FILES];
	struct m_subscribe_rep rep;
	struct buf content = BUF_INIT;
	struct peer alice, bob;
	char name[16];
	void *state;

	if (servertest_setup(&state))
		return 1;
	peer_start(state, &alice, 'a');
	peer_attach(&alice, &stream, true);
	for (unsigned i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(peer_put(&alice, alice.home, name, name, 4, &files[i]), 0);
	}
	peer_start(state, &bob, 'b');
	assert_int_equal(peer_call(&alice, OP_SUBSCRIBE, &sub, &rep, NULL), 0);
	for (unsigned i = 0; i < FILES; i++) {
		uint64_t start = now_mono_ns();

		buf_clear(&content);
		assert_int_equal(peer_read(&bob, &files[i], 0, &content), 0);
		await_notice(&alice, files[i].ino);
		took[i] = now_mono_ns() - start;
	}
	qsort(took, FILES, sizeof(took[0]), compare);
	printf("%u notices: median %.2f ms, 99 %% below %.2f ms, the worst %.2f ms\n", FILES,
	       (double)took[FILES / 2] / 1e6, (double)took[FILES * 99 / 100] / 1e6,
	       (double)took[FILES - 1] / 1e6);
	buf_fini(&content);
	peer_disconnect(&bob);
	peer_disconnect(&alice);
	return servertest_teardown(&state);
}
