/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_BLOB_H
#define CFS_STORE_BLOB_H

/*
 * Where blobs are kept: a small table of operations, with a directory and memory behind it (an object store fits too:
 * whole objects are put once, ranges are read, nothing is changed in place). Ids are random and never used again.
 * All functions may be called from any thread of the process that opened the backend, at the same time.
 */

#include <sys/uio.h>

#include "base/err.h"
#include "store/types.h"

#define BLOB_IOV_MAX 8 /* pieces of one put or read */

struct blob_backend;
struct blob_heads; /* verified headers, kept for blobfmt (store/blob_heads.h) */

struct blob_ops {
	const char *name;
	int (*put)(struct blob_backend *b, const struct id128 *id, const struct iovec *iov,
		   int count, struct cfs_err *err);
	int (*replace)(struct blob_backend *b, const struct id128 *id, const struct iovec *iov,
		       int count, struct cfs_err *err);
	int (*read)(struct blob_backend *b, const struct id128 *id, uint64_t offset,
		    const struct iovec *iov, int count, struct cfs_err *err);
	int (*read_now)(struct blob_backend *b, const struct id128 *id, uint64_t offset,
			const struct iovec *iov, int count, struct cfs_err *err);
	int (*size)(struct blob_backend *b, const struct id128 *id, uint64_t *size_out,
		    struct cfs_err *err);
	int (*remove)(struct blob_backend *b, const struct id128 *id, struct cfs_err *err);
	int (*sync_removed)(struct blob_backend *b, struct cfs_err *err);
	int (*space)(struct blob_backend *b, uint64_t *total_out, uint64_t *free_out,
		     struct cfs_err *err);
	void (*idle)(struct blob_backend *b);
	void (*close)(struct blob_backend *b);
};

/* First member of every backend; set up with blob_backend_init(). */
struct blob_backend {
	const struct blob_ops *ops;
	struct blob_heads *heads;
};

/* For backends alone: the common part of opening. blob_close() undoes it before it calls ops->close. CFS_ENOMEM. */
int blob_backend_init(struct blob_backend *b, const struct blob_ops *ops, struct cfs_err *err);

/*
 * A directory: two hex digits of fan-out; files 0600, written under their final name, opened relative to a descriptor.
 * blob_dir_create() makes the fan-out in an empty directory, on stable storage; the directory's own name is the
 * caller's to make durable. blob_dir_open() keeps a duplicate of dirfd. When the flush of a fan-out directory fails, names
 * may be lost that the kernel will not write again, so every later put is CFS_EREADONLY until the backend is opened anew.
 */
int blob_dir_create(int dirfd, struct cfs_err *err);
int blob_dir_open(int dirfd, struct blob_backend **out, struct cfs_err *err);

/* Memory of this process, for tests. blob_space() tells of a terabyte. */
int blob_memory_open(struct blob_backend **out, struct cfs_err *err);

/*
 * The checking wrappers that everybody calls. A zero id, no bytes, or more than BLOB_IOV_MAX pieces is CFS_EINVAL. Error texts
 * begin with the blob's id.
 */

/*
 * Stores bytes under an id and returns when they, and the name, are on stable storage. CFS_EEXIST for a used id,
 * CFS_ENOSPC. After any other error than CFS_EEXIST nothing is left under the id, as far as the backend can still see to it.
 */
int blob_put(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	     struct cfs_err *err);

/*
 * The one exception to "written once": puts the very bytes back that a damaged or lost blob had. At every moment readers
 * find the old object or the new.
 */
int blob_replace(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
		 struct cfs_err *err);

/*
 * Reads exactly the bytes asked for. CFS_ENOENT if there is no such blob, CFS_ECORRUPT if it is shorter (what is in
 * iov is not to be used then).
 */
int blob_read(struct blob_backend *b, const struct id128 *id, uint64_t offset,
	      const struct iovec *iov, int count, struct cfs_err *err);
/* The same if that needs no waiting for a device or another machine; else CFS_EBUSY. */
int blob_read_now(struct blob_backend *b, const struct id128 *id, uint64_t offset,
		  const struct iovec *iov, int count, struct cfs_err *err);
int blob_size(struct blob_backend *b, const struct id128 *id, uint64_t *size_out,
	      struct cfs_err *err);

/* Absent is success. Not durable by itself: after a power cut the blob may be there again. */
int blob_remove(struct blob_backend *b, const struct id128 *id, struct cfs_err *err);

/*
 * Returns when all removals by this backend so far are on stable storage. Before that nobody may forget the ids, because a
 * file that came back would never be found again.
 */
int blob_sync_removed(struct blob_backend *b, struct cfs_err *err);

/* Bytes in all, and those that may still be stored. */
int blob_space(struct blob_backend *b, uint64_t *total_out, uint64_t *free_out,
	       struct cfs_err *err);

/*
 * Gives up what is only kept for speed: descriptors open for reading (a blob that another process removed holds its
 * space until then) and headers. For owners that have been idle; also any thread.
 */
void blob_idle(struct blob_backend *b);

/* b may be NULL. No other call may be under way. */
void blob_close(struct blob_backend *b);

#endif
