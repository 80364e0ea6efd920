/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The recorder's state and its log. A preloaded library has nobody to give it its state, hence the globals. */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS        1024
#define LOG_FD_MIN 900

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], mark[PATH_MAX];
static size_t root_len;
static int log_fd = -1;
static uint64_t tokens[FDS]; /* 0: not watched */
static uint64_t last_token, last_flush;

void
record_give_up(const char *what)
{
	dprintf(STDERR_FILENO, "record: cannot record %s\n", what);
	abort();
}

__attribute__((constructor)) static void
start(void)
{
	const char *dir = getenv(RECORD_ENV_DIR), *path = getenv(RECORD_ENV_LOG);
	int fd;

	if (dir == NULL || path == NULL)
		return;
	root_len = (size_t)snprintf(root, sizeof(root), "%s", dir);
	if (getenv(RECORD_ENV_MARK) != NULL)
		snprintf(mark, sizeof(mark), "%s", getenv(RECORD_ENV_MARK));
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  0600);
	/* Out of the way of programs that count on small numbers. */
	log_fd = fd < 0 ? -1 : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LOG_FD_MIN);
	if (log_fd < 0)
		record_give_up(path);
	syscall(SYS_close, fd);
}

void
record_put(struct record r, const struct iovec *payload, int count)
{
	struct iovec iov[64];
	size_t total = sizeof(r);
	int saved = errno;

	if (count > 63)
		record_give_up("a write of so many pieces");
	iov[0] = (struct iovec){&r, sizeof(r)};
	for (int i = 0; i < count; i++) {
		iov[i + 1] = payload[i];
		total += payload[i].iov_len;
	}
	r.size = (uint32_t)(total - sizeof(r));
	if (syscall(SYS_writev, log_fd, iov, count + 1) != (long)total)
		record_give_up("more: the log cannot be written");
	errno = saved;
}

void
record_put_path(enum record_type type, uint64_t token, const char *path)
{
	struct iovec payload = {(void *)(uintptr_t)path, strlen(path)};

	record_put((struct record){.type = type, .token = token}, &payload, 1);
}

void
record_absolute(int dir, const char *path, char out[PATH_MAX])
{
	char full[2 * PATH_MAX] = "", link[64], *part, *rest = NULL;
	size_t len = 0;
	ssize_t n;

	if (path[0] != '/') {
		snprintf(link, sizeof(link),
			 dir == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dir);
		n = readlink(link, full, PATH_MAX - 1);
		len = n < 0 ? 0 : (size_t)n;
	}
	snprintf(full + len, sizeof(full) - len, "/%s", path);
	len = 0;
	out[0] = '\0';
	for (part = strtok_r(full, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (len > 0 && out[--len] != '/')
				;
			out[len] = '\0';
			continue;
		}
		len += (size_t)snprintf(out + len, PATH_MAX - len, "/%s", part);
		if (len >= PATH_MAX)
			record_give_up("so long a path");
	}
}

const char *
record_watched(const char *full)
{
	size_t n = strlen(full);

	if (log_fd < 0 || strncmp(full, root, root_len) != 0 ||
	    (full[root_len] != '/' && full[root_len] != '\0'))
		return NULL;
	if (n > 4 && strcmp(full + n - 4, "-shm") == 0)
		return NULL;
	return full[root_len] == '/' ? full + root_len + 1 : full + root_len;
}

uint64_t
record_token(int fd)
{
	return fd >= 0 && fd < FDS ? tokens[fd] : 0;
}

void
record_set_token(int fd, uint64_t token)
{
	if (fd >= FDS && token != 0)
		record_give_up("so many open files");
	if (fd >= 0 && fd < FDS)
		tokens[fd] = token;
}

bool
record_on(void)
{
	return log_fd >= 0;
}

void
record_lock(void)
{
	pthread_mutex_lock(&lock);
}

void
record_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

uint64_t
record_open_token(int fd, const char *full)
{
	uint64_t token = 0;

	if (strcmp(full, mark) == 0)
		token = TOKEN_MARK;
	else if (record_watched(full) != NULL)
		token = ++last_token;
	record_set_token(fd, token);
	return token;
}

uint64_t
record_next_flush(void)
{
	return ++last_flush;
}
