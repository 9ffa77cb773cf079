/* Engines' profiles: which rules a container gets, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/policy/constants.h"
#include "seccomp/policy/engine.h"

static struct arena arena;

static int start(void **state)
{
	(void)state;
	arena_init(&arena, NULL, 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static int expand(const char *text, const struct policy_options *options, struct spec_seccomp *ret,
		  struct err *e)
{
	struct spec_engine_profile profile;
	int r = spec_engine_profile_parse(&arena, arena_strdup(&arena, text), strlen(text),
					  &profile, e);

	return r < 0 ? r : policy_expand_engine(&arena, &profile, options, ret, e);
}

/* The first names of the rules that are left, with blanks between. */
static const char *rules_of(const char *text, enum seccomp_arch native, const char *capability,
			    uint16_t kernel)
{
	struct policy_options options = {.native = native, .kernel = kernel};
	struct spec_seccomp s;
	struct err e = {0};
	const char *names = "";

	if (capability)
		options.capabilities = 1ULL
				       << policy_capability_find(capability, strlen(capability));
	assert_int_equal(expand(text, &options, &s, &e), 0);
	for (size_t i = 0; i < s.n_syscalls; i++)
		names = arena_format(&arena, "%s%s%s", names, i ? " " : "",
				     s.syscalls[i].names.items[0]);
	return names;
}

#define RULE(names, more)                                                                          \
	"{\"names\":[\"" names "\"],\"action\":\"SCMP_ACT_ALLOW\",\"comment\":\"c\"" more "}"
#define PROFILE(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"

static void test_capabilities(void **state)
{
	static const char text[] = PROFILE(
		RULE("always", ",\"includes\":{},\"excludes\":{},\"args\":null") "," RULE("with", ",\"includes\":{\"caps\":[\"CAP_SYSLOG\"]}") "," RULE(
			"without",
			",\"excludes\":{\"caps\":[\"CAP_BPF\",\"CAP_SYSLOG\"]}") "," RULE("both",
											  ",\"includes\":{\"caps\":[\"CAP_SYSLOG\",\"CAP_BPF\"]}") "," RULE("unknown",
																			    ",\"excludes\":{\"caps\":[\"CAP_OF_TOMORROW\"]}"));

	(void)state;
	assert_string_equal(rules_of(text, SECCOMP_ARCH_X86_64, NULL, 0x600),
			    "always without unknown");
	assert_string_equal(rules_of(text, SECCOMP_ARCH_X86_64, "CAP_SYSLOG", 0x600),
			    "always with unknown");
}

static void test_machines(void **state)
{
	static const char text[] = PROFILE(
		RULE("intel", ",\"includes\":{\"arches\":[\"amd64\",\"x32\",\"x86\"]}") "," RULE(
			"arm",
			",\"includes\":{\"arches\":[\"arm64\"]}") "," RULE("others",
									   ",\"excludes\":{\"arches\":[\"s390\",\"s390x\"]}"));

	(void)state;
	assert_string_equal(rules_of(text, SECCOMP_ARCH_X86_64, NULL, 0x600), "intel others");
	assert_string_equal(rules_of(text, SECCOMP_ARCH_AARCH64, NULL, 0x600), "arm others");
	assert_string_equal(rules_of(text, SECCOMP_ARCH_S390X, NULL, 0x600), "");
}

static void test_kernels(void **state)
{
	static const char text[] =
		PROFILE(RULE("new", ",\"includes\":{\"minKernel\":\"4.8\"}") "," RULE(
			"old", ",\"excludes\":{\"minKernel\":\"4.8\"}"));

	(void)state;
	assert_string_equal(rules_of(text, SECCOMP_ARCH_X86_64, NULL, 4 << 8 | 7), "old");
	assert_string_equal(rules_of(text, SECCOMP_ARCH_X86_64, NULL, 4 << 8 | 8), "new");
	assert_string_equal(rules_of(text, SECCOMP_ARCH_X86_64, NULL, 4 << 8 | 19), "new");
	assert_string_equal(rules_of(text, SECCOMP_ARCH_X86_64, NULL, 6 << 8), "new");
}

static void test_architectures(void **state)
{
	static const char text[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":["
		"{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]},"
		"{\"architecture\":\"SCMP_ARCH_RISCV64\",\"subArchitectures\":null}]}";
	struct policy_options options = {.native = SECCOMP_ARCH_X86_64};
	struct spec_seccomp s;
	struct err e = {0};

	(void)state;
	assert_int_equal(expand(text, &options, &s, &e), 0);
	assert_int_equal(s.architectures.n, 2);
	assert_string_equal(s.architectures.items[0], "SCMP_ARCH_X86_64");
	assert_string_equal(s.architectures.items[1], "SCMP_ARCH_X86");
	options.native = SECCOMP_ARCH_RISCV64;
	assert_int_equal(expand(text, &options, &s, &e), 0);
	assert_int_equal(s.architectures.n, 1);
	options.native = SECCOMP_ARCH_S390X;
	assert_int_equal(expand(text, &options, &s, &e), 0);
	assert_int_equal(s.architectures.n, 0);
}

/* Names of errors and of single calls; names win over numbers. */
static void test_words(void **state)
{
	static const char text[] = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,"
				   "\"defaultErrno\":\"ENOSYS\",\"syscalls\":["
				   "{\"name\":\"bdflush\",\"action\":\"SCMP_ACT_ERRNO\","
				   "\"errnoRet\":1,\"errno\":\"EACCES\"},"
				   "{\"names\":[\"umount\"],\"action\":\"SCMP_ACT_ERRNO\","
				   "\"errnoRet\":7,\"args\":[{\"index\":1,\"value\":2,"
				   "\"valueTwo\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}";
	struct policy_options options = {.native = SECCOMP_ARCH_X86_64};
	struct spec_seccomp s;
	struct err e = {0};

	(void)state;
	assert_int_equal(expand(text, &options, &s, &e), 0);
	assert_int_equal(s.default_errno_ret, 38);
	assert_string_equal(s.syscalls[0].names.items[0], "bdflush");
	assert_int_equal(s.syscalls[0].errno_ret, 13);
	assert_int_equal(s.syscalls[1].errno_ret, 7);
	assert_int_equal(s.syscalls[1].args[0].value, 2);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *where, *words;
	} wrong[] = {
		{PROFILE(RULE("a", "") "," RULE("b", ",\"name\":\"c\"")), "syscalls[1].name",
		 "\"names\" as well"},
		{PROFILE(RULE("a", ",\"includes\":{\"minKernel\":\"4\"}")),
		 "syscalls[0].includes.minKernel", "expected a version, as \"4.8\", got \"4\""},
		{PROFILE(RULE("a", ",\"excludes\":{\"minKernel\":\"4.8.1\"}")),
		 "syscalls[0].excludes.minKernel", "expected a version, as \"4.8\", got \"4.8.1\""},
		{PROFILE(RULE("a", ",\"excludes\":{\"minKernel\":\"4.256\"}")),
		 "syscalls[0].excludes.minKernel", "expected a version, as \"4.8\", got \"4.256\""},
		{PROFILE(RULE("a", ",\"errno\":\"ENOTHING\"")), "syscalls[0].errno",
		 "no error is called \"ENOTHING\""},
		{"{\"defaultErrno\":\"EPREM\"}", "defaultErrno", "no error is called \"EPREM\""},
		{"{\"architectures\":[\"SCMP_ARCH_X86\"],\"archMap\":[{}]}", "archMap",
		 "\"architectures\" as well"},
		{PROFILE(RULE("a", ",\"includes\":[]")), "syscalls[0].includes",
		 "line 1: expected an object, got an array"},
	};
	struct policy_options options = {.native = SECCOMP_ARCH_X86_64};
	struct spec_seccomp s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct err e = {0};

		assert_int_equal(expand(wrong[i].text, &options, &s, &e), -22);
		assert_string_equal(e.where, wrong[i].where);
		assert_string_equal(e.text, wrong[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_capabilities, start, end),
		cmocka_unit_test_setup_teardown(test_machines, start, end),
		cmocka_unit_test_setup_teardown(test_kernels, start, end),
		cmocka_unit_test_setup_teardown(test_architectures, start, end),
		cmocka_unit_test_setup_teardown(test_words, start, end),
		cmocka_unit_test_setup_teardown(test_refused, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
