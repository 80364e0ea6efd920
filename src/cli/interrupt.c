/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cli/cli.h"

/* What the signal handler needs; see the header for why this is the one place with such state. */
static struct {
	struct cli *cli;
	int pipe[2];
	volatile sig_atomic_t running, asking;
	volatile sig_atomic_t pending; /* the signal that the command at work got */
	volatile sig_atomic_t ended;   /* SIGTERM or SIGHUP */
	volatile sig_atomic_t continued;
} state = {.pipe = {-1, -1}};

static void
interrupt_connections(void)
{
	for (struct cli_conn *c = state.cli->conns; c != NULL; c = c->next) {
		cfs_interrupt(c->c);
	}
}

static void
on_interrupt(int sig)
{
	int saved = errno;
	bool again = state.pending != 0;

	if (sig != SIGINT) {
		state.ended = sig;
	}
	if (!state.running) {
		if (write(state.pipe[1], "", 1) < 0) {
			/* Full: a byte is there already. */
		}
	} else if (state.asking) {
		state.pending = sig;
	} else if ((again || state.cli->conns == NULL) && (!state.cli->shell || state.cli->job)) {
		interrupt_die(sig);
	} else {
		state.pending = sig;
		interrupt_connections();
	}
	errno = saved;
}

static void
on_pipe(int sig)
{
	(void)sig;
}

static void
on_continue(int sig)
{
	(void)sig;
	state.continued = 1;
}

bool
interrupt_continued(void)
{
	bool was = state.continued != 0;

	state.continued = 0;
	return was;
}

void
interrupt_install(struct cli *cli)
{
	/* No SA_RESTART: a read from the terminal must return. */
	struct sigaction sa = {.sa_handler = on_interrupt}, pipe_sa = {.sa_handler = on_pipe};
	struct sigaction cont_sa = {.sa_handler = on_continue, .sa_flags = SA_RESTART};

	state.cli = cli;
	if (pipe2(state.pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		return;
	}
	sigemptyset(&sa.sa_mask);
	sigemptyset(&pipe_sa.sa_mask);
	sigemptyset(&cont_sa.sa_mask);
	sigaction(SIGPIPE, &pipe_sa, NULL);
	sigaction(SIGCONT, &cont_sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

int
interrupt_fd(void)
{
	return state.pipe[0];
}

/* Whether a signal came that no command took. */
static bool
drain(void)
{
	char byte;
	bool any = false;

	while (state.pipe[0] >= 0 && read(state.pipe[0], &byte, 1) > 0) {
		any = true;
	}
	return any;
}

void
interrupt_begin(void)
{
	state.pending = 0;
	state.running = 1;
	if (drain()) {
		state.pending = state.ended != 0 ? state.ended : SIGINT;
	}
}

int
interrupt_end(void)
{
	int sig = state.pending;

	state.running = 0;
	state.pending = 0;
	return sig;
}

void
interrupt_asking(bool on)
{
	state.asking = on;
}

int
interrupt_pending(void)
{
	return state.pending;
}

int
interrupt_ended(void)
{
	return state.ended;
}

void
interrupt_die(int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
}
