/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_TYPES_H
#define CFS_STORE_TYPES_H

/*
 * Plain data that the store's verbs take and give. The store knows nothing of the protocol; the server's conversion
 * between these and the messages of ops.def is one file (server/convert.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/rand.h"

#define STORE_INLINE_MAX  (32u * 1024)       /* bytes of an inline extent */
#define STORE_BLOB_MAX    (4u * 1024 * 1024) /* raw bytes of a blob */
#define STORE_FRAME_RAW   (64u * 1024)       /* raw bytes of a blob's frame */
#define STORE_NAME_MAX    255u
#define STORE_SYMLINK_MAX 4095u
#define STORE_ROOT_INO    1u                 /* the directory of all users' trees */
#define STORE_FILE_MAX    (INT64_C(1) << 62) /* largest size of a file */

enum inode_type {
	INODE_FILE = 1,
	INODE_DIR = 2,
	INODE_SYMLINK = 3,
	INODE_FIFO = 4,
	INODE_CHR = 5,
	INODE_BLK = 6,
	INODE_SOCK = 7,
};

/* An inode's number and generation, as clients name it. */
struct inode_ref {
	uint64_t ino;
	uint32_t gen;
};

/* Meanings as in message attr of proto/ops.def; times in ns since 1970. */
struct inode_attr {
	uint64_t ino;
	uint32_t gen;
	enum inode_type type;
	uint32_t mode, nlink, uid, gid;
	uint64_t size, stored, version;
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	uint64_t owner, uploader, rdev;
};

/* Who asks. Every verb that touches a tree checks it; admin passes every check. */
struct cred {
	uint64_t user; /* 0: nobody */
	bool admin;
	bool
	    trees_private; /* [access] default = private: others' trees do not exist for this caller */
};

/* Bytes that the caller owns and that stay valid for the call. */
struct bytes_view {
	const void *data;
	size_t len;
};

#endif
