/* Programs from annotations: base64, and the kernel's rules. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/test-simulator.h"

#define INSN(code, k, jt, jf) ((struct sock_filter){(code), (jt), (jf), (k)})
#define RETURN(k)             INSN(BPF_RET | BPF_K, k, 0, 0)
#define LOAD(k)               INSN(BPF_LD | BPF_W | BPF_ABS, k, 0, 0)

static char *encode(const void *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *from = data;
	char *text = calloc(1, (size + 2) / 3 * 4 + 1), *to = text;

	assert_non_null(text);
	for (size_t i = 0; i < size; i += 3) {
		uint32_t group = (uint32_t)from[i] << 16;

		if (i + 1 < size)
			group |= (uint32_t)from[i + 1] << 8;
		if (i + 2 < size)
			group |= from[i + 2];
		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = i + 1 < size ? digits[group >> 6 & 63] : '=';
		*to++ = i + 2 < size ? digits[group & 63] : '=';
	}
	return text;
}

static int take(const char *text, struct seccomp_program *prog, struct err *e)
{
	struct arena a;
	int r;

	*e = (struct err){0};
	arena_init(&a, NULL, 0);
	r = seccomp_raw_from_base64(&a, text, 32, prog, e);
	arena_done(&a);
	return r;
}

static void expect(const struct sock_filter *insns, size_t n, const char *words)
{
	char *text = encode(insns, n * sizeof(*insns));
	struct seccomp_program prog;
	struct err e;
	int r = take(text, &prog, &e);

	free(text);
	if (!words) {
		if (r < 0)
			fail_msg("%s", e.text);
		assert_int_equal(prog.n, n);
		return;
	}
	assert_true(r < 0);
	assert_int_equal(e.id, ERR_CONFIG_INVALID);
	assert_string_equal(e.text, words);
}

#define EXPECT(words, ...)                                                                         \
	do {                                                                                       \
		const struct sock_filter insns_[] = {__VA_ARGS__};                                 \
		expect(insns_, ARRAY_SIZE(insns_), words);                                         \
	} while (0)

static void test_rules(void **state)
{
	(void)state;
	EXPECT(NULL, RETURN(0));
	EXPECT(NULL, LOAD(60), INSN(BPF_ST, 3, 0, 0), INSN(BPF_LD | BPF_MEM, 3, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter is the last, and no return", LOAD(0));
	EXPECT("instruction 0 of the seccomp filter loads from outside of struct seccomp_data",
	       LOAD(64), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter loads from outside of struct seccomp_data",
	       LOAD(2), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter is none that seccomp allows",
	       INSN(BPF_LD | BPF_H | BPF_ABS, 0, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter jumps past the end",
	       INSN(BPF_JMP | BPF_JA, 1, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter jumps past the end",
	       INSN(BPF_JMP | BPF_JA, 0xffffffff, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter jumps past the end",
	       INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter divides by zero",
	       INSN(BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter shifts by more than 31",
	       INSN(BPF_ALU | BPF_LSH | BPF_K, 32, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter reads scratch memory that was not written",
	       INSN(BPF_LD | BPF_MEM, 0, 0, 0), RETURN(0));
	EXPECT("instruction 2 of the seccomp filter reads scratch memory that was not written",
	       INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 1, 0), INSN(BPF_ST, 0, 0, 0),
	       INSN(BPF_LD | BPF_MEM, 0, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter uses scratch memory that does not exist",
	       INSN(BPF_ST, 16, 0, 0), RETURN(0));
	EXPECT("instruction 0 of the seccomp filter returns the accumulator, which could be any "
	       "verdict",
	       INSN(BPF_RET | BPF_A, 0, 0, 0));
}

static void test_text(void **state)
{
	struct seccomp_program prog;
	struct err e;
	char *text = calloc(1, 65536);

	(void)state;
	assert_non_null(text);
	assert_int_equal(take("", &prog, &e), -EINVAL);
	assert_int_equal(take("=", &prog, &e), -EINVAL);
	assert_int_equal(take("====", &prog, &e), -EINVAL);
	assert_int_equal(take("AAA", &prog, &e), -EINVAL);
	assert_int_equal(take("AA=A", &prog, &e), -EINVAL);
	assert_int_equal(take("AA*A", &prog, &e), -EINVAL);
	assert_int_equal(take("AAAA", &prog, &e), -EINVAL);
	assert_string_equal(e.text, "the seccomp filter has 3 bytes, which are no whole number of "
				    "instructions from 1 to 4096");
	memset(text, 'A', 43696);
	assert_int_equal(take(text, &prog, &e), -E2BIG);
	free(text);
}

static void test_notify(void **state)
{
	const struct sock_filter quiet[] = {RETURN(SECCOMP_RET_ALLOW)};
	const struct sock_filter asks[] = {LOAD(0), INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
					   RETURN(SECCOMP_RET_USER_NOTIF), RETURN(0)};
	char *text = encode(quiet, sizeof(quiet));
	struct seccomp_program prog;
	struct err e;

	(void)state;
	assert_int_equal(take(text, &prog, &e), 0);
	assert_false(prog.notify);
	assert_int_equal(prog.flags, 0); /* not WAIT_KILLABLE_RECV */
	free(text);
	text = encode(asks, sizeof(asks));
	assert_int_equal(take(text, &prog, &e), 0);
	assert_true(prog.notify);
	assert_int_equal(prog.flags, 32 | 8);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_notify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
