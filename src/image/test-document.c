/* Members of documents as they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "image/document.h"

/* What each_raw() tells, one line a member: key|member|value. */
struct told {
	char text[1000];
	size_t len;
};

static int note(void *ctx, const struct document_raw *m)
{
	struct told *t = ctx;

	t->len += (size_t)snprintf(t->text + t->len, sizeof(t->text) - t->len, "%s|%.*s|%.*s\n",
				   m->key, (int)m->member_len, m->member, (int)m->value_len,
				   m->value);
	return 0;
}

static int tell(const char *text, struct told *t)
{
	struct err e = {0};
	struct arena a;
	int r;

	*t = (struct told){0};
	arena_init(&a, NULL, 0);
	r = document_each_raw(text, strlen(text), &a, note, t, &e);
	arena_done(&a);
	return r;
}

static void test_raw(void **state)
{
	static const char text[] =
		"  { \"a\" : 1.50 ,\n\"b\":{\"x\":\"}\\\"\"},\t\"\\u00e4\\n\" : [ 1,2 ]"
		",\"e\":\"\" }";
	struct told t;

	(void)state;
	assert_int_equal(tell(text, &t), 0);
	assert_string_equal(t.text, "a|\"a\" : 1.50|1.50\n"
				    "b|\"b\":{\"x\":\"}\\\"\"}|{\"x\":\"}\\\"\"}\n"
				    "\u00e4\n|\"\\u00e4\\n\" : [ 1,2 ]|[ 1,2 ]\n"
				    "e|\"e\":\"\"|\"\"\n");
	assert_int_equal(tell("{}", &t), 0);
	assert_string_equal(t.text, "");
}

static void test_raw_refused(void **state)
{
	static const char *const wrong[] = {"",        "[]",       "1",         "{",
					    "{\"a\"}", "{\"a\":}", "{\"a\":1,}"};
	struct told t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_true(tell(wrong[i], &t) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
