/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/put_known.h"

#include <errno.h>
#include <fts.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/work.h"
#include "cli/remote.h"

#define THREADS 32u
#define IDLE_MS 1000u

struct entry {
	struct work_job work;
	struct known *owner;
	char *path; /* remote */
	struct cfs_attr attr;
	int rc;
};

struct known {
	struct cfs *c;
	struct entry *v;
	size_t n, cap;
	atomic_int fatal; /* the first code after which no other can succeed */
};

static int
add(struct known *k, const char *remote, const char *below)
{
	struct entry *v = k->v;

	if (k->n == k->cap) {
		k->cap = k->cap != 0 ? k->cap * 2 : 64;
		v = reallocarray(k->v, k->cap, sizeof *v);
		if (v == NULL) {
			return CFS_ENOMEM;
		}
		k->v = v;
	}
	below += *below == '/';
	v[k->n] =
	    (struct entry){.path = *below != '\0' ? remote_join(remote, below) : strdup(remote)};
	return v[k->n++].path != NULL ? 0 : CFS_ENOMEM;
}

static int
collect(struct known *k, char *local, const char *remote)
{
	char *paths[] = {local, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t skip = strlen(local);
	FTSENT *e;
	int rc = 0;

	if (fts == NULL) {
		return err_from_errno(errno);
	}
	while (rc == 0 && (e = fts_read(fts)) != NULL) {
		if (e->fts_info == FTS_D) {
			rc = add(k, remote, e->fts_path + skip);
		}
	}
	fts_close(fts);
	return rc;
}

static void
look_up(struct work_job *work)
{
	struct entry *e = CONTAINER_OF(work, struct entry, work);

	e->rc = atomic_load(&e->owner->fatal);
	if (e->rc == 0) {
		e->rc = cfs_stat(e->owner->c, e->path, true, &e->attr, NULL);
	}
	if (cli_is_fatal(e->rc)) {
		atomic_store(&e->owner->fatal, e->rc);
	}
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static int
look_up_all(struct known *k, struct cfs_err *err)
{
	struct work_pool *pool;
	int rc = work_new(THREADS, IDLE_MS, &pool, err);

	if (rc != 0) {
		return rc;
	}
	for (size_t i = 0; i < k->n; i++) {
		k->v[i].owner = k;
		k->v[i].work.run = look_up;
		work_submit(pool, &k->v[i].work);
	}
	/* Waits for all; a signal ends their calls. */
	work_free(pool);
	rc = atomic_load(&k->fatal);
	return rc != 0 ? err_code(err, rc) : 0;
}

int
known_new(struct cfs *c, char *local, const char *remote, struct known **out, struct cfs_err *err)
{
	struct known *k = calloc(1, sizeof *k);
	int rc;

	if (k == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	k->c = c;
	atomic_init(&k->fatal, 0);
	rc = collect(k, local, remote);
	if (rc != 0) {
		err_code(err, rc);
	} else {
		rc = look_up_all(k, err);
	}
	if (rc != 0) {
		known_free(k);
		return rc;
	}
	qsort(k->v, k->n, sizeof *k->v, by_path);
	*out = k;
	return 0;
}

void
known_free(struct known *k)
{
	for (size_t i = 0; k != NULL && i < k->n; i++) {
		free(k->v[i].path);
	}
	if (k != NULL) {
		free(k->v);
	}
	free(k);
}

int
known_find(const struct known *k, const char *remote, struct cfs_attr *attr)
{
	/* bsearch() reads the key alone. */
	const struct entry key = {.path = (char *)(uintptr_t)remote};
	const struct entry *e =
	    k != NULL && k->n > 0 ? bsearch(&key, k->v, k->n, sizeof *k->v, by_path) : NULL;

	if (e == NULL) {
		return CFS_EINVAL;
	}
	*attr = e->attr;
	return e->rc;
}
