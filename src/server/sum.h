/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SUM_H
#define CFS_SERVER_SUM_H

/* SUM: a whole file's SHA-256, from the store or computed in steps on a worker, one file at a time. */

#include "server/state.h"

void sums_fini(struct session *s);

/* The sum where no byte must be read for it: 1 and *rep, 0 if it is not known, or a code. */
int sum_known(struct session *s, struct inode_ref ref, struct m_sum_rep *rep, struct cfs_err *err);

/* Starts or goes on with the first one, if there is a buffer for it. */
void sums_start(struct session *s);

/* As reads_job_done(). */
bool sums_job_done(struct session *s, struct work_job *job);

#endif
