/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* What the signal handler needs; see the header for why this is the one place with such state. */
static struct {
	struct cli *cli;
	int pipe[2];
	volatile sig_atomic_t running, hits;
} state = {.pipe = {-1, -1}};

static void
on_interrupt(int sig)
{
	int saved = errno;

	if (!state.running) {
		if (write(state.pipe[1], "", 1) < 0) {
			/* Full: a byte is there already. */
		}
	} else if (state.hits++ > 0) {
		signal(sig, SIG_DFL);
		raise(sig);
	} else {
		for (struct cli_conn *c = state.cli->conns; c != NULL; c = c->next) {
			cfs_interrupt(c->c);
		}
	}
	errno = saved;
}

void
interrupt_install(struct cli *cli)
{
	struct sigaction sa = {.sa_handler = on_interrupt};

	state.cli = cli;
	if (pipe2(state.pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		return;
	}
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	if (!cli->shell) {
		sigaction(SIGTERM, &sa, NULL);
		sigaction(SIGHUP, &sa, NULL);
	}
}

int
interrupt_fd(void)
{
	return state.pipe[0];
}

void
interrupt_begin(void)
{
	state.hits = 0;
	state.running = 1;
}

bool
interrupt_end(void)
{
	char byte;

	state.running = 0;
	while (state.pipe[0] >= 0 && read(state.pipe[0], &byte, 1) > 0) {
	}
	return state.hits > 0;
}
