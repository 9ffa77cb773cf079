/* What a seccomp profile means, between the front ends that read it, the emitter that turns it into
 * instructions, and the verifier that proves them. Everything lives in the caller's arena and is
 * read-only once built. Pure, host side; init gets the instructions only. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "oci/spec.h"
#include "seccomp/compile/table.h"

/* What the kernel is to do: SECCOMP_RET_* and, in the low half, its data. */
typedef uint32_t seccomp_action;

/* How a condition compares; the order is that of the specification's names, and what has no name
 * there comes last. */
enum seccomp_op {
	SECCOMP_OP_NE,
	SECCOMP_OP_LT,
	SECCOMP_OP_LE,
	SECCOMP_OP_EQ,
	SECCOMP_OP_GE,
	SECCOMP_OP_GT,
	SECCOMP_OP_MASKED_EQ, /* (argument & mask) == value */
	SECCOMP_OP_MASKED_NE, /* the policy language's alone */
	SECCOMP_OP_MAX
};

/* On architectures of 32 bits, and on x32, only the low halves of argument, value and mask count;
 * the high halves of value and mask are zero. Bits of value outside mask are zero. */
struct seccomp_cond {
	uint64_t value;
	uint64_t mask; /* of MASKED_EQ and MASKED_NE, never zero */
	uint8_t arg;   /* 0 to 5 */
	uint8_t op;    /* enum seccomp_op */
};

/* All conditions together; there is at least one. Profiles have at most one an argument. */
struct seccomp_rule {
	const struct seccomp_rule *next;
	seccomp_action action;
	uint32_t n_conds;
	const struct seccomp_cond *conds; /* arguments do not descend */
};

/* Numbers, of profiles one each. The first of the rules that matches decides, and where none does,
 * or there are none, the action. */
struct seccomp_entry {
	uint32_t nr, last; /* from, to; as in struct seccomp_data */
	seccomp_action action;
	const struct seccomp_rule *rules;
};

/* The numbers of one architecture; x86_64 and x32 are two, though the kernel has one name. */
struct seccomp_abi {
	enum seccomp_arch arch;
	const struct seccomp_entry *entries; /* numbers ascend; all are the architecture's */
	size_t n_entries;
	/* The largest number that the profile names, whatever action it wants; ARM's own calls are
	 * counted by themselves. What lies above is unknown to the profile's author. */
	bool has_last, has_last_private;
	uint32_t last, last_private;
};

struct seccomp_policy {
	seccomp_action default_action;
	seccomp_action bad_arch_action; /* for architectures that the profile does not name */
	seccomp_action unknown_action;  /* for numbers above the largest that the profile names */
	struct seccomp_abi *abis;       /* native first */
	size_t n_abis;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_*, for seccomp(2) */
	bool notify;    /* some verdict is SECCOMP_RET_USER_NOTIF; flags has NEW_LISTENER then */
};

/* Something about the profile that is no error. Not printed: callers decide. */
struct seccomp_warning {
	const struct seccomp_warning *next;
	size_t syscall, name; /* linux.seccomp.syscalls[syscall].names[name] */
	const char *text;     /* "unknown system call frobnicate" */
};

struct seccomp_store; /* compile.h */

struct seccomp_options {
	enum seccomp_arch native; /* seccomp_native_arch(), but for tests and plans for elsewhere */
	bool fail_unknown;        /* an unknown name is an error */
	const struct seccomp_store *store; /* NULL for none */
};

/* What seccomp(2) takes. */
struct seccomp_program {
	struct sock_filter *insns;
	size_t n;
	uint32_t flags;
	bool notify;
	const struct seccomp_warning *warnings;
	const char *complaint; /* what is wrong with the store; NULL for nothing */
};

/* Understand linux.seccomp: actions, error numbers, architectures, flags, arguments. Returns 0, and
 * *@ret and *@ret_warnings (NULL when there are none) in @a; or -EINVAL (ERR_CONFIG_INVALID, with
 * the path), -E2BIG or -ENOMEM. */
int seccomp_policy_from_oci(struct arena *a, const struct spec_seccomp *spec,
			    const struct seccomp_options *options, struct seccomp_policy *ret,
			    const struct seccomp_warning **ret_warnings, struct err *e)
	_must_check_;

/* Whether @n, which a profile names after @x, is tried before it all the same, on an architecture
 * of
 * @bits bits. No order of all rules: each new one goes before the first that it precedes. */
bool seccomp_rule_precedes(const struct seccomp_rule *n, const struct seccomp_rule *x,
			   unsigned bits);
