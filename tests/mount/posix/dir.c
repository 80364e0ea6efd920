/* SPDX-License-Identifier: GPL-3.0-or-later */

/* opendir(3), readdir(3), telldir(3), seekdir(3), rewinddir(3), also while the directory changes. */

#include "suite.h"

#include <dirent.h>
#include <stdlib.h>

enum { MANY = 1500 };

static const char *
numbered(int i)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "entry-%d", i);
	return name;
}

static void
fill(int n)
{
	for (int i = 0; i < n; i++)
		OK(close(FD(open(numbered(i), O_CREAT | O_WRONLY, 0644))));
}

/* Counts how often each number is listed from here on; dots too, in the last two places. */
static void
count(DIR *d, unsigned seen[MANY + 2])
{
	struct dirent *e;
	int i;

	while (errno = 0, (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0)
			seen[MANY]++;
		else if (strcmp(e->d_name, "..") == 0)
			seen[MANY + 1]++;
		else if (sscanf(e->d_name, "entry-%d", &i) == 1 && i >= 0 && i < MANY)
			seen[i]++;
	}
	T(errno == 0);
}

static DIR *
open_here(void)
{
	DIR *d = opendir(".");

	T(d != NULL);
	return d;
}

static void
each_once(void)
{
	static unsigned seen[MANY + 2];
	DIR *d;

	fill(MANY);
	d = open_here();
	count(d, seen);
	for (int i = 0; i < MANY + 2; i++)
		T(seen[i] == 1);
	(void)closedir(d);
}

static void
empty(void)
{
	static unsigned seen[MANY + 2];
	DIR *d = open_here();

	count(d, seen);
	T(seen[MANY] == 1 && seen[MANY + 1] == 1 && seen[0] == 0);
	T(readdir(d) == NULL);
	(void)closedir(d);
}

static void
numbers_and_types(void)
{
	struct dirent *e;
	DIR *d;

	make("f", "x");
	OK(mkdir("d", 0755));
	OK(symlink("f", "s"));
	OK(mkfifo("p", 0644));
	d = open_here();
	while ((e = readdir(d)) != NULL) {
		struct stat st = stat_of(e->d_name);

		if (strcmp(e->d_name, "..") != 0)
			T(e->d_ino == st.st_ino);
		T(e->d_type == DT_UNKNOWN || e->d_type == IFTODT(st.st_mode));
	}
	(void)closedir(d);
}

static void
rewinds(void)
{
	static unsigned seen[MANY + 2];
	DIR *d;

	fill(20);
	d = open_here();
	count(d, seen);
	rewinddir(d);
	make(numbered(20), "x");
	OK(unlink(numbered(3)));
	rewinddir(d);
	memset(seen, 0, sizeof(seen));
	count(d, seen);
	T(seen[20] == 1 && seen[3] == 0 && seen[0] == 1);
	(void)closedir(d);
}

static void
tell_seek(void)
{
	enum { N = 400 };
	static long places[N + 3]; /* with that behind the last */
	static char names[N + 2][32];
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	fill(N);
	d = open_here();
	for (;;) {
		places[n] = telldir(d);
		e = readdir(d);
		if (e == NULL)
			break;
		(void)snprintf(names[n], sizeof(names[n]), "%.31s", e->d_name);
		n++;
	}
	T(n == N + 2);
	for (size_t i = 0; i < n; i += 7) {
		size_t at = (i * 37) % n;

		seekdir(d, places[at]);
		e = readdir(d);
		T(e != NULL && strcmp(e->d_name, names[at]) == 0);
	}
	(void)closedir(d);
}

static void
stable_under_changes(void)
{
	static unsigned seen[MANY + 2];
	struct dirent *e;
	DIR *d;
	int i, changed = 0;

	fill(1000);
	d = open_here();
	while ((e = readdir(d)) != NULL) {
		if (sscanf(e->d_name, "entry-%d", &i) == 1 && i < MANY)
			seen[i]++;
		/* Removed are some that were not listed yet, made are new ones; entries 0 to 599 stay throughout. */
		if (changed < 400) {
			(void)unlink(numbered(600 + changed));
			OK(close(FD(open(numbered(1000 + changed), O_CREAT | O_WRONLY, 0644))));
			changed++;
		}
	}
	for (i = 0; i < 600; i++)
		T(seen[i] == 1);
	for (i = 600; i < MANY; i++)
		T(seen[i] <= 1);
	(void)closedir(d);
}

static void
seek_after_removal(void)
{
	static unsigned seen[MANY + 2];
	struct dirent *e;
	long place = 0;
	DIR *d;

	fill(300);
	d = open_here();
	for (int i = 0; i < 150; i++) {
		e = readdir(d);
		T(e != NULL);
		place = telldir(d);
	}
	for (int i = 0; i < 300; i += 2)
		OK(unlink(numbered(i)));
	seekdir(d, place);
	count(d, seen);
	for (int i = 1; i < 300; i += 2)
		T(seen[i] <= 1);
	rewinddir(d);
	memset(seen, 0, sizeof(seen));
	count(d, seen);
	for (int i = 0; i < 300; i++)
		T(seen[i] == (unsigned)(i % 2));
	(void)closedir(d);
}

static void
remove_while_listing(void)
{
	struct dirent *e;
	DIR *d;

	fill(1200);
	d = open_here();
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.')
			OK(unlink(e->d_name));
	}
	(void)closedir(d);
	d = open_here();
	while ((e = readdir(d)) != NULL)
		T(e->d_name[0] == '.');
	(void)closedir(d);
}

static void
renamed_within(void)
{
	static unsigned seen[MANY + 2];
	DIR *d;

	fill(50);
	d = open_here();
	T(readdir(d) != NULL);
	OK(rename("entry-10", "entry-60"));
	count(d, seen);
	T(seen[10] + seen[60] >= 1 || seen[MANY] + seen[MANY + 1] < 2);
	rewinddir(d);
	memset(seen, 0, sizeof(seen));
	count(d, seen);
	T(seen[10] == 0 && seen[60] == 1);
	(void)closedir(d);
}

static void
removed_directory(void)
{
	struct dirent *e;
	DIR *d;

	OK(mkdir("d", 0755));
	d = opendir("d");
	T(d != NULL);
	OK(rmdir("d"));
	while ((e = readdir(d)) != NULL)
		T(strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0);
	(void)closedir(d);
}

static void
errors(void)
{
	make("f", "x");
	T(opendir("f") == NULL && errno == ENOTDIR);
	T(opendir("no") == NULL && errno == ENOENT);
	T(fdopendir(FD(open("f", O_RDONLY))) == NULL && errno == ENOTDIR);
}

static void
seen_at_once(void)
{
	static unsigned seen[MANY + 2];

	for (int i = 0; i < 30; i++) {
		DIR *d;

		make(numbered(i), "x");
		d = open_here();
		memset(seen, 0, sizeof(seen));
		count(d, seen);
		for (int k = 0; k <= i; k++)
			T(seen[k] == 1);
		T(seen[i + 1] == 0);
		(void)closedir(d);
	}
}

const struct suite_case dir_cases[] = {
    {"readdir: 1,500 names, each once, and the dots", each_once, 0},
    {"readdir: an empty directory", empty, 0},
    {"readdir: numbers and types are stat's", numbers_and_types, 0},
    {"rewinddir: sees what is there now", rewinds, 0},
    {"telldir, seekdir: 400 places", tell_seek, 0},
    {"readdir: names that stay are seen once while others come and go", stable_under_changes, 0},
    {"seekdir: to a place whose neighbours are gone", seek_after_removal, 0},
    {"readdir: removing what it lists removes all", remove_while_listing, 0},
    {"readdir: a name that changes", renamed_within, 0},
    {"readdir: of a directory that is gone", removed_directory, 0},
    {"opendir: errors", errors, 0},
    {"readdir: a new name is seen at once", seen_at_once, 0},
    {0},
};
