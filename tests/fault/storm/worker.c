/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "storm.h"

#define VERIFY_CONNECT_MS 10000

static const char *const names[TREE_FILES] = {"f0", "f1", "f2", "f3", "f4",  "f5",
					      "f6", "f7", "f8", "f9", "f10", "f11"};
static const char *const act_names[] = {"put", "write", "rename", "remove", "read"};

static void
describe(const struct content *c, char out[80])
{
	uint32_t sum = 0;

	for (size_t i = 0; c != NULL && i < c->size; i++)
		sum = sum * 31 + c->bytes[i];
	if (c != NULL)
		(void)snprintf(out, 80, "%zu bytes (%08x)", c->size, sum);
	else
		(void)snprintf(out, 80, "nothing");
}

void
worker_init(struct worker *w, struct storm *st, unsigned number)
{
	*w = (struct worker){
	    .storm = st, .number = number, .reconnect_ms = 100, .rng = {st->seed * 1000 + number}};
}

void
worker_fini(struct worker *w)
{
	tree_fini(&w->tree);
}

/* ---- work ---- */

static void
compare(struct worker *w, const char *name, const struct content *expected,
	const struct content *found)
{
	char is[80], should[80];

	if (content_equal(expected, found))
		return;
	describe(found, is);
	describe(expected, should);
	finding(w->storm, "u%u: reading %s gives %s, it holds %s", w->number, name, is, should);
}

static int
do_read(struct worker *w, struct face *f, const struct act *a, struct cfs_err *err)
{
	struct content *found = NULL;
	int rc = f->ops->read(f, names[a->file], &found, err);

	if (rc == CFS_ENOENT)
		rc = 0;
	if (rc == 0)
		compare(w, names[a->file], w->tree.now[a->file], found);
	content_unref(found);
	return rc;
}

static int
do_act(struct worker *w, struct face *f, const struct act *a, struct cfs_err *err)
{
	const char *name = names[a->file];
	bool durable = w->durable_only || rng_percent(&w->rng, 60);

	switch (a->kind) {
	case ACT_PUT:
		return f->ops->put(f, name, a->bytes, err);
	case ACT_WRITE:
		return f->ops->write(f, name, a->bytes, a->offset, durable, err);
	case ACT_RENAME:
		return f->ops->rename(f, name, names[a->to], err);
	case ACT_REMOVE:
		return f->ops->remove(f, name, err);
	case ACT_READ:
		return do_read(w, f, a, err);
	}
	return CFS_EINVAL;
}

/* What must be there when the file is: nobody else touches the folder. */
static bool
cannot_be(int rc)
{
	return rc == CFS_ENOENT || rc == CFS_EEXIST || rc == CFS_ESTALE || rc == CFS_EDENIED ||
	       rc == CFS_ECORRUPT || rc == CFS_EINVAL || rc == CFS_EPROTO;
}

static void
work_once(struct worker *w, struct face *f, const struct act *a)
{
	const struct inject *in = w->storm->server.inject;
	struct cfs_err err = CFS_ERR_INIT;
	/* Looked at before: then nothing of the operation can have been flushed earlier. */
	bool flush_failed = in != NULL && atomic_load(&in->log_flush) > 0;
	int rc = do_act(w, f, a, &err);

	tell(w->storm, "u%u: %s %s: %s", w->number, act_names[a->kind], names[a->file],
	     rc == 0 ? "done" : err.text);
	if (rc == 0) {
		tree_done(&w->tree, a);
		(void)atomic_fetch_add(&w->done, 1);
		if (flush_failed && w->durable_only && a->kind != ACT_READ)
			finding(w->storm, "u%u: %s %s was promised after a flush had failed",
				w->number, act_names[a->kind], names[a->file]);
		return;
	}
	tree_failed(&w->tree, a);
	(void)atomic_fetch_add(&w->failed, 1);
	if (cannot_be(rc))
		finding(w->storm, "u%u: %s %s: %s", w->number, act_names[a->kind], names[a->file],
			err.text);
	else if (w->storm->mode == STORM_KILLS)
		finding(w->storm, "u%u: %s %s failed, though the server came back: %s", w->number,
			act_names[a->kind], names[a->file], err.text);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct cfs_err err = CFS_ERR_INIT;
	struct face *f = w->mount ? face_mount_new(&w->storm->server, w->number, &err)
				  : face_lib_new(w->number, w->reconnect_ms, &err);
	struct act a;

	if (f == NULL)
		finding(w->storm, "u%u: connecting: %s", w->number, err.text);
	while (f != NULL && !atomic_load(&w->stop) && tree_draw(&w->tree, &w->rng, &a)) {
		work_once(w, f, &a);
		act_fini(&a);
	}
	if (f != NULL)
		f->ops->free(f);
	atomic_store(&w->ended, true);
	return NULL;
}

void
worker_start(struct worker *w)
{
	atomic_store(&w->stop, false);
	atomic_store(&w->ended, false);
	(void)pthread_create(&w->thread, NULL, work, w);
}

void
worker_stop(struct worker *w)
{
	atomic_store(&w->stop, true);
	(void)pthread_join(w->thread, NULL);
}

unsigned long
workers_done(const struct worker *w, unsigned count)
{
	unsigned long sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += atomic_load(&w[i].done);
	return sum;
}

/* ---- what is there ---- */

/* A server whose signer or door was killed twice within a second is back a second later. */
static struct face *
connect_patiently(const struct worker *w, struct cfs_err *err)
{
	uint64_t deadline = deadline_from_ms(VERIFY_CONNECT_MS);
	struct face *f;

	while ((f = face_lib_new(w->number, VERIFY_CONNECT_MS, err)) == NULL &&
	       (err->code == CFS_ENET || err->code == CFS_EBUSY) && !deadline_passed(deadline))
		pause_briefly();
	return f;
}

struct seen {
	bool there[TREE_FILES];
	char stranger[64];
};

static void
note_name(void *arg, const char *name)
{
	struct seen *s = arg;

	for (unsigned i = 0; i < TREE_FILES; i++) {
		if (strcmp(name, names[i]) == 0) {
			s->there[i] = true;
			return;
		}
	}
	/* Of a put in a mount that was cut off. */
	if (strcmp(name, "fresh") != 0)
		(void)snprintf(s->stranger, sizeof(s->stranger), "%s", name);
}

static int
read_all(struct worker *w, struct face *f, struct content *found[TREE_FILES], struct cfs_err *err)
{
	struct seen seen = {{false}, ""};
	int rc = f->ops->list(f, note_name, &seen, err);

	if (seen.stranger[0] != '\0')
		finding(w->storm, "u%u: there is a file %s", w->number, seen.stranger);
	for (unsigned i = 0; i < TREE_FILES && rc == 0; i++) {
		if (seen.there[i])
			rc = f->ops->read(f, names[i], &found[i], err);
		if (rc != 0)
			(void)err_wrap(err, "reading %s", names[i]);
	}
	return rc;
}

void
worker_verify(struct worker *w, const char *when)
{
	struct content *found[TREE_FILES] = {NULL};
	struct cfs_err err = CFS_ERR_INIT;
	struct face *f = connect_patiently(w, &err);
	char is[80], was[80];
	unsigned i;

	if (f == NULL || read_all(w, f, found, &err) != 0) {
		finding(w->storm, "u%u: %s: %s", w->number, when, err.text);
	} else {
		struct content *before[TREE_FILES];

		for (i = 0; i < TREE_FILES; i++)
			before[i] = content_ref(w->tree.now[i]);
		i = tree_settle(&w->tree, found);
		if (i < TREE_FILES) {
			describe(found[i], is);
			describe(before[i], was);
			finding(w->storm, "u%u: %s: %s holds %s, it should be %s", w->number, when,
				names[i], is, was);
		}
		for (i = 0; i < TREE_FILES; i++)
			content_unref(before[i]);
	}
	for (i = 0; i < TREE_FILES; i++)
		content_unref(found[i]);
	if (f != NULL)
		f->ops->free(f);
}
