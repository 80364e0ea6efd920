/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The server's small parts on their own: counting of downloads, buffers, tags, addresses, the hub's list. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "server/bufpool.h"
#include "server/children.h"
#include "server/receipts.h"
#include "server/refusals.h"
#include "server/tags.h"
#include "server/unforked.h"

static bool
note(struct receipts *r, uint64_t ino, uint64_t offset, uint64_t length, struct receipt *done)
{
	struct receipt evicted;

	return receipts_note(r, ino, 1, 7, 100, offset, length, ino, done, &evicted);
}

static void
test_receipts_ranges(void **state)
{
	struct receipts *r = receipts_new();
	struct receipt done;

	(void)state;
	/* Apart, touching, overlapping, within: only the last byte completes it. */
	assert_false(note(r, 1, 90, 10, &done));
	assert_false(note(r, 1, 0, 10, &done));
	assert_false(note(r, 1, 20, 10, &done));
	assert_false(note(r, 1, 10, 10, &done));
	assert_false(note(r, 1, 5, 10, &done));
	assert_false(note(r, 1, 25, 64, &done));
	assert_false(note(r, 1, 0, 89, &done));
	assert_true(note(r, 1, 89, 1, &done));
	assert_int_equal(done.bytes, 100);
	assert_true(done.complete);
	assert_true(receipts_empty(r));
	/* All at once, and counted afresh. */
	assert_true(note(r, 1, 0, 100, &done));
	receipts_free(r);
}

static void
test_receipts_bounded(void **state)
{
	struct receipts *r = receipts_new();
	struct receipt done, evicted;
	unsigned evictions = 0, taken = 0;

	(void)state;
	for (uint64_t ino = 1; ino <= 1000; ino++) {
		assert_false(receipts_note(r, ino, 1, 7, 100, 0, 1, ino, &done, &evicted));
		if (evicted.ino) {
			assert_int_equal(evicted.ino, ++evictions); /* the oldest */
			assert_int_equal(evicted.bytes, 1);
			assert_int_equal(evicted.range_count, 1);
			receipt_fini(&evicted);
		}
	}
	assert_true(evictions > 0);
	assert_false(receipts_take_idle(r, 10, &done));
	while (receipts_take_idle(r, UINT64_MAX, &done)) {
		receipt_fini(&done);
		taken++;
	}
	assert_int_equal(taken + evictions, 1000);
	/* Scattered beyond what is remembered: it is only never complete. */
	for (uint64_t i = 0; i < 5000; i++)
		assert_false(receipts_note(r, 1, 1, 7, 100000, i * 10, 1, i, &done, &evicted));
	receipts_free(r);
}

static void
test_bufpool(void **state)
{
	struct bufpool *pool = bufpool_new(2 * BUFPOOL_MAX);
	struct poolbuf *a, *b, *c;

	(void)state;
	assert_int_equal(bufpool_get(pool, BUFPOOL_MAX + 1, &a), CFS_ETOOBIG);
	assert_int_equal(bufpool_get(pool, BUFPOOL_MAX, &a), 0);
	assert_int_equal(bufpool_get(pool, BUFPOOL_MAX, &b), 0);
	assert_int_equal(bufpool_get(pool, 1, &c), CFS_EBUSY);
	bufpool_put(b);
	assert_int_equal(bufpool_get(pool, 1, &c), 0);
	assert_true(c->size < BUFPOOL_MAX);
	memset(c->data, 1, c->size);
	bufpool_put(c);
	assert_int_equal(bufpool_used(pool), a->size);
	bufpool_put(a);
	bufpool_trim(pool);
	assert_int_equal(bufpool_used(pool), 0);
	bufpool_free(pool);
}

static void
test_tags(void **state)
{
	struct tags *t = tags_new();
	struct tag *tag, *pending;

	(void)state;
	assert_int_equal(tags_add(t, 0, &tag), CFS_EINVAL);
	assert_int_equal(tags_add(t, 1, &pending), 0);
	assert_int_equal(tags_add(t, 1, &tag), CFS_EINVAL);
	assert_int_equal(pending->status, CFS_EBUSY);
	pending->status = 0;
	for (uint64_t i = 2; i < 20000; i++) {
		assert_int_equal(tags_add(t, i, &tag), 0);
		tag->status = 0;
	}
	/* Old ones are forgotten, new ones are not. */
	assert_null(tags_find(t, 1));
	assert_non_null(tags_find(t, 19000));
	tags_free(t);
}

static struct addr_key
key_of(const char *text)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in6 *in6 = (void *)&addr;
	struct sockaddr_in *in = (void *)&addr;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		in->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		in6->sin6_family = AF_INET6;
	return addr_key_of(&addr);
}

static void
test_refusals(void **state)
{
	static struct refusals r;
	struct addr_key a = key_of("192.0.2.1"), b = key_of("192.0.2.2");
	struct addr_key net = key_of("2001:db8:1:2::1"), same = key_of("2001:db8:1:2:ffff::9");
	struct addr_key other = key_of("2001:db8:1:3::1");
	struct addr_key mapped = key_of("::ffff:192.0.2.1");
	uint64_t now = UINT64_C(1) << 50;

	(void)state;
	refusals_note(&r, &a, now);
	refusals_note(&r, &a, now);
	assert_int_equal(refusals_count(&r, &a, now), 2);
	assert_int_equal(refusals_count(&r, &b, now), 0);
	/* What a socket for both families says of an IPv4 address. */
	assert_int_equal(refusals_count(&r, &mapped, now), 2);
	refusals_note(&r, &net, now);
	assert_int_equal(refusals_count(&r, &same, now), 1);
	assert_int_equal(refusals_count(&r, &other, now), 0);
	now += UINT64_C(601) * 1000000000;
	assert_int_equal(refusals_count(&r, &a, now), 0);
	refusals_note(&r, &a, now);
	assert_int_equal(refusals_count(&r, &a, now), 1);
	/* More addresses than there is room for. */
	for (unsigned i = 0; i < 3 * REFUSALS_MAX; i++) {
		memcpy(b.b, &i, sizeof(i));
		refusals_note(&r, &b, ++now);
	}
	assert_int_equal(r.used, REFUSALS_MAX);
	assert_int_equal(refusals_count(&r, &b, now), 1);
}

static void *
page_of(unsigned char *p)
{
	return p - (uintptr_t)p % (uintptr_t)sysconf(_SC_PAGESIZE);
}

/* What is the hub's alone is not in a process that it forks. */
static void
test_unforked(void **state)
{
	struct unforked u = {.size = 24};
	unsigned char *array = unforked_grow(NULL, 0, 65536), *first = unforked_take(&u);
	unsigned char *others[8000], seen;
	int status = -1;
	pid_t pid;

	(void)state;
	assert_non_null(array);
	assert_non_null(first);
	array[65535] = 7;
	array = unforked_grow(array, 65536, 131072);
	assert_non_null(array);
	assert_int_equal(array[65535], 7);
	assert_int_equal(array[65536], 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = unforked_take(&u);
		assert_non_null(others[i]);
		memset(others[i], (int)i & 0xff, 24);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(others[i][0], i & 0xff);
		assert_int_equal(others[i][23], i & 0xff);
	}
	unforked_give(&u, first);
	assert_ptr_equal(unforked_take(&u), first);
	pid = fork();
	if (pid == 0)
		_exit((mincore(page_of(array), 1, &seen) == 0 || errno != ENOMEM) ||
		      (mincore(page_of(array + 131071), 1, &seen) == 0 || errno != ENOMEM) ||
		      (mincore(page_of(first), 1, &seen) == 0 || errno != ENOMEM));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unforked_end(array, 131072);
	unforked_clear(&u);
}

/* A process closes the hub's sockets to the others, and nothing else. */
static void
test_close_ends(void **state)
{
	struct children list = {0};
	struct child *child[6];
	int own = dup(0), status = -1;
	pid_t pid;

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct child c = {.role = CHILD_SESSION,
				  .pid = i + 1,
				  .fd = fcntl(0, F_DUPFD, 60 + i + i / 3 * 900)};

		assert_true(c.fd >= 0);
		child[i] = children_add(&list, &c);
		assert_non_null(child[i]);
	}
	/* Its number is somebody else's now. */
	status = child[1]->fd;
	children_hang_up(&list, child[1]);
	assert_int_equal(child[1]->fd, -1);
	assert_int_equal(dup2(0, status), status);
	pid = fork();
	if (pid == 0) {
		int left[6] = {60, 62, 963, 964, 965, -1};

		children_close_ends(&list);
		for (int i = 0; left[i] >= 0; i++) {
			if (fcntl(left[i], F_GETFD) >= 0)
				_exit(1 + i);
		}
		_exit(fcntl(own, F_GETFD) < 0 || fcntl(status, F_GETFD) < 0 ? 99 : 0);
	}
	(void)close(status);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	children_clear(&list);
	(void)close(own);
}

static void
test_children(void **state)
{
	struct children list = {0};
	struct child child = {.role = CHILD_SESSION, .fd = -1, .key = key_of("192.0.2.1")};
	struct child *first, *found;
	uint32_t waiting;

	(void)state;
	for (pid_t pid = 1; pid <= 100; pid++) {
		child.pid = pid;
		assert_non_null(children_add(&list, &child));
	}
	child.role = CHILD_KEEPER;
	child.pid = 101;
	assert_non_null(children_add(&list, &child));
	assert_int_equal(list.sessions, 100);
	assert_int_equal(list.unauthenticated, 100);
	assert_int_equal(children_from_address(&list, &child.key, &waiting), 100);
	assert_int_equal(waiting, 100);
	first = children_find(&list, 50);
	assert_non_null(first);
	children_signed_in(&list, first);
	children_signed_in(&list, first);
	assert_int_equal(list.unauthenticated, 99);
	assert_int_equal(children_from_address(&list, &child.key, &waiting), 100);
	assert_int_equal(waiting, 99);
	found = children_from(&list, first->index);
	assert_ptr_equal(found, first);
	children_remove(&list, first);
	assert_null(children_find(&list, 50));
	/* One whose process is not known yet is counted, and found by its place. */
	child.role = CHILD_SESSION;
	child.pid = 0;
	first = children_add(&list, &child);
	assert_non_null(first);
	assert_null(children_find(&list, 0));
	assert_ptr_equal(children_get(&list, first->index), first);
	children_made(&list, first, 1024 + 51);
	assert_ptr_equal(children_find(&list, 1024 + 51), first);
	assert_int_equal(children_find(&list, 51)->pid, 51);
	children_remove(&list, first);
	assert_int_equal(children_find(&list, 51)->pid, 51);
	child.pid = 0;
	first = children_add(&list, &child);
	assert_non_null(first);
	children_remove(&list, first);
	assert_int_equal(list.sessions, 99);
	assert_int_equal(list.unauthenticated, 99);
	children_clear(&list);
	assert_int_equal(list.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_receipts_ranges), cmocka_unit_test(test_receipts_bounded),
	    cmocka_unit_test(test_bufpool),         cmocka_unit_test(test_tags),
	    cmocka_unit_test(test_refusals),        cmocka_unit_test(test_children),
	    cmocka_unit_test(test_unforked),        cmocka_unit_test(test_close_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
