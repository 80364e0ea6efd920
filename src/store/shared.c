/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/io.h"
#include <time.h>

#include "store/impl.h"

/* Shorter than the time for signing in, so that who waits is told. */
#define PASSWORD_WAIT_S 10

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

int
store_shared_new(struct store_shared **shared_out, struct cfs_err *err)
{
	struct store_shared *sh =
	    mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*shared_out = NULL;
	if (sh == MAP_FAILED)
		return err_set_errno(err, errno, "shared memory of the store");

	int rc = mutex_init(&sh->next);
	if (rc == 0)
		rc = mutex_init(&sh->write);
	if (rc == 0)
		rc = mutex_init(&sh->flush);
	if (rc == 0)
		rc = mutex_init(&sh->password);
	sh->event_fd = rc == 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (rc == 0 && sh->event_fd < 0)
		rc = errno;
	if (rc != 0) {
		(void)munmap(sh, sizeof(*sh));
		return err_set_errno(err, rc, "what processes of the store share");
	}
	*shared_out = sh;
	return 0;
}

void
store_shared_free(struct store_shared *sh)
{
	/* The mutexes are not destroyed: another process that inherited the memory may hold one. */
	if (sh == NULL)
		return;
	fd_close(&sh->event_fd);
	(void)munmap(sh, sizeof(*sh));
}

/*
 * What the mutexes protect is consistent whenever their owner dies: the database's own recovery undoes a transaction cut
 * short, and the counters are single stores.
 */
static int
lock_robust(pthread_mutex_t *m, struct cfs_err *err)
{
	int rc = pthread_mutex_lock(m);

	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(m);
	return rc == 0 ? 0 : err_set_errno(err, rc, "mutex of the store");
}

int
shared_lock_write(struct store_shared *sh, struct cfs_err *err)
{
	int rc = lock_robust(&sh->next, err);

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

int
shared_lock_password(struct store_shared *sh, struct cfs_err *err)
{
	struct timespec until;
	int rc;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PASSWORD_WAIT_S;
	rc = pthread_mutex_clocklock(&sh->password, CLOCK_MONOTONIC, &until);
	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(&sh->password);
	if (rc == ETIMEDOUT)
		return err_set(err, CFS_EBUSY, "too many sign-ins at once");
	return rc == 0 ? 0 : err_set_errno(err, rc, "mutex of the store");
}

void
shared_unlock_password(struct store_shared *sh)
{
	(void)pthread_mutex_unlock(&sh->password);
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
	int rc = lock_robust(&sh->flush, err);
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
