/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "store/backup_impl.h"
#include "store/blobfmt.h"

struct backup_check {
	struct blob_backend *blobs;
	unsigned char *raw; /* STORE_BLOB_MAX bytes */
};

int
backup_check_new(int blobs, struct backup_check **out, struct cfs_err *err)
{
	struct backup_check *k = calloc(1, sizeof(*k));
	int rc;

	if (k == NULL || (k->raw = malloc(STORE_BLOB_MAX)) == NULL) {
		free(k);
		return err_code(err, CFS_ENOMEM);
	}
	rc = blob_dir_open(blobs, &k->blobs, err);
	if (rc != 0) {
		backup_check_free(k);
		return rc;
	}
	*out = k;
	return 0;
}

void
backup_check_free(struct backup_check *k)
{
	if (k == NULL)
		return;
	if (k->blobs != NULL)
		blob_close(k->blobs);
	free(k->raw);
	free(k);
}

bool
backup_check_whole(struct backup_check *k, const struct snapshot_blob *b)
{
	if (b->length == 0 || b->length > STORE_BLOB_MAX)
		return false;
	/* The file may be another than last time. */
	blob_idle(k->blobs);
	return blobfmt_read(k->blobs, &b->id, b->length, 0, b->length, &b->hash, k->raw, NULL) == 0;
}
