/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_INTERRUPT_H
#define CFS_CLI_INTERRUPT_H

#include <stdbool.h>

struct cli;

/*
 * Ctrl-C ends what is under way, not the program: a command's calls return CFS_ECANCELED, it cleans up (no half
 * file stays) and the program ends with 130, or the shell prompts again. A second Ctrl-C while the first is being
 * worked on ends the program at once. One cli per process: a signal handler has no argument.
 */
void interrupt_install(struct cli *cli);

/* A descriptor that is readable after a Ctrl-C that no command took (the shell's prompt polls it). */
int interrupt_fd(void);

/* Before and behind a command. interrupt_end() says whether there was a Ctrl-C. */
void interrupt_begin(void);
bool interrupt_end(void);

#endif
