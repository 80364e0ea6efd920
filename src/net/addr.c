/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static int
bad(struct cfs_err *err, const char *text, const char *why)
{
	return err_set(err, CFS_EINVAL, "\"%s\": %s", text, why);
}

/* Digits alone, up to 65535. */
static bool
parse_port(const char *text, uint16_t *port_out)
{
	unsigned v = 0;

	if (*text == '\0' || strlen(text) > 5)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (unsigned)(*text - '0');
	}
	*port_out = (uint16_t)v;
	return v <= UINT16_MAX;
}

/* What stands in a name or literal; the resolver has the last word. */
static bool
host_ok(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c <= 0x20 || c == 0x7f || strchr("/@#[]\\\"'", c))
			return false;
	}
	return len < HOST_SIZE;
}

int
hostport_parse(const char *text, uint16_t default_port, char host[HOST_SIZE], uint16_t *port_out,
	       struct cfs_err *err)
{
	const char *start = text;
	const char *end;
	const char *port = NULL;

	if (*text == '[') {
		start++;
		end = strchr(start, ']');
		if (!end || end == start)
			return bad(err, text, "an address in brackets does not end");
		if (end[1] != '\0' && end[1] != ':')
			return bad(err, text, "a colon and a port must follow the bracket");
		port = end[1] ? end + 2 : NULL;
	} else {
		end = strrchr(text, ':');
		if (end && strchr(text, ':') == end)
			port = end + 1;
		else
			end = text + strlen(text); /* no colon, or several: a bare IPv6 literal */
	}
	if (!host_ok(start, (size_t)(end - start)))
		return bad(err, text, "not a host name or address");
	*port_out = default_port;
	if (port && !parse_port(port, port_out))
		return bad(err, text, "the port is not a number from 0 to 65535");
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	return 0;
}

char *
hostport_format(char out[HOSTPORT_SIZE], const char *host, uint16_t port)
{
	bool literal = strchr(host, ':');
	int n = snprintf(out, HOSTPORT_SIZE, "%s%.255s%s:%u", literal ? "[" : "", host,
			 literal ? "]" : "", port);

	if (n < 0)
		out[0] = '\0';
	return out;
}

char *
addr_format(char out[HOSTPORT_SIZE], const struct sockaddr_storage *addr)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u = {.any = *addr};
	char host[INET6_ADDRSTRLEN];

	if (addr->ss_family == AF_INET && inet_ntop(AF_INET, &u.in.sin_addr, host, sizeof host))
		return hostport_format(out, host, ntohs(u.in.sin_port));
	if (addr->ss_family == AF_INET6 && inet_ntop(AF_INET6, &u.in6.sin6_addr, host, sizeof host))
		return hostport_format(out, host, ntohs(u.in6.sin6_port));
	return strcpy(out, addr->ss_family == AF_UNIX ? "unix" : "?");
}

char *
addr_format_local(char out[HOSTPORT_SIZE], int fd)
{
	struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof addr;

	getsockname(fd, (struct sockaddr *)&addr, &len);
	return addr_format(out, &addr);
}

char *
addr_format_peer(char out[HOSTPORT_SIZE], int fd)
{
	struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof addr;

	getpeername(fd, (struct sockaddr *)&addr, &len);
	return addr_format(out, &addr);
}

uint16_t
addr_local_port(int fd)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u = {.any = {.ss_family = AF_UNSPEC}};
	socklen_t len = sizeof u;

	if (getsockname(fd, (struct sockaddr *)&u.any, &len) < 0)
		return 0;
	if (u.any.ss_family == AF_INET)
		return ntohs(u.in.sin_port);
	return u.any.ss_family == AF_INET6 ? ntohs(u.in6.sin6_port) : 0;
}
