/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/spin.h"

#include <sched.h>

#include "base/time.h"

/* How long it looks; a wait that took no longer than WORTH_NS, waking included, has the next one look. */
#define SPIN_NS  UINT64_C(150000)
#define WORTH_NS UINT64_C(300000)
/* Who gets the processor back so late has given it to somebody, and leaves it to them for a while. */
#define LATE_NS  UINT64_C(20000)
#define PAUSE_NS ((uint64_t)(10 * NS_PER_MS))

static int
look(struct spin *s, struct pollfd *fds, nfds_t count, uint64_t began)
{
	uint64_t now = began;
	int rc;

	while ((rc = poll(fds, count, 0)) == 0 && now - began < SPIN_NS) {
		uint64_t before = now_mono_ns();

		(void)sched_yield();
		now = now_mono_ns();
		if (now - before > LATE_NS) {
			s->not_before_ns = now + PAUSE_NS;
			break;
		}
	}
	return rc;
}

int
spin_poll(struct spin *s, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	uint64_t began;
	int rc = 0;

	if (timeout_ms == 0)
		return poll(fds, count, 0);
	began = now_mono_ns();
	if (s->worth && began >= s->not_before_ns)
		rc = look(s, fds, count, began);
	if (rc == 0)
		rc = poll(fds, count, timeout_ms);
	s->worth = now_mono_ns() - began <= WORTH_NS;
	return rc;
}
