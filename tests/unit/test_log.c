/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

/* A file that the sink under test writes to. */
static char path[512];

static int
make_path(void **state)
{
	const char *top = getenv("TMPDIR");
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/cfs-log-XXXXXX", top != NULL ? top : "/tmp");
	fd = mkstemp(path);
	fd_close(&fd);
	return 0;
}

static int
remove_path(void **state)
{
	(void)state;
	log_to_stderr();
	log_set_level(LVL_NOTICE);
	return unlink(path);
}

/* What the file holds; the caller frees it. */
static char *
logged(void)
{
	struct buf text = BUF_INIT;

	assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL), 0);
	return buf_take(&text, NULL);
}

static void
levels_choose_messages(void **state)
{
	char *text;
	int computed = 0;

	(void)state;
	assert_int_equal(log_to_file(path, NULL), 0);
	log_set_level(LVL_WARN);
	errno = 5;
	log_warn("disk %d%%", 99);
	log_notice("hidden %d", ++computed);
	assert_int_equal(errno, 5);
	assert_int_equal(computed, 0);
	log_set_level(LVL_DEBUG);
	log_debug("shown");
	text = logged();
	assert_non_null(strstr(text, "Z warn ["));
	assert_non_null(strstr(text, "] disk 99%\n"));
	assert_null(strstr(text, "hidden"));
	assert_non_null(strstr(text, "] shown\n"));
	free(text);
	for (int i = LVL_ERROR; i <= LVL_DEBUG; i++)
		assert_int_equal(log_level_parse(log_level_name((enum log_level)i)), i);
	assert_int_equal(log_level_parse("loud"), CFS_EINVAL);
}

static void
a_message_is_one_clean_line(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	char *text, *message;
	char *big = malloc(3 * LOG_LINE_MAX);

	(void)state;
	assert_non_null(big);
	assert_int_equal(log_to_file(path, NULL), 0);
	log_error("a\nb\x1b[0m\xff\\n\xc3\xa4");
	log_err(NULL);
	log_err(&err);
	(void)err_set(&err, CFS_EFAIL, "broken");
	log_err(&err);
	text = logged();
	message = strstr(text, "] ") + 2;
	assert_memory_equal(message, "a\\nb\\x1b[0m\\xff\\n\xc3\xa4\n", 20);
	assert_non_null(strstr(message, "] broken\n"));
	free(text);
	memset(big, '\n', 3 * LOG_LINE_MAX);
	big[3 * LOG_LINE_MAX - 1] = '\0';
	assert_int_equal(truncate(path, 0), 0);
	log_error("%s", big);
	text = logged();
	assert_in_range(strlen(text), LOG_LINE_MAX - 2, LOG_LINE_MAX);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	free(text);
	free(big);
}

static void
a_rotated_file_is_opened_again(void **state)
{
	struct cfs_err err = CFS_ERR_INIT;
	char old[520];
	char *text;
	struct stat st;

	(void)state;
	(void)snprintf(old, sizeof(old), "%s.1", path);
	assert_int_equal(log_to_file(path, &err), 0);
	log_error("first");
	assert_int_equal(rename(path, old), 0);
	log_error("second");
	assert_int_equal(log_reopen(&err), 0);
	log_error("third");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text = logged();
	assert_null(strstr(text, "second"));
	assert_non_null(strstr(text, "third"));
	free(text);
	assert_int_equal(unlink(old), 0);
	assert_int_equal(log_to_file("/nonexistent/x", &err), CFS_ENOENT);
	log_error("fourth");
	text = logged();
	assert_non_null(strstr(text, "fourth"));
	free(text);
}

/* stderr becomes the file, and JOURNAL_STREAM names that file, then another. */
static void
the_journal_gets_priorities(void **state)
{
	int saved = dup(STDERR_FILENO);
	int fd = io_open(path, O_WRONLY | O_APPEND, 0);
	char stream[64];
	struct stat st;
	char *text;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_to_stderr();
	log_error("one");
	log_notice("two");
	assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	log_to_stderr();
	log_error("three");
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	fd_close(&fd);
	fd_close(&saved);
	text = logged();
	assert_memory_equal(text, "<3>one\n<5>two\n2", 15);
	assert_non_null(strstr(text, "Z error ["));
	free(text);
}

/* What stands behind the pid in the first line. */
static const char *
behind_pid(char *text)
{
	char *p = strstr(text, " pid=");

	assert_memory_equal(text, "time=", 5);
	assert_non_null(strstr(text, "Z level=notice pid="));
	p = strchr(p + 1, ' ') + 1;
	*strchr(p, '\n') = '\0';
	return p;
}

static char seen_by_tee[64];

static void
remember(void *arg, enum log_level level, const char *text, size_t len)
{
	(void)arg;
	(void)level;
	(void)snprintf(seen_by_tee, sizeof(seen_by_tee), "%.*s", (int)len, text);
}

static void
fields_are_quoted_where_they_must(void **state)
{
	char long_value[LOG_FIELDS_MAX];
	char *text;

	(void)state;
	assert_int_equal(log_to_file(path, NULL), 0);
	log_set_format(LOG_FIELDS);
	log_tee(remember, NULL);
	log_notice("plain");
	text = logged();
	assert_string_equal(behind_pid(text), "msg=plain");
	free(text);
	assert_int_equal(truncate(path, 0), 0);
	log_field("role", "session");
	log_field("device", "my \"big\" box\n");
	/* What does not fit is left out, and does not break what does. */
	memset(long_value, 'x', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	log_field("much", long_value);
	log_notice("a \"b\" c\\n=\xff");
	text = logged();
	assert_string_equal(
	    behind_pid(text),
	    "role=session device=\"my \\\"big\\\" box\\\\n\" msg=\"a \\\"b\\\" c\\\\n=\\\\xff\"");
	free(text);
	assert_string_equal(seen_by_tee, "a \"b\" c\\n=\\xff");
	log_tee(NULL, NULL);
	/* The longest ends with its quote, too. */
	assert_int_equal(truncate(path, 0), 0);
	log_notice("%*s\"", 2 * LOG_LINE_MAX, " ");
	text = logged();
	assert_in_range(strlen(text), LOG_LINE_MAX - 4, LOG_LINE_MAX);
	assert_string_equal(text + strlen(text) - 2, "\"\n");
	free(text);
	log_fields_drop();
	log_set_format(LOG_TEXT);
}

/* As a process does that may not open files: the sink comes as a descriptor. */
static void
a_sink_is_handed_on(void **state)
{
	struct log_state told;
	char other[520], *text;
	int fd;

	(void)state;
	/* From stderr to a file. */
	assert_int_equal(log_to_file(path, NULL), 0);
	log_set_level(LVL_INFO);
	fd = dup(log_state(&told));
	log_to_stderr();
	log_set_level(LVL_ERROR);
	log_adopt(&told, fd);
	log_info("one");
	/* To another file: under the same number, so that no thread writes into what is not the log's. */
	(void)snprintf(other, sizeof(other), "%s.1", path);
	log_adopt(&told, io_open(other, O_WRONLY | O_CREAT | O_APPEND, 0600));
	log_info("two");
	assert_int_equal(log_state(&told), fd);
	/* Without a descriptor it stays, but for level and format. */
	told.level = LVL_ERROR;
	log_adopt(&told, -1);
	log_info("hidden");
	log_error("three");
	text = logged();
	assert_non_null(strstr(text, "] one\n"));
	assert_null(strstr(text, "two"));
	free(text);
	assert_int_equal(rename(other, path), 0);
	text = logged();
	assert_non_null(strstr(text, "] two\n"));
	assert_non_null(strstr(text, "] three\n"));
	assert_null(strstr(text, "hidden"));
	free(text);
}

#define PATH_TEST(name) cmocka_unit_test_setup_teardown(name, make_path, remove_path)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PATH_TEST(levels_choose_messages),
	    PATH_TEST(a_message_is_one_clean_line),
	    PATH_TEST(a_rotated_file_is_opened_again),
	    PATH_TEST(the_journal_gets_priorities),
	    PATH_TEST(fields_are_quoted_where_they_must),
	    PATH_TEST(a_sink_is_handed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
