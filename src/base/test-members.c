/* Documents by their members: what is found, what counts as absent, and what is said of the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/members.h"
#include "base/str.h"

/* What a document with two keys holds. */
struct found {
	struct arena arena;
	const char *name;
	struct strings list;
	unsigned inner;
};

static int inner(void *ctx, const char *key, struct json *j, struct json_value *v, struct err *e)
{
	struct found *f = ctx;

	(void)key;
	f->inner++;
	return json_skip(j, v, e);
}

static int outer(void *ctx, const char *key, struct json *j, struct json_value *v, struct err *e)
{
	struct found *f = ctx;

	if (str_eq(key, "name"))
		return members_string(v, &f->name, e);
	if (str_eq(key, "list"))
		return members_strings(j, v, &f->arena, 2, &f->list, e);
	if (str_eq(key, "object"))
		return members_object(j, v, inner, f, e);
	return json_skip(j, v, e);
}

static int find(const char *text, struct found *f, struct err *e)
{
	*f = (struct found){0};
	*e = (struct err){0};
	arena_init(&f->arena, NULL, 0);
	return members_read(arena_strdup(&f->arena, text), strlen(text), outer, f, e);
}

static void test_found(void **state)
{
	struct found f;
	struct err e;

	(void)state;
	assert_int_equal(
		find("{\"name\":\"a\",\"x\":[1],\"list\":[\"b\",\"c\"],\"object\":{\"k\":{},\"l\":1}}",
		     &f, &e),
		0);
	assert_string_equal(f.name, "a");
	assert_int_equal(f.list.n, 2);
	assert_string_equal(f.list.items[1], "c");
	assert_null(f.list.items[2]);
	assert_int_equal(f.inner, 2);
	arena_done(&f.arena);
}

/* As programs in Go write what is empty. */
static void test_null(void **state)
{
	struct found f;
	struct err e;

	(void)state;
	assert_int_equal(find("{\"name\":null,\"list\":null,\"object\":null}", &f, &e), 0);
	assert_null(f.name);
	assert_int_equal(f.list.n, 0);
	arena_done(&f.arena);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{"null", "line 1: expected an object"},
		{"[]", "line 1: expected an object"},
		{"{\n\"name\": 1}", "line 2: expected a string"},
		{"{\"name\":\"a\",\n\"name\":\"b\"}", "line 2: a key that is there twice"},
		{"{\"list\":[\"a\"],\"list\":[]}", "line 1: a key that is there twice"},
		{"{\"list\":[\"a\",\"b\",\"c\"]}", "line 1: too many strings"},
		{"{\"list\":[null]}", "line 1: expected a string"},
		{"{\"list\":{}}", "line 1: expected an array"},
		{"{\"object\":[]}", "line 1: expected an object"},
	};
	struct found f;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_true(find(wrong[i].text, &f, &e) < 0);
		assert_string_equal(e.text, wrong[i].words);
		assert_int_equal(e.id, ERR_CONFIG_TYPE);
		arena_done(&f.arena);
	}
	assert_true(find("{}}", &f, &e) < 0);
	assert_int_equal(e.id, ERR_JSON_SYNTAX);
	arena_done(&f.arena);
}

static void test_array(void **state)
{
	char two[] = "[1, {\"k\":2}]", none[] = "[]", object[] = "{}";
	struct found f = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(members_read_array(two, strlen(two), inner, &f, &e), 0);
	assert_int_equal(f.inner, 2);
	assert_int_equal(members_read_array(none, strlen(none), inner, &f, &e), 0);
	assert_true(members_read_array(object, strlen(object), inner, &f, &e) < 0);
	assert_string_equal(e.text, "line 1: expected an array");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
