/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_TRUST_STATE_H
#define CFS_CLIENT_TRUST_STATE_H

/* What trust.c (how long, and the hook) and trust_line.c (what arrives and is sent) share. */

#include "client/trust.h"
#include "client/trust_memory.h"
#include "proto/ops.h"

/* An invalidation on its way to the hook. */
struct told {
	struct told *next;
	struct cfs_invalid what;
	char name[256];
};

struct trust {
	struct trust_memory memory;
	/* By now_boot_ns(), for the server counts on while this machine sleeps: nothing is trusted from then on; 0: nothing is. */
	atomic_uint_fast64_t until_ns;
	atomic_uint_fast64_t epoch;
	uint64_t asked_ns; /* when the question was sent that renewed them last */
	uint64_t used_ns;  /* last question whose answer was a promise, or answered from here */
	uint32_t ms;       /* that the server promises for */

	/* the thread that calls the hook */
	pthread_t thread;
	pthread_cond_t cond;
	bool thread_runs, stop;
	struct told *first, **last;
};

/* Whether what is remembered may be used at this moment. */
bool trust_is_held(const struct trust *p);
/* Everything that was remembered is void. */
void trust_all_void(struct trust *p);
/* A question was answered with a promise. */
void trust_renew(struct trust *p, const struct call *k, uint32_t ms);
/* Has the hook told, or says at once that it is forgotten. */
void trust_tell_hook(struct cfs *c, const struct m_invalidate_push *m);
/* Tells the server that a push was acted on; 0: it wants no answer. */
void trust_acknowledge(struct cfs *c, uint64_t push);

#endif
