/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cuts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un control = {.sun_family = AF_UNIX};

void
line_init(const char *path)
{
	if (strlen(path) >= sizeof(control.sun_path)) {
		fprintf(stderr, "cuts: %s: too long\n", path);
		exit(2);
	}
	memcpy(control.sun_path, path, strlen(path) + 1);
}

/* The proxy's answer, one line. */
static void
ask(const char *command, char *answer, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&control, sizeof(control)) == 0 &&
	    send(fd, command, strlen(command), MSG_NOSIGNAL) > 0)
		n = recv(fd, answer, size - 1, 0);
	if (n <= 0 || strncmp(answer, "error", 5) == 0) {
		fprintf(stderr, "cuts: the proxy: %s: %s\n", command, strerror(errno));
		exit(2);
	}
	answer[n] = '\0';
	(void)close(fd);
}

void
line_tell(const char *format, ...)
{
	char command[100], answer[256] = "";
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	ask(command, answer, sizeof(answer));
}

static unsigned long long
stat_of(const char *name)
{
	char answer[256] = "";
	const char *at;

	ask("stats", answer, sizeof(answer));
	at = strstr(answer, name);
	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

unsigned long long
line_held(void)
{
	return stat_of("held ");
}

unsigned long long
line_accepted(void)
{
	return stat_of("accepted ");
}
