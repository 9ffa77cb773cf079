/* Tests of the tree's parts that readers of hostile input rest on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "image/tree.h"

#define KEYS 20000

static const struct image_key *numbered_key(struct image_tree *t, unsigned i)
{
	char name[32];
	size_t len = str_format(name, sizeof(name), "%s%u", i % 2 ? "lustre." : "user.", i);

	return image_tree_key(t, name, len);
}

/* A name is one key, however many there are, and numbered as the format wants, before and after.
 * The chains grow with the keys: they stay short. */
static void test_many_keys(void **state)
{
	static const struct image_key *keys[KEYS];
	struct image_tree t;

	(void)state;
	assert_int_equal(image_tree_init(&t, false), 0);
	for (unsigned i = 0; i < KEYS; i++) {
		if (i == KEYS / 2)
			image_tree_number_lustre(&t);
		keys[i] = numbered_key(&t, i);
		assert_non_null(keys[i]);
	}
	assert_int_equal(t.n_keys, KEYS);
	for (unsigned i = 0; i < KEYS; i++) {
		assert_ptr_equal(numbered_key(&t, i), keys[i]);
		assert_int_equal(keys[i]->index, i % 2 ? 5 : 1);
		assert_int_equal(keys[i]->prefix_len, i % 2 ? 7 : 5);
	}
	assert_int_equal(t.n_keys, KEYS);
	for (uint32_t i = 0; i <= t.keys_mask; i++) {
		unsigned length = 0;

		for (const struct image_key *k = t.keys[i]; k; k = k->next_hash)
			length++;
		assert_true(length < 32);
	}
	image_tree_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
