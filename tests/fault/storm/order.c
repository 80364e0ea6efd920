/* SPDX-License-Identifier: GPL-3.0-or-later */
/* storm order: an order for a daemon that was started under the library, from a shell. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "storm.h"

/* The bit that a word stands for in a list; 0: none. */
static uint32_t
bit_of(const char *word, const char *const list[4])
{
	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(word, list[i]) == 0)
			return 1u << i;
	}
	return 0;
}

static uint32_t
how_of(const char *word)
{
	static const char *const words[] = {"", "error", "short", "tear", "lie"};

	for (uint32_t i = INJECT_ERROR; i <= INJECT_LIE; i++) {
		if (strcmp(word, words[i]) == 0)
			return i;
	}
	return 0;
}

int
storm_order(int argc, char **argv)
{
	static const char *const calls[] = {"write", "flush", "name", "create"};
	static const char *const classes[] = {"blob", "log", "db", "folder"};
	struct inject *in;
	int fd, rc;

	if (argc < 8)
		return 2;
	/* Made here, if it is not there: before the daemon is. */
	fd = io_open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*in)) != 0)
		return 2;
	in = mmap(NULL, sizeof(*in), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fd_close(&fd);
	if (in == MAP_FAILED)
		return 2;
	atomic_store(&in->armed, 0);
	in->calls = bit_of(argv[3], calls);
	in->classes = bit_of(argv[4], classes);
	in->how = how_of(argv[5]);
	in->error = (int32_t)strtol(argv[6], NULL, 10);
	in->lasting = argc > 8;
	atomic_store(&in->countdown, strtol(argv[7], NULL, 10));
	atomic_store(&in->hits, 0);
	atomic_store(&in->log_flush, 0);
	atomic_store(&in->armed, in->countdown > 0);
	rc = in->calls != 0 && in->classes != 0 && in->how != 0 ? 0 : 2;
	(void)munmap(in, sizeof(*in));
	return rc;
}
