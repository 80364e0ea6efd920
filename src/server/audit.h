/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_AUDIT_H
#define CFS_SERVER_AUDIT_H

/*
 * The audit log: every event as one JSON object a line, appended to a file by a process of its own, which reads the table of
 * events behind the number that it got to. That number is what the file's last whole line says, so nothing is lost and nothing
 * doubled across restarts and crashes; half a line that a crash left is cut off. Beside it stands FILE.position for a file that
 * was moved away while no server ran.
 */

#include "store/store.h"

struct audit_job {
	const struct store_conf *store_conf;
	struct store_shared *shared;
	const char *file;
	int hub_fd;
};

/* Runs until the hub's socket ends; what was committed by then is written. Returns the process's exit status. */
int audit_run(const struct audit_job *job);

/* ---- audit_file.c: the file alone */

struct audit_file {
	const char *path;
	int fd;
	uint64_t size;     /* bytes of whole lines */
	uint64_t position; /* number of the last event in it */
	uint64_t noted;    /* what FILE.position says */
};

/* Opens (0600), cuts off half a line, finds the position. Returns 0 or a code; nothing is open then. */
int audit_file_open(struct audit_file *f, const char *path, struct cfs_err *err);
/* Appends whole lines, the last of which is of event `position`, durably, or leaves the file as it was. */
int audit_file_append(struct audit_file *f, const void *lines, size_t len, uint64_t position,
		      struct cfs_err *err);
/* Writes FILE.position, where it is not as it should be. */
int audit_file_note(struct audit_file *f, struct cfs_err *err);
void audit_file_close(struct audit_file *f);

#endif
