/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/session.h"

#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "base/version.h"
#include "server/batch.h"
#include "server/blobs.h"
#include "server/downloads.h"
#include "server/durable.h"
#include "server/hublink.h"
#include "server/input.h"
#include "server/lease_gate.h"
#include "server/leases.h"
#include "server/locking.h"
#include "server/promise_changes.h"
#include "server/promises.h"
#include "server/reads.h"
#include "server/state.h"
#include "server/tally.h"
#include "server/watch.h"
#include "store/store.h"

/* Bulk in flight each way; with what the transport holds a transfer stays below 32 MiB. */
#define PUT_BYTES  ((size_t)18 * 1024 * 1024)
#define READ_BYTES ((size_t)14 * 1024 * 1024)

/* Hashing and reading want the processors, flushing only waits: a few more threads than there are of those. */
#define WORKERS         4
#define WORKERS_IDLE_MS 1000

#define TRIM_NS    (1 * NS_PER_S)  /* quiet for so long: memory is given back */
#define DB_IDLE_NS (5 * NS_PER_S)  /* and the database closed */
#define RECEIPT_NS (30 * NS_PER_S) /* a download left alone for so long was only opened */
#define CLOSE_MS   10000           /* what is under way when a session ends has so long */

void
session_end(struct session *s, int status)
{
	if (s->ending)
		return;
	s->ending = true;
	s->status = status;
	s->close_deadline = deadline_from_ms(CLOSE_MS);
}

void
session_fail(struct session *s, const struct cfs_err *err)
{
	if (!s->failed && err->code == CFS_ENET)
		log_info("%s: %s", s->args->peer.address, err->text);
	else if (!s->failed)
		log_error("%s: %s", s->args->peer.address, err->text);
	session_end(s, err->code);
	s->failed = true;
}

static int
init(struct session *s, const struct session_args *args)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	s->args = args;
	s->conf = args->conf;
	s->stream = args->stream;
	s->store = args->store;
	(void)snprintf(s->server_name, sizeof(s->server_name), "cfsd %s", version_text());
	s->active_ns = s->heard_ns = now_mono_ns();
	s->signin_deadline = deadline_from_ms(s->conf->signin_ms);
	batch_init(&s->batch);
	reads_init(s);
	durable_init(s);
	watch_init(s);
	promises_init(s);
	lease_gate_init(s);
	rc = tally_init(s);
	if (rc == 0)
		rc = blobs_init(s);
	if (rc)
		return rc;
	rc = work_new(WORKERS, WORKERS_IDLE_MS, &s->workers, &err);
	if (rc) {
		log_err(&err);
		return rc;
	}
	s->put_bufs = bufpool_new(PUT_BYTES);
	s->read_bufs = bufpool_new(READ_BYTES);
	s->reader = frame_reader_new(s->stream, FRAME_MAX_BEFORE_SIGN_IN);
	s->writer = frame_writer_new(s->stream);
	return s->put_bufs && s->read_bufs && s->reader && s->writer ? 0 : CFS_ENOMEM;
}

static void
collect(struct session *s)
{
	struct work_job *job = work_collect(s->workers);

	while (job) {
		struct work_job *next = job->next;

		if (job == &s->durable.job)
			durable_done(s);
		else if (!blobs_job_done(s, job))
			(void)reads_job_done(s, job);
		job = next;
	}
}

/* Jobs that still run hold the session's memory: they are waited for. */
static void
fini(struct session *s)
{
	s->dropping = true;
	while (s->workers && work_pending(s->workers) > 0) {
		struct pollfd p = {.fd = work_fd(s->workers), .events = POLLIN};

		(void)poll(&p, 1, -1);
		collect(s);
	}
	work_free(s->workers);
	input_fini(s);
	frame_writer_free(s->writer);
	reads_fini(s);
	blobs_fini(s);
	batch_fini(&s->batch);
	durable_fini(s);
	watch_fini(s);
	promises_fini(s);
	leases_fini(s);
	lease_gate_fini(s);
	promise_changes_fini(s);
	locking_fini(s);
	bufpool_free(s->put_bufs);
	bufpool_free(s->read_bufs);
	buf_fini(&s->scratch);
	buf_fini(&s->top.transfers);
	buf_fini(&s->top.ops);
	buf_fini(&s->top.log);
	tally_fini(s);
	stream_close(s->stream);
}

static bool
quiet(const struct session *s)
{
	return input_in_flight(s) == 0 && !batch_busy(s) && frame_writer_queued(s->writer) == 0;
}

static uint64_t
next_timer(const struct session *s)
{
	uint64_t t = s->heard_ns + (uint64_t)(s->conf->idle_ms * NS_PER_MS);

	if (!s->signed_in)
		t = min_u64(t, s->signin_deadline);
	if (s->ending)
		t = min_u64(t, s->close_deadline);
	if (s->hold_until)
		t = min_u64(t, s->hold_until);
	/* These wait for a pause, which changes that wait for others can put off for seconds. */
	if (!s->trimmed && quiet(s))
		t = min_u64(t, s->active_ns + TRIM_NS);
	if (!s->db_idle && s->store && store_is_open(s->store) && quiet(s))
		t = min_u64(t, s->active_ns + DB_IDLE_NS);
	if (s->reads.receipts && !receipts_empty(s->reads.receipts))
		t = min_u64(t, receipts_oldest(s->reads.receipts) + RECEIPT_NS);
	t = min_u64(t, min_u64(lease_gate_timer(s), promise_changes_timer(s)));
	return min_u64(t, watch_timer(s));
}

static void
run_timers(struct session *s)
{
	uint64_t now = now_mono_ns();
	const char *peer = s->args->peer.address;

	if (!s->ending && !s->signed_in && now >= s->signin_deadline) {
		log_notice("%s: no sign-in in time", peer);
		session_end(s, CFS_ETIMEDOUT);
	}
	if (!s->ending && now >= s->heard_ns + (uint64_t)(s->conf->idle_ms * NS_PER_MS)) {
		log_info("%s: silent for too long", peer);
		session_end(s, CFS_ETIMEDOUT);
	}
	if (s->hold_until && now >= s->hold_until)
		s->hold_until = 0;
	if (!quiet(s))
		return;
	if (!s->trimmed && now >= s->active_ns + TRIM_NS) {
		bufpool_trim(s->put_bufs);
		bufpool_trim(s->read_bufs);
		frame_writer_trim(s->writer);
		buf_fini(&s->scratch);
		(void)malloc_trim(0);
		s->trimmed = true;
	}
	if (!s->db_idle && now >= s->active_ns + DB_IDLE_NS) {
		if (s->store)
			store_idle(s->store);
		s->db_idle = true;
	}
	downloads_expire(s, now - RECEIPT_NS);
}

/* Sends; what is left waits for the stream. */
static void
send_out(struct session *s)
{
	struct cfs_err err = CFS_ERR_INIT;
	int rc;

	if (s->hold_until)
		return;
	rc = frame_writer_flush(s->writer, &err);
	s->out_blocked = rc == CFS_EBUSY;
	if (rc && rc != CFS_EBUSY)
		session_fail(s, &err);
}

/* Whether the loop has something to do without waiting. */
static bool
more_to_do(const struct session *s)
{
	if (s->batch.wanted ||
	    (frame_writer_queued(s->writer) && !s->out_blocked && !s->hold_until))
		return true;
	return !s->kept && input_open(s) && frame_reader_pending(s->reader);
}

static short
stream_poll_events(const struct session *s)
{
	short events = 0;

	if (input_open(s) && !s->kept)
		events |= POLLIN;
	if (s->out_blocked)
		events |= POLLOUT;
	if (events)
		events = (short)(events | stream_events(s->stream));
	return events;
}

/* A descriptor that nothing is wanted of stays out of the poll, or its hang-up would keep waking it. */
static void
wait_for_work(struct session *s)
{
	short events = stream_poll_events(s);
	struct pollfd p[4] = {
	    {.fd = events ? stream_fd(s->stream) : -1, .events = events},
	    {.fd = work_fd(s->workers), .events = POLLIN},
	    {.fd = s->args->hub_fd, .events = POLLIN},
	    {.fd = watch_fd(s), .events = POLLIN},
	};
	int timeout = more_to_do(s) ? 0 : deadline_left_ms(next_timer(s));
	int n = spin_poll(&s->spin, p, 4, timeout);

	if (n > 0) {
		s->active_ns = now_mono_ns();
		s->trimmed = s->db_idle = false;
	}
	s->readable = n > 0 && p[0].revents;
	if (n > 0 && p[1].revents)
		collect(s);
	if (n > 0 && p[2].revents)
		hublink_read(s);
	if (n > 0 && p[3].revents)
		watch_rung(s);
}

/* Nothing is under way but what waits for others, and that the client repeats on its next line. */
static bool
waits_for_leases(const struct session *s)
{
	return lease_gate_waits(s) && input_in_flight(s) == s->gate.parked_count + s->batch.count &&
	       frame_writer_queued(s->writer) == 0;
}

static bool
finished(const struct session *s)
{
	if (s->failed)
		return true;
	if (!s->ending || s->hold_until)
		return false;
	return ((quiet(s) || waits_for_leases(s)) && !s->out_blocked) ||
	       deadline_passed(s->close_deadline);
}

void
session_tell_key(struct session *s, const struct sha256 *next)
{
	static const struct sha256 none;
	const struct m_next_key_push push = {.fingerprint = *next};

	if (!s->signed_in || s->ending || s->args->peer.admin || sha256_equal(next, &none))
		return;
	if (frame_write(s->writer, OP_NEXT_KEY, 0, 0, &msg_next_key_push, &push, NULL))
		session_end(s, CFS_ENOMEM);
}

/* Behind the answer to HELLO, before anything else is asked: a client that asks once and leaves hears of it too. */
static void
tell_next_key(struct session *s)
{
	if (!s->signed_in || s->told_key)
		return;
	s->told_key = true;
	session_tell_key(s, &s->conf->next_key);
}

static void
loop(struct session *s)
{
	while (!finished(s)) {
		wait_for_work(s);
		/* For a look at a stream that is empty OpenSSL takes 128 KiB. */
		if (input_open(s) && (s->readable || s->kept || !frame_reader_starved(s->reader)))
			input_read(s);
		tell_next_key(s);
		lease_gate_run(s);
		(void)batch_run(s);
		watch_run(s);
		promise_changes_run(s);
		if (s->store)
			store_yield(s->store);
		run_timers(s);
		send_out(s);
		tally_turn(s);
		reads_start_waiting(s);
	}
}

/* What was begun and not finished is told of too. */
static void
last_receipts(struct session *s)
{
	if (!s->reads.receipts || receipts_empty(s->reads.receipts))
		return;
	s->failed = true; /* answers have nowhere to go */
	downloads_expire(s, UINT64_MAX);
	(void)batch_run(s);
}

int
session_run(const struct session_args *args)
{
	struct session *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		stream_close(args->stream);
		return CFS_ENOMEM;
	}
	rc = init(s, args);
	if (rc == 0) {
		loop(s);
		last_receipts(s);
		rc = s->status;
	}
	fini(s);
	free(s);
	return rc;
}
