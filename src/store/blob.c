/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/blob.h"

#include "base/bytes.h"
#include "store/blob_heads.h"

int
blob_backend_init(struct blob_backend *b, const struct blob_ops *ops, struct cfs_err *err)
{
	b->ops = ops;
	b->heads = blob_heads_new();
	return b->heads != NULL ? 0 : err_code(err, CFS_ENOMEM);
}

/* Puts the blob's id in front of an error's text; returns rc. */
static int
named(int rc, const struct id128 *id, struct cfs_err *err)
{
	char hex[ID128_HEX_SIZE];

	if (rc != 0)
		err_wrap(err, "blob %s", id128_hex(hex, id));
	return rc;
}

static int
check_pieces(const struct id128 *id, const struct iovec *iov, int count, struct cfs_err *err)
{
	size_t total = 0;

	if (id128_is_zero(id))
		return err_set(err, CFS_EINVAL, "no id");
	if (iov == NULL || count < 1 || count > BLOB_IOV_MAX)
		return err_set(err, CFS_EINVAL, "%d pieces", count);
	for (int i = 0; i < count; i++)
		if (!add_size(total, iov[i].iov_len, &total))
			return err_set(err, CFS_EINVAL, "size overflows");
	if (total == 0)
		return err_set(err, CFS_EINVAL, "no bytes");
	return 0;
}

int
blob_put(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	 struct cfs_err *err)
{
	int rc = check_pieces(id, iov, count, err);

	return named(rc != 0 ? rc : b->ops->put(b, id, iov, count, err), id, err);
}

int
blob_replace(struct blob_backend *b, const struct id128 *id, const struct iovec *iov, int count,
	     struct cfs_err *err)
{
	int rc = check_pieces(id, iov, count, err);

	blob_heads_forget(b->heads, id);
	return named(rc != 0 ? rc : b->ops->replace(b, id, iov, count, err), id, err);
}

int
blob_read(struct blob_backend *b, const struct id128 *id, uint64_t offset, const struct iovec *iov,
	  int count, struct cfs_err *err)
{
	int rc = check_pieces(id, iov, count, err);

	if (rc == 0 && offset > INT64_MAX / 2)
		rc = err_set(err, CFS_EINVAL, "offset out of range");
	return named(rc != 0 ? rc : b->ops->read(b, id, offset, iov, count, err), id, err);
}

int
blob_read_now(struct blob_backend *b, const struct id128 *id, uint64_t offset,
	      const struct iovec *iov, int count, struct cfs_err *err)
{
	int rc = check_pieces(id, iov, count, err);

	if (rc == 0 && offset > INT64_MAX / 2)
		rc = err_set(err, CFS_EINVAL, "offset out of range");
	return named(rc != 0 ? rc : b->ops->read_now(b, id, offset, iov, count, err), id, err);
}

int
blob_size(struct blob_backend *b, const struct id128 *id, uint64_t *size_out, struct cfs_err *err)
{
	return named(b->ops->size(b, id, size_out, err), id, err);
}

int
blob_remove(struct blob_backend *b, const struct id128 *id, struct cfs_err *err)
{
	blob_heads_forget(b->heads, id);
	return named(b->ops->remove(b, id, err), id, err);
}

int
blob_sync_removed(struct blob_backend *b, struct cfs_err *err)
{
	return b->ops->sync_removed(b, err);
}

int
blob_space(struct blob_backend *b, uint64_t *total_out, uint64_t *free_out, struct cfs_err *err)
{
	return b->ops->space(b, total_out, free_out, err);
}

void
blob_idle(struct blob_backend *b)
{
	blob_heads_clear(b->heads);
	b->ops->idle(b);
}

void
blob_close(struct blob_backend *b)
{
	if (b == NULL)
		return;
	blob_heads_free(b->heads);
	b->heads = NULL;
	b->ops->close(b);
}
