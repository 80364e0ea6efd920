/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_WORKLOAD_H
#define CFS_TESTS_FAULT_WORKLOAD_H

/*
 * The workload: makes a store and changes files in it through the store's verbs, as a session would, in steps drawn from a seed.
 * It runs under the recorder and writes marks: "start" when the store is made, "step N …" before transaction N
 * begins, "ack N" when a sync has promised it and all before.
 */

#include <stdint.h>

#include "base/rand.h"
#include "store/store.h"

/* The stream that the workload's changes travel in; it has made this many when the store is ready. */
#define WORKLOAD_STREAM        ((struct id128){.b = {0xc5, 0xa5, 0x11}})
#define WORKLOAD_FIRST_CHANGES MODEL_FOLDERS

/* How the workload and the checker open the store: old versions stay for two of the pauses, so that blobs are removed soon. */
#define WORKLOAD_STORE_CONF(dir)                                                                   \
	((struct store_conf){.path = (dir), .attic_keep_ms = 2 * WORKLOAD_PAUSE_NS / 1000000})

/* The clock goes on by this much between one round of the keeper's work and the next. */
#define WORKLOAD_PAUSE_NS (6 * 3600 * INT64_C(1000000000))

/* Runs so many steps in a new store at path; marks go to the file mark_path. Returns 0, or -1 having said why on stderr. */
int workload_run(const char *path, const char *mark_path, uint64_t seed, unsigned steps);

#endif
