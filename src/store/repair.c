/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/repair.h"

#include <stdio.h>

#include "store/impl.h"

/*
 * What can be put right without guessing: sums and counts are counted again, rows that nothing leads to go, a file that has
 * lost its names goes to its owner's attic as "lost-NUMBER". No content is dropped, and what would need a guess stays as it
 * is, for store_check() to tell.
 */

struct fix {
	struct db_sql sql;
	const char *sentence; /* with the number of rows */
	bool timed;           /* ?1 is the time */
};

static const struct fix fixes[] = {
    {{"DELETE FROM dentry WHERE ino NOT IN (SELECT ino FROM inode)"},
     "%d entries without an inode were removed",
     false},
    {{"DELETE FROM dentry WHERE parent NOT IN (SELECT ino FROM inode WHERE type = 2)"},
     "%d entries of directories that are not there were removed",
     false},
    {{"DELETE FROM extent WHERE ino NOT IN (SELECT ino FROM inode WHERE type = 1)"},
     "%d pieces of files that are not there were removed",
     false},
    {{"DELETE FROM unnamed WHERE ino NOT IN (SELECT ino FROM inode WHERE nlink = 0)"},
     "%d uploads that are none were forgotten",
     false},
    {{"DELETE FROM orphan WHERE ino NOT IN (SELECT ino FROM inode WHERE nlink = 0)"},
     "%d removed files that are none were forgotten",
     false},
    {{"DELETE FROM attic WHERE kind = 1 AND ino NOT IN (SELECT ino FROM inode)"},
     "%d old versions without content were forgotten",
     false},
    {{"UPDATE inode SET nlink = c.n FROM (SELECT i.ino AS ino, count(d.id) AS n FROM inode i"
      " LEFT JOIN dentry d ON d.ino = i.ino WHERE i.type <> 2 GROUP BY i.ino) c"
      " WHERE inode.ino = c.ino AND inode.nlink <> c.n"},
     "%d files have another number of links now",
     false},
    {{"UPDATE inode SET parent = d.parent, dent = d.id FROM dentry d JOIN (SELECT ino,"
      " min(id) AS id FROM dentry GROUP BY ino) f ON f.ino = d.ino AND f.id = d.id"
      " WHERE inode.ino = d.ino AND NOT EXISTS (SELECT 1 FROM dentry k"
      " WHERE k.parent = inode.parent AND k.id = inode.dent AND k.ino = inode.ino)"},
     "%d inodes are known by another of their names",
     false},
    {{"UPDATE inode SET parent = 0, dent = 0 WHERE nlink = 0 AND parent <> 0"},
     "%d inodes have no name any more",
     false},
    {{"DELETE FROM alias WHERE NOT EXISTS (SELECT 1 FROM dentry d JOIN inode i ON i.ino = d.ino"
      " WHERE d.parent = alias.parent AND d.id = alias.id AND d.ino = alias.ino"
      " AND (d.parent <> i.parent OR d.id <> i.dent))"},
     "%d second names that are none were forgotten",
     false},
    {{"INSERT INTO alias (ino, parent, id) SELECT d.ino, d.parent, d.id FROM dentry d"
      " JOIN inode i ON i.ino = d.ino WHERE i.type <> 2 AND (d.parent <> i.parent"
      " OR d.id <> i.dent) ON CONFLICT DO NOTHING"},
     "%d second names are known again",
     false},
    {{"INSERT INTO attic (kind, how, ino, heir, owner, dir, name, path, removed, remover,"
      " version, size, extra) SELECT 1, 2, i.ino, 0, i.owner, p.home,"
      " CAST('lost-' || i.ino AS BLOB), CAST('/' || p.name AS BLOB), ?1, 0, i.version, i.stored, 0"
      " FROM inode i JOIN person p ON p.id = i.owner WHERE i.nlink = 0 AND i.type <> 2"
      " AND i.ino NOT IN (SELECT ino FROM unnamed) AND i.ino NOT IN (SELECT ino FROM orphan)"
      " AND i.ino NOT IN (SELECT ino FROM attic WHERE kind = 1)"},
     "%d files without a name are in their owner's attic as lost-NUMBER",
     true},
    {{"UPDATE inode SET size = c.n FROM (SELECT i.ino AS ino, count(d.id) AS n FROM inode i"
      " LEFT JOIN dentry d ON d.parent = i.ino WHERE i.type = 2 GROUP BY i.ino) c"
      " WHERE inode.ino = c.ino AND inode.size <> c.n"},
     "%d directories have another number of entries now",
     false},
    {{"UPDATE inode SET nlink = 2 + c.n FROM (SELECT i.ino AS ino, count(s.ino) AS n FROM inode i"
      " LEFT JOIN dentry d ON d.parent = i.ino LEFT JOIN inode s ON s.ino = d.ino AND s.type = 2"
      " WHERE i.type = 2 GROUP BY i.ino) c WHERE inode.ino = c.ino AND inode.nlink <> 2 + c.n"},
     "%d directories have another number of links now",
     false},
    {{"UPDATE inode SET stored = c.n FROM (SELECT i.ino AS ino, COALESCE(sum(e.len), 0) AS n"
      " FROM inode i LEFT JOIN extent e ON e.ino = i.ino GROUP BY i.ino) c"
      " WHERE inode.ino = c.ino AND inode.stored <> c.n"},
     "%d files cover another number of bytes now",
     false},
    {{"UPDATE blob SET refs = c.n FROM (SELECT b.id AS id, count(e.ino) AS n FROM blob b"
      " LEFT JOIN extent e ON e.blob = b.id AND e.kind = 2 GROUP BY b.id) c"
      " WHERE blob.id = c.id AND blob.refs <> c.n"},
     "%d blobs have another number of references now",
     false},
    {{"UPDATE blob SET state = 1 WHERE state = 2 AND refs > 0"},
     "%d blobs that are needed were about to be removed",
     false},
    {{"DELETE FROM blob_owner WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = blob_owner.blob"
      " AND b.state = 1 AND b.sha = blob_owner.sha)"},
     "%d rights to blobs that are not there were removed",
     false},
    {{"INSERT INTO usage (person, bytes, files, attic) SELECT id, 0, 0, 0 FROM person"
      " WHERE id NOT IN (SELECT person FROM usage)"},
     "%d users had no sums",
     false},
    {{"UPDATE usage SET bytes = c.bytes, files = c.files FROM (SELECT p.id AS id,"
      " COALESCE(sum(i.xattrs + CASE i.type WHEN 1 THEN i.size ELSE 0 END), 0) AS bytes,"
      " count(i.ino) AS files FROM person p LEFT JOIN inode i ON i.owner = p.id AND i.nlink > 0"
      " GROUP BY p.id) c WHERE usage.person = c.id"
      " AND (usage.bytes <> c.bytes OR usage.files <> c.files)"},
     "%d users have other sums now",
     false},
    {{"UPDATE usage SET attic = c.bytes FROM (SELECT p.id AS id, COALESCE(sum(a.size), 0) AS bytes"
      " FROM person p LEFT JOIN attic a ON a.owner = p.id GROUP BY p.id) c"
      " WHERE usage.person = c.id AND usage.attic <> c.bytes"},
     "%d users have other sums of old versions now",
     false},
};

static int
run_fix(struct store *s, const struct fix *fix, repair_fn *report, void *arg, struct cfs_err *err)
{
	struct db_stmt *st = db_use(s->db, &fix->sql, err);
	char text[160];
	int rc;

	if (fix->timed)
		db_bind_i64(st, 1, store_now(s));
	rc = db_run(st, err);
	if (rc <= 0)
		return rc;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), fix->sentence, rc);
#pragma GCC diagnostic pop
	report(arg, text);
	return rc;
}

int
store_repair(struct store *s, repair_fn *report, void *arg, struct cfs_err *err)
{
	uint64_t commit;
	int count = 0, rc = store_begin(s, err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(fixes) && rc >= 0; i++) {
		rc = run_fix(s, &fixes[i], report, arg, err);
		count += rc > 0 ? rc : 0;
	}
	if (rc < 0 || count == 0) {
		store_rollback(s);
		return rc < 0 ? rc : 0;
	}
	rc = store_commit(s, &commit, err);
	if (rc == 0)
		rc = store_sync(s, commit, err);
	return rc == 0 ? count : rc;
}
