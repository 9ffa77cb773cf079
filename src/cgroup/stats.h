/* What a container uses: the numbers of its cgroup, and being told when the kernel kills for want
 * of memory. Host half. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "cgroup/cgroup.h"

#define CGROUP_NO_LIMIT UINT64_MAX

/* usage, what it is limited to, the most it was, how often it met the limit. */
struct cgroup_usage {
	uint64_t usage, limit, max, failcnt;
};

struct cgroup_named {
	const char *name;
	uint64_t value;
};

struct cgroup_io {
	uint32_t major, minor;
	const char *op; /* "Read", "Write", "Discard", … */
	uint64_t value;
};

struct cgroup_io_list {
	struct cgroup_io *items;
	size_t n;
};

struct cgroup_hugetlb {
	const char *size; /* "2MB" */
	uint64_t usage, max, failcnt;
};

/* All numbers are 0 where the container has no such controller. Strings and lists live in the
 * caller's arena. */
struct cgroup_stats {
	uint64_t cpu_total, cpu_user, cpu_kernel;               /* ns */
	uint64_t periods, throttled_periods, throttled_time_ns; /* of the quota */
	const char *cpus, *mems;                                /* lists as "0-3,7"; "" unknown */
	struct cgroup_usage memory, swap, kernel, kernel_tcp;   /* bytes; swap: memory too */
	uint64_t cache;
	struct cgroup_named *memory_raw; /* memory.stat */
	size_t n_memory_raw;
	uint64_t pids, pids_limit; /* limit 0: none */
	struct cgroup_io_list bytes, operations;
	struct cgroup_hugetlb *hugetlb;
	size_t n_hugetlb;
};

/* Read all of it. Files that are missing are no error. Returns 0 or -errno (-ENOENT: the cgroup is
 * gone). */
int cgroup_stats_read(struct arena *a, const struct cgroup *c, struct cgroup_stats *ret,
		      struct err *e) _must_check_;

/* How often the kernel has killed. */
struct cgroup_oom {
	uint64_t kills, group_kills;
};

/* A descriptor that poll(2) finds ready, for *@ret_events, when the kernel may have killed;
 * -ENODEV where nobody would tell. The caller closes it. */
int cgroup_oom_watch(const struct cgroup *c, short *ret_events) _must_check_;

/* Has it? Makes @watch wait for the next time. Returns 0 or -errno. */
int cgroup_oom_read(const struct cgroup *c, int watch, struct cgroup_oom *ret) _must_check_;

/* The same without waiting for anything: all 0 where nobody counts. */
int cgroup_oom_peek(const struct cgroup *c, struct cgroup_oom *ret) _must_check_;
