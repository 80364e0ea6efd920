/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/progress.h"

/* Counters are read one by one while they change: what is drawn may be a moment old in parts. */
struct progress_page {
	atomic_uint_least64_t started_ns, bytes, total_bytes, files, total_files;
};

struct progress_page *
progress_page_new(int *fd_out)
{
	struct progress_page *page;
	int fd = memfd_create("progress", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	/* The seal is what progress_page_attach() knows it by. */
	if (fd < 0 || ftruncate(fd, sizeof *page) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
		fd_close(&fd);
		return NULL;
	}
	page = progress_page_attach(fd);
	if (page == NULL) {
		fd_close(&fd);
	}
	*fd_out = fd;
	return page;
}

struct progress_page *
progress_page_attach(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	void *p;

	/* Any other file would be written into. */
	if (seals < 0 || (seals & F_SEAL_GROW) == 0 ||
	    lseek(fd, 0, SEEK_END) != (off_t)sizeof(struct progress_page)) {
		return NULL;
	}
	p = mmap(NULL, sizeof(struct progress_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p != MAP_FAILED ? p : NULL;
}

void
progress_page_free(struct progress_page *page)
{
	if (page != NULL) {
		munmap(page, sizeof *page);
	}
}

bool
progress_page_read(const struct progress_page *page, struct progress *p)
{
	if (page == NULL || atomic_load(&page->started_ns) == 0) {
		return false;
	}
	p->started_ns = atomic_load(&page->started_ns);
	p->bytes = atomic_load(&page->bytes);
	p->total_bytes = atomic_load(&page->total_bytes);
	p->files = atomic_load(&page->files);
	p->total_files = atomic_load(&page->total_files);
	return true;
}

void
progress_page_write(struct progress_page *page, const struct progress *p)
{
	if (page == NULL) {
		return;
	}
	atomic_store(&page->bytes, p->bytes);
	atomic_store(&page->total_bytes, p->total_bytes);
	atomic_store(&page->files, p->files);
	atomic_store(&page->total_files, p->total_files);
	atomic_store(&page->started_ns, p->started_ns);
}
