/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_BASE_VERSION_H
#define CFS_BASE_VERSION_H

/* What `--version` prints: the nearest tag, or the last release and the commit. The Makefile decides; a constant. */
const char *version_text(void);

#endif
