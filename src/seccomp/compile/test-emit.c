/* The emitter: what the kernel can know beforehand, large programs, and their limit. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/test-profiles.h"
#include "seccomp/compile/test-simulator.h"
#include "seccomp/compile/verify.h"

static void make(struct arena *a, const struct spec_seccomp *spec, enum seccomp_arch native,
		 struct seccomp_policy *policy, struct seccomp_program *prog)
{
	struct seccomp_options options = {.native = native};
	const struct seccomp_warning *warnings;
	struct err e = {0};

	if (seccomp_policy_from_oci(a, spec, &options, policy, &warnings, &e) < 0 ||
	    seccomp_emit(a, policy, prog, &e) < 0 ||
	    seccomp_verify(a, policy, prog, SECCOMP_VERIFY_EXHAUSTED, NULL, &e) < 0)
		fail_msg("%s: %s", e.where, e.text);
}

/* As the kernel does when a filter is loaded (5.11): follow the program for one number as long as
 * it looks at nothing but number and architecture. Returns whether it came to "allow". */
static bool always_allowed(const struct seccomp_program *prog, uint32_t arch, uint32_t nr)
{
	uint32_t acc = 0;

	for (size_t pc = 0; pc < prog->n; pc++) {
		const struct sock_filter *f = &prog->insns[pc];
		bool holds;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k > 4)
				return false;
			acc = f->k ? arch : nr;
			continue;
		case BPF_RET | BPF_K:
			return f->k == SECCOMP_RET_ALLOW;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			holds = acc == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			holds = acc >= f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			holds = acc > f->k;
			break;
		default:
			fail_msg("instruction %zu, %#x, cannot be followed", pc, f->code);
			return false;
		}
		pc += holds ? f->jt : f->jf;
	}
	fail_msg("the program does not end");
	return false;
}

/* Every number whose verdict is "allow" whatever its arguments is one that the kernel allows
 * without running the program. */
static void test_cache(void **state)
{
	static const char *const archs[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
	struct profile_shape shape = {
		.max_rules = 40, .max_names = 30, .args_percent = 20, .archs = archs};
	struct rng rng = {12345};
	unsigned long allowed = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct seccomp_program prog = {0};
		struct seccomp_policy policy;
		struct spec_seccomp spec;
		struct arena a;

		arena_init(&a, NULL, 0);
		spec = random_profile(&a, &rng, &shape);
		make(&a, &spec, SECCOMP_ARCH_X86_64, &policy, &prog);
		for (size_t k = 0; k < policy.n_abis; k++) {
			const struct seccomp_abi *abi = &policy.abis[k];

			for (size_t n = 0; n < abi->n_entries; n++) {
				const struct seccomp_entry *e = &abi->entries[n];
				bool want = !e->rules && e->action == SECCOMP_RET_ALLOW;

				assert_int_equal(always_allowed(&prog,
								seccomp_arch_info(abi->arch)->audit,
								e->nr),
						 want);
				allowed += want;
			}
		}
		arena_done(&a);
	}
	assert_true(allowed > 10000);
}

/* Every call of the table with a verdict and rules of its own: jumps of all distances. */
static void make_large(struct arena *a, struct spec_seccomp *spec, unsigned n_rules)
{
	static struct str_list one[SYSCALL_COUNT];
	static const char *names[SYSCALL_COUNT];
	size_t n = 0;

	*spec = (struct spec_seccomp){
		.default_action = "SCMP_ACT_ERRNO", .listener_path = "", .listener_metadata = ""};
	spec->syscalls = arena_newn(a, struct spec_seccomp_syscall, SYSCALL_COUNT * (n_rules + 1));
	assert_non_null(spec->syscalls);
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		names[i] = syscall_name(i);
		one[i] = (struct str_list){&names[i], 1};
		for (unsigned k = 0; k < MAX(n_rules, 1U); k++) {
			struct spec_seccomp_syscall *s = &spec->syscalls[n++];

			*s = (struct spec_seccomp_syscall){.names = one[i],
							   .action = "SCMP_ACT_ERRNO",
							   .has_errno_ret = true,
							   .errno_ret = 2 + (i + k) % 4000};
			if (n_rules == 0)
				continue;
			s->args = arena_new(a, struct spec_seccomp_arg);
			assert_non_null(s->args);
			s->n_args = 1;
			*s->args = (struct spec_seccomp_arg){
				.index = k % 6, .value = 1000 * i + k, .op = "SCMP_CMP_EQ"};
		}
	}
	spec->n_syscalls = n;
}

static void test_large(void **state)
{
	static const char *const archs[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32"};
	struct seccomp_program prog = {0};
	struct seccomp_policy policy;
	struct spec_seccomp spec;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	make_large(&a, &spec, 0);
	spec.architectures = (struct str_list){(const char **)archs, 2};
	make(&a, &spec, SECCOMP_ARCH_X86_64, &policy, &prog);
	assert_true(prog.n > 2000 && prog.n <= BPF_MAXINSNS);
	make_large(&a, &spec, 1);
	make(&a, &spec, SECCOMP_ARCH_X86_64, &policy, &prog);
	assert_true(prog.n > 2000 && prog.n <= BPF_MAXINSNS);
	make(&a, &spec, SECCOMP_ARCH_S390X, &policy, &prog);
	arena_done(&a);
}

static void test_too_large(void **state)
{
	struct seccomp_options options = {.native = SECCOMP_ARCH_X86_64};
	struct seccomp_program prog = {0};
	struct spec_seccomp spec;
	struct err e = {0};
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	make_large(&a, &spec, 3);
	assert_int_equal(seccomp_compile(&a, &spec, &options, &prog, &e), -E2BIG);
	assert_int_equal(e.id, ERR_CONFIG_INVALID);
	assert_string_equal(e.where, "linux.seccomp.syscalls");
	assert_string_equal(
		e.text, "the filter needs more than the 4096 instructions that the kernel takes");
	arena_done(&a);
}

/* One verdict for everything still asks for the architecture. */
static void test_smallest(void **state)
{
	struct spec_seccomp spec = {
		.default_action = "SCMP_ACT_ALLOW", .listener_path = "", .listener_metadata = ""};
	struct seccomp_program prog = {0};
	struct seccomp_policy policy;
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	make(&a, &spec, SECCOMP_ARCH_AARCH64, &policy, &prog);
	assert_int_equal(prog.n, 4);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_smallest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
