/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files as libcfs's users have them: whole-file transfers, open files, changes of names that wait for stable storage. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "client/cfs.h"
#include "storm.h"

#define TIMEOUT_MS 20000

struct lib {
	struct face face;
	struct cfs *cfs;
	struct cfs_ref home;
};

static struct lib *
of(struct face *f)
{
	return CONTAINER_OF(f, struct lib, face);
}

static void
note_outcome(void *arg, const struct cfs_xfer_done *d)
{
	struct cfs_err *err = arg;

	if (d->code != 0)
		(void)err_set(err, d->code, "%s", d->text);
}

static int
lib_put(struct face *f, const char *name, const struct content *c, struct cfs_err *err)
{
	struct cfs_err outcome = CFS_ERR_INIT;
	const struct cfs_xfer_hooks hooks = {.done = note_outcome, .arg = &outcome};
	struct cfs_put put = {.fd = memfd_create("storm", MFD_CLOEXEC),
			      .local = name,
			      .dir = of(f)->home,
			      .name = name,
			      .remote = name,
			      .mode = 0644};
	struct cfs_xfer *x = NULL;
	int rc;

	if (put.fd < 0 || io_write_full(put.fd, c->bytes, c->size) != 0 ||
	    lseek(put.fd, 0, SEEK_SET) != 0)
		abort();
	rc = cfs_xfer_new(of(f)->cfs, &hooks, &x, err);
	if (rc != 0)
		fd_close(&put.fd);
	if (rc == 0)
		rc = cfs_xfer_put(x, &put, err);
	if (rc == 0)
		rc = cfs_xfer_finish(x, err);
	cfs_xfer_free(x);
	if (outcome.code != 0)
		return err_set(err, outcome.code, "%s", outcome.text);
	return rc;
}

static int
lib_write(struct face *f, const char *name, const struct content *bytes, size_t offset,
	  bool durable, struct cfs_err *err)
{
	struct cfs_err close_err = CFS_ERR_INIT;
	struct cfs_file *file = NULL;
	struct cfs_attr attr;
	ssize_t n = 0;
	int rc = cfs_lookup(of(f)->cfs, of(f)->home, name, &attr, err), closed;

	if (rc == 0)
		rc = cfs_file_open(of(f)->cfs, &attr, true, &file, err);
	if (rc != 0)
		return rc;
	n = cfs_file_pwrite(file, bytes->bytes, bytes->size, offset, err);
	if (n < 0)
		rc = (int)n;
	else if (durable)
		rc = cfs_file_fsync(file, err);
	closed = cfs_file_close(file, &close_err);
	if (rc == 0 && closed != 0)
		rc = err_set(err, closed, "%s", close_err.text);
	return rc;
}

static int
lib_rename(struct face *f, const char *name, const char *to, struct cfs_err *err)
{
	return cfs_rename(of(f)->cfs, of(f)->home, name, of(f)->home, to, false, false, CFS_DURABLE,
			  err);
}

static int
lib_remove(struct face *f, const char *name, struct cfs_err *err)
{
	return cfs_unlink(of(f)->cfs, of(f)->home, name, false, CFS_DURABLE, NULL, err);
}

static int
lib_read(struct face *f, const char *name, struct content **out, struct cfs_err *err)
{
	struct cfs_file *file = NULL;
	struct content *c = NULL;
	struct cfs_attr attr;
	size_t done = 0;
	ssize_t n = 1;
	int rc = cfs_lookup(of(f)->cfs, of(f)->home, name, &attr, err);

	if (rc == 0)
		rc = cfs_file_open(of(f)->cfs, &attr, false, &file, err);
	if (rc != 0)
		return rc;
	c = content_new(attr.size);
	for (; done < c->size && n > 0; done += n > 0 ? (size_t)n : 0)
		n = cfs_file_pread(file, c->bytes + done, c->size - done, done, err);
	(void)cfs_file_close(file, NULL);
	if (n < 0)
		rc = (int)n;
	else if (done < c->size)
		rc = err_set(err, CFS_EFAIL, "ends at %zu of %zu bytes", done, c->size);
	if (rc != 0)
		content_unref(c);
	else
		*out = c;
	return rc;
}

struct listing {
	void (*each)(void *arg, const char *name);
	void *arg;
	uint64_t cookie;
};

static int
on_entry(void *arg, const char *name, uint64_t cookie, const struct cfs_attr *attr)
{
	struct listing *l = arg;

	(void)attr;
	l->cookie = cookie;
	l->each(l->arg, name);
	return 0;
}

static int
lib_list(struct face *f, void (*each)(void *arg, const char *name), void *arg, struct cfs_err *err)
{
	struct listing l = {.each = each, .arg = arg};
	bool eof = false;
	int rc = 0;

	while (rc == 0 && !eof)
		rc = cfs_readdir(of(f)->cfs, of(f)->home, l.cookie, on_entry, &l, &eof, NULL, err);
	return rc;
}

static void
lib_free(struct face *f)
{
	cfs_close(of(f)->cfs);
	free(of(f));
}

static const struct face_ops lib_ops = {
    .put = lib_put,
    .write = lib_write,
    .rename = lib_rename,
    .remove = lib_remove,
    .read = lib_read,
    .list = lib_list,
    .free = lib_free,
};

struct face *
face_lib_new(unsigned number, unsigned reconnect_ms, struct cfs_err *err)
{
	struct cfs_options o = {
	    .program = "storm", .timeout_ms = TIMEOUT_MS, .reconnect_ms = reconnect_ms};
	struct lib *l = calloc(1, sizeof(*l));
	struct cfs_profile p = {0};
	const struct cfs_identity *me;
	char name[16];
	int rc;

	if (l == NULL)
		abort();
	(void)snprintf(name, sizeof(name), "u%u", number);
	rc = cfs_profile_load(name, &p, err);
	if (rc == 0)
		rc = cfs_connect(&p, &o, &l->cfs, err);
	cfs_profile_fini(&p);
	if (rc != 0) {
		free(l);
		return NULL;
	}
	me = cfs_whoami(l->cfs);
	l->home = (struct cfs_ref){me->home, me->gen};
	l->face.ops = &lib_ops;
	return &l->face;
}
