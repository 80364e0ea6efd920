/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * probe - the inputs and the latencies of the benchmark.
 *
 *   probe file PATH BYTES SEED          a file of bytes that do not compress
 *   probe tree DIR FILES DIRS SEED      text files of 1 to 32 KiB, most of them small
 *   probe create DIR COUNT              create, write 4 KiB, close     } each prints
 *   probe create-fsync DIR COUNT        create, write 4 KiB, fsync,    } "p50 p99" in
 *                                       close                          } microseconds
 *   probe stat DIR COUNT                lstat of each of these files   } over COUNT files
 *   probe open DIR COUNT                open, read 4 KiB, close        }
 *   probe spread DIR COUNT              COUNT directories with a file of 4 KiB in each, for:
 *   probe stat-apart DIR COUNT          lstat of each of these files; its directory was looked up
 *   probe open-apart DIR COUNT          before, untimed: so one name is asked for, and never two of
 *                                       a directory
 *   probe random-read FILE JOBS S       4 KiB at a time, no block twice, by JOBS processes, for S
 *                                       seconds at most; prints reads a second
 *   probe random-again FILE S           the same by one, in blocks that may come again
 *   probe random-write FILE EVERY S     4 KiB at a time, fsync after EVERY; prints writes a second
 *   probe warm MIB                      touches so much memory: a virtual machine's first use of a
 *                                       page is slow, and would be counted against who comes first
 *   probe port                          a port of the loopback interface that is free now
 *
 * The same seed gives the same bytes. stat and open go through the files in a fixed random order.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES   4096
#define TREE_FILE_MIN 1024u
#define TREE_FILE_MAX 32768u

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Marsaglia's xorshift64*, "An experimental exploration of xorshift generators, scrambled" */
static uint64_t
random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

static void
write_all(int fd, const void *data, size_t size)
{
	for (const char *at = data; size > 0;) {
		ssize_t n = write(fd, at, size);
		if (n < 0)
			die("write");
		at += n;
		size -= (size_t)n;
	}
}

static void
make_file(const char *path, uint64_t bytes, uint64_t seed)
{
	enum { WORDS = 1 << 17 };
	uint64_t *block = calloc(WORDS, sizeof *block), state = seed + 1;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || block == NULL)
		die(path);
	while (bytes > 0) {
		size_t n = bytes < WORDS * sizeof *block ? (size_t)bytes : WORDS * sizeof *block;
		for (size_t i = 0; i < WORDS; i++)
			block[i] = random_next(&state);
		write_all(fd, block, n);
		bytes -= n;
	}
	free(block);
	if (close(fd) < 0)
		die(path);
}

static void
make_directory(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		die(path);
}

/* Sizes whose cube root is spread evenly: half of the files are below 5 KiB, their mean is 8.8. */
static size_t
tree_file_size(uint64_t *state)
{
	double u = (double)(random_next(state) >> 11) / 9007199254740992.0;
	return TREE_FILE_MIN + (size_t)(u * u * u * (TREE_FILE_MAX - TREE_FILE_MIN));
}

static void
make_tree(const char *root, unsigned files, unsigned dirs, uint64_t seed)
{
	static const char letters[] = "etaoinshrdlu cmfwypvbgkjqxz\n\t(){};=*->";
	char path[4096], text[TREE_FILE_MAX];
	uint64_t state = seed + 1;
	make_directory(root);
	for (unsigned i = 0; i < files; i++) {
		unsigned d = i % dirs;
		/* Ten directories lie in each upper one, which the count of directories includes. */
		snprintf(path, sizeof path, "%s/part%02u", root, d / 10);
		make_directory(path);
		if (d % 10 > 0) {
			snprintf(path, sizeof path, "%s/part%02u/unit%u", root, d / 10, d % 10);
			make_directory(path);
		}
		size_t at = strlen(path), size = tree_file_size(&state);
		snprintf(path + at, sizeof path - at, "/source_%05u.c", i);
		for (size_t k = 0; k < size; k++)
			text[k] = letters[random_next(&state) % (sizeof letters - 1)];
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0)
			die(path);
		write_all(fd, text, size);
		if (close(fd) < 0)
			die(path);
	}
}

static void
create_one(const char *path, const char *block, bool flush)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		die(path);
	write_all(fd, block, BLOCK_BYTES);
	if (flush && fsync(fd) < 0)
		die("fsync");
	if (close(fd) < 0)
		die("close");
}

static void
open_one(const char *path, char *block)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, block, BLOCK_BYTES) != BLOCK_BYTES)
		die(path);
	close(fd);
}

static double
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static size_t *
order_shuffled(size_t count)
{
	size_t *order = calloc(count, sizeof *order);
	uint64_t state = 7;
	if (order == NULL)
		die("calloc");
	for (size_t i = 0; i < count; i++) {
		size_t j = (size_t)(random_next(&state) % (i + 1));
		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

static void
spread(const char *dir, size_t count)
{
	char path[4096], block[BLOCK_BYTES];
	memset(block, 'b', sizeof block);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%s/dir%06zu", dir, i);
		make_directory(path);
		snprintf(path, sizeof path, "%s/dir%06zu/file", dir, i);
		create_one(path, block, false);
	}
}

static void
latency(const char *what, const char *dir, size_t count)
{
	char path[4096], block[BLOCK_BYTES];
	double *took = calloc(count, sizeof *took);
	size_t *order = order_shuffled(count);
	bool apart = strstr(what, "-apart") != NULL;
	struct stat st;
	if (took == NULL)
		die("calloc");
	memset(block, 'b', sizeof block);
	for (size_t i = 0; apart && i < count; i++) {
		snprintf(path, sizeof path, "%s/dir%06zu", dir, i);
		if (lstat(path, &st) < 0)
			die(path);
	}
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof path, apart ? "%s/dir%06zu/file" : "%s/file%06zu", dir,
			 order[i]);
		double start = now_us();
		if (what[0] == 'c')
			create_one(path, block, strcmp(what, "create-fsync") == 0);
		else if (what[0] == 'o')
			open_one(path, block);
		else if (lstat(path, &st) < 0)
			die(path);
		took[i] = now_us() - start;
	}
	qsort(took, count, sizeof *took, compare_doubles);
	printf("%.1f %.1f\n", took[count / 2], took[(count * 99 + 99) / 100 - 1]);
	free(took);
	free(order);
}

/* ---- blocks in a random order */

static void
read_block(int fd, size_t block)
{
	char bytes[BLOCK_BYTES];
	if (pread(fd, bytes, sizeof bytes, (off_t)(block * BLOCK_BYTES)) != BLOCK_BYTES)
		die("pread");
}

static size_t
open_blocks(const char *path, int flags, int *fd_out)
{
	struct stat st;
	*fd_out = open(path, flags | O_CLOEXEC);
	if (*fd_out < 0 || fstat(*fd_out, &st) < 0)
		die(path);
	posix_fadvise(*fd_out, 0, 0, POSIX_FADV_RANDOM);
	return (size_t)st.st_size / BLOCK_BYTES;
}

/* One of the jobs: its own part of the file, each block once. Tells how many it read through the pipe. */
static _Noreturn void
read_part(const char *path, size_t job, size_t jobs, double end, int result)
{
	int fd;
	size_t part = open_blocks(path, O_RDONLY, &fd) / jobs, done = 0,
	       *order = order_shuffled(part);
	while (done < part && now_us() < end)
		read_block(fd, job * part + order[done++]);
	write_all(result, &done, sizeof done);
	_exit(0);
}

static void
random_read(const char *path, size_t jobs, double seconds)
{
	double start = now_us();
	size_t sum = 0, done;
	int fds[2];
	if (pipe(fds) < 0)
		die("pipe");
	for (size_t i = 0; i < jobs; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0)
			read_part(path, i, jobs, start + seconds * 1e6, fds[1]);
	}
	for (size_t i = 0; i < jobs; i++) {
		int status;
		if (wait(&status) < 0 || status != 0)
			exit(1);
	}
	double took = now_us() - start;
	for (size_t i = 0; i < jobs && read(fds[0], &done, sizeof done) == sizeof done; i++)
		sum += done;
	printf("%.1f\n", (double)sum * 1e6 / took);
}

static void
random_again(const char *path, double seconds)
{
	int fd;
	size_t blocks = open_blocks(path, O_RDONLY, &fd), done = 0;
	uint64_t state = 11;
	double start = now_us();
	for (; now_us() < start + seconds * 1e6; done++)
		read_block(fd, (size_t)(random_next(&state) % blocks));
	printf("%.1f\n", (double)done * 1e6 / (now_us() - start));
}

static void
random_write(const char *path, size_t every, double seconds)
{
	char bytes[BLOCK_BYTES];
	int fd;
	size_t blocks = open_blocks(path, O_RDWR, &fd), done = 0;
	uint64_t state = 13;
	double start = now_us();
	while (now_us() < start + seconds * 1e6) {
		size_t block = (size_t)(random_next(&state) % blocks);
		memset(bytes, (int)done, sizeof bytes);
		if (pwrite(fd, bytes, sizeof bytes, (off_t)(block * BLOCK_BYTES)) != BLOCK_BYTES)
			die("pwrite");
		if (++done % every == 0 && fsync(fd) < 0)
			die("fsync");
	}
	if (fsync(fd) < 0)
		die("fsync");
	printf("%.1f\n", (double)done * 1e6 / (now_us() - start));
}

static void
warm(size_t mib)
{
	size_t bytes = mib << 20;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	memset(p, 1, bytes);
	munmap(p, bytes);
}

static void
free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("bind");
	printf("%u\n", ntohs(a.sin_port));
}

static bool
is_latency(const char *what)
{
	static const char *const names[] = {"create", "create-fsync", "stat",
					    "open",   "stat-apart",   "open-apart"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(what, names[i]) == 0)
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "file") == 0 && argc == 5) {
		make_file(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	} else if (strcmp(what, "tree") == 0 && argc == 6 && atoi(argv[4]) > 0) {
		make_tree(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]),
			  strtoull(argv[5], NULL, 10));
	} else if (strcmp(what, "warm") == 0 && argc == 3) {
		warm(strtoull(argv[2], NULL, 10));
	} else if (strcmp(what, "port") == 0) {
		free_port();
	} else if (strcmp(what, "random-read") == 0 && argc == 5 && atoi(argv[3]) > 0) {
		random_read(argv[2], (size_t)atoi(argv[3]), atof(argv[4]));
	} else if (strcmp(what, "random-again") == 0 && argc == 4) {
		random_again(argv[2], atof(argv[3]));
	} else if (strcmp(what, "random-write") == 0 && argc == 5 && atoi(argv[3]) > 0) {
		random_write(argv[2], (size_t)atoi(argv[3]), atof(argv[4]));
	} else if (strcmp(what, "spread") == 0 && argc == 4) {
		spread(argv[2], (size_t)atoi(argv[3]));
	} else if (argc == 4 && atoi(argv[3]) > 0 && is_latency(what)) {
		latency(what, argv[2], (size_t)atoi(argv[3]));
	} else {
		fprintf(stderr,
			"usage: probe file|tree|create|create-fsync|stat|open|spread|stat-apart|"
			"open-apart|random-read|random-again|random-write|warm|port ...\n");
		return 2;
	}
	return 0;
}
