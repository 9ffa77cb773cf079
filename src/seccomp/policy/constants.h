/* Names for values: O_CREAT, CLONE_NEWUSER, EPERM, CAP_SYS_ADMIN. Pure data, host side. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seccomp/compile/table.h"

struct policy_constant {
	const char *name;
	int64_t value;
	uint8_t varies; /* enum policy_varies */
};

/* Which architectures have another value. */
enum policy_varies {
	VARIES_NOT,
	VARIES_OLD,   /* mips, parisc */
	VARIES_OPEN,  /* the same, and arm, aarch64, m68k, ppc: the last flags of open(2) */
	VARIES_IOCTL, /* mips, parisc, ppc, sh: terminals' requests */
};

/* The constant of that name, or NULL. The second one is by position, for suggestions; NULL behind
 * the last. */
const struct policy_constant *policy_constant_find(const char *name, size_t len);
const struct policy_constant *policy_constant_at(size_t i);

/* Its value on @arch; -EOPNOTSUPP where that is another one that is not known here. */
int policy_constant_value(const struct policy_constant *c, enum seccomp_arch arch, int64_t *ret);

/* The number of an error, EPERM, or -ENOENT. The name is that for most architectures. */
int policy_errno_find(const char *name, size_t len);
const char *policy_errno_name(int number);

/* The number of a capability, CAP_SYS_ADMIN, or -ENOENT. */
int policy_capability_find(const char *name, size_t len);
