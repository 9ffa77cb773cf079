/* Look-ups in the table of arguments. Pure, host side. */
#include "seccomp/policy/arguments.h"

#include <errno.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

static const char *arguments_of(unsigned index)
{
	const char *call = syscall_name(index);

	for (const struct policy_argument_row *row = policy_argument_rows; row->call[0]; row++)
		if (str_eq(row->call, call))
			return row->arguments;
	return NULL;
}

static enum policy_width width_of(const char *text)
{
	if (str_starts(text, "16"))
		return POLICY_WIDTH_16;
	if (str_starts(text, "32"))
		return POLICY_WIDTH_32;
	if (str_starts(text, "word"))
		return POLICY_WIDTH_WORD;
	return str_starts(text, "wide") ? POLICY_WIDTH_WIDE : POLICY_WIDTH_POINTER;
}

int policy_argument_at(unsigned index, unsigned position, const char **ret_name, size_t *ret_len,
		       struct policy_argument *ret)
{
	const char *at = arguments_of(index);

	if (!at)
		return -ENODATA;
	for (unsigned i = 0; *at; i++) {
		const char *colon = strchr(at, ':'), *end = strchr(at, ' ');

		if (i == position) {
			*ret_name = at;
			*ret_len = (size_t)(colon - at);
			*ret = (struct policy_argument){(uint8_t)i, width_of(colon + 1)};
			return 0;
		}
		at = end ? end + 1 : "";
	}
	return -ENOENT;
}

int policy_argument_find(unsigned index, const char *name, size_t len, struct policy_argument *ret)
{
	for (unsigned i = 0; i < 6; i++) {
		struct policy_argument argument;
		const char *found;
		size_t found_len;
		int r = policy_argument_at(index, i, &found, &found_len, &argument);

		if (r < 0)
			return r;
		if (found_len != len || memcmp(found, name, len) != 0)
			continue;
		*ret = argument;
		return 0;
	}
	return -ENOENT;
}

/* Calls whose arguments are in a structure on these architectures. */
static bool in_memory(const char *call, enum seccomp_arch arch)
{
	bool x86 = arch == SECCOMP_ARCH_X86 || arch == SECCOMP_ARCH_M68K;

	if (str_eq(call, "mmap"))
		return x86 || arch == SECCOMP_ARCH_S390 || arch == SECCOMP_ARCH_S390X;
	return x86 && str_eq(call, "select");
}

/* clone(2): some architectures have the two last arguments the other way round, and s390 the first
 * two as well. */
static uint8_t place_in_clone(uint8_t position, enum seccomp_arch arch)
{
	static const uint8_t s390[] = {1, 0, 2, 3, 4}, backwards[] = {0, 1, 2, 4, 3};

	switch ((int)arch) {
	case SECCOMP_ARCH_S390:
	case SECCOMP_ARCH_S390X:
		return s390[position];
	case SECCOMP_ARCH_X86:
	case SECCOMP_ARCH_ARM:
	case SECCOMP_ARCH_AARCH64:
	case SECCOMP_ARCH_LOONGARCH64:
	case SECCOMP_ARCH_MIPS:
	case SECCOMP_ARCH_MIPSEL:
	case SECCOMP_ARCH_MIPS64:
	case SECCOMP_ARCH_MIPSEL64:
	case SECCOMP_ARCH_MIPS64N32:
	case SECCOMP_ARCH_MIPSEL64N32:
	case SECCOMP_ARCH_PARISC:
	case SECCOMP_ARCH_PARISC64:
	case SECCOMP_ARCH_PPC:
	case SECCOMP_ARCH_PPC64:
	case SECCOMP_ARCH_PPC64LE:
	case SECCOMP_ARCH_RISCV64:
		return backwards[position];
	default:
		return position;
	}
}

int policy_argument_place(unsigned index, const struct policy_argument *argument,
			  enum seccomp_arch arch, uint8_t *ret_index)
{
	const char *call = syscall_name(index);
	bool narrow = seccomp_arch_info(arch)->bits == 32;

	if (in_memory(call, arch))
		return -EOPNOTSUPP;
	/* x32 has whole registers, and what is there is looked at by halves all the same. */
	for (unsigned i = 0; narrow && i <= argument->index; i++) {
		struct policy_argument before;
		const char *name;
		size_t len;

		if (policy_argument_at(index, i, &name, &len, &before) == 0 &&
		    before.width == POLICY_WIDTH_WIDE)
			return -EOPNOTSUPP;
	}
	*ret_index =
		str_eq(call, "clone") ? place_in_clone(argument->index, arch) : argument->index;
	return 0;
}
