/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_DEVICES_H
#define CFS_CLIENT_CFS_DEVICES_H

/* The part of cfs.h about devices: one's own, and those that have read one's files. */

#include "client/cfs.h"

/* A device that has read a file of the caller's. Strings are valid for the callback. */
struct cfs_holder {
	uint64_t user_id;
	const char *user, *device;
	uint64_t version;   /* newest that it has whole; else the newest it opened */
	uint64_t downloads; /* how often, as far as events are kept */
	int64_t last_ns;
	bool complete;
};
/* Who has downloaded a file, the last one first; *version_out is what it is now. CFS_EDENIED for others' files. */
int cfs_who_has(struct cfs *c, struct cfs_ref ref,
		int (*each)(void *arg, const struct cfs_holder *h), void *arg,
		uint64_t *version_out, struct cfs_err *err);

struct cfs_device {
	struct sha256 fingerprint;
	const char *name;
	int64_t created_ns, last_seen_ns;
	bool current;
};
int cfs_devices(struct cfs *c, int (*each)(void *arg, const struct cfs_device *d), void *arg,
		struct cfs_err *err);
int cfs_device_revoke(struct cfs *c, const struct sha256 *fingerprint, struct cfs_err *err);

#endif
