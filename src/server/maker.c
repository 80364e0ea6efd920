/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/maker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fdpass.h"
#include "base/log.h"
#include "server/hubmsg.h"

static void
answer(int hub_fd, const struct maker_order *order, pid_t pid)
{
	struct hub_msg m = {.kind = HUB_MADE, .index = order->index, .serial = order->serial};

	if (pid > 0)
		m.pid = (uint64_t)pid;
	else
		log_error("%s: fork: %s", order->peer, strerrordesc_np(errno));
	(void)!send(hub_fd, &m, sizeof(m), MSG_NOSIGNAL);
}

int
maker_run(int hub_fd, const struct sibling *sibling, struct maker_order *order_out,
	  int fds_out[MAKER_FDS])
{
	int fds[FDPASS_MAX];

	while (fdpass_receive(hub_fd, order_out, sizeof(*order_out), fds, 0) ==
	       (ssize_t)sizeof(*order_out)) {
		pid_t pid = sibling_fork(sibling);

		if (pid == 0) {
			memcpy(fds_out, fds, MAKER_FDS * sizeof(*fds));
			return 1;
		}
		answer(hub_fd, order_out, pid);
		fdpass_close(fds);
	}
	return 0;
}
