/* Tests of the index of names: random additions and removals beside a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "image/names.h"

#define DIRECTORIES 40
#define TEXTS       200
#define STEPS       200000

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Whatever was added and not removed is found, and nothing else, through growth and removals. */
static void test_random(void **state)
{
	static struct name *there[DIRECTORIES][TEXTS];
	struct name *dirs[DIRECTORIES];
	uint32_t seed = 1, n = 0;
	struct names t;
	struct arena a;
	char text[16];

	(void)state;
	arena_init(&a, NULL, 0);
	assert_int_equal(names_init(&t, &a), 0);
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		size_t len = str_format(text, sizeof(text), "d%u", i);

		dirs[i] = names_add(&t, i % 3 ? dirs[i - 1] : t.root, text, len);
		assert_non_null(dirs[i]);
	}
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned d = next_random(&seed) % DIRECTORIES, x = next_random(&seed) % TEXTS;
		size_t len = str_format(text, sizeof(text), "%u", x);
		struct name **slot = &there[d][x];

		assert_ptr_equal(names_find(&t, dirs[d], text, len), *slot);
		/* Fills up first, then goes up and down. */
		if (*slot && (i > STEPS / 2 || next_random(&seed) % 4 == 0)) {
			names_remove(&t, *slot);
			*slot = NULL;
			n--;
		} else if (!*slot) {
			*slot = names_add(&t, dirs[d], text, len);
			assert_non_null(*slot);
			n++;
		}
	}
	for (unsigned d = 0; d < DIRECTORIES; d++)
		for (unsigned x = 0; x < TEXTS; x++) {
			size_t len = str_format(text, sizeof(text), "%u", x);

			assert_ptr_equal(names_find(&t, dirs[d], text, len), there[d][x]);
		}
	assert_int_equal(t.n, n + DIRECTORIES);
	names_done(&t);
	arena_done(&a);
}

static void test_walks(void **state)
{
	static const char *const paths[] = {"a", "a/b", "a/b/c", "a/d", "e"};
	char up[64] = "", down[64] = "";
	size_t len_up = 0, len_down = 0;
	struct name *a = NULL, *n, *next;
	struct names t;
	struct arena arena;

	(void)state;
	arena_init(&arena, NULL, 0);
	assert_int_equal(names_init(&t, &arena), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		const char *slash = strrchr(paths[i], '/');
		size_t len = slash ? (size_t)(slash - paths[i]) : 0;
		const char *text = slash ? slash + 1 : paths[i];

		n = names_add(&t, names_find_path(&t, paths[i], len), text, strlen(text));
		assert_non_null(n);
		assert_ptr_equal(names_find_path(&t, paths[i], strlen(paths[i])), n);
		a = i == 0 ? n : a;
	}
	assert_null(names_find_path(&t, "a/x", 3));
	assert_ptr_equal(names_find_path(&t, "", 0), t.root);
	for (n = t.root; n; n = names_next(n))
		len_down += str_copy(down + len_down, sizeof(down) - len_down,
				     *n->text ? n->text : "/");
	assert_string_equal(down, "/eadbc");
	/* Removing as it goes. */
	for (n = names_first(a); n; n = next) {
		next = names_after(n, a);
		len_up += str_copy(up + len_up, sizeof(up) - len_up, n->text);
		names_remove(&t, n);
	}
	assert_string_equal(up, "dcba");
	assert_int_equal(t.n, 1);
	assert_null(names_find_path(&t, "a", 1));
	assert_ptr_equal(names_next(t.root), names_find_path(&t, "e", 1));
	names_done(&t);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_walks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
