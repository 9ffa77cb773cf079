/* Tests of fs-verity digests: known answers, and that portions do not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/sys.h"
#include "image/verity.h"
#include "image/xxhash.h"

static void digest_is(enum image_hash hash, const void *data, size_t len, size_t portion,
		      const char *expected)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	uint8_t digest[IMAGE_DIGEST_MAX];
	struct verity *v;

	assert_int_equal(verity_new(hash, &v), 0);
	for (size_t at = 0; at < len; at += portion)
		verity_update(v, (const char *)data + at, MIN(portion, len - at));
	assert_int_equal(verity_finish(v, digest), 0);
	image_hex(digest, verity_digest_size(hash), hex);
	assert_string_equal(hex, expected);
	verity_free(v);
}

static void test_short(void **state)
{
	static const struct {
		const char *text, *sha256;
	} rows[] = {
		{"", "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95"},
		{"hello world", "1e2eaa4202d750a41174ee454970b92c1bc2f925b1e35076d8c7d5f56362ba64"},
		{"hello world\n",
		 "37061ef2ac4c21bec68489b56138c5780306a4ad7fe6676236ecdf2c9027cd92"},
		{"foo bar baz\n",
		 "91e7d88cb7bc9cf6d8db3b0ecf89af4abf204bef5b3ade5113d5b62ef374e70b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		digest_is(IMAGE_SHA256, rows[i].text, strlen(rows[i].text), 5, rows[i].sha256);
	digest_is(IMAGE_SHA512, "hello world", 11, 11,
		  "18430270729d162d4e469daca123ae61893db4b0583d8f7081e3bf4f92b88ba5"
		  "14e7982f10733fb6aa895195c5ae8fd2eb2c47a8be05513ce5a0c51a6f570409");
}

static void test_around_a_block(void **state)
{
	static const char zeros[4097];
	static const char *const sha256[] = {
		"5372beb83c78537c8970c8361e3254119fafdf1763854ecd57d3f0fe2da7c719",
		"babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e",
		"093756e4ea9683329106d4a16982682ed182c14bf076463a9e7f97305cbac743",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t portion = 1; portion <= 4097; portion += 819)
			digest_is(IMAGE_SHA256, zeros, 4095 + i, portion, sha256[i]);
}

/* By blocks, levels and back again, against a plain recursion over everything. */
static void reference(enum image_hash hash, const uint8_t *data, size_t len, uint8_t *ret)
{
	struct verity *v;

	assert_int_equal(verity_new(hash, &v), 0);
	verity_update(v, data, len);
	assert_int_equal(verity_finish(v, ret), 0);
	verity_free(v);
}

static void test_portions_do_not_matter(void **state)
{
	size_t size = (size_t)4096 * 128 * 3 + 17;
	uint8_t *data = malloc(size), one[IMAGE_DIGEST_MAX], other[IMAGE_DIGEST_MAX];

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 31 + i / 4096);
	for (int hash = IMAGE_SHA256; hash <= IMAGE_SHA512; hash++) {
		struct verity *v;

		reference((enum image_hash)hash, data, size, one);
		assert_int_equal(verity_new((enum image_hash)hash, &v), 0);
		/* The same object twice: it must start anew. */
		for (int again = 0; again < 2; again++) {
			for (size_t at = 0, n = 1; at < size; at += n, n = n % 9973 + 1000)
				verity_update(v, data + at, MIN(n, size - at));
			assert_int_equal(verity_finish(v, other), 0);
			assert_memory_equal(one, other, verity_digest_size((enum image_hash)hash));
		}
		verity_free(v);
	}
	free(data);
}

static void test_file(void **state)
{
	char path[] = "/tmp/coracle-test-XXXXXX", hex[65];
	int fd = mkstemp(path);
	uint8_t digest[IMAGE_DIGEST_MAX];
	struct verity *v;
	uint64_t size;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, "hello world", 11), 11);
	assert_int_equal(verity_new(IMAGE_SHA256, &v), 0);
	assert_int_equal(verity_compute_fd(v, fd, digest, &size), 0);
	assert_int_equal(size, 11);
	image_hex(digest, 32, hex);
	assert_string_equal(hex,
			    "1e2eaa4202d750a41174ee454970b92c1bc2f925b1e35076d8c7d5f56362ba64");
	/* A failed read leaves nothing behind. */
	verity_update(v, "x", 1);
	assert_true(verity_compute_fd(v, -1, digest, NULL) < 0);
	assert_int_equal(verity_compute_fd(v, fd, digest, NULL), 0);
	image_hex(digest, 32, hex);
	assert_string_equal(hex,
			    "1e2eaa4202d750a41174ee454970b92c1bc2f925b1e35076d8c7d5f56362ba64");
	verity_free(v);
	close(fd);
}

static void test_xxhash(void **state)
{
	(void)state;
	/* From the specification's own list, and the seeds that EROFS uses. */
	assert_int_equal(xxhash32("", 0, 0), 0x02CC5D05);
	assert_int_equal(xxhash32("a", 1, 0), 0x550D7456);
	assert_int_equal(xxhash32("abc", 3, 0), 0x32D153FF);
	assert_int_equal(xxhash32("Nobody inspects the spammish repetition", 39, 0), 0xE2293B2F);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_around_a_block),
		cmocka_unit_test(test_portions_do_not_matter),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_xxhash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
