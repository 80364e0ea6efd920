/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_STORE_DB_SQLITE_LOG_H
#define CFS_STORE_DB_SQLITE_LOG_H

/*
 * SQLite's write-ahead log in fewer system calls. SQLite writes each page of a transaction in two calls, its header and its content;
 * here what continues the log is gathered and written in one call, at the latest with the page that commits: so whoever
 * reads the log after the commit finds it there, and an error of writing is the commit's.
 *
 * Format of the log: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */

#include <sqlite3.h>

/*
 * The name of the VFS to open databases with; NULL: SQLite's own, without memory. It is registered once in a process, for good.
 * A file that is named from the working directory stays so: SQLite would make the path absolute, and in a session the
 * directory was handed in from outside the root, where it has no absolute path.
 */
const char *sqlite_log_vfs(void);

/*
 * A transaction ended without a commit, or a new one begins: pages of it that were gathered are nobody's, and must not be
 * written over what others write there now.
 */
void sqlite_log_forget(sqlite3 *db);

#endif
