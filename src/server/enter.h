/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_ENTER_H
#define CFS_SERVER_ENTER_H

/* How a session comes by who its client is, and by its store. */

#include "server/signin.h"
#include "server/state.h"

/*
 * Does what HELLO asks for: by the door, or without one in the session's own store. On success cred, me, device and the store are set and
 * *who_out says the rest. A refusal makes the session answer late and end; so does any other failure of the door, which is
 * asked once.
 */
int enter(struct session *s, const struct m_hello_req *hello, struct signin_result *who_out,
	  struct cfs_err *err);

#endif
