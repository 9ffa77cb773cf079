/* For tests: profiles made by chance, always the same for the same seed. */
#pragma once

#include <linux/seccomp.h>

#include "base/mem.h"
#include "base/str.h"
#include "oci/spec.h"
#include "seccomp/compile/table.h"

struct rng {
	uint64_t state;
};

static inline uint32_t rng_next(struct rng *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return (uint32_t)(r->state >> 16);
}

/* 0 to n - 1. */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return rng_next(r) % n;
}

struct profile_shape {
	unsigned max_rules, max_names;
	unsigned args_percent;            /* of rules have conditions */
	bool one_action;                  /* all rules with conditions have the same */
	const char *const *archs;         /* to choose from; NULL ends */
	bool (*usable)(const char *name); /* NULL: all */
};

static inline uint64_t random_value(struct rng *r)
{
	static const uint64_t edges[] = {0,          1,           2,           9,
					 16,         40,          0x7fffffff,  0x80000000,
					 0xffffffff, 0x100000000, 0x100000001, 0x7fffffffffffffff,
					 UINT64_MAX};

	switch (rng_below(r, 4)) {
	case 0:
		return rng_below(r, 8);
	case 1:
		return edges[rng_below(r, sizeof(edges) / sizeof(edges[0]))];
	case 2:
		return rng_next(r);
	default:
		return (uint64_t)rng_next(r) << 32 | rng_next(r);
	}
}

static inline const char *random_action(struct rng *r, bool *has_errno, uint32_t *errno_ret)
{
	static const char *const actions[] = {
		"SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW",        "SCMP_ACT_ERRNO",
		"SCMP_ACT_ERRNO", "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP",
		"SCMP_ACT_LOG",   "SCMP_ACT_TRACE", "SCMP_ACT_KILL_THREAD",
	};
	const char *action = actions[rng_below(r, sizeof(actions) / sizeof(actions[0]))];

	*has_errno = (str_eq(action, "SCMP_ACT_ERRNO") || str_eq(action, "SCMP_ACT_TRACE")) &&
		     rng_below(r, 2);
	*errno_ret = rng_below(r, 3) ? rng_below(r, 40) : rng_below(r, 4096);
	return action;
}

static inline void random_args(struct arena *a, struct rng *r, struct spec_seccomp_syscall *s)
{
	static const char *const ops[] = {"SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
					  "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
					  "SCMP_CMP_MASKED_EQ"};

	s->n_args = 1 + rng_below(r, rng_below(r, 4) ? 2 : 5);
	s->args = arena_newn(a, struct spec_seccomp_arg, s->n_args);
	for (size_t i = 0; s->args && i < s->n_args; i++) {
		s->args[i].index = rng_below(r, 6);
		s->args[i].value = random_value(r);
		s->args[i].value_two = random_value(r);
		s->args[i].op = ops[rng_below(r, 7)];
	}
}

static inline struct spec_seccomp random_profile(struct arena *a, struct rng *r,
						 const struct profile_shape *shape)
{
	struct spec_seccomp p = {.listener_path = "", .listener_metadata = ""};
	const char *common = NULL;
	bool common_has_errno = false;
	uint32_t common_errno = 0;
	/* A few calls get most of the rules, so that rules meet. */
	uint32_t hot = rng_below(r, SYSCALL_COUNT);
	size_t n_archs = 0;

	p.default_action = random_action(r, &p.has_default_errno_ret, &p.default_errno_ret);
	while (shape->archs && shape->archs[n_archs])
		n_archs++;
	p.architectures.items = arena_newn(a, const char *, n_archs + 1);
	for (size_t i = 0; i < n_archs; i++)
		if (rng_below(r, 2))
			p.architectures.items[p.architectures.n++] = shape->archs[i];
	p.n_syscalls = 1 + rng_below(r, shape->max_rules);
	p.syscalls = arena_newn(a, struct spec_seccomp_syscall, p.n_syscalls);
	common = random_action(r, &common_has_errno, &common_errno);
	for (size_t i = 0; i < p.n_syscalls; i++) {
		struct spec_seccomp_syscall *s = &p.syscalls[i];
		bool args = rng_below(r, 100) < shape->args_percent;
		size_t n = 1 + rng_below(r, shape->max_names);

		s->names.items = arena_newn(a, const char *, n);
		while (s->names.n < n) {
			uint32_t call = args && rng_below(r, 2)
						? (hot + rng_below(r, 3)) % SYSCALL_COUNT
						: rng_below(r, SYSCALL_COUNT);

			if (shape->usable && !shape->usable(syscall_name(call))) {
				hot = rng_below(r, SYSCALL_COUNT);
				continue;
			}
			s->names.items[s->names.n++] = syscall_name(call);
		}
		s->action = random_action(r, &s->has_errno_ret, &s->errno_ret);
		if (args) {
			random_args(a, r, s);
			if (shape->one_action) {
				s->action = common;
				s->has_errno_ret = common_has_errno;
				s->errno_ret = common_errno;
			}
		}
	}
	return p;
}
