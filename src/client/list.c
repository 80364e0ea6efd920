/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Directories: pages of entries or of names, the next one asked for while the last one is handed out. */

#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/attr.h"
#include "client/call.h"
#include "proto/codec.h"

#define PAGE_BYTES (256u * 1024)

static int
ask_page(struct cfs *c, struct cfs_ref dir, uint64_t cookie, struct call **out, struct cfs_err *err)
{
	struct m_readdir_req req = {
	    .dir = dir.ino, .gen = dir.gen, .cookie = cookie, .max_bytes = PAGE_BYTES};
	int rc = call_new(c, OP_READDIR, &req, out, err);

	if (rc == 0)
		rc = call_start(*out, err);
	return rc;
}

static uint64_t
last_cookie(struct list entries, uint64_t none)
{
	struct m_dirent e = {.cookie = none};

	while (list_next(&entries, &e))
		continue;
	return e.cookie;
}

static int
give_page(struct cfs *c, struct list entries, uint64_t epoch,
	  int (*each)(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr),
	  void *arg)
{
	struct m_dirent e;
	struct cfs_attr attr;
	char name[256];
	int rc = 0;

	while (rc == 0 && list_next(&entries, &e)) {
		size_t n = min_size(e.name.len, sizeof(name) - 1);

		memcpy(name, e.name.p, n);
		name[n] = '\0';
		attr_from_wire(&attr, &e.attr);
		attr.promise_epoch = e.attr.promise_ms > 0 ? epoch : 0;
		attr.promise_ms =
		    (uint32_t)(cfs_promised_ns(c, attr.promise_epoch) / (uint64_t)NS_PER_MS);
		rc = each(arg, name, e.cookie, &attr);
	}
	return rc;
}

int
cfs_readdir(struct cfs *c, struct cfs_ref dir, uint64_t cookie,
	    int (*each)(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr),
	    void *arg, bool *eof_out, uint64_t *parent_out, struct cfs_err *err)
{
	struct call *now = NULL, *next = NULL;
	struct m_readdir_rep rep = {0};
	int rc = ask_page(c, dir, cookie, &now, err);

	if (eof_out != NULL)
		*eof_out = false;
	while (rc == 0) {
		rc = call_await(now, &rep, err);
		if (rc < 0)
			break;
		if (parent_out != NULL)
			*parent_out = rep.parent;
		if (rep.eof == 0) {
			if (rep.entries.count == 0) {
				rc = err_set(err, CFS_EPROTO, "an empty page in mid-directory");
				break;
			}
			/* Or it would go round for ever. */
			if (last_cookie(rep.entries, cookie) <= cookie) {
				rc = err_set(err, CFS_EPROTO, "a page that leads back");
				break;
			}
			cookie = last_cookie(rep.entries, cookie);
			rc = ask_page(c, dir, cookie, &next, err);
			if (rc < 0)
				break;
		}
		rc = give_page(c, rep.entries, now->trust_mark, each, arg);
		call_free(now);
		now = next;
		next = NULL;
		if (rc == 0 && rep.eof != 0) {
			if (eof_out != NULL)
				*eof_out = true;
			break;
		}
	}
	call_free(now);
	call_free(next);
	return rc;
}

/* ---- names alone */

static int
ask_names(struct cfs *c, struct cfs_ref dir, const char *prefix, const char *after,
	  struct call **out, struct cfs_err *err)
{
	struct m_names_req req = {.dir = dir.ino,
				  .gen = dir.gen,
				  .prefix = str_from(prefix),
				  .after = str_from(after),
				  .max_bytes = PAGE_BYTES};
	int rc = call_new(c, OP_NAMES, &req, out, err);

	if (rc == 0)
		rc = call_start(*out, err);
	return rc;
}

/* The page's last name into last, which holds the last one of the page before. */
static int
check_names(const struct m_names_rep *rep, char last[256], struct cfs_err *err)
{
	struct list entries = rep->entries;
	struct m_entry e;
	char name[256];

	if (rep->eof == 0 && entries.count == 0)
		return err_set(err, CFS_EPROTO, "an empty page in mid-directory");
	while (list_next(&entries, &e)) {
		if (e.name.len >= sizeof(name))
			return err_set(err, CFS_EPROTO, "a name of %zu bytes", e.name.len);
		memcpy(name, e.name.p, e.name.len);
		name[e.name.len] = '\0';
		/* Or it would go round for ever. */
		if (strcmp(name, last) <= 0)
			return err_set(err, CFS_EPROTO, "names out of order");
		memcpy(last, name, sizeof(name));
	}
	return 0;
}

static int
give_names(struct list entries, int (*each)(void *arg, const char *name, enum cfs_type type),
	   void *arg)
{
	struct m_entry e;
	char name[256];
	int rc = 0;

	while (rc == 0 && list_next(&entries, &e)) {
		memcpy(name, e.name.p, e.name.len);
		name[e.name.len] = '\0';
		rc = each(arg, name, (enum cfs_type)e.type);
	}
	return rc;
}

int
cfs_names(struct cfs *c, struct cfs_ref dir, const char *prefix,
	  int (*each)(void *arg, const char *name, enum cfs_type type), void *arg,
	  struct cfs_err *err)
{
	struct call *now = NULL, *next = NULL;
	struct m_names_rep rep = {0};
	char last[256] = "";
	int rc = ask_names(c, dir, prefix, last, &now, err);

	while (rc == 0 && rep.eof == 0) {
		rc = call_await(now, &rep, err);
		if (rc == 0)
			rc = check_names(&rep, last, err);
		if (rc == 0 && rep.eof == 0)
			rc = ask_names(c, dir, prefix, last, &next, err);
		if (rc == 0)
			rc = give_names(rep.entries, each, arg);
		call_free(now);
		now = next;
		next = NULL;
	}
	call_free(now);
	call_free(next);
	return rc;
}
