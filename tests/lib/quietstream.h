/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_QUIETSTREAM_H
#define CFS_TESTS_QUIETSTREAM_H

/* What a stream of a test does that has nothing of its own to flush, to wait for or to keep. Members of struct stream_ops. */

#include "proto/stream.h"

int quiet_flush(struct stream *s, struct cfs_err *err);
short quiet_events(const struct stream *s);
size_t quiet_buffered(const struct stream *s);

#endif
