/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/version.h"

/* The one file that sees the macro, so that a new commit compiles one file again. */
const char *
version_text(void)
{
	return CFS_VERSION;
}
