/* Tests of the JSON reader and writer. */
#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

/* A copy of exactly @len bytes on the heap, so that sanitizers see a read beyond the end. */
static char *exact_copy(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return copy;
}

/* Read a whole document and throw it away. */
static int walk(const char *text, size_t len, struct err *e)
{
	char *copy = exact_copy(text, len);
	struct json_value v;
	struct json j;
	int r;

	*e = (struct err){0};
	json_init(&j, copy, len);
	r = json_read(&j, &v, e);
	if (r == 0)
		r = json_skip(&j, &v, e);
	if (r == 0)
		r = json_finish(&j, e);
	if (r == 0)
		assert_int_equal(j.depth, 0);
	free(copy);
	return r;
}

static void test_accepts(void **state)
{
	static const char *const documents[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"1",
		"-1",
		"10.25",
		"0.5",
		"1e5",
		"1E+5",
		"1e-5",
		"-0.0e00",
		"\"\"",
		"\"a\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
		"\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
		"\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"",
		"\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
		"\"\x7f\"",
		"[]",
		"[ ]",
		"[1]",
		"[1,2 , 3]",
		"[[],[[]],{}]",
		"{}",
		"{ }",
		"{\"a\":1}",
		"{\"a\":{\"b\":[null,true,{\"c\":\"d\"}]},\"a\":2}",
		"{\"\":0}",
		" \t\r\n{ \t\r\n\"a\" \t\r\n: \t\r\n1 \t\r\n} \t\r\n",
		"\n                        [\n\t\t\t\t\t\t\t\t\t\t\t\t1\n                 ]",
		"99999999999999999999999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct err e;

		if (walk(documents[i], strlen(documents[i]), &e) < 0)
			fail_msg("%s: %s", documents[i], e.text);
	}
}

#define DOC(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
	const char *words;
} refused[] = {
	{DOC(""), "line 1: expected a value, got the end of the document"},
	{DOC("  \n "), "line 2: expected a value, got the end of the document"},
	{DOC("nul"), "line 1: expected a value, got 'n'"},
	{DOC("nulL"), "line 1: expected a value, got 'n'"},
	{DOC("nullx"), "line 1: expected the end of the document, got 'x'"},
	{DOC("True"), "line 1: expected a value, got 'T'"},
	{DOC("fals"), "line 1: expected a value, got 'f'"},
	{DOC("tru\0"), "line 1: expected a value, got 't'"},
	{DOC("\xef\xbb\xbf{}"), "line 1: expected a value, got byte 0xef"},
	{DOC("null\0"), "line 1: expected the end of the document, got byte 0x00"},
	{DOC("\v1"), "line 1: expected a value, got byte 0x0b"},
	{DOC("// x\n1"), "line 1: expected a value, got '/'"},
	{DOC("'a'"), "line 1: expected a value, got '''"},
	{DOC("NaN"), "line 1: expected a value, got 'N'"},
	{DOC("1 2"), "line 1: expected the end of the document, got '2'"},
	/* numbers */
	{DOC("-"), "line 1: expected a digit, got the end of the document"},
	{DOC("-a"), "line 1: expected a digit, got 'a'"},
	{DOC("+1"), "line 1: expected a value, got '+'"},
	{DOC("01"), "line 1: a number begins with 0"},
	{DOC("-01"), "line 1: a number begins with 0"},
	{DOC("1."), "line 1: expected a digit, got the end of the document"},
	{DOC(".5"), "line 1: expected a value, got '.'"},
	{DOC("1.e1"), "line 1: expected a digit, got 'e'"},
	{DOC("1e"), "line 1: expected a digit, got the end of the document"},
	{DOC("1e+"), "line 1: expected a digit, got the end of the document"},
	{DOC("[1e-]"), "line 1: expected a digit, got ']'"},
	{DOC("0x10"), "line 1: expected the end of the document, got 'x'"},
	{DOC("-Infinity"), "line 1: expected a digit, got 'I'"},
	/* strings */
	{DOC("\""), "line 1: a string is not closed"},
	{DOC("\"abcdefghijklmnop"), "line 1: a string is not closed"},
	{DOC("\"a\\"), "line 1: a string is not closed"},
	{DOC("\"a\\\""), "line 1: a string is not closed"},
	{DOC("\"\\x\""), "line 1: unknown escape in a string"},
	{DOC("\"\\\n\""), "line 1: unknown escape in a string"},
	{DOC("\"\\u12\""), "line 1: \\u needs four hexadecimal digits"},
	{DOC("\"\\u12g4\""), "line 1: \\u needs four hexadecimal digits"},
	{DOC("\"\\u"), "line 1: \\u needs four hexadecimal digits"},
	{DOC("\"\\u0000\""), "line 1: embedded NUL in a string"},
	{DOC("\"a\0b\""), "line 1: embedded NUL in a string"},
	{DOC("\"a\nb\""), "line 1: control character 0x0a in a string"},
	{DOC("\"12345678\t\""), "line 1: control character 0x09 in a string"},
	{DOC("\"\x1f\""), "line 1: control character 0x1f in a string"},
	{DOC("\"\\uD800\""), "line 1: unpaired surrogate in a string"},
	{DOC("\"\\uDC00\""), "line 1: unpaired surrogate in a string"},
	{DOC("\"\\uD800\\uD800\""), "line 1: unpaired surrogate in a string"},
	{DOC("\"\\uD800\\n0000\""), "line 1: unpaired surrogate in a string"},
	{DOC("\"\\uD800\\uDC0\""), "line 1: unpaired surrogate in a string"},
	{DOC("\"\\uD83D\\uDE0"), "line 1: unpaired surrogate in a string"},
	{DOC("\"\x80\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xc0\x80\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xc1\xbf\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xc3\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xc3"), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xe0\x9f\xbf\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xe2\x82\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xe2\x82"), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xed\xa0\x80\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xf0\x8f\xbf\xbf\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xf4\x90\x80\x80\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xf5\x80\x80\x80\""), "line 1: a string is not valid UTF-8"},
	{DOC("\"\xff\""), "line 1: a string is not valid UTF-8"},
	/* arrays and objects */
	{DOC("["), "line 1: expected a value, got the end of the document"},
	{DOC("[1"), "line 1: expected ',' or ']', got the end of the document"},
	{DOC("[1,"), "line 1: expected a value, got the end of the document"},
	{DOC("[1,\n]"), "line 2: expected a value, got ']'"},
	{DOC("[,1]"), "line 1: expected a value, got ','"},
	{DOC("[1 2]"), "line 1: expected ',' or ']', got '2'"},
	{DOC("[1}"), "line 1: expected ',' or ']', got '}'"},
	{DOC("]"), "line 1: expected a value, got ']'"},
	{DOC("{"), "line 1: expected a key or '}', got the end of the document"},
	{DOC("{\n\n\"a\"\n"), "line 4: expected ':', got the end of the document"},
	{DOC("{\"a\" 1}"), "line 1: expected ':', got '1'"},
	{DOC("{\"a\":}"), "line 1: expected a value, got '}'"},
	{DOC("{\"a\":1,}"), "line 1: expected a key, got '}'"},
	{DOC("{\"a\":1 \"b\":2}"), "line 1: expected ',' or '}', got '\"'"},
	{DOC("{a:1}"), "line 1: expected a key or '}', got 'a'"},
	{DOC("{1:1}"), "line 1: expected a key or '}', got '1'"},
	{DOC("{\"a\":1]"), "line 1: expected ',' or '}', got ']'"},
	{DOC("{\"a\\u0000\":1}"), "line 1: embedded NUL in a string"},
	{DOC("{} {}"), "line 1: expected the end of the document, got '{'"},
	{DOC("{}}"), "line 1: expected the end of the document, got '}'"},
};

static void test_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct err e;

		if (walk(refused[i].text, refused[i].len, &e) == 0)
			fail_msg("accepted: %s", refused[i].text);
		assert_int_equal(e.code, -EINVAL);
		assert_int_equal(e.id, ERR_JSON_SYNTAX);
		assert_string_equal(e.text, refused[i].words);
	}
}

/* Whatever is cut off a document makes it one that is refused, without a read beyond the end. */
static void test_every_prefix(void **state)
{
	static const char text[] = "{\"a\": [1.5e+3, true, null, \"x\\ud83d\\ude00\xe2\x82\xac\"]}";
	struct err e;

	(void)state;
	assert_int_equal(walk(text, sizeof(text) - 1, &e), 0);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(walk(text, n, &e), -EINVAL);
}

static void test_depth(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 1)];
	struct err e;

	(void)state;
	for (size_t n = JSON_DEPTH_MAX; n <= JSON_DEPTH_MAX + 1; n++) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		if (n == JSON_DEPTH_MAX)
			assert_int_equal(walk(text, 2 * n, &e), 0);
		else
			assert_int_equal(walk(text, 2 * n, &e), -EINVAL);
	}
	assert_string_equal(e.text, "line 1: nested more than 64 levels deep");
}

static void test_strings(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{"\"\"", ""},
		{"\"plain text of more than one word\"", "plain text of more than one word"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00z\"",
		 "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"},
		{"\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf"},
		{"\"\\ud7ff\\ue000\"", "\xed\x9f\xbf\xee\x80\x80"},
		{"\"abc\\n0123456789abcdef\\t\xc3\xa9 and more\"",
		 "abc\n0123456789abcdef\t\xc3\xa9 and more"},
		{"\"\xc3\xa9\xc3\xa9\xe2\x82\xac\"", "\xc3\xa9\xc3\xa9\xe2\x82\xac"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *copy = exact_copy(cases[i].text, strlen(cases[i].text));
		struct json_value v;
		struct json j;
		struct err e;

		json_init(&j, copy, strlen(cases[i].text));
		assert_int_equal(json_read(&j, &v, &e), 0);
		assert_int_equal(v.type, JSON_STRING);
		assert_string_equal(v.text, cases[i].value);
		assert_int_equal(v.len, strlen(cases[i].value));
		assert_int_equal(json_finish(&j, &e), 0);
		free(copy);
	}
}

/* A quote, a backslash or a control character at each distance from the start: the wide scan and
 * the bytewise one must stop at the same place. */
static void test_scan_positions(void **state)
{
	char text[40];
	struct err e;

	(void)state;
	for (size_t at = 1; at < 30; at++) {
		memset(text, 'x', sizeof(text));
		text[0] = '"';
		text[at] = '"';
		assert_int_equal(walk(text, at + 1, &e), 0);
		text[at] = '\x01';
		text[31] = '"';
		assert_int_equal(walk(text, 32, &e), -EINVAL);
		text[at] = '\x80';
		assert_int_equal(walk(text, 32, &e), -EINVAL);
		text[at] = '\\';
		assert_int_equal(walk(text, 32, &e), -EINVAL);
		for (int c = 0x20; c < 0x80; c++) {
			text[at] = (char)c;
			assert_int_equal(walk(text, 32, &e), c == '"' || c == '\\' ? -EINVAL : 0);
		}
	}
}

static void test_pull(void **state)
{
	char text[] = "{\"a\": [1,\n\"two\"],\n\"b\": {\"x\": [[]]}, \"c\": false}";
	struct json_value v;
	struct json j;
	struct err e;
	char *key;

	(void)state;
	json_init(&j, text, sizeof(text) - 1);
	assert_int_equal(json_read(&j, &v, &e), 0);
	assert_int_equal(v.type, JSON_OBJECT);

	assert_int_equal(json_next_key(&j, true, &key, &e), 1);
	assert_string_equal(key, "a");
	assert_int_equal(json_read(&j, &v, &e), 0);
	assert_int_equal(v.type, JSON_ARRAY);
	assert_int_equal(v.line, 1);
	assert_int_equal(json_next_item(&j, true, &e), 1);
	assert_int_equal(json_read(&j, &v, &e), 0);
	assert_int_equal(v.type, JSON_NUMBER);
	assert_int_equal(v.len, 1);
	assert_int_equal(json_next_item(&j, false, &e), 1);
	assert_int_equal(json_read(&j, &v, &e), 0);
	assert_int_equal(v.line, 2);
	assert_string_equal(v.text, "two");
	assert_int_equal(j.depth, 2);
	assert_int_equal(json_next_item(&j, false, &e), 0);

	assert_int_equal(json_next_key(&j, false, &key, &e), 1);
	assert_string_equal(key, "b");
	assert_int_equal(json_read(&j, &v, &e), 0);
	assert_int_equal(v.line, 3);
	assert_int_equal(json_skip(&j, &v, &e), 0);

	assert_int_equal(json_next_key(&j, false, &key, &e), 1);
	assert_string_equal(key, "c");
	assert_int_equal(json_read(&j, &v, &e), 0);
	assert_int_equal(v.type, JSON_FALSE);
	assert_int_equal(json_skip(&j, &v, &e), 0);
	assert_int_equal(json_next_key(&j, false, &key, &e), 0);
	assert_int_equal(j.depth, 0);
	assert_int_equal(json_finish(&j, &e), 0);
}

static struct json_value number(const char *text)
{
	return (struct json_value){
		.type = JSON_NUMBER, .text = (char *)(uintptr_t)text, .len = strlen(text)};
}

static void test_i64(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"-0.000e-5", 0, 0},
		{"0e999999999999999999999999", 0, 0},
		{"42", 0, 42},
		{"-42", 0, -42},
		{"1e3", 0, 1000},
		{"1E+3", 0, 1000},
		{"10.0", 0, 10},
		{"12.50e1", 0, 125},
		{"0.001e5", 0, 100},
		{"1200e-2", 0, 12},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"-922337203685477580.8e1", 0, INT64_MIN},
		{"9223372036854775808", -ERANGE, 0},
		{"-9223372036854775809", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"1e19", -ERANGE, 0},
		{"1e999999999999999999999999", -ERANGE, 0},
		{"1.5", -EINVAL, 0},
		{"0.1", -EINVAL, 0},
		{"1e-1", -EINVAL, 0},
		{"1e-999999999999999999999999", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_value v = number(cases[i].text);
		int64_t n = 77;

		assert_int_equal(json_to_i64(&v, &n), cases[i].r);
		assert_true(n == (cases[i].r == 0 ? cases[i].value : 77));
	}
}

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"-0", 0, 0},
		{"18446744073709551615", 0, UINT64_MAX},
		{"1844674407370955161.5e1", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"18446744073709551620", -ERANGE, 0},
		{"2e19", -ERANGE, 0},
		{"-1", -ERANGE, 0},
		{"-1e-1", -EINVAL, 0},
		{"3.14", -EINVAL, 0},
	};
	struct json_value v = {.type = JSON_STRING, .text = (char[]){"1"}, .len = 1};
	uint64_t n = 77;

	(void)state;
	assert_int_equal(json_to_u64(&v, &n), -EINVAL);
	assert_int_equal(n, 77);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v = number(cases[i].text);
		n = 77;
		assert_int_equal(json_to_u64(&v, &n), cases[i].r);
		assert_true(n == (cases[i].r == 0 ? cases[i].value : 77));
	}
}

static void test_type_words(void **state)
{
	(void)state;
	assert_string_equal(json_type_words(JSON_NULL), "null");
	assert_string_equal(json_type_words(JSON_TRUE), "a boolean");
	assert_string_equal(json_type_words(JSON_FALSE), "a boolean");
	assert_string_equal(json_type_words(JSON_NUMBER), "a number");
	assert_string_equal(json_type_words(JSON_STRING), "a string");
	assert_string_equal(json_type_words(JSON_ARRAY), "an array");
	assert_string_equal(json_type_words(JSON_OBJECT), "an object");
}

static void test_excerpt(void **state)
{
	char buf[JSON_EXCERPT_MAX];

	(void)state;
	assert_string_equal(json_excerpt("", buf), "");
	assert_string_equal(json_excerpt("a\nb\x7f", buf), "a?b?");
	assert_string_equal(json_excerpt("0123456789012345678901234567890123456789", buf),
			    "0123456789012345678901234567890123456789");
	assert_string_equal(json_excerpt("01234567890123456789012345678901234567890", buf),
			    "0123456789012345678901234567890123456...");
	/* The cut falls into a character of three bytes. */
	assert_string_equal(
		json_excerpt("01234567890123456789012345678901234\xe2\x82\xac 12345678", buf),
		"01234567890123456789012345678901234...");
}

/* --- writer ---------------------------------------------------------------------------------- */

static void write_sample(struct json_writer *w)
{
	json_object_begin(w);
	json_kv_string(w, "text", "a\"b\\c\n\x01\x7f\xc3\xa9");
	json_kv_i64(w, "low", INT64_MIN);
	json_kv_u64(w, "high", UINT64_MAX);
	json_kv_bool(w, "yes", true);
	json_key(w, "empty");
	json_array_begin(w);
	json_array_end(w);
	json_key(w, "none");
	json_object_begin(w);
	json_object_end(w);
	json_key(w, "list");
	json_array_begin(w);
	json_i64(w, -1);
	json_null(w);
	json_object_begin(w);
	json_kv_bool(w, "no", false);
	json_object_end(w);
	json_string(w, "");
	json_array_end(w);
	json_object_end(w);
}

static void test_writer(void **state)
{
	static const char *const expected[] = {
		"{\"text\":\"a\\\"b\\\\c\\n\\u0001\\u007f\xc3\xa9\",\"low\":-9223372036854775808,"
		"\"high\":18446744073709551615,\"yes\":true,\"empty\":[],\"none\":{},"
		"\"list\":[-1,null,{\"no\":false},\"\"]}\n",
		"{\n  \"text\": \"a\\\"b\\\\c\\n\\u0001\\u007f\xc3\xa9\",\n"
		"  \"low\": -9223372036854775808,\n  \"high\": 18446744073709551615,\n"
		"  \"yes\": true,\n  \"empty\": [],\n  \"none\": {},\n  \"list\": [\n    -1,\n"
		"    null,\n    {\n      \"no\": false\n    },\n    \"\"\n  ]\n}\n",
	};

	(void)state;
	for (int indent = 0; indent < 2; indent++) {
		struct json_writer w;
		struct arena a;
		const char *text;
		struct err e;
		size_t len;

		arena_init(&a, NULL, 0);
		json_writer_init(&w, &a, indent);
		write_sample(&w);
		assert_int_equal(json_writer_finish(&w, &text, &len), 0);
		assert_string_equal(text, expected[indent]);
		assert_int_equal(len, strlen(text));
		assert_int_equal(walk(text, len, &e), 0);
		arena_done(&a);
	}
}

static void test_writer_repairs(void **state)
{
	static const char bad[] = "\xff ok \xc3 \xed\xa0\x80 \xf0\x9f\x98";
	struct json_writer w;
	struct arena a;
	const char *text;
	struct err e;
	size_t len;

	(void)state;
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_string(&w, bad);
	assert_int_equal(json_writer_finish(&w, &text, &len), 0);
	assert_string_equal(text,
			    "\"\xef\xbf\xbd ok \xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
			    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n");
	assert_int_equal(walk(text, len, &e), 0);
	arena_done(&a);
}

static void test_writer_grows(void **state)
{
	struct json_writer w;
	struct json_value v;
	struct arena a;
	const char *text;
	struct json j;
	struct err e;
	size_t len;

	(void)state;
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_array_begin(&w);
	for (int i = 0; i < 20000; i++)
		json_i64(&w, i);
	json_array_end(&w);
	assert_int_equal(json_writer_finish(&w, &text, &len), 0);

	json_init(&j, (char *)(uintptr_t)text, len);
	assert_int_equal(json_read(&j, &v, &e), 0);
	for (int i = 0; i < 20000; i++) {
		int64_t n;

		assert_int_equal(json_next_item(&j, i == 0, &e), 1);
		assert_int_equal(json_read(&j, &v, &e), 0);
		assert_int_equal(json_to_i64(&v, &n), 0);
		assert_int_equal(n, i);
	}
	assert_int_equal(json_next_item(&j, false, &e), 0);
	assert_int_equal(json_finish(&j, &e), 0);
	arena_done(&a);
}

static void test_writer_memory(void **state)
{
	struct json_writer w;
	struct arena a;
	const char *text = NULL;
	size_t len = 7;

	(void)state;
	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_string(&w, "x");
	w.failed = true;
	json_string(&w, "y");
	assert_int_equal(json_writer_finish(&w, &text, &len), -ENOMEM);
	assert_null(text);
	assert_int_equal(len, 7);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_scan_positions),
		cmocka_unit_test(test_pull),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_type_words),
		cmocka_unit_test(test_excerpt),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_repairs),
		cmocka_unit_test(test_writer_grows),
		cmocka_unit_test(test_writer_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
