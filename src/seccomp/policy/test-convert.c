/* Profiles to policies and back: nothing is lost; and what profiles cannot say is refused. */
#include <errno.h>
#include <stdlib.h>

#include "seccomp/policy/test-policies.h"

#include "seccomp/compile/test-profiles.h"
#include "seccomp/policy/differ.h"
#include "seccomp/policy/from-oci.h"
#include "seccomp/policy/to-oci.h"

static void count(void *context, const struct policy_difference *d)
{
	size_t *n = context;

	(void)d;
	++*n;
}

static size_t differences(struct arena *a, const struct seccomp_program *x,
			  const struct seccomp_program *y)
{
	struct err e = {0};
	bool complete;
	size_t n = 0;

	assert_int_equal(policy_differ(a, x, y, count, &n, &complete, &e), 0);
	assert_true(complete);
	return n;
}

static void compile_profile(struct arena *a, const struct spec_seccomp *spec,
			    enum seccomp_arch native, struct seccomp_policy *policy,
			    struct seccomp_program *ret)
{
	struct seccomp_options options = {.native = native};
	const struct seccomp_warning *warnings;
	struct err e = {0};

	assert_int_equal(seccomp_policy_from_oci(a, spec, &options, policy, &warnings, &e), 0);
	assert_int_equal(seccomp_emit(a, policy, ret, &e), 0);
}

/* There and back. Returns whether the way back was refused. */
static bool round_trip(const struct spec_seccomp *spec, enum seccomp_arch native)
{
	struct compiled c = {.options = {.native = native}};
	struct seccomp_program before = {0}, after = {0};
	struct seccomp_policy policy;
	const char *text, *json;
	struct arena a;
	struct spec again;
	struct err e = {0};
	size_t len;
	int r;

	arena_init(&a, NULL, 0);
	compile_profile(&a, spec, native, &policy, &before);
	assert_int_equal(policy_from_oci(&a, spec, &policy, &text), 0);
	compile_sound(&c, text);
	if (differences(&a, &before, &c.program))
		fail_msg("%s", text);
	r = policy_to_oci(&a, &c.map, &json, &len, &c.log);
	if (r < 0)
		print_message("%s", policy_message_text(&c.arena, c.log.first));
	if (r == 0) {
		char *document = arena_format(&a, "{\"linux\":{\"seccomp\":%s}}", json);

		assert_int_equal(spec_parse(&a, document, strlen(document), &again, &e), 0);
		compile_profile(&a, &again.linux_.seccomp, native, &policy, &after);
		assert_int_equal(differences(&a, &before, &after), 0);
	}
	done(&c);
	arena_done(&a);
	return r < 0;
}

static void test_random(void **state)
{
	static const char *const x86[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64",
					  NULL};
	static const char *const arm[] = {"SCMP_ARCH_ARM", NULL};
	static const char *const s390[] = {"SCMP_ARCH_S390", NULL};
	static const struct {
		enum seccomp_arch native;
		const char *const *archs;
	} machines[] = {{SECCOMP_ARCH_X86_64, x86},
			{SECCOMP_ARCH_X86_64, NULL},
			{SECCOMP_ARCH_AARCH64, arm},
			{SECCOMP_ARCH_S390X, s390},
			{SECCOMP_ARCH_RISCV64, NULL}};
	const char *more = getenv("CORACLE_CONVERT_COUNT");
	unsigned long count = more ? strtoul(more, NULL, 10) : 1000;
	struct rng rng = {.state = 20260721};
	size_t refused = 0;

	(void)state;
	for (unsigned long i = 0; i < count; i++) {
		const struct profile_shape shape = {
			.max_rules = 12,
			.max_names = 12,
			.args_percent = 35,
			.one_action = i % 2,
			.archs = machines[i % ARRAY_SIZE(machines)].archs,
		};
		struct spec_seccomp spec;
		struct arena a;

		arena_init(&a, NULL, 0);
		spec = random_profile(&a, &rng, &shape);
		refused += round_trip(&spec, machines[i % ARRAY_SIZE(machines)].native);
		arena_done(&a);
	}
	/* Also rules that contradict each other. */
	assert_int_equal(refused, 0);
}

/* --- refused ---------------------------------------------------------------------------------- */

static void refuses(const char *text, uint32_t line, const char *words)
{
	struct compiled c = {.options = {.native = SECCOMP_ARCH_X86_64}};
	const char *json;
	size_t len;

	compile_sound(&c, text);
	assert_int_equal(policy_to_oci(&c.arena, &c.map, &json, &len, &c.log), -EINVAL);
	assert_non_null(c.log.first);
	assert_int_equal(c.log.first->place.line, line);
	if (!strstr(c.log.first->text, words))
		fail_msg("%s", c.log.first->text);
	done(&c);
}

static void test_refused(void **state)
{
	(void)state;
	refuses("$syscall == @read => ALLOW();\n"
		"$syscall == @personality && $arg0 not in (1, 2) => ALLOW();\n=> ERRNO(ENOSYS);",
		2, "two conditions");
	refuses("arch x86_64, x86;\non x86 { $syscall == @read => KILL(); }\n=> ALLOW();", 2,
		"would get");
	refuses("$syscall == @read => ALLOW();\n$syscall == @write => TRAP(7);\n=> ERRNO(ENOSYS);",
		2, "trap");
	refuses("$arg0 == 1 => KILL();\n=> ALLOW();", 1, "would get");
	refuses("$syscall == 1000 => KILL();\n=> ALLOW();", 1, "would get");
	refuses("$arch != @x86_64 => LOG();\n=> ALLOW();", 1, "would get");
}

/* "else" and order, which profiles do not have, become rules that do not overlap. */
static void test_order(void **state)
{
	static const char *const texts[] = {
		"clone(clone_flags & CLONE_NEWUSER) => ERRNO(EPERM);\n"
		"$syscall == @clone => ALLOW();\n=> ERRNO(ENOSYS);",
		"$syscall == @socket && $arg0 == 16 && $arg2 == 9 => ERRNO(EINVAL);\n"
		"$syscall == @socket => ALLOW();\n=> ERRNO(ENOSYS);",
		"$syscall == @personality && $arg0 > 4 => LOG();\n"
		"$syscall == @personality && $arg0 != 2 => ALLOW();\n=> KILL_THREAD();",
	};
	struct compiled c = {.options = {.native = SECCOMP_ARCH_X86_64}};
	const char *json;
	size_t len;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		compile_sound(&c, texts[i]);
		if (policy_to_oci(&c.arena, &c.map, &json, &len, &c.log) < 0)
			fail_msg("%s", policy_message_text(&c.arena, c.log.first));
		done(&c);
	}
	refuses(texts[2], 2, "two conditions");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
