/* verify-bits against trying all numbers. */
#include "seccomp/compile/verify-bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"

static bool holds(const struct bits_fact *facts, uint32_t n, uint32_t x)
{
	for (uint32_t i = 0; i < n; i++)
		if (((x & facts[i].mask) == facts[i].value) != facts[i].equal)
			return false;
	return true;
}

static bool tried(const struct bits_fact *facts, uint32_t n, uint32_t first, uint32_t last)
{
	for (uint32_t x = first; x <= last; x++)
		if (holds(facts, n, x))
			return true;
	return false;
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

/* Numbers of eight bits, so that all can be tried; the interval keeps them there. */
static void test_random(void **state)
{
	uint32_t seed = 1, possible = 0, all = 20000;

	(void)state;
	for (uint32_t i = 0; i < all; i++) {
		struct bits_fact facts[8];
		uint32_t n = next(&seed) % 9, first = next(&seed) % 256, last = next(&seed) % 256;
		bool found;

		for (uint32_t k = 0; k < n; k++) {
			facts[k].mask = next(&seed) % 16;
			facts[k].value = next(&seed) % 8 ? next(&seed) & facts[k].mask : 16;
			facts[k].equal = next(&seed) % 4 == 0;
		}
		found = bits_exist(facts, n, first, last);
		assert_int_equal(found, tried(facts, n, first, last));
		possible += found;
	}
	assert_in_range(possible, all / 10, all - all / 10);
}

static void test_high_bits(void **state)
{
	struct bits_fact top = {.mask = 0x80000000, .value = 0x80000000, .equal = true};
	struct bits_fact pair[] = {
		{.mask = 0xc0000000, .value = 0, .equal = false},
		{.mask = 0x40000000, .value = 0, .equal = true},
		{.mask = 0x80000000, .value = 0, .equal = true},
	};

	struct bits_fact odd_and_even[] = {
		{.mask = 1, .value = 0, .equal = true},
		{.mask = 1, .value = 0, .equal = false},
	};

	(void)state;
	assert_false(bits_exist(odd_and_even, 2, 0, UINT32_MAX));
	assert_false(bits_exist(odd_and_even, 2, 77, 0x77777777));
	assert_true(bits_exist(NULL, 0, 0, UINT32_MAX));
	assert_true(bits_exist(NULL, 0, UINT32_MAX, UINT32_MAX));
	assert_false(bits_exist(NULL, 0, 2, 1));
	assert_true(bits_exist(&top, 1, 0, UINT32_MAX));
	assert_true(bits_exist(&top, 1, 0, 0x80000000));
	assert_false(bits_exist(&top, 1, 0, 0x7fffffff));
	assert_true(bits_exist(pair, 2, 0, UINT32_MAX));
	assert_false(bits_exist(pair, 3, 0, UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_high_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
