/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_CONVERT_H
#define CFS_SERVER_CONVERT_H

/* Between the store's plain data and the protocol's messages. Pure; views stay views. */

#include "base/str.h"
#include "proto/ops.h"
#include "store/events.h"
#include "store/people.h"
#include "store/types.h"

void convert_attr(const struct inode_attr *a, struct m_attr *out);
void convert_user(const struct person *p, struct m_user *out);
void convert_device(const struct person_device *d, bool current, struct m_device *out);
void convert_event(const struct event *e, struct m_event *out);
void convert_notice(const struct event *e, struct m_notice *out);

/* Strings are views of the same bytes. */
struct bytes_view convert_view(struct str s);
struct str convert_str(struct bytes_view v);

/* A C string of at most size - 1 bytes in out; false when it is longer or has a NUL within. */
bool convert_cstr(struct str s, char *out, size_t size);

#endif
