/* The architectures that a seccomp profile can name, and the system calls of each: names, numbers,
 * and the kernel that introduced them. Pure data, host side. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- architectures --------------------------------------------------------------------------- */

/* The specification's name without SCMP_ARCH_, how the kernel identifies it (AUDIT_ARCH_*), its
 * column of numbers, what its numbers begin with, the width of its arguments, the order of the
 * halves of an argument in memory, the call through which sockets and System V IPC may go as well
 * (102 and 117, or none), and its family: a kernel reports architectures of one family only. */
#define SECCOMP_ARCH_LIST(X)                                                                       \
	X(X86_64, 0xc000003e, X86_64, 0, 64, LITTLE, NO, X86)                                      \
	X(X86, 0x40000003, X86, 0, 32, LITTLE, MUX, X86)                                           \
	X(X32, 0xc000003e, X32, 0x40000000, 32, LITTLE, NO, X86)                                   \
	X(ARM, 0x40000028, ARM, 0, 32, LITTLE, NO, ARM)                                            \
	X(AARCH64, 0xc00000b7, AARCH64, 0, 64, LITTLE, NO, ARM)                                    \
	X(LOONGARCH64, 0xc0000102, LOONGARCH64, 0, 64, LITTLE, NO, LOONGARCH)                      \
	X(M68K, 0x00000004, M68K, 0, 32, BIG, MUX, M68K)                                           \
	X(MIPS, 0x00000008, MIPS, 4000, 32, BIG, MUX, MIPS)                                        \
	X(MIPS64, 0x80000008, MIPS64, 5000, 64, BIG, NO, MIPS)                                     \
	X(MIPS64N32, 0xa0000008, MIPS64N32, 6000, 32, BIG, NO, MIPS)                               \
	X(MIPSEL, 0x40000008, MIPS, 4000, 32, LITTLE, MUX, MIPSEL)                                 \
	X(MIPSEL64, 0xc0000008, MIPS64, 5000, 64, LITTLE, NO, MIPSEL)                              \
	X(MIPSEL64N32, 0xe0000008, MIPS64N32, 6000, 32, LITTLE, NO, MIPSEL)                        \
	X(PARISC, 0x0000000f, PARISC, 0, 32, BIG, NO, PARISC)                                      \
	X(PARISC64, 0x8000000f, PARISC64, 0, 64, BIG, NO, PARISC)                                  \
	X(PPC, 0x00000014, PPC, 0, 32, BIG, MUX, PPC)                                              \
	X(PPC64, 0x80000015, PPC64, 0, 64, BIG, MUX, PPC)                                          \
	X(PPC64LE, 0xc0000015, PPC64, 0, 64, LITTLE, MUX, PPC64LE)                                 \
	X(RISCV64, 0xc00000f3, RISCV64, 0, 64, LITTLE, NO, RISCV)                                  \
	X(S390, 0x00000016, S390, 0, 32, BIG, MUX, S390)                                           \
	X(S390X, 0x80000016, S390X, 0, 64, BIG, MUX, S390)                                         \
	X(SH, 0x4000002a, SH, 0, 32, LITTLE, MUX, SH)                                              \
	X(SHEB, 0x0000002a, SH, 0, 32, BIG, MUX, SHEB)

enum seccomp_arch {
#define X(name, ...) SECCOMP_ARCH_##name,
	SECCOMP_ARCH_LIST(X)
#undef X
	SECCOMP_ARCH_MAX
};

enum seccomp_family {
	SECCOMP_FAMILY_X86,
	SECCOMP_FAMILY_ARM,
	SECCOMP_FAMILY_LOONGARCH,
	SECCOMP_FAMILY_M68K,
	SECCOMP_FAMILY_MIPS,
	SECCOMP_FAMILY_MIPSEL,
	SECCOMP_FAMILY_PARISC,
	SECCOMP_FAMILY_PPC,
	SECCOMP_FAMILY_PPC64LE,
	SECCOMP_FAMILY_RISCV,
	SECCOMP_FAMILY_S390,
	SECCOMP_FAMILY_SH,
	SECCOMP_FAMILY_SHEB,
};

struct seccomp_arch_info {
	const char name[24]; /* "SCMP_ARCH_X86_64" */
	uint32_t audit;      /* AUDIT_ARCH_*, as in struct seccomp_data; x32 has that of x86_64 */
	uint32_t base;       /* what every number begins with */
	uint8_t column;      /* enum syscall_column */
	uint8_t bits;        /* of an argument that a condition looks at: 32 or 64 */
	bool big_endian;
	bool multiplexed; /* has socketcall(2) and ipc(2) */
	uint8_t family;   /* enum seccomp_family */
};

/* A set bit in the number is what tells x32 from x86_64. */
#define SECCOMP_X32_BIT 0x40000000U

/* The numbers of socketcall(2) and ipc(2) where there are such, without the base. */
#define SECCOMP_NR_SOCKETCALL 102
#define SECCOMP_NR_IPC        117

/* The numbers from here on are ARM's own few calls; what every architecture has lies below. */
#define SECCOMP_ARM_PRIVATE 0x0f0000U

/* For an architecture in range. */
const struct seccomp_arch_info *seccomp_arch_info(enum seccomp_arch arch);

/* "SCMP_ARCH_X86_64" → SECCOMP_ARCH_X86_64; -EINVAL for an unknown name. */
int seccomp_arch_from_name(const char *name);

/* The architecture that this program is built for, or -EOPNOTSUPP. */
int seccomp_native_arch(void);

/* --- system calls ---------------------------------------------------------------------------- */

/* As scripts/gen-syscalls has found them; it keeps this number right. */
#define SYSCALL_COUNT     518
#define SYSCALL_HASH_SIZE 1024

#define SYSCALL_COLUMN_LIST(X)                                                                     \
	X(X86)                                                                                     \
	X(X86_64)                                                                                  \
	X(X32)                                                                                     \
	X(ARM)                                                                                     \
	X(AARCH64)                                                                                 \
	X(LOONGARCH64)                                                                             \
	X(M68K)                                                                                    \
	X(MIPS)                                                                                    \
	X(MIPS64)                                                                                  \
	X(MIPS64N32)                                                                               \
	X(PARISC)                                                                                  \
	X(PARISC64)                                                                                \
	X(PPC)                                                                                     \
	X(PPC64)                                                                                   \
	X(RISCV64)                                                                                 \
	X(S390)                                                                                    \
	X(S390X)                                                                                   \
	X(SH)

enum syscall_column {
#define X(name) SYSCALL_COLUMN_##name,
	SYSCALL_COLUMN_LIST(X)
#undef X
	SYSCALL_COLUMNS
};

/* In numbers: the architecture lacks the call; in since: no source knows the kernel. */
#define SYSCALL_ABSENT 0xffff
/* ARM's own calls are stored from here on. All others are below SYSCALL_NUMBER_MAX. */
#define SYSCALL_STORED_ARM_PRIVATE 0xf000
#define SYSCALL_NUMBER_MAX         1024

/* The data. Names are sorted; the hash holds indices, from 1 on, 0 is empty. */
extern const char syscall_names[];
extern const uint16_t syscall_name_offset[SYSCALL_COUNT];
extern const uint16_t syscall_since[SYSCALL_COUNT];
extern const uint16_t syscall_hash[SYSCALL_HASH_SIZE];
extern const uint16_t syscall_numbers[SYSCALL_COLUMNS][SYSCALL_COUNT];

/* The index of a name, or -ENOENT. Names that no architecture has are unknown. */
int syscall_from_name(const char *name);

/* The name at an index in range. */
const char *syscall_name(unsigned index);

/* The number of the call at an index in range, as in struct seccomp_data: with the base, and the
 * bit of x32. Returns 0 and *@ret_nr, or -ENOENT where the architecture lacks it. */
int syscall_number(unsigned index, enum seccomp_arch arch, uint32_t *ret_nr);

/* The kernel that introduced the call, as major << 8 | minor: 0x0608 is 6.8. 0 is before 3.0,
 * SYSCALL_ABSENT is later than all sources. Some architectures got some calls later. */
uint16_t syscall_introduced(unsigned index);
