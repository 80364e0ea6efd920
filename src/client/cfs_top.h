/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_TOP_H
#define CFS_CLIENT_CFS_TOP_H

/* What the server is doing: the part of libcfs (cfs.h) that live views need. */

#include "client/cfs.h"

struct cfs_top_session {
	uint64_t pid; /* of the server's process for it */
	char user[65], device[129], peer[64];
	int64_t since_ns;
	bool is_admin; /* over the admin socket */
	uint64_t ops, failures, bytes_in, bytes_out;
	unsigned last_op; /* 0: none yet; cfs_op_name() */
	uint64_t idle_ms;
};
struct cfs_top_transfer {
	uint64_t pid;
	char user[65], path[256];
	bool up; /* to the server */
	uint64_t total, done, age_ms;
};
struct cfs_top_op {
	unsigned op;
	uint64_t count, sum_us;
};
struct cfs_top_line {
	uint64_t number;
	int64_t time_ns;
	int level; /* enum log_level */
	char text[256];
};
/*
 * One look. Counters only grow, so two looks and clock_us give rates. A user's has his own connections, transfers and usage;
 * what is the administrator's business is 0 or empty then.
 */
struct cfs_top {
	int64_t time_ns, started_ns; /* the server's clock */
	uint64_t clock_us;
	char server[65];
	uint64_t connections, turned_away, signins, refused, crashes;
	uint64_t bytes_in, bytes_out, failures, commits;
	uint64_t newest_event, event_backlog;
	uint64_t users, files, logical_bytes, blobs, blob_bytes, attic_files, attic_bytes;
	uint64_t free_bytes, total_bytes;
	struct cfs_top_session *sessions;
	struct cfs_top_transfer *transfers;
	struct cfs_top_op *ops;
	struct cfs_top_line *lines; /* of the log */
	size_t session_count, transfer_count, op_count, line_count;
};
int cfs_top(struct cfs *c, struct cfs_top **out, struct cfs_err *err);
/* NULL accepted. */
void cfs_top_free(struct cfs_top *t);

#endif
