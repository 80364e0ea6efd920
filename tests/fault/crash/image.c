/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image.h"

#include <stdlib.h>
#include <string.h>

void
image_fini(struct image *im)
{
	free(im->data);
	*im = (struct image){0};
}

/* Makes the first n bytes be there. A test that runs out of memory has nothing better to do than to end. */
static void
fill(struct image *im, size_t n)
{
	if (n > im->cap) {
		im->cap = n + n / 4 + 4096;
		im->data = realloc(im->data, im->cap);
		if (im->data == NULL)
			abort();
	}
	if (n > im->filled) {
		memset(im->data + im->filled, 0, n - im->filled);
		im->filled = n;
	}
}

void
image_write(struct image *im, uint64_t offset, const void *data, size_t n)
{
	if (n == 0)
		return;
	fill(im, offset + n);
	memcpy(im->data + offset, data, n);
	if (im->size < offset + n)
		im->size = offset + n;
}

void
image_resize(struct image *im, uint64_t size)
{
	if (im->filled > size)
		im->filled = size;
	im->size = size;
}

void
image_copy(struct image *to, const struct image *from)
{
	*to = (struct image){0};
	image_write(to, 0, from->data, from->filled);
	to->size = from->size;
}
