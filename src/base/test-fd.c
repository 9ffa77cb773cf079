/* Groups of descriptors. */
#include "base/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define N 8

static int fds[N]; /* one after the other */

static int set_up(void **state)
{
	(void)state;
	for (int k = 0; k < N; k++) {
		fds[k] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fds[k] != fds[0] + k)
			return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int k = 0; k < N; k++)
		(void)close(fds[k]);
	return 0;
}

/* Exactly those of @wanted, a bit each, are open. */
static void check_open(unsigned wanted)
{
	for (int k = 0; k < N; k++)
		assert_int_equal(fcntl(fds[k], F_GETFD) >= 0, wanted >> k & 1);
}

static void test_neighbours(void **state)
{
	struct fd_group g = {{fds[4], fds[2], fds[3]}};

	(void)state;
	fd_group_close(&g);
	check_open(0xe3);
	/* Nothing is left to close. */
	fd_group_close(&g);
	check_open(0xe3);
}

static void test_apart(void **state)
{
	struct fd_group g = {{fds[1], -EPERM, fds[3]}};

	(void)state;
	fd_group_close(&g);
	check_open(0xf5);
}

static void test_one_and_none(void **state)
{
	struct fd_group g = FD_GROUP_INIT;

	(void)state;
	fd_group_close(&g);
	check_open(0xff);
	g.fds[1] = fds[5];
	fd_group_close(&g);
	check_open(0xdf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_neighbours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_and_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
