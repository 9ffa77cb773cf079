/* Tests of the dump reader and writer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "image/dump.h"

#define ROOT "/ 0 40755 2 0 0 0 0.0 - - -\n"

/* Read @text in portions of @portion bytes. */
static int parse(const char *text, size_t len, size_t portion, unsigned flags,
		 struct image_tree *ret, struct err *e)
{
	struct dump_reader *d;
	int r = 0;

	*e = (struct err){0};
	assert_int_equal(dump_reader_new(flags, &d), 0);
	for (size_t at = 0; at < len && r == 0; at += portion)
		r = dump_reader_add(d, text + at, MIN(portion, len - at), e);
	if (r == 0)
		r = dump_reader_finish(d, ret, e);
	dump_reader_free(d);
	return r;
}

static char *written(const struct image_tree *t, size_t *ret_len)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);
	struct output out;
	char *text;

	assert_true(fd >= 0);
	assert_int_equal(output_init(&out, fd), 0);
	assert_int_equal(dump_write(t, 0, &out), 0);
	assert_int_equal(output_finish(&out), 0);
	*ret_len = out.offset;
	text = calloc(1, out.offset + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, out.offset, 0), out.offset);
	output_done(&out);
	close(fd);
	return text;
}

/* What is written for @text is @expected, and reading that gives the same again. */
static void becomes(const char *text, const char *expected)
{
	for (size_t portion = 1; portion < 5000; portion *= 7) {
		struct image_tree t;
		struct err e;
		size_t len;
		char *out;

		assert_int_equal(parse(text, strlen(text), portion, 0, &t, &e), 0);
		out = written(&t, &len);
		assert_string_equal(out, expected);
		free(out);
		image_tree_done(&t);
		text = expected;
	}
}

static void test_round_trip(void **state)
{
	static const char *const same[] = {
		ROOT,
		ROOT "/a 3 100644 1 0 0 0 -5.7 - abc -\n",
		ROOT "/a 100 100644 1 0 0 0 0.0 ab/cd - -\n",
		ROOT "/a 1 100644 1 0 0 0 0.0 - \\x2d -\n",
		ROOT "/a\\x20b\\n\\t\\r\\\\=\\xff 0 10644 1 0 0 0 0.0 - - -\n",
		ROOT
		"/d 0 40700 2 0 0 0 0.0 - - - user.a\\x3d=\\x3d\\x00- user.b=-\n"
		"/d/l 4 120777 1 4294967295 4294967295 0 9223372036854775807.999999999 x\\x20yz - -\n",
		ROOT "/b 0 60600 1 0 0 4294967295 0.0 - - -\n/c 0 20600 1 0 0 0 0.0 - - -\n",
		/* The earliest time of an image. */
		ROOT "/a 0 100644 1 0 0 0 -9223372036854775808.0 - - -\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		becomes(same[i], same[i]);
}

static void test_normalized(void **state)
{
	(void)state;
	/* Order, sizes that mean nothing, missing fields, links to links and forward. */
	becomes("/ 4096 40755 9 0 0 0 0.0 - - -\n"
		"/z 0 @0 - - - - - /y - -\n/y 0 @1 - - - - - /x\n"
		"/x 3 100644 2 0 0 7 0.0 ignored abc - user.b=2 user.a=1 user.b=3\n"
		"/l 99 120777 1 0 0 7 0.0 t ignored -\n/f 9 10644 1 0 0 7 0.0",
		"/ 0 40755 9 0 0 0 0.0 - - -\n"
		"/f 0 10644 1 0 0 0 0.0 - - -\n"
		"/l 1 120777 1 0 0 0 0.0 t - -\n"
		"/x 3 100644 2 0 0 0 0.0 ignored abc - user.b=3 user.a=1\n"
		"/y 0 @100644 0 0 0 0 0.0 /x - -\n"
		"/z 0 @100644 0 0 0 0 0.0 /x - -\n");
}

static void refuses(const char *text, size_t len, unsigned flags, const char *words)
{
	struct image_tree t;
	char message[600];
	struct err e;

	if (parse(text, len, 7, flags, &t, &e) == 0) {
		image_tree_done(&t);
		fail_msg("accepted: %.100s", text);
	}
	err_message(&e, message, sizeof(message));
	if (!strstr(message, words))
		fail_msg("%.100s\nsays: %s\nnot: %s", text, message, words);
}

static const struct {
	const char *text, *words;
} refused[] = {
	{"", "not even '/'"},
	{"\n", "ends before the size"},
	{"/a 0 40755 2 0 0 0 0.0 - - -\n", "first entry must be '/'"},
	{"/ 0 100755 2 0 0 0 0.0 - - -\n", "root must be a directory"},
	{"/ 0 @40755 2 0 0 0 0.0 / - -\n", "root must be a directory"},
	{ROOT ROOT, "there is an entry for it"},
	{ROOT "/a 0 10644 1 0 0 0 0.0 - - -\n/a 0 10644 1 0 0 0 0.0 - - -\n",
	 "there is an entry for it"},
	{ROOT "/a/b 0 10644 1 0 0 0 0.0 - - -\n", "no entry before this one"},
	{ROOT "/a 0 10644 1 0 0 0 0.0 - - -\n/a/b 0 10644 1 0 0 0 0.0 - - -\n",
	 "would be its directory"},
	{ROOT "/. 0 40755 2 0 0 0 0.0 - - -\n", "no entry can have this name"},
	{ROOT "/.. 0 40755 2 0 0 0 0.0 - - -\n", "no entry can have this name"},
	{ROOT "/a/ 0 40755 2 0 0 0 0.0 - - -\n", "no entry can have this name"},
	{ROOT "// 0 40755 2 0 0 0 0.0 - - -\n", "no entry can have this name"},
	{ROOT "a 0 40755 2 0 0 0 0.0 - - -\n", "begins with '/'"},
	{ROOT "/a\\x00b 0 40755 2 0 0 0 0.0 - - -\n", "NUL"},
	{ROOT "/a\\q 0 40755 2 0 0 0 0.0 - - -\n", "escape"},
	{ROOT "/a\\x1 0 40755 2 0 0 0 0.0 - - -\n", "escape"},
	{ROOT "/a\\ 0 40755 2 0 0 0 0.0 - - -\n", "escape"},
	{ROOT "/a x 100644 1 0 0 0 0.0 - - -\n", "size 'x'"},
	{ROOT "/a -1 100644 1 0 0 0 0.0 - - -\n", "size '-1'"},
	{ROOT "/a +1 100644 1 0 0 0 0.0 - - -\n", "size '+1'"},
	{ROOT "/a 99999999999999999999 100644 1 0 0 0 0.0 - - -\n", "too large"},
	{ROOT "/a 9007199254740993 100644 1 0 0 0 0.0 - - -\n", "2^53"},
	{ROOT "/a 0 0644 1 0 0 0 0.0 - - -\n", "no file type"},
	{ROOT "/a 0 170644 1 0 0 0 0.0 - - -\n", "no file type"},
	{ROOT "/a 0 40000100644 1 0 0 0 0.0 - - -\n", "octal"},
	{ROOT "/a 0 100648 1 0 0 0 0.0 - - -\n", "octal"},
	{ROOT "/a 0 100644 4294967296 0 0 0 0.0 - - -\n", "link count"},
	{ROOT "/a 0 100644 1 4294967296 0 0 0.0 - - -\n", "user id"},
	{ROOT "/a 0 100644 1 0 -1 0 0.0 - - -\n", "group id"},
	{ROOT "/a 0 20644 1 0 0 4294967296 0.0 - - -\n", "device"},
	{ROOT "/a 0 100644 1 0 0 0 0 - - -\n", "SECONDS.NANOSECONDS"},
	{ROOT "/a 0 100644 1 0 0 0 .0 - - -\n", "SECONDS.NANOSECONDS"},
	{ROOT "/a 0 100644 1 0 0 0 0. - - -\n", "SECONDS.NANOSECONDS"},
	{ROOT "/a 0 100644 1 0 0 0 --1.0 - - -\n", "SECONDS.NANOSECONDS"},
	{ROOT "/a 0 100644 1 0 0 0 0.1000000000 - - -\n", "SECONDS.NANOSECONDS"},
	{ROOT "/a 0 100644 1 0 0 0 9223372036854775808.0 - - -\n", "SECONDS.NANOSECONDS"},
	{ROOT "/a 0 100644 1 0 0 0 -9223372036854775809.0 - - -\n", "SECONDS.NANOSECONDS"},
	{ROOT "/a 0 100644 1 0 0 0\n", "ends before the time"},
	{ROOT "/a 0 100644 1 0 0 0 0.0  - -\n", "payload '': empty"},
	{ROOT "/a 3 100644 1 0 0 0 0.0 - ab -\n", "2 bytes, not 3"},
	{ROOT "/a 3 100644 1 0 0 0 0.0 - - aabb\n", "digest"},
	{ROOT "/a 3 100644 1 0 0 0 0.0 a\\x00b - -\n", "NUL"},
	{ROOT "/a 0 120777 1 0 0 0 0.0 - - -\n", "needs a target"},
	{ROOT "/a 3 120777 1 0 0 0 0.0 a\\x00b - -\n", "NUL"},
	{ROOT "/a 0 @100644 1 0 0 0 0.0 - - -\n", "needs a target"},
	{ROOT "/a 0 @100644 1 0 0 0 0.0 /b - -\n", "no entry for the target"},
	{ROOT "/a 0 @100644 1 0 0 0 0.0 b - -\n", "no entry for the target"},
	{ROOT "/a 0 @100644 1 0 0 0 0.0 /a - -\n", "lead to each other"},
	{ROOT "/a 0 @0 1 0 0 0 0.0 /b - -\n/b 0 @0 1 0 0 0 0.0 /a - -\n", "lead to each other"},
	{ROOT "/d 0 40755 2 0 0 0 0.0 - - -\n/a 0 @40755 1 0 0 0 0.0 /d - -\n",
	 "hard link to a directory"},
	{ROOT "/a 0 100644 1 0 0 0 0.0 - - - x\n", "NAME=VALUE"},
	{ROOT "/a 0 100644 1 0 0 0 0.0 - - - =x\n", "1 to 255"},
	{ROOT "/a 0 100644 1 0 0 0 0.0 - - - a\\x00=x\n", "1 to 255"},
	{ROOT "/a 0 100644 1 0 0 0 0.0 - - - a=\\y\n", "escape"},
	{ROOT "/a 0 100644 1 0 0 0 0.0 - - - a=b  c=d\n", "NAME=VALUE"},
};

static void test_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		refuses(refused[i].text, strlen(refused[i].text), 0, refused[i].words);
	refuses(ROOT "/a\0b 0 10644 1 0 0 0 0.0 - - -\n", sizeof(ROOT) - 1 + 31, 0, "NUL");
}

static void test_strict(void **state)
{
	static const char *const rows[] = {
		"/ 0 40755 2 0 0 0 0.0 - - -",          ROOT "/a 0 100644 1 0 0 5 0.0 - - -\n",
		ROOT "/l 3 120777 1 0 0 0 0.0 x - -\n", ROOT "/l 1 120777 1 0 0 0 0.0 x y -\n",
		ROOT "/a 0 100644 1 0 0 0 0.0 - -\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct image_tree t;
		struct err e;

		refuses(rows[i], strlen(rows[i]), DUMP_STRICT, "");
		assert_int_equal(parse(rows[i], strlen(rows[i]), 64, 0, &t, &e), 0);
		image_tree_done(&t);
	}
}

/* Sizes at the limits, one below and one above. */
static void at_limit(const char *before, size_t n, char fill, const char *after, bool accepted)
{
	size_t len = strlen(ROOT) + strlen(before) + n + strlen(after);
	char *text = malloc(len + 1);
	struct image_tree t;
	struct err e;
	int r;

	assert_non_null(text);
	memcpy(text, ROOT, strlen(ROOT));
	memcpy(text + strlen(ROOT), before, strlen(before));
	memset(text + strlen(ROOT) + strlen(before), fill, n);
	memcpy(text + len - strlen(after), after, strlen(after) + 1);
	r = parse(text, len, 4096, 0, &t, &e);
	if (r == 0)
		image_tree_done(&t);
	assert_int_equal(r, accepted ? 0 : -EINVAL);
	free(text);
}

static void test_limits(void **state)
{
	static const char rest[] = " 0 10644 1 0 0 0 0.0 - - -\n";

	(void)state;
	at_limit("/", 255, 'n', rest, true);
	at_limit("/", 256, 'n', rest, false);
	at_limit("/l 0 120777 1 0 0 0 0.0 ", 4095, 't', " - -\n", true);
	at_limit("/l 0 120777 1 0 0 0 0.0 ", 4096, 't', " - -\n", false);
	at_limit("/f 5000 100644 1 0 0 0 0.0 - ", 5000, 'c', " -\n", true);
	at_limit("/f 5001 100644 1 0 0 0 0.0 - ", 5001, 'c', " -\n", false);
	at_limit("/f 0 10644 1 0 0 0 0.0 - - - ", 255, 'k', "=v\n", true);
	at_limit("/f 0 10644 1 0 0 0 0.0 - - - ", 256, 'k', "=v\n", false);
	at_limit("/f 0 10644 1 0 0 0 0.0 - - - k=", 32767 - 12 - 7 - 1, 'v', "\n", true);
	at_limit("/f 0 10644 1 0 0 0 0.0 - - - k=", 32767 - 12 - 7, 'v', "\n", false);
	at_limit("/", DUMP_LINE_MAX + 1, 'n', rest, false);
}

static void test_depth(void **state)
{
	size_t cap = (size_t)16 * 1024 * 1024, len = 0;
	char *text = malloc(cap), *path = malloc(8192);
	struct image_tree t;
	struct err e;

	(void)state;
	assert_non_null(text);
	assert_non_null(path);
	len = str_format(text, cap, "%s", ROOT);
	path[0] = '\0';
	for (unsigned i = 0; i < IMAGE_DEPTH_MAX + 1; i++) {
		memcpy(path + (size_t)2 * i, "/d", 3);
		len += str_format(text + len, cap - len, "%s 0 40755 2 0 0 0 0.0 - - -\n", path);
		if (i < IMAGE_DEPTH_MAX)
			continue;
		refuses(text, len, 0, "deeper");
	}
	len = (size_t)(strrchr(text, '\n') - text);
	while (text[len - 1] != '\n')
		len--;
	assert_int_equal(parse(text, len, 65536, 0, &t, &e), 0);
	image_tree_done(&t);
	free(text);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_normalized),
		cmocka_unit_test(test_refuses),    cmocka_unit_test(test_strict),
		cmocka_unit_test(test_limits),     cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
