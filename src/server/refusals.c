/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/refusals.h"

#include <netinet/in.h>
#include <string.h>

#include "base/time.h"

#define FORGET_NS (600 * (uint64_t)NS_PER_S)

struct addr_key
addr_key_of(const struct sockaddr_storage *addr)
{
	struct addr_key key = {.family = addr->ss_family};

	if (addr->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)addr;

		memcpy(key.b, &in->sin_addr, sizeof(in->sin_addr));
	} else if (addr->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)addr;

		memcpy(key.b, &in6->sin6_addr, sizeof(key.b));
		/* A socket that takes both, which only a service manager opens: each IPv4 address is one of its own. */
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			key = (struct addr_key){.family = AF_INET};
			memcpy(key.b, &in6->sin6_addr.s6_addr[12], 4);
		}
	}
	return key;
}

bool
addr_key_equal(const struct addr_key *a, const struct addr_key *b)
{
	return a->family == b->family && memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static struct refusal *
find(struct refusals *r, const struct addr_key *key)
{
	struct refusal *oldest = &r->entries[0];

	for (unsigned i = 0; i < r->used; i++) {
		struct refusal *e = &r->entries[i];

		if (addr_key_equal(&e->key, key))
			return e;
		if (e->last_ns < oldest->last_ns)
			oldest = e;
	}
	if (r->used < REFUSALS_MAX)
		oldest = &r->entries[r->used++];
	*oldest = (struct refusal){.key = *key};
	return oldest;
}

void
refusals_note(struct refusals *r, const struct addr_key *key, uint64_t now_ns)
{
	struct refusal *e = find(r, key);

	if (now_ns - e->last_ns > FORGET_NS)
		e->count = 0;
	e->count++;
	e->last_ns = now_ns;
}

unsigned
refusals_count(const struct refusals *r, const struct addr_key *key, uint64_t now_ns)
{
	for (unsigned i = 0; i < r->used; i++) {
		const struct refusal *e = &r->entries[i];

		if (addr_key_equal(&e->key, key))
			return now_ns - e->last_ns > FORGET_NS ? 0 : e->count;
	}
	return 0;
}
