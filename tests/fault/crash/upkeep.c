/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "upkeep.h"

#include <stdio.h>
#include <string.h>

#include "model.h"
#include "store/attic.h"
#include "store/backup.h"
#include "store/names.h"
#include "store/scrub.h"
#include "store/store.h"

struct choice {
	struct attic_entry e;
	uint64_t skip;
	bool found;
};

static int
choose(void *arg, const struct attic_entry *e)
{
	struct choice *c = arg;

	if (e->how < ATTIC_REPLACED || e->how > ATTIC_OVERWRITTEN || c->skip-- > 0)
		return 0;
	c->e = *e;
	c->found = true;
	return 1;
}

/* An old version in the user's own folder, where the model has no files. */
static int
restore(const struct upkeep *u, const struct attic_entry *e, struct cfs_err *err)
{
	struct bytes_view home = {"/" MODEL_USER, strlen("/" MODEL_USER)};
	struct restore_args a = {.id = e->id,
				 .source_ino = e->attr.ino,
				 .name = {"restored", 8},
				 .ino = (*u->next_ino)++,
				 .stream = u->stream};
	struct walk_result at;
	struct inode_attr attr;
	uint64_t replaced;
	int rc = names_walk(u->s, &u->cred, (struct inode_ref){0, 0}, home, true, false, &at, err);

	if (rc != 0)
		return rc;
	a.dir = (struct inode_ref){at.attr.ino, at.attr.gen};
	return attic_restore(u->s, &u->cred, &a, &attr, &replaced, err);
}

/* One of the newest entries is restored, or given up. */
static int
old_version(const struct upkeep *u, struct rng *rng, bool prune, struct cfs_err *err)
{
	struct choice c = {.skip = rng_below(rng, 5)};
	uint64_t commit, bytes;
	bool eof;
	int rc = attic_list(u->s, &u->cred, 0, choose, &c, &eof, err);

	if (rc != 0 || !c.found)
		return rc;
	rc = store_begin(u->s, err);
	if (rc == 0)
		rc = prune ? attic_prune(u->s, &u->cred, c.e.id, c.e.attr.ino, &bytes, err)
			   : restore(u, &c.e, err);
	return rc < 0 ? rc : store_commit(u->s, &commit, err);
}

static void
ignore(void *arg, const struct scrub_finding *f)
{
	(void)arg;
	(void)f;
}

static int
scrub(const struct upkeep *u, struct cfs_err *err)
{
	struct scrub_state st = {.left = UINT64_MAX};
	int rc = 0;

	while (rc == 0 && st.left != 0)
		rc = scrub_step(u->s, &st, true, ignore, NULL, err);
	if (rc == 0 && st.damaged > 0)
		rc = err_set(err, CFS_ECORRUPT, "a scrub found damage");
	return rc;
}

static int
backup(const struct upkeep *u, struct cfs_err *err)
{
	struct backup_result r;
	char dir[4096];

	(void)snprintf(dir, sizeof(dir), "%s.saved", u->path);
	return backup_make(u->path, dir, BACKUP_LINK, NULL, &r, err);
}

int
upkeep_step(const struct upkeep *u, struct rng *rng, struct cfs_err *err)
{
	unsigned what = rng_below(rng, 100);

	if (what < 10)
		return old_version(u, rng, false, err);
	if (what < 15)
		return old_version(u, rng, true, err);
	if (what < 18)
		return scrub(u, err);
	return what < 19 ? backup(u, err) : 0;
}
