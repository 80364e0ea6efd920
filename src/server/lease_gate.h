/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_LEASE_GATE_H
#define CFS_SERVER_LEASE_GATE_H

/*
 * What a session's client asks for while another client has a lease on it (leases.h): it is held up until that client has sent
 * what it did under its leases, or its time is over. Looks are put aside, and whatever comes behind them goes on; each waits
 * once, for the leases that there were when it came. A change keeps its place in the order of changes, and looks again. Who has a lease never waits here for what it does under it, so two clients do not wait for
 * each other. Where nobody else has a lease, all this is a few loads.
 */

#include "server/hubmsg.h"
#include "server/state.h"

void lease_gate_init(struct session *s);
void lease_gate_fini(struct session *s);

/* Whether the request has to wait; whoever is in the way has been asked then. Of a change: in its transaction. */
bool lease_gate_holds(struct session *s, const struct op_desc *op, const union m_any *req);
/* Puts a request aside that has to wait: it is dispatched again. */
void lease_gate_park(struct session *s, const struct frame *f);

/* A holder has answered; whether it was the answer to a question of the gate. What waited goes on in lease_gate_run(). */
bool lease_gate_answered(struct session *s, const struct hub_msg *m);
/*
 * When lease_gate_run() is to be called, at the latest; it lets go on what need not wait any more, asks again, and gives up
 * those whose time is over. Not inside another request.
 */
uint64_t lease_gate_timer(const struct session *s);
void lease_gate_run(struct session *s);
/* Somebody is waited for, and so far there is nothing else to do with the changes. */
bool lease_gate_waits(const struct session *s);

#endif
