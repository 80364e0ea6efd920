/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_notices.h"
#include "show/event_text.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Lines kept while a long command runs; the rest is only counted. */
#define LINES_MAX 100u

struct shell_notices {
	const struct cli *cli;
	struct cfs_subscription *sub;
	int fd;
	pthread_mutex_t lock; /* what follows: the subscription's thread fills it */
	char *text;
	size_t len;
	FILE *f; /* into text */
	unsigned lines, more;
	uint64_t upto;
	bool ended;
};

static int
on_event(void *arg, const struct cfs_event *e)
{
	struct shell_notices *n = arg;

	pthread_mutex_lock(&n->lock);
	if (n->f == NULL) {
		n->f = open_memstream(&n->text, &n->len);
	}
	if (n->f != NULL && n->lines < LINES_MAX) {
		event_print(n->f, e, n->cli->opt.json, true);
		n->lines++;
	} else {
		n->more++;
	}
	n->upto = e->id;
	pthread_mutex_unlock(&n->lock);
	(void)eventfd_write(n->fd, 1);
	return 0;
}

static void
on_end(void *arg, int code, const char *text)
{
	struct shell_notices *n = arg;

	(void)code;
	(void)text;
	pthread_mutex_lock(&n->lock);
	n->ended = true;
	pthread_mutex_unlock(&n->lock);
}

int
shell_notices_begin(const struct cli *cli, struct cfs *c, uint64_t since,
		    struct shell_notices **out, struct cfs_err *err)
{
	struct shell_notices *n = calloc(1, sizeof *n);
	struct cfs_subscribe how = {
	    .since = since,
	    .filter = CFS_EVENTS_RECEIPTS | CFS_EVENTS_UNSEEN,
	    .event = on_event,
	    .ended = on_end,
	    .arg = n,
	};
	int rc;

	*out = NULL;
	if (n == NULL) {
		return err_code(err, CFS_ENOMEM);
	}
	n->cli = cli;
	pthread_mutex_init(&n->lock, NULL);
	n->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = n->fd < 0 ? err_code(err, CFS_ENOMEM) : cfs_subscribe(c, &how, &n->sub, NULL, err);
	if (rc != 0) {
		shell_notices_end(n);
		return rc;
	}
	*out = n;
	return 0;
}

void
shell_notices_end(struct shell_notices *n)
{
	if (n == NULL) {
		return;
	}
	cfs_unsubscribe(n->sub);
	if (n->f != NULL) {
		fclose(n->f);
	}
	free(n->text);
	if (n->fd >= 0) {
		close(n->fd);
	}
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int
shell_notices_fd(const struct shell_notices *n)
{
	return n != NULL ? n->fd : -1;
}

char *
shell_notices_take(struct shell_notices *n, uint64_t *upto_out)
{
	eventfd_t count;
	char *text;

	(void)eventfd_read(n->fd, &count);
	pthread_mutex_lock(&n->lock);
	if (n->f != NULL) {
		if (n->more > 0 && !n->cli->opt.json) {
			fprintf(n->f, "and %u more: see 'receipts'\n", n->more);
		}
		fclose(n->f);
		n->f = NULL;
	}
	text = n->text;
	n->text = NULL;
	n->lines = n->more = 0;
	*upto_out = n->upto;
	pthread_mutex_unlock(&n->lock);
	return text;
}

bool
shell_notices_ended(struct shell_notices *n)
{
	bool ended;

	pthread_mutex_lock(&n->lock);
	ended = n->ended;
	pthread_mutex_unlock(&n->lock);
	return ended;
}
