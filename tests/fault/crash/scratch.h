/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_TESTS_FAULT_SCRATCH_H
#define CFS_TESTS_FAULT_SCRATCH_H

/* What makes a thousand stores that live for milliseconds quick. For the calling process alone, until it ends. */

/*
 * Puts a file system in memory over folder, which nobody else sees and which is gone with the process. -1 where that is not
 * allowed; the folder is then as it was.
 */
int scratch_in_memory(const char *folder);

/* From here on fsync(2) and fdatasync(2) do nothing and succeed. Returns 0, or -1. */
int scratch_stop_flushing(void);

#endif
