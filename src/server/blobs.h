/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_BLOBS_H
#define CFS_SERVER_BLOBS_H

/*
 * BLOB_PUT, step by step: received into a pooled buffer, hashed on a worker, looked for among the user's blobs, written and
 * flushed on a worker, made ready in the next transaction, answered when that is on stable storage. Several are in
 * different steps at a time.
 */

#include "server/state.h"

/* 0 or CFS_ENOMEM. */
int blobs_init(struct session *s);
void blobs_fini(struct session *s);

/*
 * Whether every blob that a decoded request of this operation names by tag is on stable storage (or is known to have
 * failed, or not known at all: its handler says so).
 */
bool blobs_named_ready(const struct session *s, const struct op_desc *op, const union m_any *req);

/* The blob behind a tag: 0; why there is none (CFS_EBLOBGONE for a tag that is not known) with err set. */
int blobs_resolve(const struct session *s, uint64_t tag, struct id128 *id_out, struct cfs_err *err);

/* change. Makes the written blobs ready in the open transaction; answers them after it (status 0) or after its failure. */
void blobs_make_ready(struct session *s);
void blobs_answer_ready(struct session *s, int status, const struct cfs_err *err);

/* A worker's job was collected: takes it if it is a blob's. */
bool blobs_job_done(struct session *s, struct work_job *job);

#endif
