/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_FUSE_REPLAY_CALLS_H
#define CFS_FUSE_REPLAY_CALLS_H

/* The calls of the replaying thread, and that thread's alone. */

#include "replay.h"

/* Makes the calls of one piece of news. What cannot be replayed is not. */
void replay_news(struct replay *r, const struct news *n);
/* Whether the kernel knows a directory that it is about: who watches has looked it up. */
bool replay_is_known(struct replay *r, const char *path);

#endif
