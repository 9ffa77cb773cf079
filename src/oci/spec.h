/* The typed form of config.json (runtime-spec 1.3, Linux) and of process.json.
 *
 * Conventions: a string is never NULL, absent is "". A list is a pointer and a count. A number
 * whose absence matters has a has_ flag beside it. Everything lives in one arena and is read-only
 * after spec_parse(). Field names are the specification's, in snake case. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

struct str_list {
	const char **items;
	size_t n;
};

struct str_pair {
	const char *key, *value;
};

struct str_map {
	struct str_pair *items;
	size_t n;
};

/* --- process ------------------------------------------------------------------------------- */

struct spec_rlimit {
	const char *type; /* "RLIMIT_NOFILE" */
	uint64_t soft, hard;
};

struct spec_user {
	uint32_t uid, gid;
	bool has_umask;
	uint32_t umask;
	uint32_t *additional_gids;
	size_t n_additional_gids;
	const char *username; /* Windows only: a warning */
};

struct spec_capabilities {
	struct str_list bounding, effective, inheritable, permitted, ambient;
};

struct spec_scheduler {
	const char *policy; /* "SCHED_OTHER", …; "" when absent */
	int32_t nice, priority;
	struct str_list flags;
	uint64_t runtime, deadline, period; /* ns */
};

struct spec_io_priority {
	const char *class_name; /* key "class" */
	int32_t priority;
};

struct spec_process {
	bool present;
	bool terminal;
	bool has_console_size;
	uint32_t console_height, console_width; /* consoleSize.{height,width} */
	struct spec_user user;
	struct str_list args, env;
	const char *command_line; /* Windows only: a warning */
	const char *cwd;
	bool has_capabilities;
	struct spec_capabilities capabilities;
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	const char *apparmor_profile, *selinux_label;
	bool has_oom_score_adj;
	int32_t oom_score_adj;
	bool has_scheduler, has_io_priority;
	struct spec_scheduler scheduler;
	struct spec_io_priority io_priority;
	bool has_exec_cpu_affinity;
	const char *cpu_affinity_initial, *cpu_affinity_final; /* execCPUAffinity.{initial,final} */
};

/* --- root, mounts, hooks ------------------------------------------------------------------- */

struct spec_id_mapping {
	uint32_t container_id, host_id, size;
};

struct spec_id_mappings {
	struct spec_id_mapping *items;
	size_t n;
};

struct spec_mount {
	const char *destination, *type, *source;
	struct str_list options;
	struct spec_id_mappings uid_mappings, gid_mappings;
};

struct spec_hook {
	const char *path;
	struct str_list args, env;
	bool has_timeout;
	int64_t timeout; /* seconds */
};

struct spec_hook_list {
	struct spec_hook *items;
	size_t n;
};

struct spec_hooks {
	struct spec_hook_list prestart, create_runtime, create_container, start_container;
	struct spec_hook_list poststart, poststop;
};

/* --- linux --------------------------------------------------------------------------------- */

enum ns_type {
	NS_PID,
	NS_NETWORK,
	NS_MOUNT,
	NS_IPC,
	NS_UTS,
	NS_USER,
	NS_CGROUP,
	NS_TIME,
	NS_MAX
};

struct spec_namespace {
	const char *type; /* "pid", …; proven by spec_check() */
	const char *path;
};

struct spec_device {
	const char *type, *path; /* "c", "b", "u", "p" */
	int64_t major, minor;
	bool has_file_mode, has_uid, has_gid;
	uint32_t file_mode, uid, gid;
};

struct spec_device_rule {
	bool allow;
	const char *type, *access; /* "" type means all */
	bool has_major, has_minor; /* absent, and -1, mean any */
	int64_t major, minor;
};

struct spec_memory {
	bool has_limit, has_reservation, has_swap, has_kernel, has_kernel_tcp, has_swappiness;
	int64_t limit, reservation, swap, kernel, kernel_tcp;
	uint64_t swappiness;
	bool has_disable_oom_killer, has_use_hierarchy, has_check_before_update;
	bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct spec_cpu {
	bool has_shares, has_quota, has_burst, has_period, has_realtime_runtime,
		has_realtime_period, has_idle;
	uint64_t shares, burst, period, realtime_period;
	int64_t quota, realtime_runtime, idle;
	const char *cpus, *mems;
};

struct spec_weight_device {
	int64_t major, minor;
	bool has_weight, has_leaf_weight;
	uint32_t weight, leaf_weight;
};

struct spec_throttle_device {
	int64_t major, minor;
	uint64_t rate;
};

struct spec_throttle_list {
	struct spec_throttle_device *items;
	size_t n;
};

struct spec_block_io {
	bool has_weight, has_leaf_weight;
	uint32_t weight, leaf_weight;
	struct spec_weight_device *weight_device;
	size_t n_weight_device;
	struct spec_throttle_list read_bps, write_bps, read_iops, write_iops;
};

struct spec_hugepage_limit {
	const char *page_size;
	uint64_t limit;
};

struct spec_interface_priority {
	const char *name;
	uint32_t priority;
};

struct spec_network {
	bool has_class_id;
	uint32_t class_id;
	struct spec_interface_priority *priorities;
	size_t n_priorities;
};

struct spec_rdma {
	const char *device; /* the map's key */
	bool has_hca_handles, has_hca_objects;
	uint32_t hca_handles, hca_objects;
};

struct spec_resources {
	bool present;
	struct spec_device_rule *devices;
	size_t n_devices;
	bool has_memory, has_cpu, has_pids, has_block_io, has_network;
	struct spec_memory memory;
	struct spec_cpu cpu;
	bool has_pids_limit;
	int64_t pids_limit;
	struct spec_block_io block_io;
	struct spec_hugepage_limit *hugepage_limits;
	size_t n_hugepage_limits;
	struct spec_network network;
	struct spec_rdma *rdma;
	size_t n_rdma;
	struct str_map unified;
};

struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	const char *op;
};

struct spec_seccomp_syscall {
	struct str_list names;
	const char *action;
	bool has_errno_ret;
	uint32_t errno_ret;
	struct spec_seccomp_arg *args;
	size_t n_args;
};

struct spec_seccomp {
	const char *default_action;
	bool has_default_errno_ret;
	uint32_t default_errno_ret;
	struct str_list architectures, flags;
	const char *listener_path, *listener_metadata;
	struct spec_seccomp_syscall *syscalls;
	size_t n_syscalls;
};

/* Not of config.json: what engines keep their profiles in, and make linux.seccomp of for each
 * container (Docker's, containerd's and Podman's format). */
struct spec_engine_filter {
	struct str_list caps, arches;
	const char *min_kernel; /* "4.8" */
};

struct spec_engine_rule {
	struct spec_seccomp_syscall rule;
	const char *name;  /* in the place of rule.names */
	const char *error; /* in the place of rule.errno_ret: "EPERM" */
	struct spec_engine_filter includes, excludes;
};

struct spec_engine_arch {
	const char *arch;
	struct str_list more;
};

struct spec_engine_profile {
	struct spec_seccomp seccomp; /* without rules */
	const char *default_error;
	struct spec_engine_arch *archs;
	size_t n_archs;
	struct spec_engine_rule *rules;
	size_t n_rules;
};

/* Not of config.json, but of an annotation: all rights are the kernel's numbers. */
struct spec_landlock_rule {
	struct str_list paths;
	uint32_t *ports;
	size_t n_ports;
	uint64_t access;
};

struct spec_landlock {
	uint64_t handled_fs, handled_net, scoped;
	struct spec_landlock_rule *rules;
	size_t n_rules;
};

struct spec_intel_rdt {
	const char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct str_list schemata;
	bool enable_cmt, enable_mbm, enable_monitoring;
};

struct spec_memory_policy {
	const char *mode, *nodes;
	struct str_list flags;
};

struct spec_personality {
	const char *domain;
	struct str_list flags;
};

struct spec_time_offset {
	const char *clock; /* "monotonic", "boottime" */
	int64_t secs;
	uint32_t nanosecs;
};

struct spec_net_device {
	const char *host_name; /* the map's key */
	const char *name;      /* inside; "" keeps the name */
};

struct spec_linux {
	bool present;
	struct spec_id_mappings uid_mappings, gid_mappings;
	struct str_map sysctl;
	struct spec_resources resources;
	const char *cgroups_path;
	struct spec_namespace *namespaces;
	size_t n_namespaces;
	struct spec_device *devices;
	size_t n_devices;
	struct spec_net_device *net_devices;
	size_t n_net_devices;
	bool has_seccomp;
	struct spec_seccomp seccomp;
	const char *rootfs_propagation;
	struct str_list masked_paths, readonly_paths;
	const char *mount_label;
	bool has_intel_rdt, has_memory_policy, has_personality;
	struct spec_intel_rdt intel_rdt;
	struct spec_memory_policy memory_policy;
	struct spec_personality personality;
	struct spec_time_offset *time_offsets;
	size_t n_time_offsets;
};

struct spec {
	const char *oci_version;
	struct spec_process process;
	bool has_root;
	const char *root_path;
	bool root_readonly;
	const char *hostname, *domainname;
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_hooks hooks;
	struct str_map annotations;
	struct spec_linux linux_; /* key "linux"; the underscore avoids gcc's predefined macro */
	bool has_vm, has_solaris, has_windows, has_zos, has_freebsd;
};

/* Parse a config.json. @text (@len bytes) is modified: strings are unescaped in place and the
 * result points into it, so it must live as long as *@ret. Lists come from @a. Unknown keys are
 * ignored (config.md, "Extensibility"). Wrong types, numbers that do not fit, duplicate keys,
 * NULs in strings and too deep nesting are errors with path and line.
 * Returns 0 or a negative errno; *@ret is complete on success only. */
int spec_parse(struct arena *a, char *text, size_t len, struct spec *ret, struct err *e);

/* Parse a process.json (exec --process): the "process" object alone. As spec_parse(). */
int spec_process_parse(struct arena *a, char *text, size_t len, struct spec_process *ret,
		       struct err *e);

/* Parse a document that is linux.resources alone (update --resources). As spec_parse(). */
int spec_resources_parse(struct arena *a, char *text, size_t len, struct spec_resources *ret,
			 struct err *e);

/* Parse a document with the rules of Landlock. As spec_parse(). */
int spec_landlock_parse(struct arena *a, char *text, size_t len, struct spec_landlock *ret,
			struct err *e);

/* Parse an engine's profile. As spec_parse(); linux.seccomp alone is one, too. */
int spec_engine_profile_parse(struct arena *a, char *text, size_t len,
			      struct spec_engine_profile *ret, struct err *e) _must_check_;

/* Add @more to *@base: what it says replaces what was there, elements of lists by the device, page
 * size or interface that they are about, device rules as a whole. Strings are shared, lists come
 * from @a. Returns 0 or -ENOMEM. */
int spec_resources_merge(struct arena *a, struct spec_resources *base,
			 const struct spec_resources *more, struct err *e) _must_check_;

/* Forget the numbers of an update with which engines say nothing: zero memory, shares, quota, … */
void spec_resources_drop_zeros(struct spec_resources *r);

/* Parse a document that is "mounts" alone, or an object with that key (mounts add): into
 * ret->mounts. As spec_parse(), and checked as by spec_check(). */
int spec_mounts_parse(struct arena *a, char *text, size_t len, struct spec *ret, struct err *e)
	_must_check_;

/* Mounts as an array that spec_mounts_parse() reads. */
void spec_mounts_write(struct json_writer *w, const struct spec_mount *mounts, size_t n);

/* *@r as the JSON that spec_resources_parse() reads. */
void spec_resources_write(struct json_writer *w, const struct spec_resources *r);

/* Prove the rules between fields that need no I/O: required values, known enumerators, absolute
 * paths, mappings without a user namespace, duplicate namespaces, overlapping id mappings,
 * hostname without a uts namespace, … Everything after this may rely on them.
 * Returns 0 or -EINVAL with *@e filled in. */
int spec_check(const struct spec *spec, struct err *e);
/* As spec_check() for resources alone. */
int spec_resources_check(const struct spec_resources *res, struct err *e);
/* As spec_check() for linux.intelRdt alone. */
int spec_intel_rdt_check(const struct spec_intel_rdt *rdt, struct err *e);
/* As spec_check() for the mounts alone. */
int spec_mounts_check(const struct spec *spec, struct err *e);
/* As spec_check() for one process; paths begin with "process". */
int spec_process_check(const struct spec_process *p, struct err *e);

/* The path under /proc/sys for a key of linux.sysctl, without a leading slash: net.ipv4.ip_forward
 * and net/ipv4/ip_forward mean the same, and whichever separator comes first separates. Returns the
 * length that the whole path needs, without the NUL. spec_check() has proven that no component is
 * empty, "." or "..". */
size_t spec_sysctl_path(const char *key, char *buf, size_t size);

/* The namespace type for a specification name ("pid", "network", …), or -EINVAL. */
int ns_type_from_name(const char *name);
/* "pid", "network", … for a type in range. */
const char *ns_type_name(enum ns_type type);
/* The entry for @type in linux.namespaces, or NULL. */
const struct spec_namespace *spec_namespace_find(const struct spec *spec, enum ns_type type);
/* The value of an annotation, or NULL. */
const char *spec_annotation(const struct spec *spec, const char *key);

/* Set *@ret if the annotation @key is among @annotations: "1" or "true", "0" or "false". Others are
 * ERR_CONFIG_INVALID. Returns 0 or -errno. */
int spec_annotation_flag(const struct str_map *annotations, const char *key, bool *ret,
			 struct err *e) _must_check_;
