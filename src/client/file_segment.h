/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_FILE_SEGMENT_H
#define CFS_CLIENT_FILE_SEGMENT_H

/* What is read of a file, and asked for ahead of its reader. Everything locked. */

#include "client/file.h"

/* Bytes read ahead: what one request asks for, and the window at first, near by and at most. */
#define FILE_SEGMENT     (1024u * 1024)
#define FILE_STEP_MIN    (128u * 1024)
#define FILE_WINDOW_NEAR (4u * 1024 * 1024)
#define FILE_WINDOW_MAX  (16u * 1024 * 1024)
/* Of all files of one connection, with what readers still copy from; so much less while much is written, down to the least. */
#define FILE_AHEAD_MIN   (8u * 1024 * 1024)
#define FILE_AHEAD_MAX   (20u * 1024 * 1024)
/* What was asked for ahead of a program that has read nothing for so long gives way to others'. */
#define FILE_IDLE_NS     UINT64_C(1000000000)
/* Who waits for longer has a server that is far away. */
#define FILE_FAR_NS      (3 * UINT64_C(1000000))
/* What was read ahead without a promise is given out for so long: by then somebody else may have changed the file. */
#define FILE_FRESH_NS    (2 * UINT64_C(1000000000))

/* The bytes of an answer to READ. */
struct file_answer {
	unsigned char *data;
	size_t size, len; /* room at data; what came, less at the end of the file */
	uint64_t version;
	uint64_t epoch; /* of its promise; 0: none */
};

/* A piece of the file that was asked for ahead of its reader. */
struct segment {
	struct segment *next; /* by offset */
	struct cfs *c;
	struct cfs_file *f; /* not once it is dropped */
	struct call *call;  /* NULL: answered */
	uint64_t offset;
	size_t asked;
	size_t used; /* bytes given out */
	struct file_answer answer;
	uint64_t ns;      /* when it was answered */
	unsigned holders; /* readers that wait for it or read from it */
	bool dropped;     /* freed by the last holder */
	int code;
	struct cfs_err err;
};

/* A READ of these bytes that is not sent yet. */
int file_call_read(struct cfs_file *f, uint64_t offset, size_t size, struct call **out,
		   struct cfs_err *err);
/* Takes its answer; notes what it says of the file. */
int file_take_answer(struct cfs_file *f, struct call *k, struct file_answer *a,
		     struct cfs_err *err);

/* The one that has the byte at this offset, or will; NULL. */
struct segment *segment_find(const struct cfs_file *f, uint64_t offset);
/* Whether what was answered is still how the file is. */
bool segment_is_good(const struct cfs_file *f, const struct segment *s);
void segment_hold(struct segment *s);
void segment_release(struct segment *s);
void segment_drop(struct segment *s);

/* Asks for what the program will read next: up to a window behind offset, at least size bytes. */
void file_read_ahead(struct cfs_file *f, uint64_t offset, size_t size);
/* The program had to wait so long for what was asked for ahead: the window grows. */
void file_waited(struct cfs_file *f, uint64_t ns);

#endif
