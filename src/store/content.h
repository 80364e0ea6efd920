/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_CONTENT_H
#define CFS_STORE_CONTENT_H

/*
 * Content: extents over immutable blobs and inline bytes.
 *
 * Writing a blob takes three steps, so that hashing and flushing run on workers and SQL on the I/O thread:
 *   content_blob_reserve()  ids recorded durably beforehand, a batch at a time (orphans are found by their rows)
 *   content_blob_write()    any thread: stored form written and flushed, file and directory
 *   content_blob_ready()    change: length, hash; from the commit on the id may be named
 * or content_blob_find() gives an id that the same owner already has for the same bytes.
 */

#include "base/err.h"
#include "store/types.h"

struct store;

/*
 * Gives `count` fresh ids for user's blobs, recorded on stable storage. Opens and commits its own transaction (none may be open).
 * Ids that are never made ready, and ready ones that are never named, are removed by the keeper after a day.
 */
int content_blob_reserve(struct store *s, uint64_t user, unsigned count, struct id128 *ids_out,
			 struct cfs_err *err);

/*
 * Whether a reserved id may still be written and made ready: 1, or 0 when it is about to be removed or was, because it
 * was reserved nearly a day ago; or a negative code.
 */
int content_blob_is_reserved(struct store *s, const struct id128 *id, struct cfs_err *err);

/* Looks for a live blob of the same owner with this hash and length: 1 and *id_out, or 0, or a negative code. */
int content_blob_find(struct store *s, uint64_t user, const struct sha256 *hash, uint32_t length,
		      struct id128 *id_out, struct cfs_err *err);

/*
 * Whether a blob that was found will still be there when a change names it some hours from now: 1, or 0 when nothing
 * refers to it and it may be removed before, or was; or a negative code.
 */
int content_blob_stays(struct store *s, const struct id128 *id, struct cfs_err *err);

/* change. Keeps such a blob for a day, as if it were new. CFS_EBLOBGONE. */
int content_blob_keep(struct store *s, const struct id128 *id, struct cfs_err *err);

/* Any thread. Writes the stored form of raw bytes under a reserved id and flushes it; *stored_out is its size on disk. */
int content_blob_write(struct store *s, const struct id128 *id, const void *raw, uint32_t length,
		       uint32_t *stored_out, struct cfs_err *err);

/* change. The blob is complete on stable storage and may be named. */
int content_blob_ready(struct store *s, uint64_t user, const struct id128 *id,
		       const struct sha256 *hash, uint32_t length, uint32_t stored,
		       struct cfs_err *err);

/* One piece of a write: a hole, inline bytes, or a part of a blob. */
struct content_piece {
	enum { PIECE_HOLE, PIECE_INLINE, PIECE_BLOB } kind;
	uint32_t length;
	const void *data;  /* PIECE_INLINE */
	struct id128 blob; /* PIECE_BLOB */
	uint32_t blob_offset;
	uint64_t skip; /* bytes between the piece before, or the offset, and this one */
};

/*
 * change. Replaces the bytes from offset on by the pieces, but for what they skip, which stays; with append the offset is the
 * size. Takes references on blobs (CFS_EBLOBGONE if one is not live), drops those of what is replaced, raises the version, clears the stored sum.
 */
int content_write(struct store *s, const struct cred *cred, struct inode_ref ref, bool append,
		  uint64_t offset, int64_t mtime_ns, const struct content_piece *pieces,
		  size_t count, uint64_t *offset_out, struct inode_attr *out, struct cfs_err *err);

struct put_args {
	struct inode_ref dir;
	struct bytes_view name;
	uint64_t ino; /* unnamed file to link; with make_inode a free number */
	struct id128 stream;
	bool make_inode, noclobber, check_version, set_mode;
	uint64_t if_version;
	uint32_t mode, uid, gid;
	int64_t mtime_ns;
	uint64_t size;
	bool has_sum;
	struct sha256 sum;
	const struct content_piece *pieces; /* with make_inode */
	size_t piece_count;
};

/*
 * change. Gives the name a whole new content at once. The replaced file's mode, uid, gid stay (mode unless set_mode), its version counts on; if it lost its
 * last name it goes to the attic. CFS_EEXIST (noclobber), CFS_ECONFLICT (check_version), CFS_EISDIR.
 */
int content_put(struct store *s, const struct cred *cred, const struct put_args *a,
		struct inode_attr *out, uint64_t *replaced_out, struct cfs_err *err);

/* change. Shares extents of src with dst; *copied_out bytes. Reading rights on src, writing rights on dst. */
int content_copy(struct store *s, const struct cred *cred, struct inode_ref src,
		 uint64_t src_offset, uint64_t length, struct inode_ref dst, uint64_t dst_offset,
		 uint64_t *copied_out, struct inode_attr *out, struct cfs_err *err);

/* One piece of a read, made by content_plan(); inline bytes are in the plan's own memory. */
struct content_part {
	enum { PART_HOLE, PART_INLINE, PART_BLOB } kind;
	uint32_t length;
	bool has_hash; /* the piece is a whole blob, or a whole inline extent */
	struct sha256 hash;
	const void *data;  /* PART_INLINE: in the plan */
	struct id128 blob; /* PART_BLOB */
	uint32_t blob_offset, blob_length;
	struct sha256 blob_hash;
};
struct content_plan {
	struct inode_attr attr;     /* of the one version that all parts come from */
	struct content_part *parts; /* contiguous from the offset asked for */
	size_t count;
	uint64_t length;           /* sum of the parts */
	struct bytes_view inlined; /* what PART_INLINE's data are, one behind the other */
};

/* One piece of a map, made by content_map(): which bytes of which blob, if any. */
struct map_part {
	enum { MAP_HOLE, MAP_INLINE, MAP_BLOB } kind;
	uint64_t length;
	struct id128 blob; /* MAP_BLOB */
	uint32_t blob_offset;
};
struct content_map {
	struct inode_attr attr; /* of the one version that all parts come from */
	struct map_part *parts; /* contiguous from the offset asked for; free() */
	size_t count;
};

/* Parts of one map at most. */
#define CONTENT_MAP_MAX 2048u

/*
 * Which blobs `length` bytes from offset consist of; short at the end of file, or where more parts would be needed than one
 * map has. No content is touched.
 */
int content_map(struct store *s, const struct cred *cred, struct inode_ref ref, uint64_t offset,
		uint64_t length, struct content_map *out, struct cfs_err *err);

/*
 * The first byte at or behind offset that an extent covers, or that none does (hole); the end of the file counts as a
 * hole. CFS_ENXIO: there is none, or offset is not before the end.
 */
int content_seek(struct store *s, const struct cred *cred, struct inode_ref ref, uint64_t offset,
		 bool hole, uint64_t *offset_out, struct cfs_err *err);

/*
 * change. clear: the range becomes a hole. The file grows to the range's end unless keep_size. Room is not reserved: there is
 * no place that later bytes would go to.
 */
int content_allocate(struct store *s, const struct cred *cred, struct inode_ref ref, bool clear,
		     bool keep_size, uint64_t offset, uint64_t length, struct inode_attr *out,
		     struct cfs_err *err);

/* change. Somebody has the file open: if it has no name, or loses it, the keeper leaves it alone for the next hour. */
int content_hold(struct store *s, const struct cred *cred, struct inode_ref ref,
		 struct cfs_err *err);

/*
 * What must be read to answer `length` bytes from offset: one consistent look at the metadata, no blob is touched.
 * whole_extents ends the answer at an extent's end instead of cutting one (but always gives at least one part). Short
 * otherwise only at the end of file, or where more parts would be needed than one plan has (some 1,000). version != 0: CFS_ECONFLICT if it is another now. Free with content_plan_free().
 */
int content_plan(struct store *s, const struct cred *cred, struct inode_ref ref, uint64_t offset,
		 uint32_t length, uint64_t version, bool whole_extents,
		 struct content_plan **plan_out, struct cfs_err *err);
void content_plan_free(struct content_plan *plan);

/*
 * Any thread. Reads a PART_BLOB's bytes (or copies PART_INLINE's) into dst, checking the checksum of every frame read, and with
 * verify the whole blob's SHA-256 too. CFS_ECORRUPT with the range in the text; dst is not to be used then.
 */
int content_read(struct store *s, const struct content_part *part, bool verify, void *dst,
		 struct cfs_err *err);
/* The same where that needs no waiting, CFS_EBUSY else; dst is not to be used then. */
int content_read_now(struct store *s, const struct content_part *part, void *dst);

/* The stored whole-file sum of the newest version: 1 and *sum_out, 0 if none is stored. */
int content_sum_get(struct store *s, const struct cred *cred, struct inode_ref ref,
		    struct sha256 *sum_out, uint64_t *version_out, uint64_t *size_out,
		    struct cfs_err *err);

/* change. Stores it if the version is still that one and the file has a name: before, its version does not count. */
int content_sum_set(struct store *s, struct inode_ref ref, uint64_t version,
		    const struct sha256 *sum, struct cfs_err *err);

#endif
