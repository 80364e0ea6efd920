/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The line: it is lost, made anew, and watched for silence. */

#include <poll.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "base/time.h"
#include "client/call.h"
#include "client/conn.h"
#include "client/trust.h"

/* Lines that may be lost under one request before it is given up. */
#define LINES_LOST_MAX 8u

/*
 * A line that ends sooner, and before it answered much, is brief; the pause before the next grows with how many were, one
 * after the other.
 */
#define BRIEF_NS        NS_PER_S
#define BRIEF_ANSWERS   4u
#define BRIEF_FREE      2u /* so many are made up for at once */
#define BRIEF_MS        50u
#define BRIEF_DOUBLINGS 5u
#define BRIEF_MS_MAX    2000u

/* The least that a dial may take. */
#define DIAL_MS_MIN 1000u

/* How often whoever waits on a line that stays down looks up; he is woken, too. */
#define STAYS_DOWN_NS (250 * (uint64_t)NS_PER_MS)

/* Each client's own, or a server that ends them all would have all of them back at one moment. */
static uint64_t
with_jitter_ns(uint64_t ms)
{
	uint64_t ns = ms * (uint64_t)NS_PER_MS;

	return ns / 4 * 3 + rand_u64() % (ns / 4 + 1);
}

/* The pause before a line is made anew that was lost now: none, but where one after the other was brief. */
static uint64_t
brief_pause_ns(struct cfs *c, uint64_t now)
{
	bool brief = now - c->line_ns < BRIEF_NS && c->line_answers < BRIEF_ANSWERS;
	unsigned over;

	c->brief_lines = brief ? c->brief_lines + 1 : 0;
	if (c->brief_lines <= BRIEF_FREE)
		return 0;
	over = c->brief_lines - BRIEF_FREE - 1;
	return with_jitter_ns(over > BRIEF_DOUBLINGS ? BRIEF_MS_MAX : BRIEF_MS << over);
}

void
conn_lost(struct cfs *c, const struct cfs_err *why)
{
	if (c->link.stream == NULL)
		return;
	link_close(&c->link);
	trust_line_lost(c);
	/* Who was sent away is told so, however the line ended then. */
	if (!c->dismissed)
		c->lost = *why;
	c->down_ns = now_mono_ns();
	c->retry_ns = c->down_ns + brief_pause_ns(c, c->down_ns);
	c->dial_count = 0;
	c->rx_call = NULL;
	c->tx_now_bytes = 0;
	c->tx_fast = c->tx_bulk = c->tx_now = (struct call_queue){0};
	c->tx_fast.last = &c->tx_fast.first;
	c->tx_bulk.last = &c->tx_bulk.first;
	c->tx_now.last = &c->tx_now.first;
	for (struct call *k = c->flying.first, *next; k != NULL; k = next) {
		next = k->fly_next;
		k->lines_lost += k->sent > 0;
		k->sent = 0;
		/* Nobody wants the answer of a look that was given up; a change stays. */
		if (k->state == CALL_DONE && k->seq == 0)
			call_land(k);
	}
}

void
conn_goodbye(struct cfs *c, const struct m_goodbye_push *bye)
{
	c->dismissed = bye->retry_ms == 0;
	if (c->dismissed)
		err_set(&c->lost, CFS_ENOTSIGNEDIN, "%.*s", STR_ARGS(bye->reason));
	else
		err_set(&c->lost, CFS_ENET, "the server said goodbye: %.*s", STR_ARGS(bye->reason));
}

bool
conn_stays_down(const struct cfs *c)
{
	return c->link.stream == NULL && (c->options.no_reconnect || c->dismissed);
}

void
cfs_come_back(struct cfs *c)
{
	pthread_mutex_lock(&c->lock);
	c->dismissed = false;
	c->retry_ns = 0;
	pthread_mutex_unlock(&c->lock);
}

/* Somebody waits who can be told that it was in vain. */
static bool
is_waiting(const struct call *k)
{
	return k->state == CALL_WAITING && (!k->stays || k->c->closing);
}

static struct call *
first_waiting(const struct cfs *c)
{
	struct call *k = c->flying.first;

	while (k != NULL && !is_waiting(k))
		k = k->fly_next;
	return k;
}

void
conn_fail_all(struct cfs *c, const struct cfs_err *why)
{
	struct call *k;

	/* From the start each time: whoever is told may free others. Changes stay, to be repeated on a later line. */
	while ((k = first_waiting(c)) != NULL) {
		if (k->seq == 0)
			call_answer(k, why->code, why);
		else
			call_finish(k, why->code, why);
	}
	c->down_ns = 0;
	c->given_up++;
	c->given_up_why = *why;
	conn_wake_all(c);
}

/* Milliseconds before the next attempt: none before the first, then more and more. */
static uint64_t
backoff_ns(unsigned attempts)
{
	uint64_t ms = attempts == 0 ? 0 : UINT64_C(50) << (attempts < 8 ? attempts : 8);

	return ms * (uint64_t)NS_PER_MS;
}

/* Errors that another attempt would meet again. */
static bool
is_final(int code)
{
	return code != CFS_ENET && code != CFS_ETIMEDOUT && code != CFS_EBUSY;
}

static uint64_t
patience_ns(const struct cfs *c)
{
	return (uint64_t)c->options.reconnect_ms * (uint64_t)NS_PER_MS;
}

/*
 * Locked. One attempt takes no longer than what is left of all of them, or whoever waits would outlive his time by far; but long
 * enough for a line that is there.
 */
static uint64_t
dial_deadline(const struct cfs *c)
{
	uint64_t now = now_mono_ns();
	uint64_t end = c->down_ns + patience_ns(c);
	uint64_t left_ms = end > now ? (end - now) / (uint64_t)NS_PER_MS : 0;

	return deadline_from_ms(
	    (int64_t)min_u64(c->options.timeout_ms, max_u64(left_ms, DIAL_MS_MIN)));
}

/* Not locked. A new line, signed in, and the stream attached to it if attach is not NULL. */
static int
make_line(struct cfs *c, uint64_t deadline, const struct m_stream_attach_req *attach,
	  struct m_stream_attach_rep *attached, struct link *out, struct cfs_err *err)
{
	struct link_terms terms;
	struct cfs_identity who = c->who;
	int rc = link_open(c->dialer, deadline, out, err);

	if (rc == 0)
		rc = link_sign_in(out, &c->sign_in, deadline, &who, &terms, err);
	if (rc == 0 && attach != NULL)
		rc = link_exchange(out, OP_STREAM_ATTACH, attach, attached, deadline, err);
	if (rc < 0)
		link_close(out);
	return rc;
}

/* Locked. Waits for the next attempt's time, a kick, or a call's end of time. */
static void
wait_for_retry(struct cfs *c, uint64_t now)
{
	struct pollfd p = {.fd = c->wake_fd, .events = POLLIN};
	uint64_t ms = (c->retry_ns - now) / (uint64_t)NS_PER_MS + 1;
	int next_ms = conn_expire(c);

	next_ms = (int)min_u64(ms, (uint64_t)next_ms);
	pthread_mutex_unlock(&c->lock);
	poll(&p, 1, next_ms);
	pthread_mutex_lock(&c->lock);
	conn_take_kicks(c);
	conn_expire(c);
}

static void
line_failed(struct cfs *c, struct cfs_err *err)
{
	uint64_t now = now_mono_ns();

	c->dial_count++;
	c->retry_ns = now + backoff_ns(c->dial_count);
	if (err->code == CFS_ESTREAMLOST) {
		changes_lost(c, err);
		c->retry_ns = now;
	} else if (is_final(err->code)) {
		conn_fail_all(c, err);
	} else if (c->down_ns == 0 || c->retry_ns - c->down_ns > patience_ns(c)) {
		struct cfs_err why;

		err_set(&why, CFS_ENET, "connection lost: %s", c->lost.text);
		conn_fail_all(c, c->lost.text[0] != '\0' ? &why : err);
	}
}

/*
 * A request on which one line after the other breaks may be what breaks them: repeated for ever it would keep every other
 * call from its answer too.
 */
static void
drop_hopeless(struct cfs *c)
{
	struct cfs_err why;
	bool again = true;

	while (again) {
		struct call *k = c->flying.first;

		while (k != NULL && k->lines_lost < LINES_LOST_MAX)
			k = k->fly_next;
		again = k != NULL;
		if (k == NULL)
			continue;
		err_set(&why, k->seq != 0 ? CFS_ESTREAMLOST : CFS_ENET,
			"%s: the connection was lost %u times over it: %s", k->op->name,
			k->lines_lost, c->lost.text);
		if (k->seq != 0)
			changes_lost(c, &why);
		else
			call_answer(k, why.code, &why);
	}
}

/* Locked. A line that was made: what was not answered goes out on it. */
static void
line_made(struct cfs *c, const struct link *link)
{
	locks_resume(c);
	c->link = *link;
	c->lines++;
	c->last_number = max_u64(c->last_number, link->last_number);
	c->rx_ns = c->rx_useful_ns = c->tx_ns = c->line_ns = now_mono_ns();
	c->dial_count = c->line_answers = 0;
	/* It may be a newer server by now. */
	c->no_maps = false;
	/* Who remembers nothing outside of this client trusts nothing any more, whatever the lines before promised. */
	if (c->options.invalid == NULL)
		trust_release(c);
	/* What is claimed first of all decides whether the rest is still allowed. */
	for (struct call *k = c->flying.first; k != NULL; k = k->fly_next) {
		if (k->op->number == OP_LOCK_RECLAIM)
			conn_queue(c, k);
	}
	for (struct call *k = c->flying.first; k != NULL; k = k->fly_next) {
		if (k->op->number != OP_LOCK_RECLAIM)
			conn_queue(c, k);
	}
	leases_line_made(c);
	conn_output(c);
}

void
conn_dial(struct cfs *c)
{
	struct m_stream_attach_req attach;
	struct m_stream_attach_rep attached;
	struct cfs_err err = CFS_ERR_INIT;
	struct link link = {0};
	bool with_stream = changes_attach_request(c, &attach);
	uint64_t deadline = dial_deadline(c);

	c->dialling = true;
	pthread_mutex_unlock(&c->lock);
	int rc = make_line(c, deadline, with_stream ? &attach : NULL, &attached, &link, &err);
	pthread_mutex_lock(&c->lock);
	c->dialling = false;
	if (rc == 0 && with_stream)
		rc = changes_attached(c, &attached, &err);
	if (rc == 0) {
		line_made(c, &link);
	} else {
		link_close(&link);
		line_failed(c, &err);
	}
	conn_wake_all(c);
}

void
conn_redial(struct cfs *c)
{
	uint64_t now = now_mono_ns();

	if (c->dialling) {
		conn_await_dial(c, c->leader);
		return;
	}
	if (conn_stays_down(c)) {
		conn_fail_all(c, &c->lost);
		/* The patient are not told; what they wait for needs the lock. */
		c->retry_ns = now + STAYS_DOWN_NS;
		if (c->leader->patient)
			wait_for_retry(c, now);
		return;
	}
	drop_hopeless(c);
	if (c->down_ns == 0) {
		/* All that waited was told; whoever asks anew gets the whole patience, not what was left of the last. */
		c->down_ns = now;
		c->dial_count = 0;
	}
	if (now < c->retry_ns)
		wait_for_retry(c, now);
	else if (c->leader == &c->background || !background_dials(c))
		conn_dial(c);
}

/* ---- time */

#define PING_AFTER_NS(timeout)   ((timeout) / 3)
#define SILENT_AFTER_NS(timeout) ((timeout) / 3 * 2)

/*
 * An answer to these takes as long as the content is big; the heartbeat's answers show that the server is at it. That to a lock
 * takes as long as others hold it.
 */
static bool
takes_long(const struct call *k)
{
	return k->op->number == OP_SUM || k->op->number == OP_COPY || k->op->number == OP_SYNC ||
	       k->op->number == OP_LOCK || k->op->number == OP_LOCK_TEST;
}

static bool
is_overdue(const struct cfs *c, const struct call *k, uint64_t now, uint64_t timeout)
{
	uint64_t heard = takes_long(k) ? c->rx_ns : c->rx_useful_ns;
	uint64_t quiet_since = max_u64(k->sent_ns, heard);

	if (now > quiet_since && now - quiet_since > timeout)
		return true;
	return !takes_long(k) && now > k->sent_ns && now - k->sent_ns > 10 * timeout;
}

static void
ping_done(struct call *k)
{
	k->c->pinging = false;
	call_free_locked(k);
}

void
conn_ping(struct cfs *c)
{
	struct m_empty req = {0};
	struct call *k;

	if (c->pinging || c->link.stream == NULL || call_new_locked(c, OP_PING, &req, &k, NULL) < 0)
		return;
	c->pinging = true;
	c->ping_ns = now_mono_ns();
	k->done = ping_done;
	conn_submit(c, k);
}

int
conn_expire(struct cfs *c)
{
	uint64_t now = now_mono_ns();
	uint64_t timeout = (uint64_t)c->options.timeout_ms * (uint64_t)NS_PER_MS;
	struct cfs_err why;
	int next_ms = c->flying.first != NULL ? 250 : 2000;

	if (now < c->expire_ns)
		return next_ms;
	c->expire_ns = now + 200 * (uint64_t)NS_PER_MS;
	locks_expire(c, now);
	for (struct call *k = c->flying.first, *next; k != NULL; k = next) {
		next = k->fly_next;
		if (!is_waiting(k) || !is_overdue(c, k, now, timeout))
			continue;
		err_set(&why, CFS_ETIMEDOUT, "no answer from the server for %u s",
			c->options.timeout_ms / 1000);
		call_finish(k, CFS_ETIMEDOUT, &why);
		next_ms = 0;
	}
	/* A subscription, or a lock that is held, has no request under way, and yet must notice a server that is gone. */
	if ((c->flying.first != NULL || c->sub != NULL || locks_held(c)) &&
	    c->link.stream != NULL) {
		uint64_t asked = c->flying.first != NULL ? c->flying.first->sent_ns : 0;
		uint64_t quiet_since = max_u64(c->rx_ns, asked);
		uint64_t quiet = now > quiet_since ? now - quiet_since : 0;

		if (quiet > SILENT_AFTER_NS(timeout)) {
			err_set(&why, CFS_ENET, "the server is silent");
			conn_lost(c, &why);
			/* Who waits has waited since then. */
			c->down_ns = quiet_since;
			return 0;
		}
		if (quiet > PING_AFTER_NS(timeout))
			conn_ping(c);
	}
	return next_ms;
}
