/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_HOOKS_H
#define CFS_CLI_HOOKS_H

#include "client/cfs.h"

/*
 * Programs run for events. What happened stands in their environment, CFS_EVENT_ID, _TIME, _KIND, _OP, _USER, _DEVICE,
 * _PEER, _PATH, _TARGET, _INO, _VERSION, _BYTES, _DURATION_US, _RESULT, _COMPLETE; no shell sees any of it.
 */
struct hooks;

/* command: words as the shell of cfs reads them. At most jobs run at once. CFS_EUSAGE, CFS_ENOMEM. */
int hooks_new(const char *command, unsigned jobs, struct hooks **out, struct cfs_err *err);

/*
 * Runs it for one event. Returns when there is room for the next: with one job, when it is done. 0, or a code when it
 * cannot be run at all. failed() is told how a command ended that did not end well.
 */
int hooks_run(struct hooks *h, const struct cfs_event *e,
	      void (*failed)(void *arg, const char *text), void *arg, struct cfs_err *err);

/* Waits for all that run. */
void hooks_wait(struct hooks *h, void (*failed)(void *arg, const char *text), void *arg);

/* NULL accepted; nothing may run any more. */
void hooks_free(struct hooks *h);

#endif
