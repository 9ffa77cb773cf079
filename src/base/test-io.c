/* Whole files in and out, in a directory of our own. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test-io-XXXXXX";
static int dirfd_ = -1;
static struct arena arena;
static char small[64];

static int set_up_group(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ < 0 ? -1 : 0;
}

static int tear_down_group(void **state)
{
	(void)state;
	close(dirfd_);
	return rmdir(dir);
}

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, small, sizeof(small));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	(void)unlinkat(dirfd_, "f", 0);
	return 0;
}

static void put(const void *data, size_t len)
{
	assert_int_equal(io_write_atomic_at(dirfd_, "f", data, len, 0600), 0);
}

/* The ways to read a regular file. */
static int (*const readers[])(struct arena *a, int dirfd, const char *path, size_t max, char **ret,
			      size_t *ret_len) = {io_read_file_at, io_read_saved_at};

static void test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8191, 8192, 100000};
	char *data = malloc(100000), *text;
	size_t len;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < 100000; i++)
		data[i] = (char)(i * 7);
	for (size_t k = 0; k < 2 * sizeof(sizes) / sizeof(sizes[0]); k++) {
		size_t size = sizes[k / 2];

		put(data, size);
		assert_int_equal(readers[k % 2](&arena, dirfd_, "f", 100000, &text, &len), 0);
		assert_int_equal(len, size);
		assert_int_equal(memcmp(text, data, len), 0);
		assert_int_equal(text[len], '\0');
		assert_int_equal(readers[k % 2](&arena, dirfd_, "f", size, &text, &len), 0);
		assert_int_equal(len, size);
		if (size > 0)
			assert_int_equal(readers[k % 2](&arena, dirfd_, "f", size - 1, &text, &len),
					 -EFBIG);
	}
	free(data);
}

/* No size is known in advance, and reads come in pieces. */
static void test_pipe(void **state)
{
	char *text;
	size_t len;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	if (fork() == 0) {
		for (int i = 0; i < 3000; i++) {
			if (write(fds[1], "0123456789", 10) != 10)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(io_read_fd(&arena, fds[0], 1 << 20, &text, &len), 0);
	assert_int_equal(len, 30000);
	assert_int_equal(strlen(text), 30000);
	close(fds[0]);
	assert_true(wait(NULL) > 0);
}

static void test_kernel_file(void **state)
{
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(io_read_file_at(&arena, AT_FDCWD, "/proc/self/maps", 1 << 20, &text, &len),
			 0);
	assert_true(len > 100);
	assert_int_equal(io_read_file_at(&arena, AT_FDCWD, "/nonexistent", 1 << 20, &text, &len),
			 -ENOENT);
	assert_int_equal(io_read_file_at(&arena, AT_FDCWD, "/proc", 1 << 20, &text, &len), -EISDIR);
}

static void test_value(void **state)
{
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(io_write_value_at(dirfd_, "f", "x"), -ENOENT);
	put("old value", 9);
	assert_int_equal(io_write_value_at(dirfd_, "f", "new"), 0);
	assert_int_equal(io_read_file_at(&arena, dirfd_, "f", 99, &text, &len), 0);
	assert_string_equal(text, "new value");
}

/* A reader that holds the old file keeps it, the mode is the asked one, nothing else is left. */
static void test_atomic(void **state)
{
	char name[64], *text;
	struct stat st;
	size_t len;
	int old;

	(void)state;
	put("first", 5);
	old = openat(dirfd_, "f", O_RDONLY | O_CLOEXEC);
	/* What a command that was killed left. */
	(void)snprintf(name, sizeof(name), ".f.%d", (int)getpid());
	close(openat(dirfd_, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0777));
	put("second", 6);
	assert_int_equal(io_read_fd(&arena, old, 99, &text, &len), 0);
	assert_string_equal(text, "first");
	close(old);
	assert_int_equal(io_read_file_at(&arena, dirfd_, "f", 99, &text, &len), 0);
	assert_string_equal(text, "second");
	assert_int_equal(fstatat(dirfd_, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(dirfd_, name, &st, 0), -1);
	/* A directory in the way: the temporary file goes too (tear-down needs an empty place). */
	assert_int_equal(mkdirat(dirfd_, "d", 0755), 0);
	assert_true(io_write_atomic_at(dirfd_, "d", "x", 1, 0600) < 0);
	assert_int_equal(unlinkat(dirfd_, "d", AT_REMOVEDIR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pipe, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kernel_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_value, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_atomic, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
