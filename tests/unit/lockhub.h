/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_LOCKHUB_H
#define CFS_TESTS_LOCKHUB_H

/* A thread that is to sessions of a test what the hub is, as far as locks go. Helpers assert. */

#include <stdint.h>

struct lockhub;

/* The file that says that locks are out lies in the folder. */
struct lockhub *lockhub_new(const char *folder, uint64_t keep_ms);
void lockhub_free(struct lockhub *h);

/* The hub's end of a socket for a session of user 'a' or 'b'; returns the session's, which the caller closes. */
int lockhub_add(struct lockhub *h, char who);

/* As if the hub had been killed and started again: its sessions end, its memory is gone. */
void lockhub_restart(struct lockhub *h);

#endif
