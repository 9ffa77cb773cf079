/* What the arguments of system calls are called. Pure data and look-ups, host side. */
#pragma once

#include <stdint.h>

#include "seccomp/compile/table.h"

/* "openat", "dfd:32 filename:pointer flags:32 mode:16"; both are empty in the last one. */
struct policy_argument_row {
	const char *call, *arguments;
};

extern const struct policy_argument_row policy_argument_rows[];

/* How much of an argument the kernel looks at. What lies above is a program's to choose. */
enum policy_width {
	POLICY_WIDTH_16,
	POLICY_WIDTH_32,
	POLICY_WIDTH_WORD,    /* as wide as the architecture's registers */
	POLICY_WIDTH_WIDE,    /* 64 bits, in two arguments where those have 32 */
	POLICY_WIDTH_POINTER, /* as a word; what it points to is out of reach */
};

struct policy_argument {
	uint8_t index; /* 0 to 5 */
	enum policy_width width;
};

/* The argument that the call at @index of the table has under the name of @len characters. Returns
 * 0, or -ENOENT; or -ENODATA where nothing is known of the call's arguments. */
int policy_argument_find(unsigned index, const char *name, size_t len, struct policy_argument *ret);

/* The one at @position, 0 to 5; -ENOENT and -ENODATA as above. *@ret_name is not terminated: it has
 * *@ret_len characters. */
int policy_argument_at(unsigned index, unsigned position, const char **ret_name, size_t *ret_len,
		       struct policy_argument *ret);

/* Where @arch has an argument that @argument describes for most: the order of some differs. Returns
 * 0 and *@ret_index; or -EOPNOTSUPP where it is in no register of its own there. */
int policy_argument_place(unsigned index, const struct policy_argument *argument,
			  enum seccomp_arch arch, uint8_t *ret_index);
