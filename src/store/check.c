/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "store/impl.h"

struct check {
	struct store *s;
	void (*report)(void *arg, const char *fault);
	void *arg;
	int faults;
};

/* A rule as a question: every row is a fault, told by the sentence with the row's first two numbers. */
struct rule {
	struct db_sql sql;
	const char *sentence;
};

/* Counted once for all, not looked for from each inode: there is no index for that. */
#define COUNTED_NAMES                                                                              \
	" LEFT JOIN (SELECT ino, count(*) AS names FROM dentry GROUP BY ino) c ON c.ino = i.ino"

static const struct rule rules[] = {
    {{"SELECT d.parent, d.id FROM dentry d LEFT JOIN inode i ON i.ino = d.ino WHERE i.ino IS NULL"},
     "directory %llu: entry %llu has no inode"},
    {{"SELECT d.parent, d.id FROM dentry d LEFT JOIN inode i ON i.ino = d.parent AND i.type = 2"
      " WHERE i.ino IS NULL"},
     "directory %llu of entry %llu is not there"},
    {{"SELECT i.ino, i.nlink FROM inode i" COUNTED_NAMES
      " WHERE i.type <> 2 AND i.nlink <> COALESCE(c.names, 0)"},
     "inode %llu has %llu links and another number of names"},
    {{"SELECT i.ino, COALESCE(c.names, 0) FROM inode i" COUNTED_NAMES
      " WHERE i.type = 2 AND i.ino <> 1 AND COALESCE(c.names, 0) <> 1"},
     "directory %llu has %llu names"},
    {{"SELECT i.ino, i.nlink FROM inode i WHERE i.type = 2 AND i.nlink <> 2 + (SELECT count(*)"
      " FROM dentry d JOIN inode c ON c.ino = d.ino WHERE d.parent = i.ino AND c.type = 2)"},
     "directory %llu has %llu links and another number of subdirectories"},
    {{"SELECT i.ino, i.size FROM inode i WHERE i.type = 2 AND i.size <> (SELECT count(*)"
      " FROM dentry d WHERE d.parent = i.ino)"},
     "directory %llu says it has %llu entries"},
    {{"SELECT i.ino, i.parent FROM inode i LEFT JOIN dentry d ON d.parent = i.parent"
      " AND d.id = i.dent WHERE i.nlink > 0 AND i.ino <> 1 AND (d.ino IS NULL OR d.ino <> i.ino)"},
     "inode %llu is not in directory %llu where it should be"},
    {{"SELECT i.ino, i.nlink FROM inode i WHERE i.type <> 2 AND i.nlink > 0 AND i.nlink - 1 <>"
      " (SELECT count(*) FROM alias a JOIN dentry d ON d.parent = a.parent AND d.id = a.id"
      " WHERE a.ino = i.ino AND d.ino = i.ino AND (a.parent <> i.parent OR a.id <> i.dent))"},
     "inode %llu with %llu links: its other names are not known"},
    {{"SELECT a.ino, a.parent FROM alias a LEFT JOIN inode i ON i.ino = a.ino"
      " WHERE i.ino IS NULL OR i.nlink < 2"},
     "inode %llu has no other name in directory %llu"},
    {{"SELECT i.ino, i.owner FROM inode i JOIN inode p ON p.ino = i.parent"
      " WHERE i.nlink > 0 AND p.ino <> 1 AND p.owner <> i.owner"},
     "inode %llu of user %llu is in another's tree"},
    {{"SELECT i.ino, i.type FROM inode i WHERE (i.nlink = 0) <> ("
      "(SELECT count(*) FROM unnamed u WHERE u.ino = i.ino)"
      " + (SELECT count(*) FROM orphan o WHERE o.ino = i.ino)"
      " + (SELECT count(*) FROM attic a WHERE a.ino = i.ino AND a.kind = 1))"},
     "inode %llu (type %llu) has no name, or is wrongly said to have none"},
    {{"SELECT ino, 0 FROM unnamed WHERE ino NOT IN (SELECT ino FROM inode)"
      " UNION ALL SELECT ino, 1 FROM orphan WHERE ino NOT IN (SELECT ino FROM inode)"
      " UNION ALL SELECT ino, 2 FROM attic WHERE kind = 1 AND ino NOT IN (SELECT ino FROM inode)"},
     "inode %llu is in a list (%llu) and nowhere else"},
    {{"SELECT e.ino, e.off FROM extent e LEFT JOIN inode i ON i.ino = e.ino"
      " WHERE i.ino IS NULL OR i.type <> 1 OR e.len <= 0 OR e.off < 0 OR e.off + e.len > i.size"},
     "inode %llu: the extent at %llu is out of place"},
    {{"SELECT e.ino, e.off FROM extent e WHERE EXISTS (SELECT 1 FROM extent n"
      " WHERE n.ino = e.ino AND n.off > e.off AND n.off < e.off + e.len)"},
     "inode %llu: the extent at %llu overlaps the next"},
    {{"SELECT i.ino, i.stored FROM inode i WHERE i.stored <> (SELECT COALESCE(sum(e.len), 0)"
      " FROM extent e WHERE e.ino = i.ino)"},
     "inode %llu: its extents cover another number of bytes than %llu"},
    {{"SELECT i.ino, i.xattrs FROM inode i LEFT JOIN (SELECT ino, sum(length(name) + length(value))"
      " AS bytes FROM xattr GROUP BY ino) x ON x.ino = i.ino WHERE i.xattrs <> COALESCE(x.bytes, 0)"},
     "inode %llu: its attributes have another number of bytes than %llu"},
    {{"SELECT ino, 0 FROM xattr WHERE ino NOT IN (SELECT ino FROM inode)"},
     "attributes of inode %llu, which is not there (%llu)"},
    {{"SELECT e.ino, e.off FROM extent e LEFT JOIN blob b ON b.id = e.blob WHERE e.kind = 2 AND"
      " (b.id IS NULL OR b.state <> 1 OR e.blob_off < 0 OR e.blob_off + e.len > b.length)"},
     "inode %llu: the blob of the extent at %llu is not live or too short"},
    {{"SELECT b.refs, COALESCE(c.held, 0) FROM blob b LEFT JOIN (SELECT blob, count(*) AS held"
      " FROM extent WHERE kind = 2 GROUP BY blob) c ON c.blob = b.id"
      " WHERE b.refs <> COALESCE(c.held, 0)"},
     "a blob counts %llu references and has %llu"},
    {{"SELECT o.owner, 0 FROM blob_owner o LEFT JOIN blob b ON b.id = o.blob"
      " WHERE b.id IS NULL OR b.state <> 1 OR b.sha <> o.sha"},
     "user %llu may name a blob that is not live (%llu)"},
    {{"SELECT p.id, p.home FROM person p LEFT JOIN inode i ON i.ino = p.home"
      " WHERE i.ino IS NULL OR i.owner <> p.id OR i.parent <> 1"},
     "user %llu has no tree (%llu)"},
    {{"SELECT p.id, COALESCE(u.files, 0) FROM person p LEFT JOIN usage u ON u.person = p.id"
      " LEFT JOIN (SELECT owner, count(*) AS files FROM inode WHERE nlink > 0 GROUP BY owner) c"
      " ON c.owner = p.id WHERE COALESCE(u.files, 0) <> COALESCE(c.files, 0)"},
     "user %llu: another number of inodes than %llu"},
    {{"SELECT p.id, COALESCE(u.bytes, 0) FROM person p LEFT JOIN usage u ON u.person = p.id"
      " LEFT JOIN (SELECT owner, sum(xattrs + CASE type WHEN 1 THEN size ELSE 0 END) AS bytes"
      " FROM inode WHERE nlink > 0 GROUP BY owner) c ON c.owner = p.id"
      " WHERE COALESCE(u.bytes, 0) <> COALESCE(c.bytes, 0)"},
     "user %llu: another number of bytes than %llu"},
    {{"SELECT p.id, COALESCE(u.attic, 0) FROM person p LEFT JOIN usage u ON u.person = p.id"
      " LEFT JOIN (SELECT owner, sum(size) AS bytes FROM attic GROUP BY owner) c"
      " ON c.owner = p.id WHERE COALESCE(u.attic, 0) <> COALESCE(c.bytes, 0)"},
     "user %llu: another number of bytes in the attic than %llu"},
    {{"SELECT i.ino, (SELECT value FROM counter WHERE name = 'number') AS next FROM inode i"
      " WHERE i.ino >= next UNION ALL SELECT r.first, (SELECT value FROM counter"
      " WHERE name = 'number') AS next FROM ino_range r WHERE r.first + r.count > next"},
     "number %llu was never given (the next is %llu)"},
    {{"SELECT 0, a.seq FROM answer a LEFT JOIN stream t ON t.id = a.stream"
      " WHERE t.id IS NULL OR a.seq > t.last_seq"},
     "an answer without a change (%llu, number %llu)"},
};

static void
fault(struct check *c, const char *text)
{
	c->faults++;
	c->report(c->arg, text);
}

static int
ask(struct check *c, const struct rule *rule, struct cfs_err *err)
{
	struct db_stmt *st = db_use(c->s->db, &rule->sql, err);
	char text[256];
	int rc;

	while ((rc = db_step(st, err)) == 1) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(text, sizeof(text), rule->sentence,
			       (unsigned long long)db_col_u64(st, 0),
			       (unsigned long long)db_col_u64(st, 1));
#pragma GCC diagnostic pop
		fault(c, text);
	}
	db_done(st);
	return rc;
}

static int
check_blob_files(struct check *c, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT id, stored FROM blob WHERE state = 1"};
	struct db_stmt *st = db_use(c->s->db, &sql, err);
	char text[256], hex[ID128_HEX_SIZE];
	struct id128 id = {{0}};
	int rc;

	while ((rc = db_step(st, err)) == 1) {
		struct bytes_view v = db_col_blob(st, 0);
		uint64_t size = 0;
		struct cfs_err why = CFS_ERR_INIT;

		memcpy(id.b, v.data, min_size(v.len, sizeof(id.b)));
		if (blob_size(c->s->blobs, &id, &size, &why) != 0)
			(void)snprintf(text, sizeof(text), "blob %s: %.150s", id128_hex(hex, &id),
				       why.text);
		else if (size != db_col_u64(st, 1))
			(void)snprintf(text, sizeof(text), "blob %s has %llu bytes, not %llu",
				       id128_hex(hex, &id), (unsigned long long)size,
				       (unsigned long long)db_col_u64(st, 1));
		else
			continue;
		fault(c, text);
	}
	db_done(st);
	return rc;
}

static int
check_inline(struct check *c, struct cfs_err *err)
{
	static const struct db_sql sql = {"SELECT " EXTENT_COLUMNS
					  " FROM extent e WHERE e.kind <> 2"};
	struct db_stmt *st = db_use(c->s->db, &sql, err);
	struct cfs_err why = CFS_ERR_INIT;
	struct extent e;
	int rc;

	while ((rc = db_step(st, err)) == 1) {
		if (extent_from_row(st, &e, &why) != 0)
			fault(c, why.text);
	}
	db_done(st);
	return rc;
}

/* Directories that no way leads to: their names hold each other. */
static int
check_reachable(struct check *c, struct cfs_err *err)
{
	static const struct rule rule = {
	    {"WITH RECURSIVE seen (ino) AS (SELECT 1 UNION SELECT d.ino FROM dentry d"
	     " JOIN inode i ON i.ino = d.ino JOIN seen s ON d.parent = s.ino WHERE i.type = 2)"
	     " SELECT i.ino, i.parent FROM inode i WHERE i.type = 2"
	     " AND i.ino NOT IN (SELECT ino FROM seen)"},
	    "directory %llu (in %llu) cannot be reached"};

	return ask(c, &rule, err);
}

static void
count_engine_fault(void *arg, const char *text)
{
	fault(arg, text);
}

int
store_check(struct store *s, void (*report)(void *arg, const char *fault), void *arg,
	    struct cfs_err *err)
{
	struct check c = {.s = s, .report = report, .arg = arg};
	bool began;
	int rc = store_read_begin(s, &began, err);

	if (rc != 0)
		return rc;
	if (s->in_txn)
		rc = usage_flush(s, err);
	if (rc == 0)
		rc = db_verify(s->db, count_engine_fault, &c, err);
	for (size_t i = 0; i < ARRAY_SIZE(rules) && rc >= 0; i++)
		rc = ask(&c, &rules[i], err);
	if (rc >= 0)
		rc = check_reachable(&c, err);
	if (rc >= 0)
		rc = check_inline(&c, err);
	if (rc >= 0)
		rc = check_blob_files(&c, err);
	store_read_end(s, began);
	return rc < 0 ? rc : c.faults;
}
