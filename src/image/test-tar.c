/* Tests of the reader of tar archives: headers of all kinds, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "image/tar.h"

#define BLOCK 512

/* An archive as it is made, and read. */
struct archive {
	uint8_t bytes[64 * BLOCK];
	size_t len, at;
	size_t portion; /* what a read gives at most */
};

static ssize_t give(void *ctx, void *buf, size_t len, struct err *e)
{
	struct archive *a = ctx;

	(void)e;
	len = MIN(MIN(len, a->portion), a->len - a->at);
	memcpy(buf, a->bytes + a->at, len);
	a->at += len;
	return (ssize_t)len;
}

static void set_sum(uint8_t *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
}

/* A header, and @content if it has one. Returns the block; set_sum() after changing it. */
static uint8_t *add(struct archive *a, char flag, const char *name, const char *target,
		    const char *content, size_t len)
{
	uint8_t *block = a->bytes + a->len;

	memset(block, 0, BLOCK);
	memcpy(block, name, MIN(strlen(name), (size_t)100));
	(void)snprintf((char *)block + 100, 8, "%07o", 0644);
	(void)snprintf((char *)block + 108, 8, "%07o", 1);
	(void)snprintf((char *)block + 116, 8, "%07o", 2);
	(void)snprintf((char *)block + 124, 12, "%011zo", len);
	(void)snprintf((char *)block + 136, 12, "%011o", 3);
	block[156] = (uint8_t)flag;
	memcpy(block + 157, target, strlen(target));
	memcpy(block + 257, "ustar\00000", 8);
	set_sum(block);
	a->len += BLOCK;
	memcpy(a->bytes + a->len, content, len);
	a->len += (len + BLOCK - 1) / BLOCK * BLOCK;
	return block;
}

static void finish(struct archive *a)
{
	a->len += 2 * (size_t)BLOCK;
	a->portion = SIZE_MAX;
}

/* A PAX record, or several in one text: their lengths are computed. */
static size_t record(char *buf, const char *key, const char *value, size_t value_len)
{
	size_t rest = 1 + strlen(key) + 1 + value_len + 1, len = rest + 1;
	char digits[24];

	while (len != rest + str_format(digits, sizeof(digits), "%zu", len))
		len = rest + strlen(digits);
	(void)sprintf(buf, "%zu %s=", len, key);
	memcpy(buf + len - value_len - 1, value, value_len);
	buf[len - 1] = '\n';
	return len;
}

/* The words of the failure, or "" when all of it can be read. */
static const char *read_to_end(struct archive *a, unsigned *ret_entries)
{
	static struct err e;
	struct tar_entry entry;
	struct tar *t;
	unsigned n = 0;
	int r;

	a->at = 0;
	e = (struct err){0};
	assert_int_equal(tar_new(give, a, &t), 0);
	while ((r = tar_next(t, &entry, &e)) > 0)
		n++;
	tar_free(t);
	*ret_entries = n;
	if (r == 0)
		assert_int_equal(a->at, a->len);
	return r == 0 ? "" : e.text;
}

static void expect_one(struct archive *a, struct tar **ret, struct tar_entry *n)
{
	struct err e = {0};

	a->at = 0;
	a->portion = SIZE_MAX;
	assert_int_equal(tar_new(give, a, ret), 0);
	if (tar_next(*ret, n, &e) != 1)
		fail_msg("%s", e.text);
}

static void test_plain(void **state)
{
	struct archive a = {0};
	const void *part;
	struct tar_entry n;
	struct err e = {0};
	struct tar *t;
	size_t len;

	(void)state;
	(void)add(&a, '0', "./d//./f", "", "content", 7);
	(void)add(&a, '2', "/l", "../x/", "", 0);
	(void)add(&a, 0, "old/", "", "", 0);
	finish(&a);
	/* Portions of any size make no difference. */
	for (size_t portion = 1; portion < 600; portion += 37) {
		unsigned entries;

		a.portion = portion;
		assert_string_equal(read_to_end(&a, &entries), "");
		assert_int_equal(entries, 3);
	}
	expect_one(&a, &t, &n);
	assert_int_equal(n.type, TAR_FILE);
	assert_string_equal(n.path, "d/f");
	assert_int_equal(n.size, 7);
	assert_int_equal(n.mode, 0644);
	assert_int_equal(n.uid, 1);
	assert_int_equal(n.gid, 2);
	assert_int_equal(n.mtime, 3);
	assert_int_equal(tar_content(t, &part, &len, &e), 1);
	assert_int_equal(len, 7);
	assert_memory_equal(part, "content", 7);
	assert_int_equal(tar_content(t, &part, &len, &e), 0);
	assert_int_equal(tar_next(t, &n, &e), 1);
	assert_int_equal(n.type, TAR_SYMLINK);
	assert_string_equal(n.target, "../x/");
	assert_int_equal(tar_next(t, &n, &e), 1);
	assert_int_equal(n.type, TAR_DIRECTORY);
	assert_string_equal(n.path, "old");
	assert_int_equal(tar_next(t, &n, &e), 0);
	tar_free(t);
}

static void test_long_names(void **state)
{
	struct archive a = {0};
	char name[301], target[202];
	struct tar_entry n;
	struct tar *t;
	uint8_t *block;

	(void)state;
	memset(name, 'n', 300);
	name[150] = '/';
	name[300] = '\0';
	memset(target, 't', 201);
	target[201] = '\0';
	(void)add(&a, 'L', "././@LongLink", "", name, 301);
	(void)add(&a, 'K', "././@LongLink", "", target, 202);
	(void)add(&a, '2', "cut", "cut", "", 0);
	/* POSIX's way, which GNU's magic word does not have. */
	block = add(&a, '0', "name", "", "", 0);
	memcpy(block + 345, "prefix/of", 9);
	set_sum(block);
	block = add(&a, '0', "name", "", "", 0);
	memcpy(block + 257, "ustar  ", 8);
	memcpy(block + 345, "12345670123", 11);
	set_sum(block);
	finish(&a);
	expect_one(&a, &t, &n);
	assert_string_equal(n.path, name);
	assert_string_equal(n.target, target);
	assert_int_equal(tar_next(t, &n, NULL), 1);
	assert_string_equal(n.path, "prefix/of/name");
	assert_int_equal(tar_next(t, &n, NULL), 1);
	assert_string_equal(n.path, "name");
	tar_free(t);
}

static void test_pax(void **state)
{
	struct archive a = {0};
	char text[512];
	struct tar_entry n;
	struct tar *t;
	size_t len;

	(void)state;
	len = record(text, "path", "from/pax", 8);
	len += record(text + len, "mtime", "-1.5", 4);
	len += record(text + len, "uid", "4294967295", 10);
	len += record(text + len, "size", "3", 1);
	len += record(text + len, "SCHILY.xattr.user.a", "old", 3);
	len += record(text + len, "SCHILY.xattr.user.a", "\0=\n", 3);
	len += record(text + len, "gid", "9", 1);
	len += record(text + len, "gid", "", 0);
	len += record(text + len, "comment", "any", 3);
	(void)add(&a, 'g', "global", "", "ignored", 7);
	(void)add(&a, 'x', "pax", "", text, len);
	(void)add(&a, '0', "cut", "", "abc", 3);
	finish(&a);
	expect_one(&a, &t, &n);
	assert_string_equal(n.path, "from/pax");
	assert_int_equal(n.mtime, -2);
	assert_int_equal(n.mtime_nsec, 500000000);
	assert_int_equal(n.uid, UINT32_MAX);
	assert_int_equal(n.gid, 2);
	assert_int_equal(n.size, 3);
	assert_non_null(n.xattrs);
	assert_null(n.xattrs->next);
	assert_int_equal(n.xattrs->name_len, 6);
	assert_int_equal(n.xattrs->value_len, 3);
	assert_memory_equal(n.xattrs->value, "\0=\n", 3);
	tar_free(t);
}

static void test_binary_numbers(void **state)
{
	static const uint8_t before[12] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
	struct archive a = {0};
	struct tar_entry n;
	struct tar *t;
	uint8_t *block = add(&a, '3', "device", "", "", 0);

	(void)state;
	memcpy(block + 108, "\x80\0\0\0\xff\xff\xff\xfe", 8);
	memcpy(block + 136, before, 12);
	memcpy(block + 329, "0000010", 8);
	memcpy(block + 337, "0001003", 8);
	set_sum(block);
	finish(&a);
	expect_one(&a, &t, &n);
	assert_int_equal(n.type, TAR_CHARACTER);
	assert_int_equal(n.uid, 0xfffffffe);
	assert_int_equal(n.mtime, -2);
	assert_int_equal(n.rdev, 0x03 | 8 << 8 | 0x200 << 12);
	tar_free(t);
}

/* One header, changed in one place; what is said about it. */
static const struct {
	char flag;
	const char *name, *target;
	size_t offset;
	const char *bytes;
	const char *words;
} wrong[] = {
	{'0', "a/../b", "", 0, "", "a name with '..'"},
	{'0', "", "", 0, "", "an entry without a name"},
	{'0', "/", "", 0, "", ""},
	{'0', ".", "", 0, "", "the root must be a directory"},
	{'1', "a", "", 0, "", "a link whose target"},
	{'2', "a", "", 0, "", "a link whose target"},
	{'S', "a", "", 0, "", "a sparse file"},
	{'V', "a", "", 0, "", "unknown type 0x56"},
	{'0', "a", "", 124, "7777777777x", "a malformed number"},
	{'0', "a", "", 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "malformed number"},
	{'0', "a", "", 108, "\x80\0\1\0\0\0\0\0", "an owner whose number is too large"},
	{'0', "a", "", 100, "7777777", "a mode that is none"},
	{'3', "a", "", 329, "7777777", "a device whose number is too large"},
	{'x', "a", "", 0, "", "an extended header for no entry"},
	{'L', "a", "", 124, "00077777777", "an extended header of"},
	{'0', "a", "", 124, "00000010000", "cut short"},
};

static void test_refused(void **state)
{
	unsigned entries;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct archive a = {0};
		uint8_t *block = add(&a, wrong[i].flag, wrong[i].name, wrong[i].target, "", 0);
		const char *said;

		if (wrong[i].offset) {
			memcpy(block + wrong[i].offset, wrong[i].bytes,
			       wrong[i].offset == 124 ? MIN(strlen(wrong[i].bytes) + 1, 12) : 7);
			set_sum(block);
		}
		finish(&a);
		said = read_to_end(&a, &entries);
		if (!strstr(said, wrong[i].words) || (!*said && *wrong[i].words))
			fail_msg("%zu: '%s', not '%s'", i, said, wrong[i].words);
	}
}

static void test_wrong_sum(void **state)
{
	struct archive a = {0};
	unsigned entries;

	(void)state;
	add(&a, '0', "a", "", "", 0)[0] = 'b';
	finish(&a);
	assert_non_null(strstr(read_to_end(&a, &entries), "its sum is wrong"));
}

static void test_wrong_records(void **state)
{
	static const char *const records[] = {
		"x",
		"5 a=b",
		"99 a=b\n",
		"6 a=b\n ",
		"6 =bc\n",
		"6 abc\n",
		"0 a=b\n",
		"11 size=x1\n",
		"8 mtime=\n1",
		"22 GNU.sparse.major=1\n",
		"12 mtime=1-\n",
	};
	unsigned entries;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		struct archive a = {0};

		(void)add(&a, 'x', "pax", "", records[i], strlen(records[i]));
		(void)add(&a, '0', "a", "", "", 0);
		finish(&a);
		if (!*read_to_end(&a, &entries))
			fail_msg("'%s' is accepted", records[i]);
	}
}

/* An archive cut anywhere: an error, or an end between two entries. */
static void test_cut_short(void **state)
{
	struct archive whole = {0};
	unsigned entries;

	(void)state;
	(void)add(&whole, 'L', "././@LongLink", "", "long", 5);
	(void)add(&whole, '0', "a", "", "abc", 3);
	(void)add(&whole, '0', "b", "", "", 0);
	finish(&whole);
	for (size_t len = 0; len < whole.len; len++) {
		struct archive a = whole;
		bool between = len == 0 || len == 4 * BLOCK || len >= 5 * BLOCK;

		a.len = len;
		if (len > 5 * BLOCK && len % BLOCK)
			between = false;
		assert_int_equal(!*read_to_end(&a, &entries), between);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),         cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_pax),           cmocka_unit_test(test_binary_numbers),
		cmocka_unit_test(test_refused),       cmocka_unit_test(test_wrong_sum),
		cmocka_unit_test(test_wrong_records), cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
