/* The arena: what is allocated stays, whoever it belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

#define MANY 5000 /* more than a chunk */

static void adopted(void **state)
{
	struct arena kept, given = {0};
	const char *texts[MANY], *own;
	char small[64];

	(void)state;
	arena_init(&kept, small, sizeof(small));
	own = arena_strdup(&kept, "in the caller's memory");
	for (unsigned n = 0; n < MANY; n++)
		texts[n] = arena_format(&given, "number %u of the other", n);
	arena_adopt(&kept, &given);
	assert_null(given.chunks);
	/* Both go on, and neither writes over what there is. */
	assert_string_equal(arena_strdup(&given, "anew"), "anew");
	for (unsigned n = 0; n < MANY; n++)
		assert_non_null(arena_strdup(&kept, "and more"));
	arena_done(&given);
	for (unsigned n = 0; n < MANY; n++) {
		char expected[32];

		(void)str_format(expected, sizeof(expected), "number %u of the other", n);
		assert_string_equal(texts[n], expected);
	}
	assert_string_equal(own, "in the caller's memory");
	arena_done(&kept);
}

static void adopted_by_nobody(void **state)
{
	struct arena kept = {0}, given = {0};

	(void)state;
	arena_adopt(&kept, &given);
	assert_null(kept.chunks);
	assert_non_null(arena_strdup(&given, "one"));
	arena_adopt(&kept, &given);
	assert_non_null(kept.chunks);
	arena_done(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adopted),
		cmocka_unit_test(adopted_by_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
