/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/schema.h"

#include <string.h>

#include "base/time.h"

/* Numbers below this are the store's own: the root, and room for what may come. */
#define FIRST_NUMBER 256

/*
 * Times are ns since 1970. "id INTEGER PRIMARY KEY" gives numbers by itself where none is bound.
 *
 * inode: (parent, dent) is one of its names, so that a path can be told without an index over all dentries; the other
 *   names of a file with several stand in alias. sum is the SHA-256 of the content of sum_version.
 *   An inode with nlink 0 is in exactly one of unnamed, orphan and attic, unless it is a directory's (gone at once).
 *   xattrs: bytes of its extended attributes, names and values.
 * dentry: id is the readdir cookie. It comes from the numbers of inodes: a new file's entry has the file's.
 * orphan: since 0: nobody is to have it any more, and it is too long to go at once.
 * hold: an inode that somebody said lately to have open, which matters once it has no name.
 * extent: kind 1 inline (data, crc), 2 a part of a blob. Extents of a file never overlap. A table with rowids: without
 *   them SQLite compares whole rows, and each step of a search would copy the inline bytes of the row that it looks at.
 * blob: state 0 reserved, 1 ready, 2 doomed. refs counts extents, over all users. idle_until: with refs 0, when the
 *   keeper may doom it. owner: who reserved it.
 * blob_owner: who may name a ready blob, and by which content it is found (dedup). Sharing a file of another's tree adds
 *   a row; all rows go when the blob is doomed, which needs refs 0: so the bytes go when the last user's do.
 * attic: what was, in the order of id. kind 1 a dead inode kept whole, 2 a name that was removed while the inode has others
 *   (ino is alive then), 3 a directory that was removed (ino was its number), 4 a note: version of ino was restored. how: enum
 *   attic_how. heir: the inode that stands where it stood, 0 none; by it the versions of a file are found after it was renamed.
 *   path: of directory dir, then. size: bytes that its extents cover. extra: kind 1 in how 3 the extents that were shared,
 *   kind 3 the mode, kind 4 the version that was restored.
 * answer: what a change was answered, until the client has it. ino_range: numbers given to clients, never twice.
 * event: numbers only grow (events.c gives them), so that the oldest are found without an index of times, which every
 *   change would pay for. counter 'events_gone': up to here events were removed (unseen receipts stay).
 * partial: what one device was sent of a version so far, for those that go on reading on another connection.
 * usage: live inodes of a user, and the bytes of the files among them and of all their extended attributes; attic: sum of
 *   size of the user's entries there.
 * person.quota: bytes; NULL what the server's settings say, 0 none.
 */
static const char tables[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " disabled INTEGER NOT NULL, home INTEGER NOT NULL, password TEXT, created INTEGER NOT NULL,"
    " quota INTEGER);"
    "CREATE TABLE device (fingerprint BLOB PRIMARY KEY, person INTEGER NOT NULL,"
    " name TEXT NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX device_person ON device (person);"
    "CREATE TABLE invite (hash BLOB PRIMARY KEY, person INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE usage (person INTEGER PRIMARY KEY, bytes INTEGER NOT NULL,"
    " files INTEGER NOT NULL, attic INTEGER NOT NULL);"

    "CREATE TABLE inode (ino INTEGER PRIMARY KEY, gen INTEGER NOT NULL, type INTEGER NOT NULL,"
    " mode INTEGER NOT NULL, nlink INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,"
    " size INTEGER NOT NULL, stored INTEGER NOT NULL, version INTEGER NOT NULL,"
    " atime INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL,"
    " btime INTEGER NOT NULL, owner INTEGER NOT NULL, uploader INTEGER NOT NULL,"
    " rdev INTEGER NOT NULL, parent INTEGER NOT NULL, dent INTEGER NOT NULL,"
    " xattrs INTEGER NOT NULL, sum_version INTEGER, sum BLOB, target BLOB);"
    "CREATE TABLE dentry (parent INTEGER NOT NULL, id INTEGER NOT NULL, ino INTEGER NOT NULL,"
    " name BLOB NOT NULL, PRIMARY KEY (parent, id)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX dentry_name ON dentry (parent, name);"
    "CREATE TABLE alias (ino INTEGER NOT NULL, parent INTEGER NOT NULL, id INTEGER NOT NULL,"
    " PRIMARY KEY (ino, parent, id)) WITHOUT ROWID;"
    "CREATE TABLE unnamed (ino INTEGER PRIMARY KEY, person INTEGER NOT NULL, stream BLOB NOT NULL,"
    " since INTEGER NOT NULL);"
    "CREATE INDEX unnamed_since ON unnamed (since);"
    "CREATE TABLE orphan (ino INTEGER PRIMARY KEY, since INTEGER NOT NULL);"
    "CREATE INDEX orphan_since ON orphan (since);"
    "CREATE TABLE attic (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, how INTEGER NOT NULL,"
    " ino INTEGER NOT NULL, heir INTEGER NOT NULL, owner INTEGER NOT NULL, dir INTEGER NOT NULL,"
    " name BLOB NOT NULL, path BLOB NOT NULL, removed INTEGER NOT NULL, remover INTEGER NOT NULL,"
    " version INTEGER NOT NULL, size INTEGER NOT NULL, extra INTEGER NOT NULL);"
    "CREATE INDEX attic_owner ON attic (owner);"
    "CREATE INDEX attic_name ON attic (dir, name);"
    "CREATE INDEX attic_ino ON attic (ino);"
    "CREATE INDEX attic_heir ON attic (heir) WHERE heir <> 0;"

    "CREATE TABLE xattr (ino INTEGER NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY (ino, name));"
    "CREATE TABLE hold (ino INTEGER PRIMARY KEY, until INTEGER NOT NULL);"

    "CREATE TABLE extent (ino INTEGER NOT NULL, off INTEGER NOT NULL, len INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, blob BLOB, blob_off INTEGER NOT NULL, crc INTEGER NOT NULL,"
    " data BLOB, PRIMARY KEY (ino, off));"
    "CREATE TABLE blob (id BLOB PRIMARY KEY, owner INTEGER NOT NULL, state INTEGER NOT NULL,"
    " refs INTEGER NOT NULL, length INTEGER NOT NULL, stored INTEGER NOT NULL, sha BLOB,"
    " idle_until INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX blob_idle ON blob (idle_until) WHERE refs = 0;"
    "CREATE TABLE blob_owner (sha BLOB NOT NULL, owner INTEGER NOT NULL, blob BLOB NOT NULL,"
    " PRIMARY KEY (sha, owner, blob)) WITHOUT ROWID;"

    "CREATE TABLE stream (id BLOB PRIMARY KEY, person INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " last_seq INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX stream_seen ON stream (seen);"
    "CREATE INDEX stream_person ON stream (person, seen);"
    "CREATE TABLE answer (stream BLOB NOT NULL, seq INTEGER NOT NULL, status INTEGER NOT NULL,"
    " reply BLOB NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID;"
    "CREATE TABLE ino_range (first INTEGER PRIMARY KEY, count INTEGER NOT NULL,"
    " person INTEGER NOT NULL, stream BLOB NOT NULL);"
    "CREATE INDEX ino_range_stream ON ino_range (stream);";

static const char event_tables[] =
    "CREATE TABLE event (id INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, op INTEGER NOT NULL, owner INTEGER NOT NULL, person INTEGER NOT NULL,"
    " name BLOB NOT NULL, device BLOB NOT NULL, peer BLOB NOT NULL, path BLOB NOT NULL,"
    " ino INTEGER NOT NULL, version INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " duration INTEGER NOT NULL, result INTEGER NOT NULL, complete INTEGER NOT NULL,"
    " seen INTEGER NOT NULL, target BLOB NOT NULL);"
    "CREATE INDEX event_receipt ON event (owner, id) WHERE kind = 1;"
    "CREATE INDEX event_download ON event (ino, person) WHERE kind = 1;"
    "CREATE INDEX event_seen ON event (id) WHERE kind = 1 AND seen <> 0;"
    "CREATE TABLE partial (person INTEGER NOT NULL, device BLOB NOT NULL, ino INTEGER NOT NULL,"
    " version INTEGER NOT NULL, began INTEGER NOT NULL, ranges BLOB NOT NULL,"
    " PRIMARY KEY (person, device, ino, version)) WITHOUT ROWID;"
    "CREATE INDEX partial_began ON partial (began);";

static int
put_meta(struct db *db, const char *key, const void *value, size_t len, struct cfs_err *err)
{
	static const struct db_sql sql = {"INSERT INTO meta (key, value) VALUES (?1, ?2)"};
	struct db_stmt *st = db_use(db, &sql, err);

	db_bind_text(st, 1, key);
	db_bind_blob(st, 2, value, len);
	int rc = db_run(st, err);

	return rc < 0 ? rc : 0;
}

static int
put_meta_u32(struct db *db, const char *key, uint32_t value, struct cfs_err *err)
{
	unsigned char le[4];

	store_le32(le, value);
	return put_meta(db, key, le, sizeof(le), err);
}

static int
first_rows(struct db *db, struct cfs_err *err)
{
	static const struct db_sql counter_sql = {
	    "INSERT INTO counter (name, value) VALUES ('number', ?1)"};
	static const struct db_sql root_sql = {
	    "INSERT INTO inode VALUES (?1, 1, 2, 493, 2, 0, 0, 0, 0, 1, ?2, ?2, ?2, ?2,"
	    " 0, 0, 0, 0, 0, 0, NULL, NULL, NULL)"};
	struct db_stmt *st = db_use(db, &counter_sql, err);

	db_bind_i64(st, 1, FIRST_NUMBER);
	int rc = db_run(st, err);
	if (rc < 0)
		return rc;
	st = db_use(db, &root_sql, err);
	db_bind_u64(st, 1, STORE_ROOT_INO);
	db_bind_i64(st, 2, now_real_ns());
	rc = db_run(st, err);
	return rc < 0 ? rc : 0;
}

int
schema_create(struct db *db, const struct id128 *id, struct cfs_err *err)
{
	int rc = db_begin_write(db, err);

	if (rc != 0)
		return rc;
	rc = db_exec(db, tables, err);
	if (rc == 0)
		rc = db_exec(db, event_tables, err);
	if (rc == 0)
		rc = put_meta_u32(db, "format", STORE_FORMAT, err);
	if (rc == 0)
		rc = put_meta(db, "id", id->b, sizeof(id->b), err);
	if (rc == 0)
		rc = put_meta_u32(db, "incarnation", 1, err);
	if (rc == 0)
		rc = first_rows(db, err);
	if (rc != 0) {
		db_rollback(db);
		return rc;
	}
	return db_commit(db, err);
}

/* Exactly len bytes of a key's value. */
static int
get_meta(struct db *db, const char *key, void *value, size_t len, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT value FROM meta WHERE key = ?1"};
	struct db_stmt *st = db_use(db, &sql, err);

	db_bind_text(st, 1, key);
	int rc = db_step(st, err);
	if (rc == 1) {
		struct bytes_view v = db_col_blob(st, 0);

		rc = 0;
		if (v.len == len)
			memcpy(value, v.data, len);
		else
			rc = err_set(err, CFS_ECORRUPT, "database: bad value of %s", key);
	} else if (rc == 0) {
		rc = err_set(err, CFS_ECORRUPT, "database: no value of %s", key);
	}
	db_done(st);
	return rc;
}

int
schema_identify(struct db *db, struct id128 *id_out, uint32_t *gen_out, struct cfs_err *err)
{
	unsigned char format[4], gen[4];
	int rc = get_meta(db, "format", format, sizeof(format), err);

	if (rc != 0)
		return rc;
	if (load_le32(format) != STORE_FORMAT)
		return err_set(err, CFS_EFORMAT,
			       "the database has format %u, this program knows %u",
			       (unsigned)load_le32(format), STORE_FORMAT);
	rc = get_meta(db, "id", id_out->b, sizeof(id_out->b), err);
	if (rc == 0)
		rc = get_meta(db, "incarnation", gen, sizeof(gen), err);
	if (rc == 0)
		*gen_out = load_le32(gen);
	return rc;
}
