/* FIPS 180-4's examples (csrc.nist.gov, "Cryptographic Standards and Guidelines: examples with
 * intermediate values"), whole and in pieces, and every length around the ends of blocks against
 * the sum of a digest over digests that was computed by coreutils. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/sha256.h"

static const struct {
	const char *text, *digest;
} examples[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		for (size_t piece = 1; piece <= 64; piece++) {
			const char *p = examples[i].text;
			char digest[SHA256_TEXT_MAX];
			size_t left = strlen(p);
			struct sha256 h;

			sha256_init(&h);
			for (; left > piece; p += piece, left -= piece)
				sha256_update(&h, p, piece);
			sha256_update(&h, p, left);
			sha256_finish(&h, digest);
			assert_string_equal(digest, examples[i].digest);
		}
	}
}

/* for n in $(seq 0 200); do head -c $n /dev/zero | tr '\0' x | sha256sum | head -c 64; done |
 * sha256sum */
static void test_lengths(void **state)
{
	char bytes[200], digest[SHA256_TEXT_MAX];
	struct sha256 all;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	sha256_init(&all);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct sha256 h;

		sha256_init(&h);
		sha256_update(&h, bytes, n);
		sha256_finish(&h, digest);
		sha256_update(&all, digest, strlen(digest));
	}
	sha256_finish(&all, digest);
	assert_string_equal(digest,
			    "75013a3fd49991ead9d8a57ea80485c088443c3406a0e8fa003ed57144041eb4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
