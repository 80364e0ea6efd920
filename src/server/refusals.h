/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CFS_SERVER_REFUSALS_H
#define CFS_SERVER_REFUSALS_H

/*
 * Failed sign-ins by address, for a while: whoever keeps failing waits longer. A bounded table; the longest quiet
 * address gives way. Plain data of the hub's.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address as limits see it: IPv4 whole, IPv6 its first 64 bits, which is what one customer has. */
struct addr_key {
	int family;
	unsigned char b[8];
};

struct addr_key addr_key_of(const struct sockaddr_storage *addr);
bool addr_key_equal(const struct addr_key *a, const struct addr_key *b);

#define REFUSALS_MAX 512

struct refusals {
	struct refusal {
		struct addr_key key;
		unsigned count;
		uint64_t last_ns;
	} entries[REFUSALS_MAX];
	unsigned used;
};

/* One more failure at time now_ns. */
void refusals_note(struct refusals *r, const struct addr_key *key, uint64_t now_ns);

/* Failures that are remembered: those of addresses that were quiet for ten minutes are not. */
unsigned refusals_count(const struct refusals *r, const struct addr_key *key, uint64_t now_ns);

#endif
