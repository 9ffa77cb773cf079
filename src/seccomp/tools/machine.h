/* A machine for classic BPF, as the kernel's is for filters. Pure, host side. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* struct seccomp_data of a machine of either order of bytes. */
struct machine_data {
	uint32_t nr, arch;
	uint64_t ip, args[6];
	bool big_endian;
};

/* Run a program that seccomp_raw_check() took. Returns 0 and *@ret, or -EINVAL for what that would
 * not have taken. */
int machine_run(const struct sock_filter *insns, size_t n, const struct machine_data *d,
		uint32_t *ret) _must_check_;
