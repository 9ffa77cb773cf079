/* Descriptors that arrive by a socket: the one that is expected, and no other stays open. */
#include "base/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int pair[2];

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int tear_down(void **state)
{
	(void)state;
	return close(pair[0]) | close(pair[1]);
}

/* The lowest number that is free: what is open and should not be is below it. */
static int next_fd(void)
{
	int fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);

	close(fd);
	return fd;
}

/* Send @n descriptors with "word"; what socket_receive() says of them. */
static int pass(const int *fds, size_t n)
{
	char text[8] = "";
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
	int fd = -1;

	assert_int_equal(socket_send(pair[0], "word", 5, fds, n), 5);
	assert_int_equal(socket_receive(pair[1], &iov, 1, 0, &fd), 5);
	assert_string_equal(text, "word");
	return fd;
}

static void test_descriptors(void **state)
{
	const int fds[] = {0, 1, 2};
	int next = next_fd(), fd;

	(void)state;
	assert_int_equal(pass(NULL, 0), -EBADF);
	for (size_t n = 1; n <= 3; n++) {
		fd = pass(fds, n);
		assert_int_equal(fd, next);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
		assert_int_equal(next_fd(), next);
	}
}

static void test_end(void **state)
{
	struct iovec iov = {.iov_base = (char[1]){0}, .iov_len = 1};
	int fd = -1;

	(void)state;
	assert_int_equal(socket_receive(pair[1], &iov, 1, MSG_DONTWAIT, &fd), -EAGAIN);
	assert_int_equal(fd, -EBADF);
	assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
	assert_int_equal(socket_receive(pair[1], &iov, 1, 0, &fd), 0);
	assert_int_equal(fd, -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
