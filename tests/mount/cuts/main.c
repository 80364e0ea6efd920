/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cuts - every kind of call on a mount meets a line that is cut; what came of it is checked.
 *
 *	cuts CONTROL DIRECTORY each WAY up|down [PART OF A NAME]   one call after the other, each of its round trips in turn
 *	cuts CONTROL DIRECTORY all WAY up|down                     all kinds at once, their first round trip
 *	cuts CONTROL DIRECTORY never drop|refuse MS                the line does not come back: an error within so long
 *	cuts CONTROL DIRECTORY signal                              it does not come back, and Ctrl-C ends the calls
 *
 * up: the requests are held before the server; down: the server did it, and its answers are held. WAY, how the line ends
 * then: cut (reset), close, half-down, half-up (one direction ends), silent (until the client asks whether anybody is
 * there, then it is cut). CONTROL is the proxy's socket, DIRECTORY one on the mount. TAP on stdout.
 */
#include "cuts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KINDS_MAX   80
#define TURNS_MAX   20
#define TURNS_BULK  6
#define END_MS      60000 /* of what must end by itself */
#define SIGNAL_MS   5000  /* of what a signal must end */
#define BATCH_CASES 1000  /* numbers of the cases that begin at once */

static struct {
	const struct kind *kinds[KINDS_MAX];
	unsigned kind_count;
	const char *way, *direction;
	unsigned cases, tests, failed;
} run;

static void
pause_ms(int ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000L};

	nanosleep(&t, NULL);
}

static bool
say(bool good, const char *what, const char *detail)
{
	printf("%s %u - %s%s\n", good ? "ok" : "not ok", ++run.tests, what, detail);
	fflush(stdout);
	run.failed += !good;
	return good;
}

static void
add_kinds(const struct kind *k, const char *part)
{
	for (; k->name != NULL; k++) {
		if (part == NULL || strstr(k->name, part) != NULL)
			run.kinds[run.kind_count++] = k;
	}
}

/* ---- how a line ends */

/* The client has noticed the silence: it asks, or it has made another line. */
static void
await_doubt(unsigned long long held, unsigned long long accepted)
{
	int64_t until = now_ms() + END_MS;

	while (line_held() <= held && line_accepted() == accepted && now_ms() < until)
		pause_ms(5);
}

static void
end_line(void)
{
	if (strcmp(run.way, "silent") == 0) {
		await_doubt(line_held(), line_accepted());
		line_tell("cut");
	} else if (strcmp(run.way, "half-down") == 0) {
		line_tell("half down");
	} else if (strcmp(run.way, "half-up") == 0) {
		line_tell("half up");
	} else {
		line_tell("%s", run.way);
	}
}

static void
hold(const char *direction, unsigned turn)
{
	line_tell("hold %s %u", direction, turn);
}

/* ---- one call after the other */

/* Until the line is held or the call has ended; whether it is held. */
static bool
await_hold(struct cut_case *c)
{
	int64_t until = now_ms() + END_MS;

	while (now_ms() < until && !case_done(c, 1)) {
		if (line_held() > 0)
			return true;
	}
	return line_held() > 0;
}

static bool
ended_right(struct cut_case *c)
{
	if (!case_done(c, END_MS)) {
		printf("# %s: hangs\n", c->kind->name);
		return false;
	}
	if (c->stage == STAGE_DONE && c->got == -1) {
		printf("# %s: %s, after %lld ms\n", c->kind->name, strerror(c->error),
		       (long long)c->took_ms);
		return false;
	}
	return case_right(c);
}

/* Holds the line at one round trip of a call and ends it. *held_out: whether the call got so far. */
static bool
cut_at_turn(const struct kind *k, unsigned turn, bool *held_out)
{
	struct cut_case c;
	bool good = case_begin(&c, k, run.cases++);

	*held_out = false;
	if (good) {
		hold(run.direction, turn);
		case_act(&c);
		*held_out = await_hold(&c);
		if (*held_out)
			end_line();
		else
			line_tell("heal");
		good = ended_right(&c);
	}
	line_tell("heal");
	case_end(&c);
	return good;
}

static void
try_kind(const struct kind *k)
{
	unsigned most = (k->how & KIND_BULK) != 0 ? TURNS_BULK : TURNS_MAX, turn = 0;
	bool held = true, good = true;
	char detail[80];

	while (good && held && turn < most) {
		good = cut_at_turn(k, turn, &held);
		turn += held;
	}
	if (turn == 0 && (k->how & KIND_REMEMBERED) == 0) {
		printf("# %s: was never held\n", k->name);
		good = false;
	}
	(void)snprintf(detail, sizeof(detail), " (%u cuts)", turn);
	say(good, k->name, detail);
}

/* ---- all kinds at once */

static struct cut_case batch[KINDS_MAX];

static bool
begin_all(void)
{
	bool good = true;

	for (unsigned i = 0; i < run.kind_count; i++)
		good = case_begin(&batch[i], run.kinds[i], BATCH_CASES + i) && good;
	return good;
}

static bool
all_wait(void)
{
	for (unsigned i = 0; i < run.kind_count; i++) {
		if (!case_done(&batch[i], 0) && !case_is_stuck(&batch[i]))
			return false;
	}
	return line_held() > 0;
}

/* Has all act, and waits until each is done or waits, and something is held. */
static void
act_all(void)
{
	int64_t until = now_ms() + END_MS;

	for (unsigned i = 0; i < run.kind_count; i++)
		case_act(&batch[i]);
	while (!all_wait() && now_ms() < until)
		pause_ms(5);
}

static void
end_all(void)
{
	for (unsigned i = 0; i < run.kind_count; i++)
		case_end(&batch[i]);
}

static void
try_all(void)
{
	if (say(begin_all(), "all begin", "")) {
		hold(run.direction, 0);
		act_all();
		end_line();
		for (unsigned i = 0; i < run.kind_count; i++)
			say(ended_right(&batch[i]), run.kinds[i]->name, "");
	}
	line_tell("heal");
	end_all();
}

/* ---- a line that does not come back */

/* Has all act on a line that has gone silent. */
static void
act_in_silence(void)
{
	hold("up", 0);
	hold("down", 0);
	act_all();
}

static void
mount_is_well(void)
{
	int64_t until = now_ms() + END_MS;

	line_tell("heal");
	line_tell("cut");
	end_all();
	while (!exists("case1000") && now_ms() < until)
		pause_ms(20);
	say(exists("case1000"), "the mount goes on", "");
}

static bool
failed_in_time(struct cut_case *c, int64_t most_ms)
{
	char text[120];
	bool good = case_done(c, END_MS) && c->stage == STAGE_DONE && c->took_ms <= most_ms;

	if (good && c->got != -1)
		good = (c->kind->how & KIND_REMEMBERED) != 0;
	else if (good)
		good = c->error == EIO || c->error == ETIMEDOUT;
	(void)snprintf(text, sizeof(text), ": %ld, %s, after %lld ms", c->got, strerror(c->error),
		       (long long)c->took_ms);
	return say(good, c->kind->name, text);
}

static void
try_never(const char *how, int64_t most_ms)
{
	if (say(begin_all(), "all begin", "")) {
		act_in_silence();
		line_tell("%s", how);
		for (unsigned i = 0; i < run.kind_count; i++)
			failed_in_time(&batch[i], most_ms);
	}
	mount_is_well();
}

static bool
has_ended(struct cut_case *c, int64_t until)
{
	int status = 0;

	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		if (now_ms() >= until)
			return false;
		pause_ms(5);
	}
	c->pid = 0;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
}

static void
try_signal(void)
{
	if (say(begin_all(), "all begin", "")) {
		act_in_silence();
		for (unsigned i = 0; i < run.kind_count; i++)
			(void)kill(batch[i].pid, SIGINT);
		int64_t until = now_ms() + SIGNAL_MS;
		for (unsigned i = 0; i < run.kind_count; i++)
			say(has_ended(&batch[i], until), run.kinds[i]->name, "");
	}
	mount_is_well();
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 3 ? argv[3] : "";
	bool with_way = strcmp(mode, "each") == 0 || strcmp(mode, "all") == 0;
	const struct kind *const tables[] = {name_kinds, rename_kinds, data_kinds, attr_kinds,
					     lock_kinds};

	if ((with_way && argc < 6) || (strcmp(mode, "never") == 0 && argc < 6) || argc < 4) {
		fprintf(stderr, "usage: cuts CONTROL DIRECTORY each|all|never|signal ...\n");
		return 2;
	}
	for (unsigned i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		add_kinds(tables[i], with_way && argc > 6 ? argv[6] : NULL);
	signal(SIGPIPE, SIG_IGN);
	line_init(argv[1]);
	if (chdir(argv[2]) != 0) {
		perror(argv[2]);
		return 2;
	}
	if (with_way) {
		run.way = argv[4];
		run.direction = argv[5];
	}
	if (strcmp(mode, "each") == 0) {
		for (unsigned i = 0; i < run.kind_count; i++)
			try_kind(run.kinds[i]);
	} else if (strcmp(mode, "all") == 0) {
		try_all();
	} else if (strcmp(mode, "never") == 0) {
		try_never(argv[4], strtol(argv[5], NULL, 10));
	} else {
		try_signal();
	}
	printf("1..%u\n", run.tests);
	return run.failed > 0 || run.tests == 0;
}
