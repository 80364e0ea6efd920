/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/notify.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"

void
notify_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	socklen_t len;
	int fd;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	/* '@' stands for the abstract namespace, unix(7). */
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr, len);
	fd_close(&fd);
}

int
notify_watchdog(uint64_t *last_ns)
{
	const char *period = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t now = now_mono_ns(), half_ms, since_ms;

	if (!period || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return -1;
	half_ms = strtoull(period, NULL, 10) / 2000;
	if (half_ms == 0 || half_ms > INT_MAX)
		return -1;
	since_ms = (now - *last_ns) / NS_PER_MS;
	if (*last_ns > 0 && since_ms < half_ms)
		return (int)(half_ms - since_ms);
	notify_manager("WATCHDOG=1");
	*last_ns = now;
	return (int)half_ms;
}
