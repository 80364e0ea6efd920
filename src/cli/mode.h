/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_CLI_MODE_H
#define CFS_CLI_MODE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Modes as chmod(1) takes them: octal, or clauses [ugoa]*[-+=][rwxXst]* joined by commas. Without ugoa all three are meant (the
 * umask plays no part: the files are not this machine's).
 */
#define MODE_CLAUSES_MAX 16
struct mode_clause {
	uint32_t who;  /* bits that the clause may touch */
	char op;       /* '+', '-', '=' */
	uint32_t bits; /* as if for all; masked by who */
	bool big_x;    /* x for directories and what has an x already */
};
struct mode_change {
	bool octal;
	uint32_t value;
	unsigned n;
	struct mode_clause clauses[MODE_CLAUSES_MAX];
};

/* 0 or CFS_EINVAL. */
int mode_parse(const char *text, struct mode_change *out);
/* The mode that an inode with `mode` gets. */
uint32_t mode_apply(const struct mode_change *m, uint32_t mode, bool directory);

#endif
