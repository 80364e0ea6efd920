/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_READS_H
#define CFS_SERVER_READS_H

/*
 * READ and SUM. The I/O thread asks the store what is to be read, workers read it into a pooled buffer, and the answer is
 * sent out of that buffer. What is read of others' files is counted (downloads.h).
 */

#include "server/state.h"

struct read_job;
struct sum_job;

void reads_init(struct session *s);
void reads_fini(struct session *s);

/* A worker's job was collected: takes it if it is a READ's or a SUM's. */
bool reads_job_done(struct session *s, struct work_job *job);

/* Starts what waited for a buffer, as far as there are any now. */
void reads_start_waiting(struct session *s);

/* Sends the answer, whose event (if it had one) is committed. Frees the job. */
void reads_answer(struct session *s, struct read_job *r);

/* change. Stores the sums that were computed; and answers them after the transaction, also when it failed. */
void reads_store_sums(struct session *s);
void reads_answer_sums(struct session *s);

#endif
