/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client against a server that answers anything: `get -r`, `ls -R`, `du`, `find` and `rm -r` of what it says is there. Whatever
 * names, types and links it sends, nothing outside the folder that the client was told to write to may change.
 *
 * The input is a tape. Answers are messages of the right kind whose fields come from the tape (strings from a list of nasty
 * names, or the tape's own bytes), now and then an error, raw bytes or a frame of another kind; at the end of the tape the
 * line is cut.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/tape_server.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"
#include "cli/cli.h"
#include "client/client.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CANARY "as it was"

static char folder[] = "/dev/shm/cfs-fuzz-XXXXXX";

static void
check(bool good)
{
	if (!good)
		abort();
}

/* ---- this machine's side: in/ is written to, out/ must stay as it is, and links in in/ lead there */

static void
write_canary(void)
{
	int fd = open("out/canary", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && io_write_full(fd, CANARY, sizeof CANARY) == 0);
	(void)close(fd);
}

static void
make_folders(void)
{
	check(mkdir("in", 0700) == 0 && mkdir("out", 0700) == 0);
	check(symlink("../out", "in/d") == 0);
	check(symlink("../out/canary", "in/a") == 0);
	write_canary();
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	return ftw->level == 0 ? 0 : remove(path);
}

/* Number of entries, without . and .. */
static unsigned
count_entries(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, NULL);

	check(n >= 2);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return (unsigned)n - 2;
}

static void
check_folders(void)
{
	char text[sizeof CANARY + 1];
	struct stat st;
	int fd = open("out/canary", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	check(count_entries(".") == 2 && count_entries("out") == 1);
	check(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof CANARY);
	check((st.st_mode & 0777) == 0600);
	check(read(fd, text, sizeof text) == (ssize_t)sizeof CANARY &&
	      memcmp(text, CANARY, sizeof CANARY) == 0);
	(void)close(fd);
}

/* ---- the client */

static void
run(struct cli *cli, const char *const *argv)
{
	char *words[8];
	int n = 0;

	for (; argv[n] != NULL; n++)
		check((words[n] = strdup(argv[n])) != NULL);
	words[n] = NULL;
	(void)cli_run(cli, n, words);
	while (n > 0)
		free(words[--n]);
}

static void
use_client(struct cfs *c, FILE *null)
{
	static const char *const commands[][6] = {
	    {"get", "-r", "t", "in"},
	    {"get", "-r", "/alice", "in"},
	    {"ls", "-lR", "t"},
	    {"get", "*", "in"},
	    {"find", "t"},
	    {"du", "t"},
	    {"cat", "t"},
	    {"stat", "t"},
	    {"rm", "-r", "t"},
	};
	struct cli_conn conn = {.key = (char[]){""}, .host = (char[]){"fuzzer"}, .c = c};
	struct cli cli = {
	    .opt = {.quiet = true, .timeout_ms = 1000},
	    .conns = &conn,
	    .out = null,
	    .msg = null,
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		run(&cli, commands[i]);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	atomic_store(&log_level_now, -1);
	(void)signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* The folder is made by the process that uses it (libFuzzer forks) and removed at its end. */
static void
leave_folder(void)
{
	(void)chdir("/");
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	(void)rmdir(folder);
}

static void
enter_folder(void)
{
	static bool entered;

	if (entered)
		return;
	check(mkdtemp(folder) != NULL && chdir(folder) == 0);
	(void)atexit(leave_folder);
	entered = true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cfs_options options = {
	    .program = "fuzzer", .timeout_ms = 1000, .reconnect_ms = 1};
	const struct client_identity id = {0};
	struct tape tape = {.p = data, .left = size};
	struct cfs *c = NULL;
	FILE *null;

	enter_folder();
	make_folders();
	null = fopen("/dev/null", "w");
	check(null != NULL);
	if (client_open(tape_dialer(&tape), &id, &options, &c, NULL) == 0) {
		use_client(c, null);
		cfs_close(c);
	}
	(void)fclose(null);
	check_folders();
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
