/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/mode.h"

#include <string.h>

#include "base/err.h"

static int
parse_octal(const char *text, struct mode_change *out)
{
	uint32_t v = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '7' || v > 0777) {
			return CFS_EINVAL;
		}
		v = v * 8 + (uint32_t)(*p - '0');
	}
	*out = (struct mode_change){.octal = true, .value = v};
	return 0;
}

/* [ugoa]*: the bits that a clause may touch; set-id and sticky bits go with u, g and a. */
static const char *
parse_who(const char *p, uint32_t *who)
{
	*who = 0;
	for (;; p++) {
		if (*p == 'u') {
			*who |= 04700;
		} else if (*p == 'g') {
			*who |= 02070;
		} else if (*p == 'o') {
			*who |= 00007;
		} else if (*p == 'a') {
			*who |= 07777;
		} else {
			break;
		}
	}
	if (*who == 0) {
		*who = 07777;
	}
	return p;
}

static const char *
parse_bits(const char *p, struct mode_clause *c)
{
	for (;; p++) {
		switch (*p) {
		case 'r':
			c->bits |= 0444;
			break;
		case 'w':
			c->bits |= 0222;
			break;
		case 'x':
			c->bits |= 0111;
			break;
		case 'X':
			c->big_x = true;
			break;
		case 's':
			c->bits |= 06000;
			break;
		case 't':
			c->bits |= 01000;
			break;
		default:
			return p;
		}
	}
}

int
mode_parse(const char *text, struct mode_change *out)
{
	const char *p = text;

	if (*p >= '0' && *p <= '9') {
		return parse_octal(p, out);
	}
	*out = (struct mode_change){.octal = false};
	for (;;) {
		struct mode_clause c = {0};

		p = parse_who(p, &c.who);
		do {
			if (*p == '\0' || strchr("+-=", *p) == NULL || out->n == MODE_CLAUSES_MAX) {
				return CFS_EINVAL;
			}
			c.op = *p++;
			c.bits = 0;
			c.big_x = false;
			p = parse_bits(p, &c);
			out->clauses[out->n++] = c;
		} while (*p != '\0' && strchr("+-=", *p) != NULL);
		if (*p == '\0') {
			return 0;
		}
		if (*p++ != ',') {
			return CFS_EINVAL;
		}
	}
}

uint32_t
mode_apply(const struct mode_change *m, uint32_t mode, bool directory)
{
	if (m->octal) {
		return m->value;
	}
	for (unsigned i = 0; i < m->n; i++) {
		const struct mode_clause *c = &m->clauses[i];
		uint32_t bits = c->bits;

		if (c->big_x && (directory || (mode & 0111) != 0)) {
			bits |= 0111;
		}
		bits &= c->who;
		if (c->op == '+') {
			mode |= bits;
		} else if (c->op == '-') {
			mode &= ~bits;
		} else {
			/* chmod(1) leaves a directory's set-id bits alone unless they are named. */
			mode = (mode & ~(c->who & (directory ? 01777u : 07777u))) | bits;
		}
	}
	return mode & 07777;
}
