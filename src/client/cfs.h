/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_CFS_H
#define CFS_CLIENT_CFS_H

/*
 * libcfs: the whole client. The command line, the shell and the mount are thin faces on this header and on base/.
 *
 * A struct cfs is one signed-in user's connection: it may be used by any number of threads at once. Calls wait for
 * their answer, at most the connection's timeout; while one waits others' requests travel on the same connection (requests are
 * pipelined, replies come in any order). Changes of one struct cfs are done in the order in which the calls were made.
 *
 * Errors: 0 or a negative CFS_E… code; err (may be NULL) gets a text fit for people. CFS_ENET: the connection is lost; the next call
 * dials again, attaches the same change stream and repeats what was not answered, each change exactly once.
 *
 * Names and paths are bytes, NUL-terminated (no name holds a NUL).
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/hash.h"

struct cfs;
struct cfs_invalid;
struct cfs_lock;

/* ---- who and where ------------------------------------------------------------------------------------------------------ */

/*
 * A profile: a server and a user, with what was learnt at login. Kept as INI in $XDG_CONFIG_HOME/cfs/profiles.conf
 * (0600), its device key beside it. Strings are owned by the struct; cfs_profile_fini() frees.
 */
struct cfs_profile {
	char *name; /* "default" unless chosen */
	char *host; /* name or address */
	uint16_t port;
	char *user;        /* may be NULL before login */
	struct sha256 pin; /* fingerprint of the server's key */
	bool has_pin;
	struct sha256 next_pin; /* of the key that the server has said it will have */
	bool has_next_pin;
	char *key_path; /* device key, PEM; NULL: none */
};
void cfs_profile_fini(struct cfs_profile *p);

/* Loads a profile by name; NULL: $CFS_PROFILE, else the default one. CFS_ENOTSIGNEDIN ("…: run 'cfs login URL' first") if there is none. */
int cfs_profile_load(const char *name, struct cfs_profile *out, struct cfs_err *err);
int cfs_profile_save(const struct cfs_profile *p, bool make_default, struct cfs_err *err);
/* Removes it and its key. CFS_ENOENT. */
int cfs_profile_remove(const char *name, struct cfs_err *err);
int cfs_profile_list(int (*each)(void *arg, const struct cfs_profile *p, bool is_default),
		     void *arg, struct cfs_err *err);
/* Fills host, port, user (and nothing else) from cfs://user@host:port or host:port. */
int cfs_profile_from_url(const char *url, struct cfs_profile *out, struct cfs_err *err);

/*
 * The saved profile for a URL's host, port and user (any user if the URL names none), with its pin and key. CFS_ENOTSIGNEDIN
 * if no profile fits.
 */
int cfs_profile_match(const struct cfs_profile *url, struct cfs_profile *out, struct cfs_err *err);

struct cfs_ref {
	uint64_t ino;
	uint32_t gen;
};

struct cfs_undelivered;

#define CFS_CACHE_MIN (UINT64_C(1) << 20)
#define CFS_CACHE_MAX (UINT64_C(1) << 40)

struct cfs_options {
	const char *program;  /* "cfs", for the server's logs */
	unsigned timeout_ms;  /* of a call and of connecting, 0: 30 s */
	const char *password; /* sign in by password instead of the key, or NULL */
	uint64_t bwlimit;     /* bytes per second each way, 0: none */
	bool no_reconnect;    /* after a cut every call fails with CFS_ENET */
	/*
	 * After a cut, how long to go on dialling before the calls that wait fail with CFS_ENET (the next call tries again);
	 * 0: 3 s, which suits a command. A mount takes its timeout.
	 */
	unsigned reconnect_ms;
	/*
	 * Ask for read promises: attributes and names that were looked at are answered from memory until the server tells that
	 * they change. The connection is then kept alive and listened to. Whoever remembers more himself sets invalid, too.
	 */
	bool promises;
	/*
	 * Keep parts of large files of the user's own tree in this directory, on this machine's disk, cache_size bytes of it at most;
	 * NULL: no. With promises alone. The directory is made if it is not there; CFS_EDENIED if others may write to it. It may be
	 * emptied or removed at any time. One connection uses it at a time; another one that names it goes without meanwhile.
	 */
	const char *cache_dir;
	uint64_t cache_size; /* CFS_CACHE_MIN to CFS_CACHE_MAX */
	/* Bytes of small files that are held ahead of who will read them (cfs_content_ahead()); 0: none. */
	size_t content_bytes;
	/*
	 * Something ended that was promised; called in a thread that does nothing else, and may call everything of the connection. The
	 * one who made the change waits until it is told: true, it is forgotten; false, cfs_invalid_done() follows, from any thread.
	 */
	bool (*invalid)(void *arg, const struct cfs_invalid *what);
	void *invalid_arg;
	/*
	 * All that this owner held on this inode was lost: the line was away for longer than the server keeps locks. What becomes of
	 * who relied on it is the caller's business; must not call anything of the connection. NULL: all files that are open
	 * on the inode answer CFS_ELOCKLOST until they are closed.
	 */
	void (*lock_lost)(void *arg, const struct cfs_lock *lost);
	void *lock_lost_arg;
	/*
	 * A change will not reach the server: the connection was closed before, or the server lost the stream (cfs_undelivered.h). Of
	 * a write that was given up, too. May be NULL; must not call anything of the connection.
	 */
	void (*undelivered)(void *arg, const struct cfs_undelivered *u);
	void *undelivered_arg;
};

/*
 * Dials, checks the pinned key, signs in. *out is closed with cfs_close(). A connection may have a thread of its own, so
 * it does not survive a fork: connect afterwards.
 */
int cfs_connect(const struct cfs_profile *p, const struct cfs_options *o, struct cfs **out,
		struct cfs_err *err);
/*
 * When the server sends its client away for good (an administrator ended the connection, the device was revoked), nothing dials
 * again: calls fail with CFS_ENOTSIGNEDIN, a subscription ends. This allows it again, because a person asks for something.
 */
void cfs_come_back(struct cfs *c);
/* Ends at once: calls under way fail with CFS_ECANCELED. NULL accepted. */
void cfs_close(struct cfs *c);
/*
 * Async-signal-safe: makes every waiting call of c return CFS_ECANCELED soon, once; later calls work again (Ctrl-C). For a
 * transfer that is every moment from cfs_xfer_new() (or the last finish) to cfs_xfer_finish(): what is under way then is
 * given up, without half a file under a final name on either side.
 */
void cfs_interrupt(struct cfs *c);
/*
 * The same for the call that this thread waits in now, if any, and if nothing is lost by that: a change that was sent is made all
 * the same, once, and what was written stays to be sent. Whoever asked must want no answer any more. Not async-signal-safe.
 */
void cfs_interrupt_thread(struct cfs *c, pthread_t who);

struct cfs_identity {
	uint64_t user_id;
	char user[65], device[129];
	char server[65];      /* program and version */
	char fingerprint[64]; /* of the server's key, text form */
	uint64_t root, home;  /* inodes */
	uint32_t gen;
	bool is_private;
	uint32_t max_inline, max_blob;
};
/* Whether there is a line now, as far as one can know without asking; the next call dials if not. */
bool cfs_is_online(struct cfs *c);
/* Valid from cfs_connect() on; owned by c. */
const struct cfs_identity *cfs_whoami(const struct cfs *c);

/* Name of a user by number ("#12" if unknown); cached; NUL-terminated into buf. */
int cfs_user_name(struct cfs *c, uint64_t id, char buf[65], struct cfs_err *err);

/* ---- inodes ---------------------------------------------------------------------------------------------------------- */

enum cfs_type {
	CFS_FILE = 1,
	CFS_DIR = 2,
	CFS_SYMLINK = 3,
	CFS_FIFO = 4,
	CFS_CHR = 5,
	CFS_BLK = 6,
	CFS_SOCK = 7,
};

struct cfs_attr {
	struct cfs_ref ref;
	enum cfs_type type;
	uint32_t mode, nlink, uid, gid;
	uint64_t size, stored, version;
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	uint64_t owner, uploader, rdev;
	uint32_t promise_ms;    /* how long this may be trusted at least; 0: it was not promised */
	uint64_t promise_epoch; /* for cfs_promised_ns(); 0: it was not promised */
};

/*
 * Resolves a remote path: "docs/a" in the own tree, "/bob/a" in another's; "" is the own tree, "/" the root of all. nofollow: a symbolic
 * link in the last place is the answer. CFS_ENOENT.
 */
int cfs_stat(struct cfs *c, const char *path, bool nofollow, struct cfs_attr *out,
	     struct cfs_err *err);

/* Where a path's last name would go: found says whether attr is valid; parent and name always are. */
struct cfs_place {
	bool found;
	struct cfs_attr attr;
	struct cfs_ref parent;
	uint64_t parent_owner;
	char name[256];
};
int cfs_place(struct cfs *c, const char *path, bool nofollow, struct cfs_place *out,
	      struct cfs_err *err);

/* CFS_ENOENT: out's promise_epoch says whether that is promised. */
int cfs_lookup(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_attr *out,
	       struct cfs_err *err);
int cfs_getattr(struct cfs *c, struct cfs_ref ref, struct cfs_attr *out, struct cfs_err *err);

/*
 * Entries behind cookie (0: from the start), in cookie order, until each() returns non-zero (returned then, that entry counts
 * as not taken) or *eof_out. One call is one or more requests, fetched ahead of each().
 */
int cfs_readdir(struct cfs *c, struct cfs_ref dir, uint64_t cookie,
		int (*each)(void *arg, const char *name, uint64_t cookie,
			    const struct cfs_attr *attr),
		void *arg, bool *eof_out, uint64_t *parent_out, struct cfs_err *err);

/*
 * Names of a directory that begin with prefix ("": all), in the order of their bytes, and what they are, until each() returns
 * non-zero (returned then). The server finds them by its index: what others there are costs nothing.
 */
int cfs_names(struct cfs *c, struct cfs_ref dir, const char *prefix,
	      int (*each)(void *arg, const char *name, enum cfs_type type), void *arg,
	      struct cfs_err *err);

/* NUL-terminated into buf of 4096 bytes. */
int cfs_readlink(struct cfs *c, struct cfs_ref ref, char buf[4096], struct cfs_err *err);

/*
 * Where the file's bytes go on, from offset (hole: where they end; the end of the file counts as a hole), behind what this
 * client wrote. CFS_ENXIO.
 */
int cfs_seek(struct cfs *c, struct cfs_ref ref, uint64_t offset, bool hole, uint64_t *offset_out,
	     struct cfs_err *err);

/*
 * Extended attributes; names begin with "user.". *len: room at buf, CFS_XATTR_MAX at most is needed; then the length of the
 * value, or of the names with a NUL behind each. CFS_ENODATA.
 */
#define CFS_XATTR_MAX (64u * 1024)
int cfs_getxattr(struct cfs *c, struct cfs_ref ref, const char *name, void *buf, size_t *len,
		 struct cfs_err *err);
int cfs_listxattr(struct cfs *c, struct cfs_ref ref, void *buf, size_t *len, struct cfs_err *err);
/* CFS_EEXIST (create), CFS_ENODATA (replace). */
int cfs_setxattr(struct cfs *c, struct cfs_ref ref, const char *name, const void *value, size_t len,
		 bool create, bool replace, struct cfs_err *err);
int cfs_removexattr(struct cfs *c, struct cfs_ref ref, const char *name, struct cfs_err *err);

struct cfs_space {
	uint64_t total_bytes, free_bytes, used_bytes, files, attic_bytes, quota; /* 0: none */
};
int cfs_statfs(struct cfs *c, struct cfs_space *out, struct cfs_err *err);

/* SHA-256 of the whole content, from the server (computed there if it is not stored). */
int cfs_sum(struct cfs *c, struct cfs_ref ref, struct sha256 *out, uint64_t *version_out,
	    struct cfs_err *err);

/* ---- changes of the tree -------------------------------------------------------------------------------------------- */

/*
 * `how` of the calls below: wait for the answer (CFS_VISIBLE: everybody sees it), for stable storage too (CFS_DURABLE), or not at all
 * (CFS_LATER: sent in order, the outcome is told by the next cfs_sync(), which fails with the first error; attr outputs are
 * not filled).
 */
enum cfs_how {
	CFS_VISIBLE = 0,
	CFS_DURABLE = 1,
	CFS_LATER = 2,
};

struct cfs_create {
	struct cfs_ref dir; /* ino 0: an unnamed file */
	const char *name;   /* NULL for an unnamed file */
	enum cfs_type type;
	uint32_t mode, uid, gid;
	int64_t mtime_ns; /* 0: now */
	uint64_t rdev;
	const char *target; /* symbolic link */
};
/* *ref_out is known before the answer (numbers are the client's): with CFS_LATER it can be used in calls at once. attr may be NULL. */
int cfs_create(struct cfs *c, const struct cfs_create *a, enum cfs_how how, struct cfs_ref *ref_out,
	       struct cfs_attr *attr, struct cfs_err *err);
/* *ino_out (may be NULL; not with CFS_LATER) had the name, and may have others. */
int cfs_unlink(struct cfs *c, struct cfs_ref dir, const char *name, bool directory,
	       enum cfs_how how, uint64_t *ino_out, struct cfs_err *err);
int cfs_rename(struct cfs *c, struct cfs_ref dir, const char *name, struct cfs_ref to_dir,
	       const char *to_name, bool noreplace, bool exchange, enum cfs_how how,
	       struct cfs_err *err);
int cfs_link(struct cfs *c, struct cfs_ref ref, struct cfs_ref dir, const char *name,
	     enum cfs_how how, struct cfs_attr *attr, struct cfs_err *err);

/* Bits of valid as in SETATTR of proto/ops.def: 1 mode 2 uid 4 gid 8 size 16 atime 32 mtime 64 atime now 128 mtime now. */
struct cfs_setattr {
	struct cfs_ref ref;
	uint32_t valid, mode, uid, gid;
	uint64_t size;
	int64_t atime_ns, mtime_ns;
};
int cfs_setattr(struct cfs *c, const struct cfs_setattr *a, enum cfs_how how, struct cfs_attr *attr,
		struct cfs_err *err);

/* Shares extents; no data moves. *copied_out bytes. */
int cfs_copy_range(struct cfs *c, struct cfs_ref src, uint64_t src_offset, uint64_t length,
		   struct cfs_ref dst, uint64_t dst_offset, uint64_t *copied_out,
		   struct cfs_err *err);
/* As fallocate(2): a file grows to the range's end unless keep_size; clear: the range becomes a hole. */
int cfs_allocate(struct cfs *c, struct cfs_ref ref, bool clear, bool keep_size, uint64_t offset,
		 uint64_t length, struct cfs_attr *attr, struct cfs_err *err);
/*
 * The file is open here: should it have lost its last name, its content stays for an hour. To be repeated more often than
 * that; CFS_LATER suits it.
 */
int cfs_hold(struct cfs *c, struct cfs_ref ref, enum cfs_how how, struct cfs_err *err);
/* Server-side `cp` of one file: dir/name becomes a copy of src at once, as put does it. flags: enum cfs_put_flags. */
int cfs_copy_file(struct cfs *c, const struct cfs_attr *src, struct cfs_ref dir, const char *name,
		  unsigned flags, struct cfs_attr *out, struct cfs_err *err);

/*
 * Waits until every change made before is done and on stable storage; the first error of a CFS_LATER change, once. CFS_ENET
 * when the server stays away: what was not answered is kept and repeated on the next line.
 */
int cfs_sync(struct cfs *c, struct cfs_err *err);

/* ---- open files: read ahead, gathered writes (the mount, cat) ---------------------------------------------------------- */

/*
 * A cfs_file follows an inode: reads give the newest version known, writes are gathered to blobs and sent while the program goes
 * on. Any thread; calls on one file are ordered among themselves by their caller.
 */
struct cfs_file;
int cfs_file_open(struct cfs *c, const struct cfs_attr *attr, bool writable, struct cfs_file **out,
		  struct cfs_err *err);
/* Bytes read (short only at the end of file) or a negative code. Sees this client's own unflushed writes. */
ssize_t cfs_file_pread(struct cfs_file *f, void *buf, size_t size, uint64_t offset,
		       struct cfs_err *err);
/*
 * The same of bytes that no program has asked for: nothing is concluded from it about where one reads on. CFS_EBUSY: there are unflushed
 * writes.
 */
ssize_t cfs_file_pread_apart(struct cfs_file *f, void *buf, size_t size, uint64_t offset,
			     struct cfs_err *err);
/*
 * size, or a negative code; an error of an earlier gathered write is told here, by flush, fsync or close, once each (and
 * by every read that meets it).
 */
ssize_t cfs_file_pwrite(struct cfs_file *f, const void *buf, size_t size, uint64_t offset,
			struct cfs_err *err);
/*
 * The same at the end of the file, wherever that is when the server gets to it: what others append meanwhile stands before
 * or behind, and each call's bytes (up to a blob of them) stay together.
 */
ssize_t cfs_file_append(struct cfs_file *f, const void *buf, size_t size, struct cfs_err *err);
/* Everything written is visible to everybody (close of the mount). attr may be NULL. */
int cfs_file_flush(struct cfs_file *f, struct cfs_attr *attr, struct cfs_err *err);
/* And on stable storage (fsync). */
int cfs_file_fsync(struct cfs_file *f, struct cfs_err *err);
/* Size as this client sees it, its own unflushed writes included. */
uint64_t cfs_file_size(struct cfs_file *f);
/* Tells the file that the inode was truncated through another call, so that buffered bytes beyond are dropped. */
int cfs_file_truncate(struct cfs_file *f, uint64_t size, struct cfs_err *err);
/* Flushes and frees; NULL accepted; *f is gone even on an error. */
int cfs_file_close(struct cfs_file *f, struct cfs_err *err);

/* ---- whole-file transfers ------------------------------------------------------------------------------------------------ */

/*
 * A transfer moves many files through one pipeline in constant memory: adding returns as soon as there is room, files complete in
 * any order, and cfs_xfer_finish() waits for all. One thread uses a transfer; callbacks run in that thread, inside add or
 * finish. A failed file is reported by done() and does not stop the others.
 */
struct cfs_xfer;

struct cfs_xfer_done {
	const char *local;  /* as given, NULL for a stream */
	const char *remote; /* label given with the item */
	void *tag;          /* as given */
	int code;           /* 0 or a negative code, then text says why */
	const char *text;
	uint64_t bytes;
	struct cfs_attr attr; /* put: the file as it is now; get: the version that was read */
	struct sha256 sum;    /* of the whole content if it was computed, see has_sum */
	bool has_sum;
};
struct cfs_xfer_hooks {
	void (*done)(void *arg, const struct cfs_xfer_done *d);
	void (*progress)(void *arg,
			 uint64_t bytes_more); /* now and then; bytes moved since the last call */
	void *arg;
};
int cfs_xfer_new(struct cfs *c, const struct cfs_xfer_hooks *hooks, struct cfs_xfer **out,
		 struct cfs_err *err);

enum cfs_put_flags {
	CFS_PUT_NOCLOBBER = 1,  /* CFS_EEXIST if the name is there */
	CFS_PUT_IF_VERSION = 2, /* CFS_ECONFLICT unless the name has if_version */
	CFS_PUT_SET_MODE = 4,   /* replace the mode of an existing file too */
	CFS_PUT_SPARSE = 8,     /* look for holes in the source (SEEK_HOLE) and keep them */
};
struct cfs_put {
	int fd; /* source; read from its current offset to the end; closed by the transfer */
	const char *local; /* for reports */
	struct cfs_ref dir;
	const char *name;
	const char *remote; /* for reports */
	void *tag;
	unsigned flags;
	uint64_t if_version;
	uint32_t mode;
	int64_t mtime_ns; /* 0: now */
};
/* Puts: durable before done(), the name changes at once from the old content to the new. Strings are copied. */
int cfs_xfer_put(struct cfs_xfer *x, const struct cfs_put *p, struct cfs_err *err);

struct cfs_get {
	struct cfs_attr attr; /* the file */
	const char *remote;
	/*
	 * Where to: a path (written to a temporary name beside it and renamed when complete and verified), or an fd that is written in
	 * order (not closed; local NULL).
	 */
	const char *local;
	int fd;
	bool noclobber;
	bool
	    nofollow; /* a symbolic link that is local's last name is replaced: for names that came from the server */
	bool absent; /* nothing is at local, as the caller knows, who made the directory */
	bool set_times, set_mode;
	void *tag;
};
/* Gets: every byte checked against the SHA-256 that was stored when it was written. */
int cfs_xfer_get(struct cfs_xfer *x, const struct cfs_get *g, struct cfs_err *err);

/* Waits for everything added; 0, or CFS_EPARTIAL if some files failed (done() told of each), or what ended it all. Can be added to again. */
int cfs_xfer_finish(struct cfs_xfer *x, struct cfs_err *err);
/* Gives up what is not finished; NULL accepted. */
void cfs_xfer_free(struct cfs_xfer *x);

#include "client/cfs_devices.h"
#include "client/cfs_events.h"
#include "client/cfs_lock.h"
#include "client/cfs_login.h"
#include "client/cfs_past.h"
#include "client/cfs_promise.h"
#include "client/cfs_undelivered.h"
#include "client/cfs_view.h"

#endif
