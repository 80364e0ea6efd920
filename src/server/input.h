/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_INPUT_H
#define CFS_SERVER_INPUT_H

/* Requests from the stream: small ones whole, bulk straight into its destination. */

#include "server/state.h"

/* Reads and dispatches what is there, up to a bound; stops while the session has enough to do. */
void input_read(struct session *s);

/* Whether requests are read now: not when too much is under way, or waits to be sent, or the session ends. */
bool input_open(const struct session *s);

/* Requests that are not answered yet. */
unsigned input_in_flight(const struct session *s);

void input_fini(struct session *s);

#endif
