/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/shell_history.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* readline's headers want FILE. */
#include <stdio.h>

#include <readline/history.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/xdg.h"

#define HISTORY_MAX 2000

void
history_begin(struct shell *sh)
{
	struct buf path = BUF_INIT;
	int fd;

	using_history();
	stifle_history(HISTORY_MAX);
	if (xdg_path(XDG_STATE, "history", true, &path, NULL) == 0 && buf_cstr(&path) != NULL) {
		sh->history = buf_take(&path, NULL);
	}
	buf_fini(&path);
	if (sh->history == NULL) {
		return;
	}
	/* What people type is theirs alone. */
	fd = io_open(sh->history, O_WRONLY | O_CREAT, 0600);
	if (fd >= 0) {
		fchmod(fd, 0600);
		fd_close(&fd);
	}
	read_history(sh->history);
	history_truncate_file(sh->history, HISTORY_MAX);
}

void
history_add(struct shell *sh, const char *line)
{
	const HIST_ENTRY *last =
	    history_length > 0 ? history_get(history_base + history_length - 1) : NULL;

	if (line[strspn(line, " \t")] == '\0' || line[0] == ' ' ||
	    (last != NULL && strcmp(last->line, line) == 0)) {
		return;
	}
	add_history(line);
	if (sh->history != NULL) {
		append_history(1, sh->history);
	}
}
