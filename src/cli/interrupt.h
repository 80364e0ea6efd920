/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_INTERRUPT_H
#define CFS_CLI_INTERRUPT_H

#include <stdbool.h>

struct cli;

/*
 * Ctrl-C (and SIGTERM, SIGHUP) ends what is under way, not the program: a command's calls return CFS_ECANCELED, it cleans
 * up (no half file stays) and the program ends with 130, or the shell prompts again. A second one while the first is being
 * worked on, or one before there is a connection, ends the program at once, and a job of the shell, but never the shell. SIGPIPE does nothing, but is
 * not ignored, so that programs started from here have it. One cli per process: a signal handler has no argument.
 */
void interrupt_install(struct cli *cli);

/* A descriptor that is readable after a Ctrl-C that no command took (the shell's prompt polls it). */
int interrupt_fd(void);

/* Before and behind a command. interrupt_end() gives the signal that came meanwhile, or 0. */
void interrupt_begin(void);
int interrupt_end(void);

/* While a question waits on the terminal: Ctrl-C only ends the read, so that the terminal is set right again. */
void interrupt_asking(bool on);

/* The signal that came since interrupt_begin(), or 0. */
int interrupt_pending(void);

/* SIGTERM or SIGHUP came at any time: a shell must end. 0 if none. */
int interrupt_ended(void);

/* Whether the process was stopped and goes on since this was asked last. */
bool interrupt_continued(void);

/* Ends this process by the signal's own action. */
void interrupt_die(int sig);

#endif
