/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_SIGNIN_H
#define CFS_SERVER_SIGNIN_H

/* Who is it? Device key, password, invite, or the admin socket's credentials. */

#include "server/state.h"

/*
 * Checks what HELLO brought and fills in cred, me, device. Enrols the device's key where asked to; the sign-in's event and
 * all that goes with it are in one transaction, on stable storage if something was enrolled. CFS_EAUTH with a text that says the
 * same for every reason that a stranger must not tell apart.
 */
int signin_check(struct session *s, const struct m_hello_req *req, struct cfs_err *err);

/* Notes a refusal (event, hub, log) and makes the session answer late and end. */
void signin_refused(struct session *s, const struct m_hello_req *req, const struct cfs_err *why);

#endif
