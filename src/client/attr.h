/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLIENT_ATTR_H
#define CFS_CLIENT_ATTR_H

/* Attributes as the public header has them, from those of the wire. */

#include "client/cfs.h"
#include "proto/ops.h"

void attr_from_wire(struct cfs_attr *out, const struct m_attr *m);

#endif
