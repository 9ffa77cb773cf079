/* Look-ups in the tables of architectures and system calls. Pure, host side. */
#include "seccomp/compile/table.h"

#include <errno.h>

#include "base/attr.h"
#include "base/str.h"

enum {
	ENDIAN_LITTLE,
	ENDIAN_BIG
};
enum {
	MUX_NO,
	MUX_MUX
};

static const struct seccomp_arch_info archs[] = {
#define X(name, audit, column, base, bits, endian, mux, family)                                    \
	{"SCMP_ARCH_" #name,                                                                       \
	 audit,                                                                                    \
	 base,                                                                                     \
	 SYSCALL_COLUMN_##column,                                                                  \
	 bits,                                                                                     \
	 ENDIAN_##endian,                                                                          \
	 MUX_##mux,                                                                                \
	 SECCOMP_FAMILY_##family},
	SECCOMP_ARCH_LIST(X)
#undef X
};
static_assert(ARRAY_SIZE(archs) == SECCOMP_ARCH_MAX, "one row for each architecture");

const struct seccomp_arch_info *seccomp_arch_info(enum seccomp_arch arch)
{
	return &archs[arch];
}

int seccomp_arch_from_name(const char *name)
{
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++)
		if (str_eq(archs[i].name, name))
			return i;
	return -EINVAL;
}

int seccomp_native_arch(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
	return SECCOMP_ARCH_X32;
#elif defined(__x86_64__)
	return SECCOMP_ARCH_X86_64;
#elif defined(__i386__)
	return SECCOMP_ARCH_X86;
#elif defined(__aarch64__) && defined(__AARCH64EL__)
	return SECCOMP_ARCH_AARCH64;
#elif defined(__arm__) && defined(__ARMEL__)
	return SECCOMP_ARCH_ARM;
#elif defined(__loongarch64)
	return SECCOMP_ARCH_LOONGARCH64;
#elif defined(__m68k__)
	return SECCOMP_ARCH_M68K;
#elif defined(__mips__) && defined(__MIPSEB__)
	return _MIPS_SIM == _ABIO32   ? SECCOMP_ARCH_MIPS
	       : _MIPS_SIM == _ABIN32 ? SECCOMP_ARCH_MIPS64N32
				      : SECCOMP_ARCH_MIPS64;
#elif defined(__mips__)
	return _MIPS_SIM == _ABIO32   ? SECCOMP_ARCH_MIPSEL
	       : _MIPS_SIM == _ABIN32 ? SECCOMP_ARCH_MIPSEL64N32
				      : SECCOMP_ARCH_MIPSEL64;
#elif defined(__hppa64__)
	return SECCOMP_ARCH_PARISC64;
#elif defined(__hppa__)
	return SECCOMP_ARCH_PARISC;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return SECCOMP_ARCH_PPC64LE;
#elif defined(__powerpc64__)
	return SECCOMP_ARCH_PPC64;
#elif defined(__powerpc__)
	return SECCOMP_ARCH_PPC;
#elif defined(__riscv) && __riscv_xlen == 64
	return SECCOMP_ARCH_RISCV64;
#elif defined(__s390x__)
	return SECCOMP_ARCH_S390X;
#elif defined(__s390__)
	return SECCOMP_ARCH_S390;
#elif defined(__sh__) && defined(__LITTLE_ENDIAN__)
	return SECCOMP_ARCH_SH;
#elif defined(__sh__)
	return SECCOMP_ARCH_SHEB;
#else
	return -EOPNOTSUPP;
#endif
}

/* FNV-1a; scripts/gen-syscalls has the same. */
static uint32_t hash_name(const char *name)
{
	uint32_t h = 0x811c9dc5;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x01000193;
	return (h ^ h >> 15) % SYSCALL_HASH_SIZE;
}

int syscall_from_name(const char *name)
{
	for (uint32_t slot = hash_name(name); syscall_hash[slot];
	     slot = (slot + 1) % SYSCALL_HASH_SIZE) {
		unsigned index = syscall_hash[slot] - 1U;

		if (str_eq(syscall_name(index), name))
			return (int)index;
	}
	return -ENOENT;
}

const char *syscall_name(unsigned index)
{
	return syscall_names + syscall_name_offset[index];
}

int syscall_number(unsigned index, enum seccomp_arch arch, uint32_t *ret_nr)
{
	const struct seccomp_arch_info *info = &archs[arch];
	uint32_t stored = syscall_numbers[info->column][index];

	if (stored == SYSCALL_ABSENT)
		return -ENOENT;
	if (stored >= SYSCALL_STORED_ARM_PRIVATE)
		stored += SECCOMP_ARM_PRIVATE - SYSCALL_STORED_ARM_PRIVATE;
	*ret_nr = stored + info->base;
	return 0;
}

uint16_t syscall_introduced(unsigned index)
{
	return syscall_since[index];
}
