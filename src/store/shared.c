/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "store/impl.h"

static int
mutex_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t attr;
	int rc = pthread_mutexattr_init(&attr);

	if (rc != 0)
		return rc;
	rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (rc == 0)
		rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (rc == 0)
		rc = pthread_mutex_init(m, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	return rc;
}

/* The shared memory, from a descriptor of it, which stays the caller's. */
static struct store_shared *
map(int fd)
{
	void *p =
	    mmap(NULL, sizeof(struct store_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int
store_shared_new(struct store_shared **shared_out, struct cfs_err *err)
{
	struct store_shared *sh = NULL;
	int fd = memfd_create("cfs-store", MFD_CLOEXEC), rc = 0;

	*shared_out = NULL;
	if (fd >= 0 && ftruncate(fd, sizeof(*sh)) == 0)
		sh = map(fd);
	if (sh == NULL) {
		rc = err_set_errno(err, errno, "shared memory of the store");
		fd_close(&fd);
		return rc;
	}
	rc = mutex_init(&sh->next);
	if (rc == 0)
		rc = mutex_init(&sh->write);
	if (rc == 0)
		rc = mutex_init(&sh->flush);
	if (rc == 0)
		rc = mutex_init(&sh->db_next);
	for (unsigned i = 0; i < STORE_DB_SESSIONS_MAX && rc == 0; i++)
		rc = mutex_init(&sh->db_slots[i]);
	sh->memory_fd = fd;
	sh->event_fd = rc == 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (rc == 0 && sh->event_fd < 0)
		rc = errno;
	if (rc != 0) {
		store_shared_free(sh);
		return err_set_errno(err, rc, "what processes of the store share");
	}
	*shared_out = sh;
	return 0;
}

void
store_shared_free(struct store_shared *sh)
{
	int memory_fd;

	/* The mutexes are not destroyed: another process that inherited the memory may hold one. */
	if (sh == NULL)
		return;
	memory_fd = sh->memory_fd;
	if (sh->event_fd >= 0)
		(void)close(sh->event_fd);
	(void)munmap(sh, sizeof(*sh));
	fd_close(&memory_fd);
}

void
store_shared_fds(const struct store_shared *sh, int fds[STORE_SHARED_FDS])
{
	fds[0] = sh->memory_fd;
	fds[1] = sh->event_fd;
}

int
store_shared_leave(struct store_shared *sh, int placeholder_fd, struct cfs_err *err)
{
	int memory_fd = sh->memory_fd;
	int rc = 0;

	/* The number is kept for store_shared_join(): it stands in the memory, the same for everybody. */
	if (dup3(placeholder_fd, sh->event_fd, O_CLOEXEC) < 0 || munmap(sh, sizeof(*sh)) != 0)
		rc = err_set_errno(err, errno, "leave the shared memory");
	fd_close(&memory_fd);
	return rc;
}

int
store_shared_join(const int fds[STORE_SHARED_FDS], struct store_shared **shared_out,
		  struct cfs_err *err)
{
	struct store_shared *sh = map(fds[0]);

	*shared_out = sh;
	if (sh == NULL || dup3(fds[1], sh->event_fd, O_CLOEXEC) < 0)
		return err_set_errno(err, errno, "shared memory of the store");
	return 0;
}

/*
 * What the mutexes protect is consistent whenever their owner dies: the database's own recovery undoes a transaction cut
 * short, and the counters are single stores.
 */
int
shared_lock(pthread_mutex_t *m, struct cfs_err *err)
{
	int rc = pthread_mutex_lock(m);

	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(m);
	return rc == 0 ? 0 : err_set_errno(err, rc, "mutex of the store");
}

int
shared_lock_write(struct store_shared *sh, struct cfs_err *err)
{
	int rc = shared_lock(&sh->next, err);

	if (rc != 0)
		return rc;
	rc = pthread_mutex_lock(&sh->write);
	if (rc == EOWNERDEAD) {
		/* It may have committed and not come to count that: what is flushed so far need not be all. */
		(void)atomic_fetch_add(&sh->committed, 1);
		rc = pthread_mutex_consistent(&sh->write);
	}
	(void)pthread_mutex_unlock(&sh->next);
	return rc == 0 ? 0 : err_set_errno(err, rc, "mutex of the store");
}

void
shared_unlock_write(struct store_shared *sh)
{
	(void)pthread_mutex_unlock(&sh->write);
}

uint64_t
store_last_commit(const struct store *s)
{
	return atomic_load(&s->shared->committed);
}

/* The database stays open as long as flushing counts; a session that has closed it flushes through a fresh one. */
static int
flush_log(struct store *s, struct cfs_err *err)
{
	int rc;

	(void)pthread_mutex_lock(&s->db_lock);
	struct db *db = s->db;
	if (db != NULL)
		s->flushing++;
	(void)pthread_mutex_unlock(&s->db_lock);
	if (db == NULL)
		return store_flush_closed(s, err);

	rc = db_sync(db, err);
	(void)pthread_mutex_lock(&s->db_lock);
	s->flushing--;
	(void)pthread_mutex_unlock(&s->db_lock);
	return rc;
}

static int
readonly(struct cfs_err *err)
{
	return err_set(
	    err, CFS_EREADONLY,
	    "the store is read-only: a flush to disk failed; restart the server when the disk is sound");
}

int
store_sync(struct store *s, uint64_t commit, struct cfs_err *err)
{
	struct store_shared *sh = s->shared;

	if (atomic_load(&sh->durable) >= commit)
		return 0;
	int rc = shared_lock(&sh->flush, err);
	if (rc != 0)
		return rc;
	if (atomic_load(&sh->failed)) {
		rc = readonly(err);
	} else if (atomic_load(&sh->durable) < commit) {
		/* Taken before the flush: what is committed meanwhile may have missed it. */
		uint64_t covered = atomic_load(&sh->committed);

		rc = flush_log(s, err);
		if (rc == 0)
			atomic_store(&sh->durable, covered);
		else
			atomic_store(&sh->failed, true);
	}
	(void)pthread_mutex_unlock(&sh->flush);
	return rc;
}

void
shared_note_failure(struct store_shared *sh, int code)
{
	if (code == CFS_EIO)
		atomic_store(&sh->failed, true);
}

int
shared_check_writable(const struct store_shared *sh, struct cfs_err *err)
{
	return atomic_load(&sh->failed) ? readonly(err) : 0;
}
