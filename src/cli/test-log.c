/* Tests of the printer of errors: what reaches standard error, and what the log. */
#include "cli/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char log_path[64], stderr_path[64];
static int real_stderr;

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(log_path, "/tmp/coracle-test-log-XXXXXX");
	strcpy(stderr_path, "/tmp/coracle-test-err-XXXXXX");
	fd = mkstemp(log_path);
	assert_true(fd >= 0);
	(void)close(fd);
	fd = mkstemp(stderr_path);
	assert_true(fd >= 0);
	real_stderr = dup(2);
	(void)dup2(fd, 2);
	(void)close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)dup2(real_stderr, 2);
	(void)close(real_stderr);
	(void)unlink(log_path);
	(void)unlink(stderr_path);
	return 0;
}

static const char *content(const char *path)
{
	static char buf[16384];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	(void)close(fd);
	return buf;
}

static unsigned count_lines(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static struct err sample(void)
{
	struct err e = {0};

	(void)err_sys(&e, ERR_MOUNT, -ENOENT, "open \"/srv/missing\"");
	(void)err_where(&e, "mounts[3] (/data)");
	(void)err_hint(&e, "make it");
	return e;
}

static void test_text(void **state)
{
	struct err e = sample();

	(void)state;
	assert_int_equal(log_open("", false, LOG_ERROR, &e), 0);
	log_error(&e);
	/* No hint: this is not a terminal. */
	assert_string_equal(content(stderr_path),
			    "coracle: mounts[3] (/data): open \"/srv/missing\": "
			    "no such file or directory\n");
}

static void test_json_on_stderr(void **state)
{
	struct err e = sample();

	(void)state;
	assert_int_equal(log_open("", true, LOG_ERROR, &e), 0);
	log_error(&e);
	assert_non_null(strstr(content(stderr_path),
			       "{\"level\":\"error\",\"msg\":\"mounts[3] (/data): open "
			       "\\\"/srv/missing\\\": no such file or "
			       "directory\",\"time\":\"20"));
	assert_non_null(strstr(content(stderr_path), "Z\",\"code\":\"mount\",\"where\":\"mounts[3] "
						     "(/data)\",\"hint\":\"make it\"}\n"));
	assert_int_equal(count_lines(content(stderr_path)), 1);
}

/* A single object in the file, or Podman cannot read it; text for conmon on standard error. */
static void test_json_in_file(void **state)
{
	char target[80];
	struct err e;

	(void)state;
	(void)snprintf(target, sizeof(target), "file:%s", log_path);
	assert_int_equal(log_open(target, true, LOG_ERROR, &e), 0);
	(void)err_set(&e, ERR_CONTAINER_STATE, -ESRCH, "container not running");
	log_warning(&e);
	log_error(&e);
	assert_string_equal(content(stderr_path), "coracle: container not running\n");
	assert_int_equal(count_lines(content(log_path)), 1);
	assert_non_null(
		strstr(content(log_path),
		       "{\"level\":\"error\",\"msg\":\"container not running\",\"time\":\""));
	assert_null(strstr(content(log_path), "hint"));
	assert_null(strstr(content(log_path), "where"));
}

static void test_warnings(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(log_open(log_path, false, LOG_WARNING, &e), 0);
	(void)err_set(&e, ERR_IO, -EIO, "odd");
	log_warning(&e);
	assert_string_equal(content(stderr_path), "coracle: warning: odd\n");
	assert_non_null(strstr(content(log_path), "Z warning: odd\n"));
}

/* One line, whatever a path holds. */
static void test_control_characters(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(log_open("", false, LOG_ERROR, &e), 0);
	(void)err_set(&e, ERR_IO, -EIO, "a\nb\tc\x1b[2Jd\x7f\x01");
	log_error(&e);
	assert_string_equal(content(stderr_path), "coracle: a\\nb\\tc\\x1b[2Jd\\x7f\\x01\n");
}

static void test_longest(void **state)
{
	struct err e = {.code = -EIO, .id = ERR_IO, .is_errno = 1};

	(void)state;
	for (int json = 0; json < 2; json++) {
		memset(e.where, '\x01', sizeof(e.where) - 1);
		memset(e.text, '\x02', sizeof(e.text) - 1);
		memset(e.hint, '"', sizeof(e.hint) - 1);
		struct err ignored;

		assert_int_equal(log_open("", json, LOG_ERROR, &ignored), 0);
		log_error(&e);
	}
	assert_int_equal(count_lines(content(stderr_path)), 2);
}

static void test_unusable_targets(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(log_open("/nonexistent/log", false, LOG_ERROR, &e), -ENOENT);
	assert_int_equal(e.id, ERR_IO);
	log_error(&e);
	assert_string_equal(content(stderr_path),
			    "coracle: open log file /nonexistent/log: no such file or directory\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_text),
		TEST(test_json_on_stderr),
		TEST(test_longest),
		TEST(test_control_characters),
		TEST(test_unusable_targets),
		TEST(test_json_in_file),
		TEST(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
