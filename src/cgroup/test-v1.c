/* The freezer's words, from a file that stands in for the kernel's: a real one is in transition for
 * moments only. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/str.h"
#include "cgroup/hierarchy.h"

static void test_frozen(void **state)
{
	static const struct {
		const char *text;
		int frozen;
	} words[] = {{"THAWED\n", 0}, {"FREEZING\n", 1}, {"FROZEN\n", 1}};
	char folder[] = "/tmp/test-v1-XXXXXX";
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	/* The hierarchy is not the freezer's. */
	assert_int_equal(v1_is_frozen(fd), 0);
	for (size_t n = 0; n < ARRAY_SIZE(words); n++) {
		assert_int_equal(io_write_atomic_at(fd, "freezer.state", words[n].text,
						    strlen(words[n].text), 0600),
				 0);
		assert_int_equal(v1_is_frozen(fd), words[n].frozen);
	}
	assert_int_equal(unlinkat(fd, "freezer.state", 0), 0);
	close(fd);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frozen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
