/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_FILE_H
#define CFS_CLIENT_FILE_H

/*
 * The inside of an open file: what is read ahead of the program, and what it wrote and was not sent yet.
 *
 * Two locks: write_lock orders the writers of one file and guards the gathered bytes; it is taken before c->lock, which
 * guards all the rest and is given up while something is awaited.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/call.h"
#include "client/cfs.h"

/* The window of what is read ahead, at first. */
#define FILE_WINDOW_MIN (256u * 1024)
/*
 * What open files of one connection may have of memory together, for what is read ahead and what was written and is not answered
 * (file_memory.c). Each of the two has a least share: the other may have filled the rest.
 */
#define FILE_MEMORY_MAX (24u * 1024 * 1024)
/* Room for bytes that were written and not answered, gathered or under way. */
#define FILE_WRITES_MIN (8u * 1024 * 1024)
#define FILE_WRITES_MAX (16u * 1024 * 1024)
/* Of that, gathered: for more, the file that was written longest ago sends what it has. */
#define FILE_GATHER_MAX (8u * 1024 * 1024)

/*
 * Small writes here and there go together as pieces of one WRITE: so many of them, of so many bytes. More pieces would not make
 * that much cheaper, and fewer would not keep the server waiting for less.
 */
#define FILE_PIECES_MAX  64u
#define FILE_SCATTER_MAX (256u * 1024)

struct bufs;
struct outblob;
struct segment;
struct file_map;

/* Bytes that were written and not sent. */
struct gather_piece {
	uint64_t offset; /* in the file; 0 for what is appended */
	uint32_t at;     /* in the buffer */
	uint32_t len;
};

struct cfs_file {
	struct cfs *c;
	struct cfs_ref ref;
	atomic_bool lost;              /* a lock on it was: nothing is read or written any more */
	bool writable, foreign;        /* foreign: its owner is told of downloads */
	unsigned refs;                 /* the opener, and whoever looks at it from c->files */
	struct cfs_file *next, **prev; /* c->files */

	pthread_mutex_t write_lock;
	unsigned char *gather; /* bytes that were not sent; NULL when there are none */
	bool filled; /* the gathered bytes before were a whole blob: the program goes on writing */
	bool appending; /* the gathered bytes go to the end of the file, which the server knows */
	size_t gather_len, gather_cap;
	/* Where the bytes belong: by offset, none over another (file_gather.c). One alone begins where the buffer does. */
	struct gather_piece pieces[FILE_PIECES_MAX];
	size_t piece_count;

	/* c->lock */
	uint64_t size; /* as this client sees it */
	uint64_t version;
	struct cfs_attr attr; /* of the last answer to a write */
	bool has_attr;
	uint64_t
	    attr_after; /* answers to changes up to this number are older than another change of attributes */
	bool gathered;               /* gather_len > 0, for readers */
	uint64_t written;            /* c->writes_seen at the last write */
	unsigned writes;             /* under way */
	uint64_t busy_from, busy_to; /* range that they cover */
	struct cfs_err error;        /* of an earlier write, told once */
	struct segment *segments;
	uint64_t next_offset; /* where a program that reads on would read */
	uint64_t read_ns;     /* when it read last */
	size_t window;
	/* which blobs it consists of, for the cache on disk (file_map.h) */
	struct file_map *map;
	struct call *map_call; /* one is on its way */
	uint64_t map_from;     /* where that begins */
	uint64_t map_retry_ns; /* none is asked for before */
	bool map_spoiled;      /* the file was changed since it was asked for */
	bool map_seen;         /* one has come, or not come */
};

/* Locked. Forgets what was read ahead, and of which blobs it consists. */
void file_drop_segments(struct cfs_file *f);
/* Locked. Forgets only the latter; one that is on its way is of no use. */
void file_map_forget(struct cfs_file *f);
/*
 * Makes the buffer of gathered bytes at least so large, with write_lock, not locked. Where there is something in it, only if there is
 * room: CFS_EBUSY tells to send that first. Else it waits, and an interrupted thread gets an error.
 */
int file_gather_grow(struct cfs_file *f, size_t need, struct cfs_err *err);
/* Gives write_lock back; not locked. Who waits for room and found it taken looks again. */
void file_let_go(struct cfs_file *f);
/* Locked. Room came free: those who wait for some look again. */
void file_room_changed(struct cfs *c);
/* Locked. Gives the buffer back. */
void file_gather_free(struct cfs_file *f);
/* Locked. Hands the buffer, which counts on as one of writes, to b; what of it is not used is given back. */
void file_gather_send(struct cfs_file *f, struct outblob *b);
/* Locked. How much may be asked for ahead of all readers together. */
size_t file_ahead_max(const struct cfs *c);
/* Locked. A buffer of one of the pools, for reuse if there is room for it. */
void file_keep_buf(struct cfs *c, struct bufs *pool, void *p);
/* Locked. One from a pool, or fresh; NULL when memory is out. */
void *file_take_buf(struct cfs *c, struct bufs *pool);
/* Locked. So much more is about to be taken: what is kept for reuse gives way. */
void file_make_memory(struct cfs *c, size_t more);
/* Locked, unlocks meanwhile. Nothing happens: gives back to the system what is kept, and what was freed. */
void file_memory_rest(struct cfs *c);
/* Locked. Ends a use that was counted in refs. */
void file_unref(struct cfs_file *f);

/*
 * Takes as much of what is written as goes with what is gathered: the bytes taken, 0 when that is to be sent first, or a code. With
 * write_lock, not locked.
 */
ssize_t file_gather_write(struct cfs_file *f, const void *p, size_t size, uint64_t offset,
			  struct cfs_err *err);
/* Whether it should be sent at once: it reaches as far as a blob does. With write_lock. */
bool file_gather_is_full(const struct cfs_file *f);
/* Forgets what lies at `size` or behind it; gather_len is 0 if nothing is left. With write_lock. */
void file_gather_cut(struct cfs_file *f, uint64_t size);
/* Where the last gathered piece ends. With write_lock. */
uint64_t file_gather_end(const struct cfs_file *f);
/* The gathered piece that has all these bytes, or NULL. With write_lock. */
const struct gather_piece *file_gather_find(const struct cfs_file *f, uint64_t offset, size_t size);

/* Sends what was gathered, without waiting for the answer. With write_lock, not locked. */
int file_send_gathered(struct cfs_file *f, bool durable, struct cfs_err *err);
/*
 * Sends and waits for every write of the file; an error of one of them is told here. Takes write_lock. durable (may be
 * NULL): true asks for stable storage at the same time, and comes back false where nothing was left to be sent.
 */
int file_settle(struct cfs_file *f, bool *durable, struct cfs_err *err);
/* Copies from what is gathered if all of it is there. Takes write_lock. */
bool file_read_gathered(struct cfs_file *f, void *buf, size_t size, uint64_t offset);

/*
 * Puts holes back among size bytes of an answer to READ, of which bulk came. Returns the bytes covered, or -1 when the pieces cannot
 * be right.
 */
ssize_t file_spread(unsigned char *data, size_t size, size_t bulk, struct list pieces);
/*
 * Locked. Reads from the content that is held of the whole file, or on its way. CFS_ENODATA: there is none that is good.
 */
ssize_t file_read_content(struct cfs_file *f, void *buf, size_t size, uint64_t offset,
			  struct cfs_err *err);
/* Locked. Whether there is any, good or not. */
bool file_has_content(const struct cfs_file *f);

/* Locked. Others changed the inode: what was read ahead is old. */
void files_invalidate(struct cfs *c, uint64_t ino);
/*
 * The attributes were changed by a call that was just sent: what earlier writes answer is old. ino 0: those of any file, as when
 * a name is removed.
 */
void files_forget_attr(struct cfs *c, struct cfs_ref ref);
/* Locked. A lock on an inode was lost: files that are open on it answer CFS_ELOCKLOST from now on. */
void files_lose(struct cfs *c, struct cfs_ref ref);
/* Whether that has happened: 0 or CFS_ELOCKLOST. */
int file_check_lost(const struct cfs_file *f, struct cfs_err *err);
/* Sends what files open on an inode have gathered, so that a change of it that follows comes after that. */
int files_send(struct cfs *c, struct cfs_ref ref, struct cfs_err *err);

#endif
