/* For tests: policies from text, programs from policies, and verdicts by the simulator, which knows
 * nothing of either. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/test-simulator.h"
#include "seccomp/compile/verify.h"
#include "seccomp/policy/language.h"

#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))

struct compiled {
	struct arena arena;
	struct policy_options options;
	struct policy_rules rules;
	struct policy_map map;
	struct policy_log log;
	struct seccomp_policy policy;
	struct seccomp_program program;
	struct err err;
};

/* Without files; @c->options may be set before, the rest is cleared. Returns what the parts do. */
static inline int compile_policy(struct compiled *c, const char *text)
{
	const struct policy_options options = c->options;
	bool complete;
	int r;

	*c = (struct compiled){.options = options};
	arena_init(&c->arena, NULL, 0);
	c->log.arena = &c->arena;
	r = policy_parse(&c->arena, "test", text, strlen(text), &c->options, &c->rules, &c->log);
	if (r == 0)
		r = policy_map_rules(&c->arena, &c->rules, &c->options, &c->map, &c->log);
	if (r == 0)
		r = policy_to_seccomp(&c->arena, &c->map, &c->policy);
	if (r == 0)
		r = seccomp_emit(&c->arena, &c->policy, &c->program, &c->err);
	if (r == 0)
		r = seccomp_verify(&c->arena, &c->policy, &c->program, SECCOMP_VERIFY_EXHAUSTED,
				   &complete, &c->err);
	return r;
}

static inline void compile_sound(struct compiled *c, const char *text)
{
	int r = compile_policy(c, text);

	if (r < 0 && c->log.first)
		fail_msg("%s", policy_message_text(&c->arena, c->log.first));
	if (r < 0)
		fail_msg("%s: %s", text, c->err.text);
}

static inline uint32_t run_program(const struct seccomp_program *p, enum seccomp_arch arch,
				   uint32_t nr, const uint64_t args[6])
{
	const struct seccomp_arch_info *info = seccomp_arch_info(arch);
	struct sim_data d = sim_data(info->audit, nr, args, info->big_endian);
	unsigned steps = 0;
	uint32_t verdict;
	bool ok;

	verdict = sim_run(p->insns, p->n, &d, &steps, &ok);
	assert_true(ok);
	return verdict;
}

static inline uint32_t number_of(const char *name, enum seccomp_arch arch)
{
	uint32_t nr;

	assert_true(syscall_from_name(name) >= 0);
	assert_int_equal(syscall_number((unsigned)syscall_from_name(name), arch, &nr), 0);
	return nr;
}

static inline uint32_t verdict(const struct compiled *c, enum seccomp_arch arch, const char *name,
			       uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	const uint64_t args[6] = {arg0, arg1, arg2};

	return run_program(&c->program, arch, number_of(name, arch), args);
}

static inline void done(struct compiled *c)
{
	arena_done(&c->arena);
}
