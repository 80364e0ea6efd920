/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_MOUNT_H
#define CFS_FUSE_MOUNT_H

/*
 * cfs-mount: libfuse's low-level API on client/cfs.h, and nothing else.
 *
 * The kernel's node ids are the store's inode numbers, but for the top of the mount, which is FUSE_ROOT_ID. All handlers
 * run on libfuse's threads, many at once.
 *
 * What is remembered and for how long: what the server has promised to tell of, until it does (inval.h) or the promise is
 * not renewed. The kernel is told attributes and names with what is left of the promise as their time-out, at most 10
 * seconds; then it asks again and is answered from memory. So a change made elsewhere is seen by the next call after its
 * answer. Own changes are seen at once: each is announced before it begins and after its end (inode_change_begin(),
 * listings_touch()), and nothing that was asked for before that is told any more.
 */

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ahead.h"
#include "around.h"
#include "client/cfs.h"
#include "holder.h"
#include "inode.h"
#include "interrupt.h"
#include "inval.h"
#include "listing.h"
#include "lock.h"
#include "pages.h"
#include "recovery.h"
#include "replay.h"
#include "versions.h"

#define MOUNT_IO_MAX        (1024u * 1024)
/* That handle requests: of more calls than that which wait for a line that is down each has its time after another's. */
#define MOUNT_THREADS       64u
/* Contents of small files that walks will ask for. */
#define MOUNT_CONTENT_BYTES (8u * 1024 * 1024)

struct mount {
	struct cfs *c;
	struct cfs_ref top;
	uid_t uid;
	gid_t gid;
	mode_t umask;                                         /* with ids=mine */
	double attr_timeout, entry_timeout, negative_timeout; /* seconds */
	uint64_t fresh_ns; /* the shorter of the first two; 0: nothing is remembered */
	bool read_only, stored_ids;
	atomic_uint_fast64_t removed_ns;              /* when a name was removed last */
	atomic_uint_fast64_t look_ns;                 /* what the last look-up at the server took */
	atomic_uint_fast64_t total_bytes, free_bytes; /* as the server said last; 0: never */
	struct inodes inodes;
	struct listings listings;
	struct ahead ahead;
	struct around around;
	struct pages pages;
	struct holder holder;
	struct mount_locks locks;
	struct versions versions;
	struct invals invals;
	struct recovery recovery;
	struct replay replay;
	struct interrupts interrupts;
};

struct mount *mount_of(fuse_req_t req);

/* From this round trip on it pays to ask for more than is wanted yet. */
#define MOUNT_FAR_NS UINT64_C(3000000)

/* Whether the server is that far away, and what is asked for ahead may be kept at all. */
static inline bool
mount_is_far(struct mount *m)
{
	return m->fresh_ns > 0 && atomic_load(&m->look_ns) >= MOUNT_FAR_NS;
}

/* ---- attr.c ---- */

/* As stat(2) sees it: with ids=mine everything is the mounting user's, and what others own cannot be written. */
void attr_to_stat(const struct mount *m, const struct cfs_attr *a, struct stat *st);
/* Whether the signed-in user may change it. */
bool attr_is_own(const struct mount *m, const struct cfs_attr *a);
/* What is left of a promise, in seconds, and no more than the time-out. */
double time_left(const struct mount *m, double timeout, uint64_t epoch);
/* The same for a name in a directory that was asked for at asked_ns: nothing while others change names there. */
double name_time_left(const struct mount *m, double timeout, uint64_t epoch,
		      const struct inode *dir, uint64_t asked_ns);
/*
 * The answer to a look-up of name in dir (NULL: the name is not left to the kernel): attributes that were asked for at asked_ns.
 * Counts the look-up; false without memory.
 */
bool attr_to_entry(struct mount *m, const struct inode *dir, const char *name,
		   const struct cfs_attr *a, uint64_t asked_ns, struct fuse_entry_param *e);

/* Answers with the errno of a CFS code. */
void reply_code(fuse_req_t req, int code);
void reply_attr(fuse_req_t req, const struct cfs_attr *a, uint64_t asked_ns);
void reply_entry(fuse_req_t req, const struct inode *dir, const char *name,
		 const struct cfs_attr *a, uint64_t asked_ns);

/* ---- ops_name.c ---- */

/* What stands under a name, and when that was asked for: from what is remembered, or from the server (asked). */
int name_look(struct mount *m, struct inode *dir, const char *name, struct cfs_attr *a,
	      uint64_t *asked_ns, bool *asked_out);

/* Whether names are being removed one after the other, so that leases are worth asking for (cfs_lease_ask()). */
bool name_removals(struct mount *m);

/* A name in a directory that this mount changes, from before it asks the server until it is answered. */
struct name_change {
	struct inode *dir; /* held in between */
	const char *name;
};
int name_change_begin(struct mount *m, fuse_ino_t parent, const char *name,
		      struct name_change *out);
void name_change_end(struct mount *m, struct name_change *n);

/*
 * What is told of a directory that the server does not know: first ESTALE, which has the kernel look the path up anew, and if
 * it comes back then ENOENT, as from any directory that was removed. Other codes stay.
 */
int dir_code(struct inode *dir, int code);

/* ---- ops_attr.c ---- */

/*
 * The inode's attributes as of now: from what is remembered if that is fresh, else from the server, behind what this mount
 * wrote and has not sent yet.
 */
int inode_look(struct mount *m, struct inode *i, bool remembered, struct cfs_attr *out,
	       uint64_t *asked_ns_out);
/* Cuts a file or lets it grow, behind what this mount wrote. */
int inode_truncate(struct mount *m, struct inode *i, uint64_t size, struct cfs_attr *out);

/* ---- the operations ---- */

void ops_names(struct fuse_lowlevel_ops *ops);  /* ops_name.c */
void ops_attrs(struct fuse_lowlevel_ops *ops);  /* ops_attr.c */
void ops_files(struct fuse_lowlevel_ops *ops);  /* ops_file.c */
void ops_locks(struct fuse_lowlevel_ops *ops);  /* ops_lock.c */
void ops_dirs(struct fuse_lowlevel_ops *ops);   /* ops_dir.c */
void ops_xattrs(struct fuse_lowlevel_ops *ops); /* ops_xattr.c */
void ops_space(struct fuse_lowlevel_ops *ops);  /* ops_space.c */

#endif
