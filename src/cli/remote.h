/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_REMOTE_H
#define CFS_CLI_REMOTE_H

/*
 * Remote arguments: which server, which path.
 *
 *   docs/a  /bob/a  name:docs/a  cfs://user@host:port/path
 *
 * A leading "./" or "/" switches "name:" off. In the shell a relative path starts in its remote directory.
 */

#include "cli/cli.h"

struct remote {
	struct cfs *c; /* borrowed from the cli's connections */
	char *path;    /* absolute: "/alice/docs/a"; owned */
	char *
	    prefix; /* "name:" or "cfs://…" as it was typed, "" for none: put it before paths that are printed; owned */
	bool trailing_slash; /* the argument ended in '/': it means a directory */
};

/*
 * Takes an argument apart and connects if there is no connection yet. remote_fini() frees. Errors: CFS_EINVAL (".." above the root …), those of
 * cfs_connect().
 */
int remote_open(struct cli *cli, const char *arg, struct remote *out, struct cfs_err *err);
void remote_fini(struct remote *r);

/* The connection of the default profile (or --profile), made at the first call. */
int remote_default(struct cli *cli, struct cfs **out, struct cfs_err *err);

/*
 * The connection for a command that follows events on the server of *c: another one in a shell, whose own has a
 * subscription already.
 */
int remote_follow(struct cli *cli, struct cfs **c, struct cfs_err *err);

/* The host that a connection goes to, as its profile has it. */
const char *remote_host(const struct cli *cli, const struct cfs *c);

/* Whether the argument names another server or profile ("name:…", "cfs://…"). */
bool remote_is_other(const char *arg);

/*
 * Calls each() for every path that an argument names: the argument itself if it has no glob characters or exists as it stands, else all matches in
 * sorted order (CFS_ENOENT if none). path is absolute; shown is how a person would write it (relative if the argument was);
 * attr is the inode (a symbolic link in the last place is not followed). Stops at a non-zero return, which is returned.
 * flags: REMOTE_VERSIONS, REMOTE_VERSION.
 */
int remote_expand(struct cli *cli, const char *arg, unsigned flags,
		  int (*each)(void *arg, struct cfs *c, const char *path, const char *shown,
			      const struct cfs_attr *attr, struct cfs_err *err),
		  void *arg_each, struct cfs_err *err);

enum remote_flags {
	REMOTE_ABSENT_OK = 1, /* an argument that is not there is no failure */
	REMOTE_UNCOUNTED = 2, /* each() counts what it did by itself, perhaps later */
	REMOTE_VERSIONS = 4,  /* PATH@N is version N where no file has that whole name */
	REMOTE_VERSION = 8,   /* PATH@N is version N in any case */
};

/*
 * remote_expand() for n arguments in turn: each failure is told by cli_item_failed() and the next match or argument goes on, unless
 * nothing else can succeed (cli_is_fatal()): then that code is returned, else 0. remote_each() then returns what the command
 * returns, cli_outcome().
 */
int remote_each_item(struct cli *cli, const char *command, int n, char **argv, unsigned flags,
		     int (*each)(void *arg, struct cfs *c, const char *path, const char *shown,
				 const struct cfs_attr *attr, struct cfs_err *err),
		     void *arg_each, struct cfs_err *err);
int remote_each(struct cli *cli, const char *command, int n, char **argv, unsigned flags,
		int (*each)(void *arg, struct cfs *c, const char *path, const char *shown,
			    const struct cfs_attr *attr, struct cfs_err *err),
		void *arg_each, struct cfs_err *err);

/* remote_each() for names that need not exist: calls each() with every argument taken apart; no globs. */
int remote_each_name(struct cli *cli, const char *command, int n, char **argv,
		     int (*each)(void *arg, struct remote *r, struct cfs_err *err), void *arg_each,
		     struct cfs_err *err);

/*
 * Where a new name would go that itself replaces what is there (mv, ln), as cfs_place() without following a link, and whether
 * it is a directory, or a link to one, below which sources keep their names: then dir_out is that, else the name's parent.
 */
int remote_place(const struct remote *r, struct cfs_place *out, bool *into_out,
		 struct cfs_ref *dir_out, struct cfs_err *err);

/* Connections that the server ended for good may be made again. */
void remote_come_back(struct cli *cli);

/* Closes all connections. */
void remote_close_all(struct cli *cli);

/* Joins a directory and a name with one '/'. malloc'd; NULL without memory. */
char *remote_join(const char *dir, const char *name);

#endif
