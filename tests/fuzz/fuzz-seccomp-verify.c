/* The emitter and the verifier of the seccomp compiler. The bytes are choices for a profile, which
 * is compiled and verified; then one instruction of the program is changed. What the verifier takes
 * must give the same verdicts, at points of the fuzzer's choice. */
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/test-simulator.h"
#include "seccomp/compile/verify.h"
#include "tests/fuzz/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *at, *end;
};

static uint32_t take(struct bytes *b, unsigned n)
{
	uint32_t v = 0;

	while (n-- && b->at < b->end)
		v = v << 8 | *b->at++;
	return v;
}

static const char *const actions[] = {
	"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO",        "SCMP_ACT_KILL", "SCMP_ACT_TRAP",
	"SCMP_ACT_TRACE", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG",  "SCMP_ACT_NOTIFY",
};
static const char *const ops[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_EQ",
};

static const char *take_action(struct bytes *b, bool *has_errno, uint32_t *errno_ret)
{
	uint32_t v = take(b, 1);
	const char *name = actions[v % 8];

	*has_errno = (v % 8 == 1 || v % 8 == 4) && v & 0x80;
	*errno_ret = *has_errno ? take(b, 2) % 4096 : 0;
	return name;
}

static uint64_t take_value(struct bytes *b)
{
	switch (take(b, 1) % 4) {
	case 0:
		return take(b, 1);
	case 1:
		return 1ULL << take(b, 1) % 64;
	case 2:
		return (1ULL << take(b, 1) % 64) - 1;
	default:
		return (uint64_t)take(b, 4) << 32 | take(b, 4);
	}
}

static void take_profile(struct arena *a, struct bytes *b, struct spec_seccomp *p)
{
	static const char *const archs[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64",
					    "SCMP_ARCH_AARCH64"};

	*p = (struct spec_seccomp){.listener_path = "", .listener_metadata = ""};
	p->default_action = take_action(b, &p->has_default_errno_ret, &p->default_errno_ret);
	p->architectures = (struct str_list){(const char **)archs, take(b, 1) % 5};
	p->syscalls = arena_newn(a, struct spec_seccomp_syscall, 64);
	for (; p->syscalls && b->at < b->end && p->n_syscalls < 64; p->n_syscalls++) {
		struct spec_seccomp_syscall *s = &p->syscalls[p->n_syscalls];

		s->names.n = 1 + take(b, 1) % 4;
		s->names.items = arena_newn(a, const char *, s->names.n);
		s->n_args = take(b, 1) % 5;
		s->args = arena_newn(a, struct spec_seccomp_arg, s->n_args + 1);
		if (!s->names.items || !s->args)
			break;
		for (size_t i = 0; i < s->names.n; i++)
			s->names.items[i] = syscall_name(take(b, 2) % SYSCALL_COUNT);
		for (size_t i = 0; i < s->n_args; i++) {
			s->args[i].index = take(b, 1) % 6;
			s->args[i].op = ops[take(b, 1) % 8];
			s->args[i].value = take_value(b);
			s->args[i].value_two = take_value(b);
		}
		s->action = take_action(b, &s->has_errno_ret, &s->errno_ret);
	}
}

static void same_verdicts(const struct seccomp_program *x, const struct seccomp_program *y,
			  struct bytes *b)
{
	static const uint32_t archs[] = {0xc000003e, 0x40000003, 0xc00000b7};

	while (b->at < b->end) {
		uint32_t arch = archs[take(b, 1) % 3], nr = take(b, 2) | (take(b, 1) & 1) << 30;
		unsigned steps = 0;
		uint64_t args[6];
		struct sim_data d;
		bool x_ok, y_ok;

		for (unsigned i = 0; i < 6; i++)
			args[i] = take_value(b);
		d = sim_data(arch, nr, args, false);
		if (sim_run(x->insns, x->n, &d, &steps, &x_ok) !=
			    sim_run(y->insns, y->n, &d, &steps, &y_ok) ||
		    !x_ok || !y_ok)
			abort();
	}
}

static void fuzz_profile(struct bytes b)
{
	struct seccomp_options options = {.native = SECCOMP_ARCH_X86_64};
	struct seccomp_program good = {0}, bad;
	const struct seccomp_warning *warnings;
	struct bytes change = {b.at, b.at + (b.end - b.at < 8 ? b.end - b.at : 8)};
	struct bytes points = {b.end - (b.end - b.at) / 2, b.end};
	struct seccomp_policy policy;
	struct spec_seccomp spec;
	struct err e = {0};
	struct arena a;
	int r;

	b.at = change.end;
	arena_init(&a, NULL, 0);
	take_profile(&a, &b, &spec);
	r = seccomp_policy_from_oci(&a, &spec, &options, &policy, &warnings, &e);
	if (r == 0)
		r = seccomp_emit(&a, &policy, &good, &e);
	if (r == 0)
		r = seccomp_verify(&a, &policy, &good, SECCOMP_VERIFY_QUICK, NULL, &e);
	proven(r, &e);
	bad = good;
	if (r == 0)
		bad.insns = malloc(good.n * sizeof(*bad.insns));
	if (r == 0 && bad.insns) {
		struct sock_filter *f = &bad.insns[take(&change, 2) % good.n];

		memcpy(bad.insns, good.insns, good.n * sizeof(*bad.insns));
		f->code ^= (uint16_t)(take(&change, 1) & 0x7f);
		f->jt ^= (uint8_t)take(&change, 1);
		f->k ^= take(&change, 4);
		if (seccomp_verify(&a, &policy, &bad, SECCOMP_VERIFY_QUICK, NULL, &e) == 0)
			same_verdicts(&good, &bad, &points);
		free(bad.insns);
	}
	arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_profile((struct bytes){data, data + size});
	return 0;
}
