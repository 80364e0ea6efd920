/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_IMAGE_H
#define CFS_TESTS_FAULT_IMAGE_H

/* The content of one file in memory: bytes up to the last one written, zeros from there to the size. */

#include <stddef.h>
#include <stdint.h>

struct image {
	unsigned char *data;
	size_t filled, cap;
	uint64_t size;
};

void image_fini(struct image *im);
void image_write(struct image *im, uint64_t offset, const void *data, size_t n);
void image_resize(struct image *im, uint64_t size); /* shorter or longer */
void image_copy(struct image *to, const struct image *from);

#endif
