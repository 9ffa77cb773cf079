/* Members of documents as they stand, and lists of strings. */
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

static int strings(char *text, struct document_strings *ret)
{
	struct json_value v;
	struct err e = {0};
	struct arena a;
	struct json j;
	int r;

	arena_init(&a, NULL, 0);
	json_init(&j, text, strlen(text));
	r = json_read(&j, &v, &e);
	if (r == 0)
		r = document_strings(&j, &v, &a, ret, &e);
	if (r == 0 && ret->n)
		assert_null(ret->items[ret->n]);
	arena_done(&a);
	return r;
}

static void test_strings(void **state)
{
	char two[] = "[\"a\",\"b\"]", none[] = "null", mixed[] = "[\"a\",1]", object[] = "{}";
	struct document_strings s = {0};

	(void)state;
	assert_int_equal(strings(none, &s), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(strings(two, &s), 0);
	assert_int_equal(s.n, 2);
	/* A second one under the same key. */
	assert_true(strings(two, &s) < 0);
	s = (struct document_strings){0};
	assert_true(strings(mixed, &s) < 0);
	assert_true(strings(object, &s) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_raw_refused),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
