/* Tests of argument values. */
#include "cli/value.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_user_cve_2026_30892(void **state)
{
	static const char *const bad[] = {
		"",
		"1:",
		":1",
		":",
		"-1",
		"4294967295",
		"1x",
		"x1",
		"root",
		"+1",
		" 1",
		"1 ",
		"1:2:3",
		"1:-1",
		"1:4294967295",
		"0x1",
		"1:x",
		"1.0",
		"99999999999999999999",
		"1:99999999999",
		"4294967296",
		"\xb9",
		"1\n",
	};
	struct value_user user = {.uid = 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(value_to_user(bad[i], &user), -EINVAL);
		assert_int_equal(user.uid, 77);
	}
	assert_int_equal(value_to_user("0", &user), 0);
	assert_int_equal(user.uid, 0);
	assert_false(user.has_gid);
	assert_int_equal(value_to_user("1", &user), 0);
	assert_int_equal(user.uid, 1);
	assert_int_equal(value_to_user("1:2", &user), 0);
	assert_int_equal(user.uid, 1);
	assert_true(user.has_gid);
	assert_int_equal(user.gid, 2);
	assert_int_equal(value_to_user("4294967294:4294967294", &user), 0);
	assert_int_equal(user.uid, 4294967294);
	assert_int_equal(user.gid, 4294967294);
}

static void test_signals(void **state)
{
	static const struct {
		const char *text;
		int number;
	} good[] = {
		{"0", 0},
		{"9", SIGKILL},
		{"15", SIGTERM},
		{"64", 64},
		{"TERM", SIGTERM},
		{"SIGTERM", SIGTERM},
		{"sigterm", SIGTERM},
		{"Kill", SIGKILL},
		{"USR1", SIGUSR1},
		{"SIGCLD", SIGCHLD},
		{"IOT", SIGABRT},
		{"poll", SIGIO},
		{"WINCH", SIGWINCH},
		{"RTMIN", 34},
		{"SIGRTMIN", 34},
		{"rtmin+0", 34},
		{"RTMIN+3", 37},
		{"SIGRTMIN+30", 64},
		{"RTMAX", 64},
		{"RTMAX-1", 63},
		{"sigrtmax-30", 34},
		{"37", 37},
	};
	static const char *const bad[] = {
		"",        "-1",       "65",       "9x",      "SIG",     "SIGSIGTERM",
		"TERM ",   "RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMAX+1", "RTMIN+",
		"RTMIN+x", "RTMIN++1", "SIG9",     "NOPE",    "+9",
	};
	int number = -1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(value_to_signal(good[i].text, &number), 0);
		assert_int_equal(number, good[i].number);
	}
	number = -1;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(value_to_signal(bad[i], &number), -EINVAL);
		assert_int_equal(number, -1);
	}
}

static void test_bools(void **state)
{
	static const char *const yes[] = {"true", "1", "yes", "on", "TRUE", "True"};
	static const char *const no[] = {"false", "0", "no", "off", "FALSE", "Off"};
	static const char *const bad[] = {"", "2", "t", "maybe", "true ", "falsey"};
	bool value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		value = false;
		assert_int_equal(value_to_bool(yes[i], &value), 0);
		assert_true(value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		value = true;
		assert_int_equal(value_to_bool(no[i], &value), 0);
		assert_false(value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(value_to_bool(bad[i], &value), -EINVAL);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *word;
		int r;
		int64_t value;
	} rows[] = {
		{"0", 0, 0},
		{"-1", 0, -1},
		{"4096", 0, 4096},
		{"10b", 0, 10},
		{"10k", 0, 10240},
		{"10M", 0, 10 << 20},
		{"10MB", 0, 10 << 20},
		{"10mib", 0, 10 << 20},
		{"2G", 0, INT64_C(2) << 30},
		{"1t", 0, INT64_C(1) << 40},
		{"8191p", 0, INT64_C(8191) << 50},
		{"8192p", -ERANGE, 0},
		{"9223372036854775807", 0, INT64_MAX},
		{"9223372036854775808", -ERANGE, 0},
		{"99999999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"M", -EINVAL, 0},
		{"-2", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"10 M", -EINVAL, 0},
		{"10kk", -EINVAL, 0},
		{"10i", -EINVAL, 0},
		{"10Mx", -EINVAL, 0},
	};
	int64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		v = 0;
		if (value_to_size(rows[i].word, &v) != rows[i].r || v != rows[i].value)
			fail_msg("%s: %lld", rows[i].word, (long long)v);
	}
}

static void test_numbers(void **state)
{
	uint64_t u;
	int64_t v;

	(void)state;
	assert_int_equal(value_to_i64("-9223372036854775807", &v), 0);
	assert_true(v == -INT64_MAX);
	assert_int_equal(value_to_i64("9223372036854775808", &v), -ERANGE);
	assert_true(value_to_i64("", &v) < 0);
	assert_true(value_to_i64("-", &v) < 0);
	assert_true(value_to_i64("--1", &v) < 0);
	assert_int_equal(value_to_rlimit("unlimited", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(value_to_rlimit("-1", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(value_to_rlimit("7", &u), 0);
	assert_int_equal(u, 7);
	assert_true(value_to_rlimit("-2", &u) < 0);
}

static void test_durations(void **state)
{
	static const struct {
		const char *word;
		uint32_t ms;
	} rows[] = {
		{"5s", 5000},    {"250ms", 250}, {"1m30s", 90000}, {"2", 2000}, {"1h", 3600000},
		{"1s5ms", 1005}, {"", 0},        {"0", 0},         {"0s", 0},   {"s", 0},
		{"5x", 0},       {"-1s", 0},     {"1s2", 0},       {"1.5s", 0}, {"99999999h", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t ms = 0;
		int r = value_to_duration(rows[i].word, &ms);

		if (ms != rows[i].ms || (r == 0) != (ms > 0))
			fail_msg("%s: %u", rows[i].word, ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user_cve_2026_30892),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_bools),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
