/* Lists of processors and nodes. */
#include "plan/build.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		uint64_t low, high;
	} rows[] = {
		{"0", 1, 0},
		{"0-3,7", 0x8f, 0},
		{" 1 , 63-64 ", 1ULL << 63 | 2, 1},
		{"127", 0, 1ULL << 63},
		{"5-5,5", 0x20, 0},
	};

	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		uint64_t bits[2] = {0};

		assert_int_equal(plan_parse_list(rows[n].text, bits, 128), 0);
		assert_int_equal(bits[0], rows[n].low);
		assert_int_equal(bits[1], rows[n].high);
	}
}

static void test_not_lists(void **state)
{
	static const char *const rows[] = {
		"",   " ",    "a",   "-1",  "1-",    "3-2",        "0,",
		",0", "0,,1", "1 2", "128", "0-128", "4294967296", "18446744073709551616",
	};

	(void)state;
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		uint64_t bits[2] = {0};

		assert_int_equal(plan_parse_list(rows[n], bits, 128), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_not_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
