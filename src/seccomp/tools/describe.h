/* Calls, conditions and verdicts as text. Pure, host side. */
#pragma once

#include "seccomp/policy/language.h"

#define DESCRIBE_MAX 200

/* The call of that number on @arch, "openat"; or the number itself. Returns @buf. */
const char *describe_call(enum seccomp_arch arch, uint32_t nr, char buf[static DESCRIBE_MAX]);

/* A comparison as the language writes it: "$arg2 & 0x40 == 0x40". Returns @buf. */
const char *describe_cond(const struct seccomp_cond *c, char buf[static DESCRIBE_MAX]);

/* All of them, with && between. NULL when memory is exhausted. */
const char *describe_conds(struct arena *a, const struct seccomp_cond *conds, uint32_t n)
	_must_check_;

/* The index in the table of the call of that number; -ENOENT. */
int describe_find_call(enum seccomp_arch arch, uint32_t nr);
