/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_IMPL_H
#define CFS_STORE_IMPL_H

/*
 * What the files of the store share among themselves, and nobody else. Functions return 0 or a code unless said
 * otherwise; those marked "change" need an open transaction.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/time.h"
#include "store/attic.h"
#include "store/blob.h"
#include "store/brief.h"
#include "store/changes.h"
#include "store/content.h"
#include "store/db.h"
#include "store/names.h"
#include "store/store.h"

#define STORE_KEEP_MS    20 /* the longest that the keeper wants others to wait for the write mutex */
#define BALLAST_BYTES    (8u * 1024 * 1024)
/* How long inodes without a name stay: unfinished uploads after their last write, removed files for those who have them open. */
#define STORE_UNNAMED_NS (24 * 3600 * NS_PER_S)
#define STORE_ORPHAN_NS  (3600 * NS_PER_S)
/* Extents that are removed in one go, about 2 ms; a file of more is taken apart by the keeper, slice by slice. */
#define EXTENTS_AT_ONCE  1024u
#define GEN_TAKEN_APART  UINT32_MAX /* of an inode whose extents are going */

/* ---- shared.c: what processes share --------------------------------------------------------------------------------- */

struct store_shared {
	/*
	 * Robust and process-shared. A glibc mutex lets whoever asks next overtake those who sleep; whoever wants `write`
	 * first holds `next`, so that a process in a loop of transactions gets in line behind one that waits.
	 */
	pthread_mutex_t next, write, flush;
	pthread_mutex_t db_next; /* whoever looks for a free slot, in order */
	_Atomic unsigned db_waiting;
	pthread_mutex_t db_slots[STORE_DB_SESSIONS_MAX]; /* held by whoever has the database open */
	_Atomic uint64_t committed; /* number of the last commit; grows under `write` */
	_Atomic uint64_t
	    durable;         /* everything up to here is on stable storage; grows under `flush` */
	_Atomic bool failed; /* a flush failed: read-only until all processes are new */
	_Atomic uint64_t
	    last_event; /* number of the newest committed event, 0 not known; grows under `write` */
	int64_t
	    refused_minute; /* of the clock: the one that `refused` counts in; both under `write` */
	unsigned refused;
	_Atomic unsigned listeners; /* that want event_fd written to */
	int memory_fd;              /* of this memory; only in processes that have not left it */
	int event_fd; /* eventfd: written to after each commit with events; never read */
	_Atomic bool
	    ballast_gone; /* the disk was full: content is refused until the keeper has made it again */
	struct brief briefs[BRIEFS];
};

int shared_lock_write(struct store_shared *sh, struct cfs_err *err);
void shared_unlock_write(struct store_shared *sh);
/* dbslots.c: one of limit slots for an open database, waiting for it; CFS_EBUSY after 15 s. Given back by the same thread. */
int shared_take_db(struct store_shared *sh, unsigned limit, int *slot_out, struct cfs_err *err);
void shared_give_db(struct store_shared *sh, int slot);
/* Locks one of the mutexes above, whose owner may have died. */
int shared_lock(pthread_mutex_t *m, struct cfs_err *err);
/* Whether a code of the engine means that what it wrote may not be on the disk; then nobody writes any more. */
void shared_note_failure(struct store_shared *sh, int code);
/* CFS_EREADONLY after a failed flush. */
int shared_check_writable(const struct store_shared *sh, struct cfs_err *err);

/* ---- store.c: the handle ---------------------------------------------------------------------------------------------- */

/* Changes of `usage` that the running transaction has not written yet. */
struct usage_delta {
	uint64_t owner; /* 0: empty */
	int64_t bytes, files, attic;
};

/* What a user's files may take, and what they took when the running transaction began; owner 0: not looked up yet. */
struct quota_cache {
	uint64_t owner, limit; /* 0: none */
	int64_t bytes;
};

/*
 * The stream of the running transaction: read once, written once (the write mutex keeps others away), and known as long as
 * nobody else commits.
 */
struct stream_cache {
	bool loaded, dirty;
	struct id128 stream;
	uint64_t user, epoch, last_seq, ack;
	int64_t seen; /* when the store was told last that it was seen */
};

struct store {
	const struct store_conf *conf;
	struct store_shared *shared;
	bool memory;
	int dir_fd; /* the store's directory; -1 in memory */
	struct blob_backend *blobs;
	struct id128 id;
	uint32_t gen;
	int64_t clock_shift_ns; /* 0 but in tests of what takes days */

	pthread_mutex_t db_lock; /* db and flushing, which store_sync() looks at from any thread */
	struct db *db;           /* NULL while idle; only the store's own thread sets it */
	unsigned flushing;
	int db_slot;           /* -1 none: not open, or not limited */
	uint64_t db_opened_ns; /* now_mono_ns() */

	bool in_txn, in_read;
	bool hold_reads;      /* store_hold_reads() */
	bool held;            /* a read transaction is open that no verb is in */
	uint64_t held_commit; /* the last commit before it began */
	uint64_t held_ns;     /* when that was, now_mono_ns() */
	bool whole; /* the running change is all of the transaction so far: undone with it */
	uint64_t known_until; /* the commit that what is known of the stream and the path is of */
	unsigned listening;   /* events_listen() */
	uint64_t last_event;  /* given in this transaction, 0 none yet */
	bool content_refused;
	bool ample; /* the disk has room for anything that the log may need */
	struct stream_cache stream;
	struct usage_delta usage, usage_saved;
	struct quota_cache quota;

	/* Numbers reserved for entries of links and the like: of this process, or of this transaction while fresh. */
	uint64_t next_number, end_number;
	bool numbers_fresh;

	/* The last range that a create used; ranges do not change. */
	struct id128 range_stream;
	uint64_t range_first, range_end;

	/* Path of the directory that was asked for last. */
	uint64_t path_dir;
	struct buf path;

	struct sha256_ctx *sha;
	struct content_memo *memo;
};

/*
 * A store in a directory that is laid out as one, over a database that is open: takes db, unless it fails. For looking
 * alone.
 */
int store_open_with(const char *path, const struct store_conf *conf, struct store_shared *shared,
		    struct db *db, struct store **out, struct cfs_err *err);
/* Opens the database if it is not. Every verb begins with it, with store_read_begin() or with store_need_txn(). */
int store_need_db(struct store *s, struct cfs_err *err);
/* Ends a held read transaction, if there is one; with only_old if somebody committed since, or it is too old. */
void store_held_end(struct store *s, bool only_old);
/* CFS_EFAIL where a change is called outside a transaction. */
int store_need_txn(struct store *s, struct cfs_err *err);
/*
 * One state of the database for all that is read until store_read_end(); inside a write transaction nothing to do. Always
 * paired; *began says whether there is something to end.
 */
int store_read_begin(struct store *s, bool *began, struct cfs_err *err);
void store_read_end(struct store *s, bool began);

/* Flushes the database's log in a process that has the database closed. Any thread. */
int store_flush_closed(struct store *s, struct cfs_err *err);

int64_t store_now(const struct store *s);

/* Statements whose parameters are all numbers, bound in order. The number of changed rows, or a code. */
int sql_run(struct store *s, const struct db_sql *sql, const uint64_t *args, size_t count,
	    struct cfs_err *err);
/* The first column of the first row: 1 and *value_out, 0 if there is no row, or a code. */
int sql_get(struct store *s, const struct db_sql *sql, const uint64_t *args, size_t count,
	    uint64_t *value_out, struct cfs_err *err);

#define SQL_ARGS(...)                                                                              \
	(const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

/* ---- space.c ------------------------------------------------------------------------------------------------------------ */

int ballast_make(int dir_fd, struct cfs_err *err);
/* Looks at the disk: gives up the ballast when it is nearly full, sets content_refused and ample. */
void space_look(struct store *s);
/* The engine ran out of space: gives up the ballast, so that the next attempt can delete. */
void space_exhausted(struct store *s);
/* Under the write mutex, before a transaction: on a disk that is getting full moves the log while there is room for it. */
int space_make(struct store *s, struct cfs_err *err);
/* CFS_ENOSPC where content is refused now. */
int space_check(const struct store *s, struct cfs_err *err);
/* The keeper's: makes the ballast again when there is room for it twice. */
int space_restore(struct store *s, struct cfs_err *err);
/* Whether the attic has to give way. */
bool space_is_short(const struct store *s);

/* change. Notes that owner has so many more bytes and inodes; written with the commit. */
int usage_add(struct store *s, uint64_t owner, int64_t bytes, int64_t files, struct cfs_err *err);
/* change. Likewise of the attic. */
int usage_add_attic(struct store *s, uint64_t owner, int64_t bytes, struct cfs_err *err);
/* change. */
int usage_flush(struct store *s, struct cfs_err *err);

/* ---- changes.c ------------------------------------------------------------------------------------------------------------ */

/* change. Writes the cached stream's state before the commit. */
int change_stream_flush(struct store *s, struct cfs_err *err);
/* Rows of streams are about to be changed by others than changes: what is known of one is forgotten. */
void change_stream_forget(struct store *s);
/* change. A fresh number of the store's own, for entries and directories that no client numbered. */
int number_take(struct store *s, uint64_t *number_out, struct cfs_err *err);
/* change. A range out of the counter. */
int number_reserve(struct store *s, uint64_t count, uint64_t *first_out, struct cfs_err *err);
/* CFS_EINVAL if ino is not in a range of stream. */
int number_check(struct store *s, const struct id128 *stream, uint64_t ino, struct cfs_err *err);

/* ---- events.c ---------------------------------------------------------------------------------------------------------- */

/* Behind a commit, under the write mutex: others may look for the transaction's events now. */
void events_published(struct store *s);
/* change. Removes some events that are over age or size: *count_out of them. */
int events_expire(struct store *s, unsigned max, unsigned *count_out, struct cfs_err *err);

/* ---- inode.c ---------------------------------------------------------------------------------------------------------------- */

struct inode {
	struct inode_attr a;
	uint64_t parent, dent; /* one of its names; 0 for none */
	uint64_t xattrs;       /* bytes of its extended attributes, names and values */
};

/* Columns in the order that inode_from_row() takes them, of a table or alias i. */
#define INODE_COLUMNS                                                                              \
	"i.ino, i.gen, i.type, i.mode, i.nlink, i.uid, i.gid, i.size, i.stored, i.version, "       \
	"i.atime, i.mtime, i.ctime, i.btime, i.owner, i.uploader, i.rdev, i.parent, i.dent, "      \
	"i.xattrs"
#define INODE_COLUMN_COUNT 20

void inode_from_row(struct db_stmt *st, int first_column, struct inode *out);

/* By number alone: 1, 0 if there is none, or a code. */
int inode_find(struct store *s, uint64_t ino, struct inode *out, struct cfs_err *err);
/* As clients name it, if cred may see it. CFS_ESTALE (also for another's unnamed file), CFS_ENOENT. gen 0 matches any. */
int inode_get(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode *out,
	      struct cfs_err *err);
/* The same of an inode that was found. */
int inode_check(struct store *s, const struct cred *cred, struct inode_ref ref,
		const struct inode *in, struct cfs_err *err);
/* As inode_get(), and a directory. CFS_ENOTDIR. */
int inode_get_dir(struct store *s, const struct cred *cred, struct inode_ref ref, struct inode *out,
		  struct cfs_err *err);
/* As inode_get_dir(), and cred may change its entries. CFS_EDENIED. */
int inode_get_own_dir(struct store *s, const struct cred *cred, struct inode_ref ref,
		      struct inode *out, struct cfs_err *err);
bool cred_sees(const struct cred *cred, uint64_t owner);
bool cred_owns(const struct cred *cred, uint64_t owner);

/* 0 if cred_owns(), else CFS_EDENIED with a text for people. */
int cred_check_owns(const struct cred *cred, uint64_t owner, struct cfs_err *err);

/* change. CFS_EINVAL if the number is used. target may be empty. Counts the usage if it has a name. */
int inode_insert(struct store *s, const struct inode *in, struct bytes_view target,
		 struct cfs_err *err);
/* change. Writes every column but number, generation, type, birth, device and the sum, and the usage's difference to old. */
int inode_update(struct store *s, const struct inode *in, const struct inode *old,
		 struct cfs_err *err);
/* CFS_EDENIED unless cred may change the inode: its owner, and for a file without a name who made it. */
int inode_writable(struct store *s, const struct cred *cred, const struct inode *in,
		   bool *unnamed_out, struct cfs_err *err);
/* change. Forgets the stored sum: the content is another. */
int inode_clear_sum(struct store *s, uint64_t ino, struct cfs_err *err);
/* change. Removes the row, its extents and attributes. It has no name any more. */
int inode_delete(struct store *s, uint64_t ino, struct cfs_err *err);
/*
 * change. The same for a file of any length: true in *more_out: a slice of its extents went, the row stays, and nobody who had it open
 * finds it any more (its generation is none that was ever given).
 */
int inode_delete_some(struct store *s, uint64_t ino, bool *more_out, struct cfs_err *err);
/* Whether it has more extents than go at once: 1, 0, or a code. */
int inode_is_long(struct store *s, uint64_t ino, struct cfs_err *err);
/* change. Removes an empty directory, whose name is gone already, out of the usage too. */
int inode_delete_dir(struct store *s, const struct inode *in, struct cfs_err *err);
/* change. A directory's counts and times after an entry came (+1), went (-1) or changed (0), and a subdirectory so too. */
int inode_touch_dir(struct store *s, uint64_t dir, int entries, int subdirs, int64_t now,
		    struct cfs_err *err);

/* ---- xattr.c -------------------------------------------------------------------------------------------------------------- */

/* change. An inode without attributes of its own gets copies of another's; its row is the caller's to write. */
int xattr_inherit(struct store *s, struct inode *in, const struct inode *from, struct cfs_err *err);
/* change. */
int xattr_drop(struct store *s, uint64_t ino, struct cfs_err *err);

/* ---- dentry.c ----------------------------------------------------------------------------------------------------------------- */

struct dentry {
	uint64_t parent, id, ino;
};

/* CFS_EBADNAME, CFS_ENAMETOOLONG. */
int dentry_check_name(struct bytes_view name, struct cfs_err *err);
/* 1, 0 if there is none, or a code. */
int dentry_find(struct store *s, uint64_t dir, struct bytes_view name, struct dentry *out,
		struct cfs_err *err);
/* The entry and its inode: 1, 0, or a code. */
int dentry_find_inode(struct store *s, uint64_t dir, struct bytes_view name, struct dentry *d_out,
		      struct inode *in_out, struct cfs_err *err);
/* change. The row alone. CFS_EEXIST. */
int dentry_insert(struct store *s, const struct dentry *d, struct bytes_view name,
		  struct cfs_err *err);
/* change. The row alone. */
int dentry_delete(struct store *s, const struct dentry *d, struct cfs_err *err);
/* change. in gets another entry: nlink, the name it is known by or an alias. The inode's row is the caller's to write. */
int dentry_attach(struct store *s, struct inode *in, const struct dentry *d, struct cfs_err *err);
/* change. The reverse. */
int dentry_detach(struct store *s, struct inode *in, const struct dentry *d, struct cfs_err *err);
/* Text for errors: the name, cut, safe to print. */
#define NAME_TEXT_SIZE 64
const char *name_text(char out[NAME_TEXT_SIZE], struct bytes_view name);

/* change. Copies the stored sum, if it is of the content as it is. */
int inode_copy_sum(struct store *s, uint64_t from, uint64_t to, uint64_t version,
		   struct cfs_err *err);

/* ---- attic.c, attic_expire.c ---------------------------------------------------------------------------------------------------- */

/* What an entry's ino is; see the table in schema.c. */
enum attic_kind { ATTIC_CONTENT = 1, ATTIC_NAME = 2, ATTIC_DIRECTORY = 3, ATTIC_NOTE = 4 };

/*
 * change. An entry of the inode was taken away (dentry_detach() was done, the row is not written): writes the inode, and
 * if that was its last name puts it into the attic or among the orphans. heir: the inode that has the name now, 0 when it
 * was removed (then what lived for less than a minute is not kept).
 */
int attic_bury(struct store *s, const struct cred *cred, struct inode *in, const struct inode *old,
	       uint64_t dir, struct bytes_view name, uint64_t heir, struct cfs_err *err);
/* change. A directory was removed: notes its name, so that what was in it is found. */
int attic_bury_dir(struct store *s, const struct cred *cred, const struct inode *in, uint64_t dir,
		   struct bytes_view name, struct cfs_err *err);
/* change. Notes that in, named so, was made by restoring version source. */
int attic_note(struct store *s, const struct cred *cred, const struct inode *in, uint64_t dir,
	       struct bytes_view name, uint64_t source, struct cfs_err *err);
/*
 * change. Bytes [from, to) are about to be destroyed in place: keeps the content as it is, unless that was done within a
 * minute, or the file is younger than that.
 */
int attic_keep_before(struct store *s, const struct cred *cred, const struct inode *in,
		      uint64_t from, uint64_t to, struct cfs_err *err);
/*
 * Its two halves, for several ranges: whether that may be due at all (1, 0, or a code), and, if so, of each until one was kept:
 * 1, 0 where nothing is, or a code.
 */
int attic_may_keep(struct store *s, const struct inode *in, struct cfs_err *err);
int attic_keep_range(struct store *s, const struct cred *cred, const struct inode *in,
		     uint64_t from, uint64_t to, struct cfs_err *err);
/* change. A file was written to or cut: if it has no name any more, the entry that keeps it is as large as it is now. */
int attic_resize(struct store *s, const struct inode *in, const struct inode *old,
		 struct cfs_err *err);
/* The highest version that the name ever had, as far as is known, 0 none: a new file goes on counting from there. */
int attic_last_version(struct store *s, uint64_t dir, struct bytes_view name, uint64_t *version_out,
		       struct cfs_err *err);
/*
 * The path of a directory, without a copy: the last one is kept, because whole trees are put and removed directory by
 * directory. Valid until the next call. Inside a transaction.
 */
int path_of_dir(struct store *s, uint64_t dir, struct bytes_view *out, struct cfs_err *err);
/* change. Deletes some entries that are over age or size: *count_out of them, max when the time was up before. */
int attic_expire(struct store *s, unsigned max, unsigned *count_out, struct cfs_err *err);

/* ---- content_put.c ---------------------------------------------------------------------------------------------------------------- */

/* change. content_put() whose content, type, mode and times are those of an inode; make_inode is set, pieces are not. */
int content_put_copy(struct store *s, const struct cred *cred, const struct put_args *a,
		     const struct inode *source, struct inode *out, uint64_t *replaced_out,
		     struct cfs_err *err);
/* change. Adds the extents of [from, to) of src to dst, `shift` further on (modulo 2^64): *added bytes, *count of them. */
int extents_share(struct store *s, const struct inode *src, uint64_t from, uint64_t to,
		  const struct inode *dst, uint64_t shift, uint64_t *added, uint64_t *count,
		  struct cfs_err *err);

/* ---- extents.c -------------------------------------------------------------------------------------------------------------------- */

enum extent_kind { EXTENT_INLINE = 1, EXTENT_BLOB = 2 };

struct extent {
	uint64_t ino, off;
	uint32_t len, blob_off, crc;
	enum extent_kind kind;
	struct id128 blob;
	struct bytes_view data; /* EXTENT_INLINE; of the statement's row */
};

/* Columns in the order that extent_from_row() takes them, of a table or alias e. */
#define EXTENT_COLUMNS      "e.ino, e.off, e.len, e.kind, e.blob, e.blob_off, e.crc, e.data"
#define EXTENT_COLUMN_COUNT 8
/* CFS_ECORRUPT for a row that cannot be, or inline bytes with a wrong checksum. */
int extent_from_row(struct db_stmt *st, struct extent *out, struct cfs_err *err);

/* change. Adds a row; the range must be free. A blob's reference is the caller's. */
int extent_insert(struct store *s, const struct extent *e, struct cfs_err *err);
/* change. Takes [from, to) out of the file's extents; *freed_out bytes were covered. */
int extents_punch(struct store *s, uint64_t ino, uint64_t from, uint64_t to, uint64_t *freed_out,
		  struct cfs_err *err);
/* change. Removes the first max extents of a file, whatever their state; adds what they covered to *bytes_out. Their number, or a code. */
int extents_drop_some(struct store *s, uint64_t ino, unsigned max, uint64_t *bytes_out,
		      struct cfs_err *err);
/* change. Removes all of them. */
int extents_drop(struct store *s, uint64_t ino, struct cfs_err *err);
/*
 * change. Puts pieces from offset on where nothing is, takes references. owner: whose blobs may be named.
 * *added_out bytes are covered then, *end_out is behind the last piece.
 */
int extents_place(struct store *s, uint64_t owner, uint64_t ino, uint64_t offset,
		  const struct content_piece *pieces, size_t count, uint64_t *added_out,
		  uint64_t *end_out, struct cfs_err *err);

/* ---- content_memo.c: where the blobs of the file are that is read in many pieces ------------------------------------------------ */

struct memo_extent {
	struct extent e; /* EXTENT_BLOB */
	uint32_t blob_length;
	struct sha256 sha;
};
/* In the read transaction of content_get_file(): if this file was read just before, its extents are remembered. */
int content_memo_note(struct store *s, const struct inode *in, struct cfs_err *err);
/*
 * All extents by offset, and the inode, as a transaction that begins now would read them; NULL: not known, or a change is
 * under way here. Whether the caller may read it is still to be checked.
 */
const struct memo_extent *content_memo_find(const struct store *s, uint64_t ino,
					    struct inode *in_out, size_t *count_out);
void content_memo_drop(struct store *s);

/* change. One more reference for a blob that is live whatever its owner; one less. */
int blob_ref(struct store *s, const struct id128 *blob, struct cfs_err *err);
int blob_unref(struct store *s, const struct id128 *blob, struct cfs_err *err);
/* change. Lets another user name a blob that is live. */
int blob_add_owner(struct store *s, const struct id128 *blob, uint64_t owner, struct cfs_err *err);

/* ---- content_write.c ---------------------------------------------------------------------------------------------------------------- */

/* As inode_get(), and a file. CFS_EISDIR, CFS_EINVAL. */
int content_get_file(struct store *s, const struct cred *cred, struct inode_ref ref,
		     struct inode *out, struct cfs_err *err);
/* As content_get_file(), and cred may write it. */
int content_get_own_file(struct store *s, const struct cred *cred, struct inode_ref ref,
			 struct inode *out, bool *unnamed_out, struct cfs_err *err);
/* Where pieces from offset on end. CFS_EFBIG. */
int content_span(uint64_t offset, const struct content_piece *pieces, size_t count,
		 uint64_t *end_out, struct cfs_err *err);
bool content_only_holes(const struct content_piece *pieces, size_t count);
/* change. Writes the inode after its content changed: times, version, uploader; the stored sum goes. */
int content_changed(struct store *s, const struct cred *cred, struct inode *in,
		    const struct inode *old, bool unnamed, int64_t mtime_ns, struct cfs_err *err);

#endif
