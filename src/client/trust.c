/* SPDX-License-Identifier: GPL-3.0-or-later */

/* How long what was promised is trusted, and the hook of who remembers more. */

#include "client/trust_state.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "client/file.h"

/* Unused for so long, promises are not renewed any more. */
#define IDLE_NS (60 * (uint64_t)NS_PER_S)

/* The server waits a little longer for an answer than it is trusted. */
#define LISTEN_ON_NS (3 * (uint64_t)NS_PER_S)

/* ---- for the hook */

void
trust_acknowledge(struct cfs *c, uint64_t push)
{
	struct m_push_ack_req ack = {.push = push};
	struct call *k;

	if (push == 0 || c->link.stream == NULL ||
	    call_new_locked(c, OP_PUSH_ACK, &ack, &k, NULL) < 0)
		return;
	k->done = call_free_locked;
	conn_submit(c, k);
}

/* Leases end with everything. */
static void
acknowledge(struct cfs *c, uint64_t ino, uint64_t push)
{
	if (ino == 0 && push != 0)
		leases_acknowledge(c, push);
	else
		trust_acknowledge(c, push);
}

void
cfs_invalid_done(struct cfs *c, const struct cfs_invalid *what)
{
	pthread_mutex_lock(&c->lock);
	/* A push of a line that is gone is nobody's any more; the new line's server would not know the number. */
	if (what->line == c->lines && !c->closing) {
		acknowledge(c, what->ino, what->push);
		if (c->waiters == NULL)
			background_nudge(c);
	}
	pthread_mutex_unlock(&c->lock);
}

static void *
hook_main(void *arg)
{
	struct cfs *c = arg;
	struct trust *p = c->trust;

	pthread_mutex_lock(&c->lock);
	while (!p->stop) {
		struct told *t = p->first;

		if (t == NULL) {
			pthread_cond_wait(&p->cond, &c->lock);
			continue;
		}
		p->first = t->next;
		if (p->first == NULL)
			p->last = &p->first;
		pthread_mutex_unlock(&c->lock);
		if (c->options.invalid(c->options.invalid_arg, &t->what))
			cfs_invalid_done(c, &t->what);
		free(t);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Has the hook told; without one (or memory for it, when nothing can be trusted any more) it is done at once. */
void
trust_tell_hook(struct cfs *c, const struct m_invalidate_push *m)
{
	struct trust *p = c->trust;
	struct told *t = c->options.invalid != NULL ? calloc(1, sizeof(*t)) : NULL;

	if (t == NULL) {
		acknowledge(c, m->ino, m->push);
		return;
	}
	memcpy(t->name, m->name.p != NULL ? m->name.p : "", min_size(m->name.len, 255));
	t->what = (struct cfs_invalid){
	    .ino = m->ino, .what = m->what, .name = t->name, .push = m->push, .line = c->lines};
	*p->last = t;
	p->last = &t->next;
	pthread_cond_signal(&p->cond);
}

/* ---- life */

int
trust_new(struct cfs *c, struct cfs_err *err)
{
	struct trust *p;
	sigset_t all, old;
	int rc = 0;

	if (!c->options.promises)
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL || trust_memory_init(&p->memory, c->options.content_bytes) < 0) {
		free(p);
		return err_code(err, CFS_ENOMEM);
	}
	p->last = &p->first;
	atomic_store(&p->epoch, 1);
	pthread_cond_init(&p->cond, NULL);
	c->trust = p;
	c->client_id = id128_random();
	if (c->options.invalid == NULL)
		return 0;
	/* Signals are for the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&p->thread, NULL, hook_main, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	p->thread_runs = rc == 0;
	return rc == 0 ? 0 : err_set_errno(err, rc, "thread");
}

void
trust_stop(struct cfs *c)
{
	struct trust *p = c->trust;

	if (p == NULL || !p->thread_runs)
		return;
	pthread_mutex_lock(&c->lock);
	p->stop = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&c->lock);
	pthread_join(p->thread, NULL);
	p->thread_runs = false;
}

void
trust_free(struct cfs *c)
{
	struct trust *p = c->trust;

	if (p == NULL)
		return;
	trust_stop(c);
	while (p->first != NULL) {
		struct told *t = p->first;

		p->first = t->next;
		free(t);
	}
	trust_memory_fini(&p->memory);
	pthread_cond_destroy(&p->cond);
	free(p);
	c->trust = NULL;
}

void
trust_all_void(struct trust *p)
{
	trust_memory_clear(&p->memory);
	atomic_fetch_add(&p->epoch, 1);
}

void
trust_line_lost(struct cfs *c)
{
	if (c->trust == NULL)
		return;
	leases_line_lost(c);
	atomic_store(&c->trust->until_ns, 0);
	trust_all_void(c->trust);
}

void
trust_release(struct cfs *c)
{
	struct m_empty req = {0};
	struct call *k;

	if (c->trust == NULL)
		return;
	trust_line_lost(c);
	if (c->link.stream == NULL || call_new_locked(c, OP_PROMISES_RELEASE, &req, &k, NULL) < 0)
		return;
	k->done = call_free_locked;
	conn_submit(c, k);
}

/* ---- trust */

bool
trust_is_held(const struct trust *p)
{
	return now_boot_ns() < atomic_load(&p->until_ns);
}

uint64_t
cfs_promised_ns(const struct cfs *c, uint64_t epoch)
{
	const struct trust *p = c->trust;
	uint64_t now, until;

	if (p == NULL || epoch == 0 || atomic_load(&p->epoch) != epoch)
		return 0;
	now = now_boot_ns();
	until = atomic_load(&p->until_ns);
	return until > now ? until - now : 0;
}

bool
trust_held(const struct cfs *c)
{
	const struct trust *p = c->trust;

	return p != NULL && c->link.stream != NULL &&
	       now_boot_ns() < atomic_load(&p->until_ns) + LISTEN_ON_NS;
}

uint64_t
trust_renew_ns(const struct cfs *c)
{
	const struct trust *p = c->trust;

	if (!trust_held(c) || c->pinging || now_mono_ns() - p->used_ns > IDLE_NS)
		return UINT64_MAX;
	/* A server that does not renew is not asked again at once. */
	return max_u64(p->asked_ns, c->ping_ns) + (uint64_t)p->ms * (uint64_t)NS_PER_MS / 3;
}

/* A question was answered with a promise. */
void
trust_renew(struct trust *p, const struct call *k, uint32_t ms)
{
	uint64_t until = k->sent_boot_ns + (uint64_t)ms * (uint64_t)NS_PER_MS;

	if (ms == 0 || until < atomic_load(&p->until_ns))
		return;
	p->ms = ms;
	p->asked_ns = k->sent_ns;
	atomic_store(&p->until_ns, until);
}

/* ---- what is kept */

static void
stamp(const struct trust *p, struct cfs_attr *a)
{
	uint64_t now = now_boot_ns(), until = atomic_load(&p->until_ns);

	a->promise_epoch = atomic_load(&p->epoch);
	a->promise_ms = until > now ? (uint32_t)((until - now) / (uint64_t)NS_PER_MS) : 0;
}

bool
trust_find_attr(struct cfs *c, struct cfs_ref ref, struct cfs_attr *out)
{
	struct trust *p = c->trust;
	const struct cfs_attr *a;

	if (p == NULL || !trust_is_held(p))
		return false;
	a = trust_memory_attr(&p->memory, ref.ino);
	if (a == NULL || a->ref.gen != ref.gen)
		return false;
	*out = *a;
	stamp(p, out);
	p->used_ns = now_mono_ns();
	return true;
}

bool
trust_find_name(struct cfs *c, uint64_t dir, const char *name, bool *found_out,
		struct cfs_attr *out)
{
	struct trust *p = c->trust;
	const struct cfs_attr *a;
	uint64_t ino;

	if (p == NULL || !trust_is_held(p) ||
	    !trust_memory_name(&p->memory, dir, str_from(name), &ino))
		return false;
	*found_out = ino != 0;
	p->used_ns = now_mono_ns();
	if (ino == 0) {
		memset(out, 0, sizeof(*out));
		stamp(p, out);
		return true;
	}
	a = trust_memory_attr(&p->memory, ino);
	if (a == NULL)
		return false;
	*out = *a;
	stamp(p, out);
	return true;
}

void
cfs_promise_check(struct cfs *c, struct cfs_attr *a)
{
	struct cfs_attr kept;

	a->promise_epoch = 0;
	a->promise_ms = 0;
	if (c->trust == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	if (trust_find_attr(c, a->ref, &kept) && kept.ctime_ns == a->ctime_ns &&
	    kept.version == a->version && kept.nlink == a->nlink) {
		a->promise_epoch = kept.promise_epoch;
		a->promise_ms = kept.promise_ms;
	}
	pthread_mutex_unlock(&c->lock);
}

void
cfs_promise_drop(struct cfs *c, uint64_t ino, uint64_t dir, const char *name)
{
	pthread_mutex_lock(&c->lock);
	if (c->trust != NULL && ino != 0)
		trust_memory_drop_attr(&c->trust->memory, ino);
	if (c->trust != NULL && name != NULL) {
		trust_memory_drop_name(&c->trust->memory, dir, str_from(name));
		trust_memory_drop_attr(&c->trust->memory, dir);
	}
	if (ino != 0)
		files_invalidate(c, ino);
	pthread_mutex_unlock(&c->lock);
}
