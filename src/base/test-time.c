/* Tests of dates, with libc's calendar as the oracle. */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(time_t seconds, long nanoseconds)
{
	struct timespec ts = {.tv_sec = seconds, .tv_nsec = nanoseconds};
	char expected[64], date[32], buf[TIME_UTC_SIZE];
	struct tm tm;

	assert_non_null(gmtime_r(&seconds, &tm));
	assert_true(strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) > 0);
	(void)snprintf(expected, sizeof(expected), "%s.%09ldZ", date, nanoseconds);
	assert_string_equal(time_format_utc(&ts, buf), expected);
}

static void test_known(void **state)
{
	struct timespec ts = {.tv_sec = 1767323045, .tv_nsec = 123456789};
	char buf[TIME_UTC_SIZE];

	(void)state;
	assert_string_equal(time_format_utc(&ts, buf), "2026-01-02T03:04:05.123456789Z");
	ts = (struct timespec){0};
	assert_string_equal(time_format_utc(&ts, buf), "1970-01-01T00:00:00.000000000Z");
}

static void test_every_day(void **state)
{
	(void)state;
	/* 1970 to 2420: every rule of leap years. */
	for (time_t day = 0; day < 450 * 366; day++) {
		check(day * 86400, 0);
		check(day * 86400 + 86399, 999999999);
	}
}

static void test_seconds(void **state)
{
	(void)state;
	for (time_t s = 0; s < 86400; s += 7)
		check(1767323045 + s, (long)s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
