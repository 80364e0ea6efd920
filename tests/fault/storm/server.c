/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/time.h"
#include "client/cfs.h"
#include "storm.h"

#define START_MS 20000
#define STOP_MS  30000

void
pause_briefly(void)
{
	const struct timespec t = {.tv_nsec = 2 * NS_PER_MS};

	(void)nanosleep(&t, NULL);
}

static void
path_of(const struct server *s, const char *name, char out[5000])
{
	(void)snprintf(out, 5000, "%s/%s", s->folder, name);
}

static int
write_text(const struct server *s, const char *name, const char *text)
{
	char path[5000];
	struct cfs_err err = CFS_ERR_INIT;

	path_of(s, name, path);
	if (io_write_file(AT_FDCWD, path, text, strlen(text), 0600, &err) == 0)
		return 0;
	(void)fprintf(stderr, "storm: %s\n", err.text);
	return -1;
}

/* ---- programs ---- */

int
server_open_log(const struct server *s, const char *name)
{
	char path[5000];

	path_of(s, name, path);
	return open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

void
server_exec(const struct server *s, const char *const *argv)
{
	char program[5000];

	(void)snprintf(program, sizeof(program), "%s/%s", s->programs, argv[0]);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

int
server_run(const struct server *s, const char *const *argv, char *out, size_t size)
{
	char rest[512];
	int pipes[2], status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		(void)dup2(pipes[1], STDOUT_FILENO);
		(void)dup2(server_open_log(s, "programs.log"), STDERR_FILENO);
		server_exec(s, argv);
	}
	fd_close(&pipes[1]);
	while ((n = out != NULL && len + 1 < size ? read(pipes[0], out + len, size - len - 1)
						  : read(pipes[0], rest, sizeof(rest))) > 0)
		len += out != NULL && len + 1 < size ? (size_t)n : 0;
	if (out != NULL)
		out[len] = '\0';
	fd_close(&pipes[0]);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
admin(const struct server *s, const char *command, const char *arg, char *out, size_t size)
{
	char conf[5000];
	const char *const argv[] = {"cfsadm", "-c", conf, command, arg, NULL};

	path_of(s, "cfsd.conf", conf);
	return server_run(s, argv, out, size);
}

int
server_fsck(const struct server *s)
{
	char out[4096];
	int rc = admin(s, "fsck", NULL, out, sizeof(out));

	if (rc != 0)
		(void)fprintf(stderr, "%s", out);
	return rc;
}

/* ---- the daemon ---- */

static int
write_conf(const struct server *s, const char *address)
{
	char text[9000];

	(void)snprintf(text, sizeof(text), "[server]\nlisten = %s\n[store]\npath = %s/store\n",
		       address, s->folder);
	return write_text(s, "cfsd.conf", text);
}

/* The address behind the last "ready on" from offset on; false while there is none. */
static bool
is_ready(const struct server *s, off_t offset, char address[64])
{
	char path[5000], text[4096];
	const char *ready;
	ssize_t n;
	int fd;

	path_of(s, "server.log", path);
	fd = io_open(path, O_RDONLY, 0);
	n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, offset);
	fd_close(&fd);
	text[n > 0 ? n : 0] = '\0';
	ready = strstr(text, "cfsd: ready on ");
	if (ready == NULL || strchr(ready, '\n') == NULL)
		return false;
	return sscanf(ready, "cfsd: ready on %63s", address) == 1;
}

int
server_start(struct server *s)
{
	uint64_t deadline = deadline_from_ms(START_MS);
	char log[5000], address[64];
	struct stat st = {0};

	path_of(s, "server.log", log);
	(void)stat(log, &st);
	s->pid = launcher_launch(s);
	if (s->pid <= 0)
		return -1;
	while (!is_ready(s, st.st_size, address)) {
		bool ended = waitpid(s->pid, NULL, WNOHANG) != 0;

		if (ended || deadline_passed(deadline)) {
			(void)fprintf(stderr, "storm: the server %s: see %s\n",
				      ended ? "ends at once" : "is not ready", log);
			return -1;
		}
		pause_briefly();
	}
	return write_conf(s, address);
}

int
server_stop(struct server *s, int signal)
{
	uint64_t deadline = deadline_from_ms(STOP_MS);
	int status = 0;
	pid_t pid = s->pid, ended;

	s->pid = 0;
	if (pid == 0)
		return 0;
	(void)kill(pid, signal);
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && !deadline_passed(deadline))
		pause_briefly();
	if (ended == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return -1;
	}
	return signal == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == 0) ? 0 : -1;
}

static int
make_control(struct server *s)
{
	char path[5000];
	void *p;
	int fd;

	path_of(s, "inject", path);
	fd = io_open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(struct inject)) != 0)
		return -1;
	p = mmap(NULL, sizeof(struct inject), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fd_close(&fd);
	if (p == MAP_FAILED)
		return -1;
	s->inject = p;
	return 0;
}

static int
sign_in(const struct server *s, unsigned number)
{
	char name[16], invite[1024] = "";
	struct cfs_login login = {.target = invite, .name = name, .program = "storm"};
	struct cfs_err err = CFS_ERR_INIT;

	(void)snprintf(name, sizeof(name), "u%u", number);
	if (admin(s, "invite", name, invite, sizeof(invite)) != 0)
		return -1;
	invite[strcspn(invite, "\n")] = '\0';
	if (cfs_login(&login, NULL, &err) == 0)
		return 0;
	(void)fprintf(stderr, "storm: login: %s\n", err.text);
	return -1;
}

int
server_make(struct server *s, unsigned count)
{
	char path[5000], out[512];

	path_of(s, "config", path);
	(void)setenv("XDG_CONFIG_HOME", path, 1);
	if (launcher_make(s) != 0)
		return -1;
	if (mkdir(path, 0700) != 0 || make_control(s) != 0 || write_conf(s, "127.0.0.1:0") != 0)
		return -1;
	if (admin(s, "init", NULL, out, sizeof(out)) != 0 || server_start(s) != 0)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		if (sign_in(s, i) != 0)
			return -1;
	}
	return 0;
}

int
server_lose_log(const struct server *s)
{
	static const unsigned char zeros[65536];
	const struct inject *in = s->inject;
	char path[5000];
	struct stat st;
	int rc = 0, fd;

	path_of(s, "store/meta/meta.db-wal", path);
	fd = io_open(path, O_WRONLY, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &st) != 0)
		rc = -1;
	for (uint32_t i = 0; i < in->range_count && rc == 0; i++) {
		uint64_t at = in->ranges[i].offset, end = at + in->ranges[i].length;

		if (end > (uint64_t)st.st_size)
			end = (uint64_t)st.st_size;
		for (; at < end && rc == 0; at += sizeof(zeros))
			rc = io_pwrite_full(
			    fd, zeros, end - at < sizeof(zeros) ? end - at : sizeof(zeros), at);
	}
	fd_close(&fd);
	return rc;
}

void
server_free(struct server *s)
{
	(void)server_stop(s, SIGKILL);
	launcher_end(s);
	if (s->inject != NULL)
		(void)munmap(s->inject, sizeof(*s->inject));
	s->inject = NULL;
}

/* ---- its processes ---- */

unsigned
server_children(const struct server *s, pid_t *pids, unsigned max)
{
	char path[64];
	unsigned n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
	f = fopen(path, "re");
	while (f != NULL && n < max && fscanf(f, "%d", &pids[n]) == 1)
		n++;
	if (f != NULL)
		(void)fclose(f);
	return n;
}

unsigned
server_sessions(const struct server *s, pid_t *pids, unsigned max)
{
	char out[16384], user;
	const char *at = out;
	unsigned n = 0;

	if (admin(s, "sessions", "--json", out, sizeof(out)) != 0)
		return 0;
	while (n < max && (at = strstr(at, "\"pid\"")) != NULL) {
		if (sscanf(at, "\"pid\":%d,\"user\":\"%c", &pids[n], &user) == 2 && user != '"')
			n++;
		at++;
	}
	return n;
}

bool
server_child_lives(const struct server *s, pid_t pid)
{
	pid_t pids[64];
	unsigned n = server_children(s, pids, 64);

	for (unsigned i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}
