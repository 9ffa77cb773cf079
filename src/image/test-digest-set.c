/* Sets of digests: many, the one of zeros, those that begin alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/digest-set.h"

#define MANY 5000

/* Digest number @n: in its last bytes only, so that all of them belong into one row. */
static void make(uint8_t digest[static 32], uint32_t n)
{
	memset(digest, 7, 32);
	memcpy(digest + 28, &n, sizeof(n));
}

static void test_many(void **state)
{
	struct digest_set s;
	uint8_t digest[32];

	(void)state;
	assert_int_equal(digest_set_init(&s, 32), 0);
	for (uint32_t n = 0; n < MANY; n++) {
		memset(digest, 0, sizeof(digest));
		memcpy(digest + 3, &n, sizeof(n));
		digest[31] = 1;
		assert_false(digest_set_has(&s, digest));
		assert_int_equal(digest_set_add(&s, digest), 1);
		assert_int_equal(digest_set_add(&s, digest), 0);
		assert_true(digest_set_has(&s, digest));
	}
	assert_int_equal(s.n, MANY);
	digest_set_done(&s);
}

static void test_alike(void **state)
{
	struct digest_set s;
	uint8_t digest[32];

	(void)state;
	assert_int_equal(digest_set_init(&s, 32), 0);
	for (uint32_t n = 0; n < 2000; n += 2) {
		make(digest, n);
		assert_int_equal(digest_set_add(&s, digest), 1);
	}
	for (uint32_t n = 0; n < 2000; n++) {
		make(digest, n);
		assert_int_equal(digest_set_has(&s, digest), n % 2 == 0);
	}
	digest_set_done(&s);
}

static void test_zeros(void **state)
{
	uint8_t zeros[64] = {0};
	struct digest_set s;

	(void)state;
	assert_int_equal(digest_set_init(&s, 64), 0);
	assert_false(digest_set_has(&s, zeros));
	assert_int_equal(digest_set_add(&s, zeros), 1);
	assert_int_equal(digest_set_add(&s, zeros), 0);
	assert_true(digest_set_has(&s, zeros));
	digest_set_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
