/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_TAPE_SERVER_H
#define CFS_TESTS_TAPE_SERVER_H

/*
 * A server that answers anything: every request gets what a tape makes of its reply, now and then an error, a frame of another
 * kind, or bytes that are no frame. No thread, no socket; the same tape gives the same answers. At its end lines are cut
 * and no new one is made.
 */

#include "client/link.h"
#include "tape.h"

/* A dialer for client_open(); the tape must outlive the client. NULL without memory. */
struct dialer *tape_dialer(struct tape *t);

#endif
