/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/path.h"
#include "base/xdg.h"

void
recovery_init(struct recovery *r)
{
	memset(r, 0, sizeof *r);
	pthread_mutex_init(&r->lock, NULL);
	r->dir_fd = -1;
}

/* On stderr, which a mount in the background has no more, and in the system's log. */
__attribute__((format(printf, 1, 2))) static void
say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("cfs-mount: ", stderr);
	vfprintf(stderr, format, args);
	putc('\n', stderr);
	va_end(args);
	va_start(args, format);
	vsyslog(LOG_DAEMON | LOG_WARNING, format, args);
	va_end(args);
}

static void
say_failed(struct recovery *r, const char *what)
{
	if (!r->failed) {
		say("what could not be delivered cannot be kept either: %s: %s", what,
		    strerror(errno));
	}
	r->failed = true;
}

/* DATE-TIME-PID, below the user's state folder. */
static int
make_folder(struct recovery *r)
{
	struct buf path = BUF_INIT;
	char name[64];
	struct tm tm;
	time_t now = time(NULL);
	int rc = xdg_path(XDG_STATE, "recovery", true, &path, NULL);

	if (rc != 0 || buf_cstr(&path) == NULL || io_mkdir_p((char *)path.data, 0700, NULL) != 0) {
		buf_fini(&path);
		return -1;
	}
	localtime_r(&now, &tm);
	strftime(name, sizeof name, "%Y%m%d-%H%M%S", &tm);
	if (asprintf(&r->dir, "%s/%s-%ld", (char *)path.data, name, (long)getpid()) < 0) {
		r->dir = NULL;
	}
	buf_fini(&path);
	if (r->dir == NULL || (mkdir(r->dir, 0700) != 0 && errno != EEXIST)) {
		return -1;
	}
	r->dir_fd = io_open(r->dir, O_RDONLY | O_DIRECTORY, 0);
	return r->dir_fd >= 0 ? 0 : -1;
}

static int
begin(struct recovery *r)
{
	int fd;

	if (r->list != NULL) {
		return 0;
	}
	if (r->dir_fd < 0 && make_folder(r) != 0) {
		return -1;
	}
	fd = io_openat(r->dir_fd, "CHANGES", O_WRONLY | O_CREAT | O_APPEND, 0600);
	r->list = fd >= 0 ? fdopen(fd, "a") : NULL;
	if (r->list == NULL) {
		fd_close(&fd);
	}
	return r->list != NULL ? 0 : -1;
}

/* The bytes where they belong; what is appended comes behind what is there. */
static int
keep_bytes(const struct recovery *r, const char *file, const struct cfs_undelivered *u)
{
	int fd = io_openat(r->dir_fd, file, O_WRONLY | O_CREAT, 0600), rc = -1;
	off_t end;

	if (fd < 0) {
		return -1;
	}
	end = u->append ? lseek(fd, 0, SEEK_END) : (off_t)u->offset;
	if (end < 0) {
		/* errno says it */
	} else if (u->data == NULL) {
		rc = end + (off_t)u->len > lseek(fd, 0, SEEK_END)
			 ? ftruncate(fd, end + (off_t)u->len)
			 : 0;
	} else {
		rc = io_pwrite_full(fd, u->data, u->len, (uint64_t)end);
	}
	if (rc == 0) {
		rc = io_fsync(fd);
	}
	fd_close(&fd);
	return rc;
}

static void
list_change(const struct recovery *r, const struct cfs_undelivered *u, const char *file)
{
	struct buf name = BUF_INIT;

	fprintf(r->list, "%s inode=%" PRIu64, u->what, u->ref.ino);
	if (u->name != NULL && name_escape(&name, u->name, u->name_len) == 0) {
		fprintf(r->list, " name=%.*s", (int)name.len, (char *)name.data);
	}
	buf_fini(&name);
	if (file != NULL && u->append) {
		fprintf(r->list, " appended length=%" PRIu64 " file=%s", u->len, file);
	} else if (file != NULL) {
		fprintf(r->list, " offset=%" PRIu64 " length=%" PRIu64 " file=%s", u->offset,
			u->len, file);
	}
	putc('\n', r->list);
}

void
recovery_keep(void *arg, const struct cfs_undelivered *u)
{
	struct recovery *r = arg;
	char file[32];

	pthread_mutex_lock(&r->lock);
	snprintf(file, sizeof file, "inode-%" PRIu64, u->ref.ino);
	if (begin(r) != 0) {
		say_failed(r, r->dir != NULL ? r->dir : "the state folder");
	} else if (u->len > 0 && keep_bytes(r, file, u) != 0) {
		say_failed(r, file);
	} else {
		list_change(r, u, u->len > 0 ? file : NULL);
		r->kept++;
	}
	pthread_mutex_unlock(&r->lock);
}

void
recovery_fini(struct recovery *r)
{
	if (r->list != NULL &&
	    (fflush(r->list) != 0 || io_fsync(fileno(r->list)) != 0 || io_fsync(r->dir_fd) != 0)) {
		say_failed(r, r->dir);
	}
	if (r->kept > 0) {
		say("%u changes did not reach the server; what was written is kept in %s", r->kept,
		    r->dir);
	}
	if (r->list != NULL) {
		fclose(r->list);
	}
	fd_close(&r->dir_fd);
	free(r->dir);
	pthread_mutex_destroy(&r->lock);
}

void
recovery_remind(void)
{
	struct buf path = BUF_INIT;
	const struct dirent *e;
	unsigned n = 0;
	DIR *d;

	if (xdg_path(XDG_STATE, "recovery", false, &path, NULL) != 0 || buf_cstr(&path) == NULL) {
		buf_fini(&path);
		return;
	}
	d = opendir((char *)path.data);
	while (d != NULL && (e = readdir(d)) != NULL) {
		n += e->d_name[0] != '.';
	}
	if (n > 0) {
		fprintf(
		    stderr,
		    "cfs-mount: writes that an earlier mount could not deliver are kept in %s; remove what you "
		    "do not need\n",
		    (char *)path.data);
	}
	if (d != NULL) {
		closedir(d);
	}
	buf_fini(&path);
}
