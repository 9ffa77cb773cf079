/* Every key of config.json that we read and the field of struct spec it fills, in the order in
 * which Go's encoders write them (the interpreter guesses that the next row comes next).
 *
 * The macros prove at compile time that a row's type is its field's. */
#include "oci/tables.h"

#include "oci/spec.h"

/* offsetof(), if the member has the given type. */
#define AT(st, member, T)                                                                          \
	(offsetof(st, member) +                                                                    \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((st *)0)->member), T) ? 1        \
											: -1]))

#define ROW(key, t, ...)                                                                           \
	{                                                                                          \
		.name = key, .type = (t), __VA_ARGS__                                              \
	}
#define FLAG(st, member) .flag = AT(st, member, bool), .has_flag = true
#define SUB(table)       .sub = &(table)

#define STRING(key, st, m)  ROW(key, FIELD_STRING, .offset = AT(st, m, const char *))
#define BOOL(key, st, m)    ROW(key, FIELD_BOOL, .offset = AT(st, m, bool))
#define I64(key, st, m)     ROW(key, FIELD_I64, .offset = AT(st, m, int64_t))
#define U64(key, st, m)     ROW(key, FIELD_U64, .offset = AT(st, m, uint64_t))
#define I32(key, st, m)     ROW(key, FIELD_I32, .offset = AT(st, m, int32_t))
#define U32(key, st, m)     ROW(key, FIELD_U32, .offset = AT(st, m, uint32_t))
#define STRINGS(key, st, m) ROW(key, FIELD_STRINGS, LIST_IN(st, m, struct str_list))
#define MAP(key, st, m)     ROW(key, FIELD_STRING_MAP, LIST_IN(st, m, struct str_map))

/* A member that is itself {items, n}. */
#define LIST_IN(st, m, T)                                                                          \
	.offset = AT(st, m, T) + offsetof(T, items), .count = offsetof(st, m) + offsetof(T, n)

/* With a flag has_<member> beside the member. */
#define BOOL_HAS(key, st, m) ROW(key, FIELD_BOOL, .offset = AT(st, m, bool), FLAG(st, has_##m))
#define I64_HAS(key, st, m)  ROW(key, FIELD_I64, .offset = AT(st, m, int64_t), FLAG(st, has_##m))
#define U64_HAS(key, st, m)  ROW(key, FIELD_U64, .offset = AT(st, m, uint64_t), FLAG(st, has_##m))
#define I32_HAS(key, st, m)  ROW(key, FIELD_I32, .offset = AT(st, m, int32_t), FLAG(st, has_##m))
#define U32_HAS(key, st, m)  ROW(key, FIELD_U32, .offset = AT(st, m, uint32_t), FLAG(st, has_##m))
#define U16_HAS(key, st, m)  ROW(key, FIELD_U16, .offset = AT(st, m, uint32_t), FLAG(st, has_##m))

#define OBJECT(key, st, m, table) ROW(key, FIELD_OBJECT, .offset = offsetof(st, m), SUB(table))
#define OBJECT_HAS(key, st, m, table)                                                              \
	ROW(key, FIELD_OBJECT, .offset = offsetof(st, m), FLAG(st, has_##m), SUB(table))
/* The flag is inside the object's own struct. */
#define OBJECT_PRESENT(key, st, m, table)                                                          \
	ROW(key, FIELD_OBJECT, .offset = offsetof(st, m), FLAG(st, m.present), SUB(table))
/* The object has no struct of its own: its rows fill the struct around it. */
#define OBJECT_FLAT(key, st, flag, table) ROW(key, FIELD_OBJECT, FLAG(st, flag), SUB(table))

#define OBJECTS(key, st, m, T, table)                                                              \
	ROW(key, FIELD_OBJECTS, .offset = AT(st, m, T *), .count = AT(st, n_##m, size_t),          \
	    SUB(table))
#define OBJECTS_IN(key, st, m, T, table) ROW(key, FIELD_OBJECTS, LIST_IN(st, m, T), SUB(table))
#define OBJECT_MAP(key, st, m, T, table)                                                           \
	ROW(key, FIELD_OBJECT_MAP, .offset = AT(st, m, T *), .count = AT(st, n_##m, size_t),       \
	    SUB(table))

#define TABLE(name, st)                                                                            \
	static const struct table name = {                                                         \
		.fields = name##_rows, .n_fields = ARRAY_SIZE(name##_rows), .size = sizeof(st)};   \
	_Static_assert(ARRAY_SIZE(name##_rows) <= 64, "the duplicate mask is one word")
#define TABLE_KEYED(name, st, key)                                                                 \
	static const struct table name = {.fields = name##_rows,                                   \
					  .n_fields = ARRAY_SIZE(name##_rows),                     \
					  .size = sizeof(st),                                      \
					  .key_offset = AT(st, key, const char *)}

/* --- process --------------------------------------------------------------------------------- */

static const struct field console_size_rows[] = {
	U32("height", struct spec_process, console_height),
	U32("width", struct spec_process, console_width),
};
TABLE(console_size, struct spec_process);

static const struct field user_rows[] = {
	U32("uid", struct spec_user, uid),
	U32("gid", struct spec_user, gid),
	U32_HAS("umask", struct spec_user, umask),
	ROW("additionalGids", FIELD_U32S,
	    .offset = AT(struct spec_user, additional_gids, uint32_t *),
	    .count = AT(struct spec_user, n_additional_gids, size_t)),
	STRING("username", struct spec_user, username),
};
TABLE(user, struct spec_user);

static const struct field capabilities_rows[] = {
	STRINGS("bounding", struct spec_capabilities, bounding),
	STRINGS("effective", struct spec_capabilities, effective),
	STRINGS("inheritable", struct spec_capabilities, inheritable),
	STRINGS("permitted", struct spec_capabilities, permitted),
	STRINGS("ambient", struct spec_capabilities, ambient),
};
TABLE(capabilities, struct spec_capabilities);

static const struct field rlimit_rows[] = {
	STRING("type", struct spec_rlimit, type),
	U64("hard", struct spec_rlimit, hard),
	U64("soft", struct spec_rlimit, soft),
};
TABLE(rlimit, struct spec_rlimit);

static const struct field scheduler_rows[] = {
	STRING("policy", struct spec_scheduler, policy),
	I32("nice", struct spec_scheduler, nice),
	I32("priority", struct spec_scheduler, priority),
	STRINGS("flags", struct spec_scheduler, flags),
	U64("runtime", struct spec_scheduler, runtime),
	U64("deadline", struct spec_scheduler, deadline),
	U64("period", struct spec_scheduler, period),
};
TABLE(scheduler, struct spec_scheduler);

static const struct field io_priority_rows[] = {
	STRING("class", struct spec_io_priority, class_name),
	I32("priority", struct spec_io_priority, priority),
};
TABLE(io_priority, struct spec_io_priority);

static const struct field cpu_affinity_rows[] = {
	STRING("initial", struct spec_process, cpu_affinity_initial),
	STRING("final", struct spec_process, cpu_affinity_final),
};
TABLE(cpu_affinity, struct spec_process);

static const struct field process_rows[] = {
	BOOL("terminal", struct spec_process, terminal),
	OBJECT_FLAT("consoleSize", struct spec_process, has_console_size, console_size),
	OBJECT("user", struct spec_process, user, user),
	STRINGS("args", struct spec_process, args),
	STRING("commandLine", struct spec_process, command_line),
	STRINGS("env", struct spec_process, env),
	STRING("cwd", struct spec_process, cwd),
	OBJECT_HAS("capabilities", struct spec_process, capabilities, capabilities),
	OBJECTS("rlimits", struct spec_process, rlimits, struct spec_rlimit, rlimit),
	BOOL("noNewPrivileges", struct spec_process, no_new_privileges),
	STRING("apparmorProfile", struct spec_process, apparmor_profile),
	I32_HAS("oomScoreAdj", struct spec_process, oom_score_adj),
	OBJECT_HAS("scheduler", struct spec_process, scheduler, scheduler),
	STRING("selinuxLabel", struct spec_process, selinux_label),
	OBJECT_HAS("ioPriority", struct spec_process, io_priority, io_priority),
	OBJECT_FLAT("execCPUAffinity", struct spec_process, has_exec_cpu_affinity, cpu_affinity),
};
const struct table table_process = {
	.fields = process_rows,
	.n_fields = ARRAY_SIZE(process_rows),
	.size = sizeof(struct spec_process),
};

/* --- root, mounts, hooks --------------------------------------------------------------------- */

static const struct field root_rows[] = {
	STRING("path", struct spec, root_path),
	BOOL("readonly", struct spec, root_readonly),
};
TABLE(root, struct spec);

static const struct field id_mapping_rows[] = {
	U32("containerID", struct spec_id_mapping, container_id),
	U32("hostID", struct spec_id_mapping, host_id),
	U32("size", struct spec_id_mapping, size),
};
TABLE(id_mapping, struct spec_id_mapping);

static const struct field mount_rows[] = {
	STRING("destination", struct spec_mount, destination),
	STRING("type", struct spec_mount, type),
	STRING("source", struct spec_mount, source),
	STRINGS("options", struct spec_mount, options),
	OBJECTS_IN("uidMappings", struct spec_mount, uid_mappings, struct spec_id_mappings,
		   id_mapping),
	OBJECTS_IN("gidMappings", struct spec_mount, gid_mappings, struct spec_id_mappings,
		   id_mapping),
};
const struct table table_mount = {
	.fields = mount_rows,
	.n_fields = ARRAY_SIZE(mount_rows),
	.size = sizeof(struct spec_mount),
};

static const struct field hook_rows[] = {
	STRING("path", struct spec_hook, path),
	STRINGS("args", struct spec_hook, args),
	STRINGS("env", struct spec_hook, env),
	I64_HAS("timeout", struct spec_hook, timeout),
};
TABLE(hook, struct spec_hook);

#define HOOKS(key, m) OBJECTS_IN(key, struct spec_hooks, m, struct spec_hook_list, hook)
static const struct field hooks_rows[] = {
	HOOKS("prestart", prestart),
	HOOKS("createRuntime", create_runtime),
	HOOKS("createContainer", create_container),
	HOOKS("startContainer", start_container),
	HOOKS("poststart", poststart),
	HOOKS("poststop", poststop),
};
TABLE(hooks, struct spec_hooks);

/* --- linux.resources ------------------------------------------------------------------------- */

static const struct field device_rule_rows[] = {
	BOOL("allow", struct spec_device_rule, allow),
	STRING("type", struct spec_device_rule, type),
	I64_HAS("major", struct spec_device_rule, major),
	I64_HAS("minor", struct spec_device_rule, minor),
	STRING("access", struct spec_device_rule, access),
};
TABLE(device_rule, struct spec_device_rule);

static const struct field memory_rows[] = {
	I64_HAS("limit", struct spec_memory, limit),
	I64_HAS("reservation", struct spec_memory, reservation),
	I64_HAS("swap", struct spec_memory, swap),
	I64_HAS("kernel", struct spec_memory, kernel),
	I64_HAS("kernelTCP", struct spec_memory, kernel_tcp),
	U64_HAS("swappiness", struct spec_memory, swappiness),
	BOOL_HAS("disableOOMKiller", struct spec_memory, disable_oom_killer),
	BOOL_HAS("useHierarchy", struct spec_memory, use_hierarchy),
	BOOL_HAS("checkBeforeUpdate", struct spec_memory, check_before_update),
};
TABLE(memory, struct spec_memory);

static const struct field cpu_rows[] = {
	U64_HAS("shares", struct spec_cpu, shares),
	I64_HAS("quota", struct spec_cpu, quota),
	U64_HAS("burst", struct spec_cpu, burst),
	U64_HAS("period", struct spec_cpu, period),
	I64_HAS("realtimeRuntime", struct spec_cpu, realtime_runtime),
	U64_HAS("realtimePeriod", struct spec_cpu, realtime_period),
	STRING("cpus", struct spec_cpu, cpus),
	STRING("mems", struct spec_cpu, mems),
	I64_HAS("idle", struct spec_cpu, idle),
};
TABLE(cpu, struct spec_cpu);

static const struct field pids_rows[] = {
	ROW("limit", FIELD_I64, .offset = AT(struct spec_resources, pids_limit, int64_t),
	    FLAG(struct spec_resources, has_pids_limit)),
};
TABLE(pids, struct spec_resources);

static const struct field weight_device_rows[] = {
	I64("major", struct spec_weight_device, major),
	I64("minor", struct spec_weight_device, minor),
	U16_HAS("weight", struct spec_weight_device, weight),
	U16_HAS("leafWeight", struct spec_weight_device, leaf_weight),
};
TABLE(weight_device, struct spec_weight_device);

static const struct field throttle_rows[] = {
	I64("major", struct spec_throttle_device, major),
	I64("minor", struct spec_throttle_device, minor),
	U64("rate", struct spec_throttle_device, rate),
};
TABLE(throttle, struct spec_throttle_device);

#define THROTTLE(key, m)                                                                           \
	OBJECTS_IN(key, struct spec_block_io, m, struct spec_throttle_list, throttle)
static const struct field block_io_rows[] = {
	U16_HAS("weight", struct spec_block_io, weight),
	U16_HAS("leafWeight", struct spec_block_io, leaf_weight),
	OBJECTS("weightDevice", struct spec_block_io, weight_device, struct spec_weight_device,
		weight_device),
	THROTTLE("throttleReadBpsDevice", read_bps),
	THROTTLE("throttleWriteBpsDevice", write_bps),
	THROTTLE("throttleReadIOPSDevice", read_iops),
	THROTTLE("throttleWriteIOPSDevice", write_iops),
};
TABLE(block_io, struct spec_block_io);

static const struct field hugepage_limit_rows[] = {
	STRING("pageSize", struct spec_hugepage_limit, page_size),
	U64("limit", struct spec_hugepage_limit, limit),
};
TABLE(hugepage_limit, struct spec_hugepage_limit);

static const struct field interface_priority_rows[] = {
	STRING("name", struct spec_interface_priority, name),
	U32("priority", struct spec_interface_priority, priority),
};
TABLE(interface_priority, struct spec_interface_priority);

static const struct field network_rows[] = {
	U32_HAS("classID", struct spec_network, class_id),
	OBJECTS("priorities", struct spec_network, priorities, struct spec_interface_priority,
		interface_priority),
};
TABLE(network, struct spec_network);

static const struct field rdma_rows[] = {
	U32_HAS("hcaHandles", struct spec_rdma, hca_handles),
	U32_HAS("hcaObjects", struct spec_rdma, hca_objects),
};
TABLE_KEYED(rdma, struct spec_rdma, device);

static const struct field resources_rows[] = {
	MAP("unified", struct spec_resources, unified),
	OBJECTS("devices", struct spec_resources, devices, struct spec_device_rule, device_rule),
	OBJECT_HAS("memory", struct spec_resources, memory, memory),
	OBJECT_HAS("cpu", struct spec_resources, cpu, cpu),
	OBJECT_FLAT("pids", struct spec_resources, has_pids, pids),
	OBJECT_HAS("blockIO", struct spec_resources, block_io, block_io),
	OBJECTS("hugepageLimits", struct spec_resources, hugepage_limits,
		struct spec_hugepage_limit, hugepage_limit),
	OBJECT_HAS("network", struct spec_resources, network, network),
	OBJECT_MAP("rdma", struct spec_resources, rdma, struct spec_rdma, rdma),
};
const struct table table_resources = {
	.fields = resources_rows,
	.n_fields = ARRAY_SIZE(resources_rows),
	.size = sizeof(struct spec_resources),
};

/* --- linux ----------------------------------------------------------------------------------- */

static const struct field namespace_rows[] = {
	STRING("type", struct spec_namespace, type),
	STRING("path", struct spec_namespace, path),
};
TABLE(namespace, struct spec_namespace);

static const struct field device_rows[] = {
	STRING("path", struct spec_device, path),
	STRING("type", struct spec_device, type),
	I64("major", struct spec_device, major),
	I64("minor", struct spec_device, minor),
	U32_HAS("fileMode", struct spec_device, file_mode),
	U32_HAS("uid", struct spec_device, uid),
	U32_HAS("gid", struct spec_device, gid),
};
TABLE(device, struct spec_device);

static const struct field net_device_rows[] = {
	STRING("name", struct spec_net_device, name),
};
TABLE_KEYED(net_device, struct spec_net_device, host_name);

static const struct field seccomp_arg_rows[] = {
	U32("index", struct spec_seccomp_arg, index),
	U64("value", struct spec_seccomp_arg, value),
	U64("valueTwo", struct spec_seccomp_arg, value_two),
	STRING("op", struct spec_seccomp_arg, op),
};
TABLE(seccomp_arg, struct spec_seccomp_arg);

static const struct field seccomp_syscall_rows[] = {
	STRINGS("names", struct spec_seccomp_syscall, names),
	STRING("action", struct spec_seccomp_syscall, action),
	U32_HAS("errnoRet", struct spec_seccomp_syscall, errno_ret),
	OBJECTS("args", struct spec_seccomp_syscall, args, struct spec_seccomp_arg, seccomp_arg),
};
TABLE(seccomp_syscall, struct spec_seccomp_syscall);

static const struct field seccomp_rows[] = {
	STRING("defaultAction", struct spec_seccomp, default_action),
	U32_HAS("defaultErrnoRet", struct spec_seccomp, default_errno_ret),
	STRINGS("architectures", struct spec_seccomp, architectures),
	STRINGS("flags", struct spec_seccomp, flags),
	STRING("listenerPath", struct spec_seccomp, listener_path),
	STRING("listenerMetadata", struct spec_seccomp, listener_metadata),
	OBJECTS("syscalls", struct spec_seccomp, syscalls, struct spec_seccomp_syscall,
		seccomp_syscall),
};
TABLE(seccomp, struct spec_seccomp);

static const struct field intel_rdt_rows[] = {
	STRING("closID", struct spec_intel_rdt, clos_id),
	STRINGS("schemata", struct spec_intel_rdt, schemata),
	STRING("l3CacheSchema", struct spec_intel_rdt, l3_cache_schema),
	STRING("memBwSchema", struct spec_intel_rdt, mem_bw_schema),
	BOOL("enableCMT", struct spec_intel_rdt, enable_cmt),
	BOOL("enableMBM", struct spec_intel_rdt, enable_mbm),
	BOOL("enableMonitoring", struct spec_intel_rdt, enable_monitoring),
};
TABLE(intel_rdt, struct spec_intel_rdt);

static const struct field memory_policy_rows[] = {
	STRING("mode", struct spec_memory_policy, mode),
	STRING("nodes", struct spec_memory_policy, nodes),
	STRINGS("flags", struct spec_memory_policy, flags),
};
TABLE(memory_policy, struct spec_memory_policy);

static const struct field personality_rows[] = {
	STRING("domain", struct spec_personality, domain),
	STRINGS("flags", struct spec_personality, flags),
};
TABLE(personality, struct spec_personality);

static const struct field time_offset_rows[] = {
	I64("secs", struct spec_time_offset, secs),
	U32("nanosecs", struct spec_time_offset, nanosecs),
};
TABLE_KEYED(time_offset, struct spec_time_offset, clock);

static const struct field linux__rows[] = {
	OBJECTS_IN("uidMappings", struct spec_linux, uid_mappings, struct spec_id_mappings,
		   id_mapping),
	OBJECTS_IN("gidMappings", struct spec_linux, gid_mappings, struct spec_id_mappings,
		   id_mapping),
	MAP("sysctl", struct spec_linux, sysctl),
	OBJECT_PRESENT("resources", struct spec_linux, resources, table_resources),
	STRING("cgroupsPath", struct spec_linux, cgroups_path),
	OBJECTS("namespaces", struct spec_linux, namespaces, struct spec_namespace, namespace),
	OBJECTS("devices", struct spec_linux, devices, struct spec_device, device),
	OBJECT_MAP("netDevices", struct spec_linux, net_devices, struct spec_net_device,
		   net_device),
	OBJECT_HAS("seccomp", struct spec_linux, seccomp, seccomp),
	STRING("rootfsPropagation", struct spec_linux, rootfs_propagation),
	STRINGS("maskedPaths", struct spec_linux, masked_paths),
	STRINGS("readonlyPaths", struct spec_linux, readonly_paths),
	STRING("mountLabel", struct spec_linux, mount_label),
	OBJECT_HAS("intelRdt", struct spec_linux, intel_rdt, intel_rdt),
	OBJECT_HAS("memoryPolicy", struct spec_linux, memory_policy, memory_policy),
	OBJECT_HAS("personality", struct spec_linux, personality, personality),
	OBJECT_MAP("timeOffsets", struct spec_linux, time_offsets, struct spec_time_offset,
		   time_offset),
};
TABLE(linux_, struct spec_linux);

/* --- of annotations -------------------------------------------------------------------------- */

/* --- engines' profiles ------------------------------------------------------------------------ */

static const struct field engine_filter_rows[] = {
	STRINGS("caps", struct spec_engine_filter, caps),
	STRINGS("arches", struct spec_engine_filter, arches),
	STRING("minKernel", struct spec_engine_filter, min_kernel),
};
TABLE(engine_filter, struct spec_engine_filter);

static const struct field engine_rule_rows[] = {
	STRING("name", struct spec_engine_rule, name),
	STRINGS("names", struct spec_engine_rule, rule.names),
	STRING("action", struct spec_engine_rule, rule.action),
	ROW("args", FIELD_OBJECTS,
	    .offset = AT(struct spec_engine_rule, rule.args, struct spec_seccomp_arg *),
	    .count = AT(struct spec_engine_rule, rule.n_args, size_t), SUB(seccomp_arg)),
	OBJECT("includes", struct spec_engine_rule, includes, engine_filter),
	OBJECT("excludes", struct spec_engine_rule, excludes, engine_filter),
	ROW("errnoRet", FIELD_U32, .offset = AT(struct spec_engine_rule, rule.errno_ret, uint32_t),
	    FLAG(struct spec_engine_rule, rule.has_errno_ret)),
	STRING("errno", struct spec_engine_rule, error),
};
TABLE(engine_rule, struct spec_engine_rule);

static const struct field engine_arch_rows[] = {
	STRING("architecture", struct spec_engine_arch, arch),
	STRINGS("subArchitectures", struct spec_engine_arch, more),
};
TABLE(engine_arch, struct spec_engine_arch);

static const struct field engine_profile_rows[] = {
	STRING("defaultAction", struct spec_engine_profile, seccomp.default_action),
	ROW("defaultErrnoRet", FIELD_U32,
	    .offset = AT(struct spec_engine_profile, seccomp.default_errno_ret, uint32_t),
	    FLAG(struct spec_engine_profile, seccomp.has_default_errno_ret)),
	STRING("defaultErrno", struct spec_engine_profile, default_error),
	STRINGS("architectures", struct spec_engine_profile, seccomp.architectures),
	OBJECTS("archMap", struct spec_engine_profile, archs, struct spec_engine_arch, engine_arch),
	STRINGS("flags", struct spec_engine_profile, seccomp.flags),
	STRING("listenerPath", struct spec_engine_profile, seccomp.listener_path),
	STRING("listenerMetadata", struct spec_engine_profile, seccomp.listener_metadata),
	OBJECTS("syscalls", struct spec_engine_profile, rules, struct spec_engine_rule,
		engine_rule),
};
const struct table table_engine_profile = {
	.fields = engine_profile_rows,
	.n_fields = ARRAY_SIZE(engine_profile_rows),
	.size = sizeof(struct spec_engine_profile),
};

static const struct field landlock_rule_rows[] = {
	STRINGS("paths", struct spec_landlock_rule, paths),
	ROW("ports", FIELD_U32S, .offset = AT(struct spec_landlock_rule, ports, uint32_t *),
	    .count = AT(struct spec_landlock_rule, n_ports, size_t)),
	U64("access", struct spec_landlock_rule, access),
};
TABLE(landlock_rule, struct spec_landlock_rule);

static const struct field landlock_rows[] = {
	U64("handledAccessFS", struct spec_landlock, handled_fs),
	U64("handledAccessNet", struct spec_landlock, handled_net),
	U64("scoped", struct spec_landlock, scoped),
	OBJECTS("rules", struct spec_landlock, rules, struct spec_landlock_rule, landlock_rule),
};
const struct table table_landlock = {
	.fields = landlock_rows,
	.n_fields = ARRAY_SIZE(landlock_rows),
	.size = sizeof(struct spec_landlock),
};

/* --- the document ---------------------------------------------------------------------------- */

/* Other platforms: only their presence counts. */
static const struct table other_platform = {0};

static const struct field spec_rows[] = {
	STRING("ociVersion", struct spec, oci_version),
	OBJECT_PRESENT("process", struct spec, process, table_process),
	OBJECT_FLAT("root", struct spec, has_root, root),
	STRING("hostname", struct spec, hostname),
	STRING("domainname", struct spec, domainname),
	OBJECTS("mounts", struct spec, mounts, struct spec_mount, table_mount),
	OBJECT("hooks", struct spec, hooks, hooks),
	MAP("annotations", struct spec, annotations),
	OBJECT_PRESENT("linux", struct spec, linux_, linux_),
	OBJECT_FLAT("solaris", struct spec, has_solaris, other_platform),
	OBJECT_FLAT("windows", struct spec, has_windows, other_platform),
	OBJECT_FLAT("vm", struct spec, has_vm, other_platform),
	OBJECT_FLAT("zos", struct spec, has_zos, other_platform),
	OBJECT_FLAT("freebsd", struct spec, has_freebsd, other_platform),
};
const struct table table_spec = {
	.fields = spec_rows,
	.n_fields = ARRAY_SIZE(spec_rows),
	.size = sizeof(struct spec),
};
