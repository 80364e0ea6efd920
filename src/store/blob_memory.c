/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/blob.h"

#define BUCKETS     1024u
#define TOTAL_BYTES (UINT64_C(1) << 40)

struct object {
	struct object *next;
	struct id128 id;
	size_t size;
	unsigned char data[];
};

struct memory {
	struct blob_backend base;
	pthread_mutex_t lock;
	uint64_t used;
	struct object *buckets[BUCKETS];
};

static struct memory *
of(struct blob_backend *b)
{
	return CONTAINER_OF(b, struct memory, base);
}

/* Where the pointer to the object of id is, or would be put. Ids are random: two of their bytes are a hash. */
static struct object **
find(struct memory *m, const struct id128 *id)
{
	struct object **p = &m->buckets[load_le16(id->b) % BUCKETS];

	while (*p != NULL && !id128_equal(&(*p)->id, id))
		p = &(*p)->next;
	return p;
}

static struct object *
object_new(const struct id128 *id, const struct iovec *iov, int count)
{
	struct object *o;
	size_t total = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	o = malloc(sizeof(*o) + total);
	if (o == NULL)
		return NULL;
	o->next = NULL;
	o->id = *id;
	o->size = 0;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > 0)
			memcpy(o->data + o->size, iov[i].iov_base, iov[i].iov_len);
		o->size += iov[i].iov_len;
	}
	return o;
}

static int
memory_put(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	   struct cfs_err *err)
{
	struct memory *m = of(b);
	struct object *o = object_new(id, iov, count), **p;
	int rc = 0;

	if (o == NULL)
		return err_code(err, CFS_ENOMEM);
	pthread_mutex_lock(&m->lock);
	p = find(m, id);
	if (*p != NULL) {
		rc = err_code(err, CFS_EEXIST);
		free(o);
	} else {
		*p = o;
		m->used += o->size;
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int
memory_read(struct blob_backend *b, const struct id128 *id, uint64_t offset,
	    const struct iovec *iov, int count, struct cfs_err *err)
{
	struct memory *m = of(b);
	const struct object *o;
	int rc = 0;

	pthread_mutex_lock(&m->lock);
	o = *find(m, id);
	if (o == NULL)
		rc = err_code(err, CFS_ENOENT);
	for (int i = 0; i < count && rc == 0; i++) {
		if (offset > o->size || iov[i].iov_len > o->size - offset) {
			rc = err_set(err, CFS_ECORRUPT, "cut short at %zu bytes", o->size);
		} else if (iov[i].iov_len > 0) {
			memcpy(iov[i].iov_base, o->data + offset, iov[i].iov_len);
			offset += iov[i].iov_len;
		}
	}
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int
memory_size(struct blob_backend *b, const struct id128 *id, uint64_t *size_out, struct cfs_err *err)
{
	struct memory *m = of(b);
	const struct object *o;

	pthread_mutex_lock(&m->lock);
	o = *find(m, id);
	if (o != NULL)
		*size_out = o->size;
	pthread_mutex_unlock(&m->lock);
	return o != NULL ? 0 : err_code(err, CFS_ENOENT);
}

static int
memory_remove(struct blob_backend *b, const struct id128 *id, struct cfs_err *err)
{
	struct memory *m = of(b);
	struct object *o, **p;

	(void)err;
	pthread_mutex_lock(&m->lock);
	p = find(m, id);
	o = *p;
	if (o != NULL) {
		*p = o->next;
		m->used -= o->size;
	}
	pthread_mutex_unlock(&m->lock);
	free(o);
	return 0;
}

static int
memory_replace(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	       struct cfs_err *err)
{
	int rc = memory_remove(b, id, err);

	return rc == 0 ? memory_put(b, id, iov, count, err) : rc;
}

static int
memory_sync_removed(struct blob_backend *b, struct cfs_err *err)
{
	(void)b;
	(void)err;
	return 0;
}

static int
memory_space(struct blob_backend *b, uint64_t *total_out, uint64_t *free_out, struct cfs_err *err)
{
	struct memory *m = of(b);

	(void)err;
	pthread_mutex_lock(&m->lock);
	*total_out = TOTAL_BYTES;
	*free_out = TOTAL_BYTES - min_u64(m->used, TOTAL_BYTES);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

static void
memory_idle(struct blob_backend *b)
{
	(void)b;
}

static void
memory_close(struct blob_backend *b)
{
	struct memory *m = of(b);

	for (unsigned i = 0; i < BUCKETS; i++) {
		struct object *next;

		for (struct object *o = m->buckets[i]; o != NULL; o = next) {
			next = o->next;
			free(o);
		}
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static const struct blob_ops memory_ops = {
    .name = "memory",
    .put = memory_put,
    .replace = memory_replace,
    .read = memory_read,
    .read_now = memory_read,
    .size = memory_size,
    .remove = memory_remove,
    .sync_removed = memory_sync_removed,
    .space = memory_space,
    .idle = memory_idle,
    .close = memory_close,
};

int
blob_memory_open(struct blob_backend **out, struct cfs_err *err)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (m == NULL || pthread_mutex_init(&m->lock, NULL) != 0) {
		free(m);
		return err_code(err, CFS_ENOMEM);
	}
	if (blob_backend_init(&m->base, &memory_ops, err) != 0) {
		memory_close(&m->base);
		return CFS_ENOMEM;
	}
	*out = &m->base;
	return 0;
}
