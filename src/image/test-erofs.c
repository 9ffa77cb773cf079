/* Tests of the EROFS writer and reader: known digests, what is read is what was written, and damage
 * of every kind is refused or harmless. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "image/dump.h"
#include "image/erofs-format.h"
#include "image/erofs.h"

#define ROOT "/ 0 40755 2 0 0 0 0.0 - - -\n"
#define FIVE "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

static const char simple[] =
	ROOT "/blkdev 0 60000 1 0 0 123 0.0 - - -\n"
	     "/chrdev 0 20000 1 0 0 123 0.0 - - -\n"
	     "/fifo 0 10000 1 0 0 0 0.0 - - -\n"
	     "/regular-external 1234 100000 1 0 0 0 0.0 5a/" FIVE " - 5a" FIVE "\n"
	     "/regular-inline 4 100000 1 0 0 0 0.0 - hihi -\n"
	     "/socket 0 140000 1 0 0 0 0.0 - - -\n"
	     "/symlink 7 120000 1 0 0 0 0.0 /target - -\n";

/* All that there is: links, escapes, whiteouts, shared attributes, tails of all sorts. */
static const char rich[] = "/ 0 40755 2 0 0 0 5.5 - - - security.selinux=label\n"
			   "/+before-dot 0 10644 1 0 0 0 5.5 - - - security.selinux=label\n"
			   "/.a 0 10644 1 0 0 0 5.5 - - - security.selinux=label\n"
			   "/00 0 40755 2 70000 70000 0 5.5 - - - trusted.overlay.opaque=y\n"
			   "/a 3 100644 2 0 0 0 5.5 - abc - system.posix_acl_access=acl user.x=1\n"
			   "/b 0 @100644 0 0 0 0 0.0 /a - -\n"
			   "/d 0 40755 2 0 0 0 4.0 - - -\n"
			   "/d/w 0 20000 1 0 0 0 5.5 - - - user.x=1\n"
			   "/d/z 0 @100644 0 0 0 0 0.0 /a - -\n"
			   "/e 100000 100644 1 0 0 0 5.5 ab/cd - -\n"
			   "/l 3 120777 1 0 0 0 5.5 abc - -\n";

static uint8_t *make(const char *text, unsigned version, size_t *ret_len,
		     char hex[2 * IMAGE_DIGEST_MAX + 1])
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	uint8_t digest[IMAGE_DIGEST_MAX], *image;
	struct erofs_info info;
	struct dump_reader *d;
	struct image_tree t;
	struct output out;
	struct err e = {0};

	assert_true(fd >= 0);
	assert_int_equal(dump_reader_new(0, &d), 0);
	assert_int_equal(dump_reader_add(d, text, strlen(text), &e), 0);
	assert_int_equal(dump_reader_finish(d, &t, &e), 0);
	dump_reader_free(d);
	assert_int_equal(output_init(&out, fd), 0);
	assert_int_equal(verity_new(IMAGE_SHA256, &out.verity), 0);
	assert_int_equal(erofs_write(&t, version, version, &out, &info, &e), 0);
	assert_int_equal(output_finish(&out), 0);
	assert_int_equal(verity_finish(out.verity, digest), 0);
	image_hex(digest, 32, hex);
	assert_int_equal(info.version, version);
	*ret_len = out.offset;
	image = malloc(out.offset);
	assert_non_null(image);
	assert_int_equal(pread(fd, image, out.offset, 0), out.offset);
	verity_free(out.verity);
	output_done(&out);
	image_tree_done(&t);
	close(fd);
	return image;
}

static void test_known_digests(void **state)
{
	static const char *const empty_digest[] = {
		"8f589e8f57ecb88823736b0d857ddca1e1068a23e264fad164b28f7038eb3682",
		"14a26c957c84f6eb774b91205476adc13196c7c33b9dd97d08d43725ecb90b63",
		"086b702a519b57d6ef5aea6f8b3f2be24355cd1fb835cd80fb4e3d388b24d5a5",
	};
	static const char *const simple_digest[] = {
		"9f3f5620ee0c54708516467d0d58741e7963047c7106b245d94c298259d0fa01",
		"ad6db6427568a1e4fdc772cbab7b6063f5eb4b33cb62982a740ba9213e5962b5",
		"a8fcd41f8b313bede69f462f2af0a38d64b99a6333f5df884ea9ab4037fac722",
	};
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;

	(void)state;
	for (unsigned v = 0; v <= 2; v++) {
		free(make(ROOT, v, &len, hex));
		assert_string_equal(hex, empty_digest[v]);
		free(make(simple, v, &len, hex));
		assert_string_equal(hex, simple_digest[v]);
	}
}

/* Read @image; write it again and compare. Returns 0, or what the reader or the comparison said. */
static int reread(const uint8_t *image, size_t len, char **ret_dump)
{
	struct erofs_info info, again;
	struct image_tree t;
	struct output out;
	struct err e = {0};
	int r = erofs_read(image, len, 0, &t, &info, &e);

	if (r < 0) {
		assert_true(e.text[0]);
		return r;
	}
	if (ret_dump) {
		int fd = memfd_create("dump", MFD_CLOEXEC);

		assert_int_equal(output_init(&out, fd), 0);
		assert_int_equal(dump_write(&t, 0, &out), 0);
		assert_int_equal(output_finish(&out), 0);
		*ret_dump = calloc(1, out.offset + 1);
		assert_int_equal(pread(fd, *ret_dump, out.offset, 0), out.offset);
		output_done(&out);
		close(fd);
	}
	assert_int_equal(output_init(&out, -EBADF), 0);
	out.compare = image;
	out.compare_len = len;
	r = erofs_write(&t, info.version, info.version, &out, &again, &e);
	if (r == 0)
		r = output_finish(&out);
	if (r == 0 && out.differs)
		r = 1;
	output_done(&out);
	image_tree_done(&t);
	return r;
}

static void test_round_trip(void **state)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;

	(void)state;
	for (unsigned v = 1; v <= 2; v++) {
		uint8_t *image = make(rich, v, &len, hex);
		char *dump = NULL;
		char *nlink;

		assert_int_equal(reread(image, len, &dump), 0);
		/* The number of links of directories, and in format 2 of all, is counted. */
		nlink = strstr(dump, "/ 0 40755 ");
		assert_non_null(nlink);
		assert_non_null(strstr(dump, "/d/w 0 20000 1 0 0 0 5."));
		assert_non_null(strstr(dump, "trusted.overlay.opaque=y\n"));
		assert_non_null(strstr(dump, "/e 100000 100644 1 0 0 0 5."));
		assert_null(strstr(dump, "whiteout"));
		assert_null(strstr(dump, "/ff "));
		if (v == 1) {
			/* The root's count apart, it is the text that the image was made of. */
			nlink[strlen("/ 0 40755 ")] = '2';
			assert_string_equal(dump, rich);
		}
		free(dump);
		free(image);
	}
}

/* A name that is not the first one of its file can be the real one, and stays it. */
static void test_real_name_stays(void **state)
{
	static const char text[] = ROOT "/a 0 @100644 0 0 0 0 0.0 /b - -\n"
					"/b 3 100644 2 0 0 0 0.0 - abc -\n"
					"/c 0 40755 2 0 0 0 0.0 - - -\n"
					"/c/d 0 @100644 0 0 0 0 0.0 /b - -\n";
	char hex[2 * IMAGE_DIGEST_MAX + 1], *dump;
	size_t len;
	uint8_t *image = make(text, 1, &len, hex);

	(void)state;
	assert_int_equal(reread(image, len, &dump), 0);
	assert_non_null(strstr(dump, "/b 3 100644 2 0 0 0 0.0 - abc -\n"));
	assert_non_null(strstr(dump, "/a 0 @100644 0 0 0 0 0.0 /b - -\n"));
	free(dump);
	free(image);
}

/* A directory with a whiteout that is marked as opaque itself. Format 1 marks it anyhow; format 0
 * does not, so there the mark is the tree's and stays. */
static void test_opaque_of_the_tree(void **state)
{
	static const char text[] = "/ 0 40755 2 0 0 0 0.0 - - - trusted.overlay.opaque=x "
				   "user.overlay.opaque=x\n"
				   "/w 0 20000 1 0 0 0 0.0 - - -\n";
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;

	(void)state;
	for (unsigned v = 0; v <= 1; v++) {
		uint8_t *image = make(text, v, &len, hex);
		char *dump = NULL;

		assert_int_equal(reread(image, len, &dump), 0);
		if (v == 0)
			assert_string_equal(dump, text);
		else
			assert_null(strstr(dump, "opaque"));
		free(dump);
		free(image);
	}
}

/* Overlayfs links whiteouts to each other: more names, in directories with and without marks. */
static void test_linked_whiteout(void **state)
{
	static const char text[] = "/ 0 40755 3 0 0 0 0.0 - - -\n"
				   "/b 0 @20644 0 0 0 0 0.0 /w - -\n"
				   "/d 0 40755 2 0 0 0 0.0 - - -\n"
				   "/d/l 0 @20644 0 0 0 0 0.0 /w - -\n"
				   "/w 0 20644 3 0 0 0 0.0 - - -\n";
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;

	(void)state;
	for (unsigned v = 0; v <= 1; v++) {
		uint8_t *image = make(text, v, &len, hex);
		char *dump = NULL;

		assert_int_equal(reread(image, len, &dump), 0);
		assert_string_equal(dump, text);
		free(dump);
		free(image);
	}
}

/* Without stand-ins a whiteout has one name: the writer of format 2 refuses another, and the reader
 * an inode that speaks of more, whatever the entries say. */
static void test_whiteout_names(void **state)
{
	static const char text[] = ROOT "/a 0 20644 1 0 0 0 0.0 - - -\n";
	static const char linked[] = ROOT "/a 0 @20644 0 0 0 0 0.0 /w - -\n"
					  "/w 0 20644 2 0 0 0 0.0 - - -\n";
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	struct erofs_info info;
	struct dump_reader *d;
	struct image_tree t;
	struct output out;
	struct err e = {0};
	uint8_t *image;
	size_t len;

	(void)state;
	image = make(text, 2, &len, hex);
	assert_int_equal(reread(image, len, NULL), 0);
	for (size_t at = EROFS_SUPER_OFFSET + EROFS_SUPER_SIZE; at < len; at += EROFS_SLOT)
		if (get16(image + at) & 1 && get16(image + at + 4) == (S_IFCHR | 0644))
			put32(image + at + IX_NLINK, 2);
	assert_int_equal(erofs_read(image, len, 0, &t, &info, &e), -EINVAL);
	assert_string_equal(e.text, "/a: a whiteout with 2 names");
	free(image);

	assert_int_equal(dump_reader_new(0, &d), 0);
	assert_int_equal(dump_reader_add(d, linked, strlen(linked), &e), 0);
	assert_int_equal(dump_reader_finish(d, &t, &e), 0);
	dump_reader_free(d);
	assert_int_equal(output_init(&out, -EBADF), 0);
	assert_int_equal(erofs_write(&t, 2, 2, &out, &info, &e), -EMLINK);
	assert_string_equal(e.text, "format 2 holds no whiteout with several names");
	output_done(&out);
	image_tree_done(&t);
}

/* The earliest time there is: what is read as a tree can be a dump, and the dump makes it again. */
static void test_earliest_time(void **state)
{
	static const char text[] = "/ 0 40755 2 0 0 0 -9223372036854775808.0 - - -\n";
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;

	(void)state;
	for (unsigned v = 0; v <= 2; v++) {
		uint8_t *image = make(text, v, &len, hex);
		char *dump = NULL;

		assert_int_equal(reread(image, len, &dump), 0);
		assert_string_equal(dump, text);
		free(dump);
		free(image);
	}
}

/* Each byte changed: refused, or a different but sound image; never equal to what
 * the tree makes unless nothing was changed. */
static void test_every_byte(void **state)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len, accepted = 0;
	uint8_t *image = make(rich, 1, &len, hex);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		image[i] ^= flips[i % ARRAY_SIZE(flips)];
		accepted += reread(image, len, NULL) == 0;
		image[i] ^= flips[i % ARRAY_SIZE(flips)];
	}
	/* Contents, names, modes and owners may change into others; nothing else. */
	assert_true(accepted < len);
	free(image);
}

static void test_cut_short(void **state)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;
	uint8_t *image = make(rich, 1, &len, hex);

	(void)state;
	for (size_t n = 0; n < len; n += n % 4096 ? 4096 - n % 4096 : 1365) {
		uint8_t *exact = malloc(n ? n : 1);

		assert_non_null(exact);
		memcpy(exact, image, n);
		assert_int_equal(reread(exact, n, NULL), -EINVAL);
		free(exact);
	}
	free(image);
}

/* One field changed, and the words for it. */
static void damaged(size_t at, unsigned bytes, uint64_t value, const char *words)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1], message[600];
	struct erofs_info info;
	struct image_tree t;
	struct err e = {0};
	size_t len;
	uint8_t *image = make(simple, 1, &len, hex);

	for (unsigned i = 0; i < bytes; i++)
		image[at + i] = (uint8_t)(value >> 8 * i);
	if (erofs_read(image, len, 0, &t, &info, &e) != -EINVAL)
		fail_msg("offset %zu with %llu is accepted", at, (unsigned long long)value);
	err_message(&e, message, sizeof(message));
	if (!strstr(message, words))
		fail_msg("offset %zu says: %s\nnot: %s", at, message, words);
	free(image);
}

static void test_damage(void **state)
{
	size_t sb = EROFS_SUPER_OFFSET, root = 1152;

	(void)state;
	damaged(0, 4, 0, "no composefs header");
	damaged(4, 4, 2, "header version 2");
	damaged(8, 4, 2, "unknown flags");
	damaged(12, 4, 3, "format 3");
	damaged(20, 1, 1, "before the superblock");
	damaged(sb + SB_MAGIC, 4, 0, "no EROFS superblock");
	damaged(sb + SB_BLOCK_BITS, 1, 9, "blocks of 2^9");
	damaged(sb + SB_FEATURE_COMPAT, 4, 8, "unexpected features");
	damaged(sb + SB_INCOMPAT, 4, 1, "incompatible features");
	damaged(sb + SB_EXTSLOTS, 1, 1, "should be zero");
	damaged(sb + SB_UUID, 1, 1, "should be zero");
	damaged(sb + SB_BLOCKS, 4, 1, "1 blocks");
	damaged(sb + SB_INODES, 8, 1, "inodes");
	damaged(sb + SB_BUILD_NSEC, 4, 1000000000, "build time");
	damaged(sb + SB_ROOT_NID, 2, 65535, "beyond the image");
	damaged(sb + SB_ROOT_NID, 2, 0, "");
	damaged(root, 2, 2 << 1 | 1, "");
	damaged(root, 2, 1 << 1, "data layout");
	damaged(root + 2, 2, 65535, "");
	damaged(root + 4, 2, 0, "no file type");
	damaged(root + 4, 2, 0100755, "");
	damaged(root + IC_SIZE, 4, 0xffffffff, "");
	damaged(root + IC_SIZE, 4, 4097, "");
	damaged(root + IC_SIZE, 4, 0, "without '.' or '..'");
	damaged(root + IC_INO, 4, 7, "out of order");
}

/* A directory that contains itself, by a changed node id in an entry. */
static void test_loop(void **state)
{
	char hex[2 * IMAGE_DIGEST_MAX + 1];
	size_t len;
	uint8_t *image = make(ROOT "/d 0 40755 2 0 0 0 0.0 - - -\n", 1, &len, hex);

	(void)state;
	for (size_t at = 0; at + 12 < len; at++) {
		/* Entries of type directory, to the root. */
		if (image[at + 10] != 2 || image[at + 11] || get64(image + at) > 10000 ||
		    get64(image + at) <= 36)
			continue;
		put64(image + at, 36);
		assert_int_equal(reread(image, len, NULL), -EINVAL);
		free(image);
		return;
	}
	fail();
}

static void test_formats(void **state)
{
	static const char whiteout[] = ROOT "/w 0 20000 1 0 0 0 0.0 - - -\n";
	static const unsigned bad[][2] = {{1, 0}, {0, 2}, {1, 2}, {3, 3}, {2, 3}};
	struct erofs_info info;
	struct dump_reader *d;
	struct image_tree t;
	struct output out;
	struct err e = {0};

	(void)state;
	assert_int_equal(output_init(&out, -EBADF), 0);
	for (size_t i = 0; i <= ARRAY_SIZE(bad); i++) {
		assert_int_equal(dump_reader_new(0, &d), 0);
		assert_int_equal(dump_reader_add(d, whiteout, strlen(whiteout), &e), 0);
		assert_int_equal(dump_reader_finish(d, &t, &e), 0);
		dump_reader_free(d);
		if (i < ARRAY_SIZE(bad)) {
			assert_int_equal(erofs_write(&t, bad[i][0], bad[i][1], &out, &info, &e),
					 -EINVAL);
		} else {
			/* Format 0 cannot express a whiteout. */
			assert_int_equal(erofs_write(&t, 0, 1, &out, &info, &e), 0);
			assert_int_equal(info.version, 1);
		}
		image_tree_done(&t);
	}
	output_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_digests),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_real_name_stays),
		cmocka_unit_test(test_opaque_of_the_tree),
		cmocka_unit_test(test_linked_whiteout),
		cmocka_unit_test(test_whiteout_names),
		cmocka_unit_test(test_earliest_time),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
