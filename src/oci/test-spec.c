/* Tests of the tables: a document with every key fills every field, and no field lacks a row. */
#include <errno.h>

#include "base/str.h"
#include "oci/tables.h"
#include "oci/test-document.h"

/* --- a document with every key ---------------------------------------------------------------- */

#define EVERY_PROCESS                                                                              \
	"{'terminal': true, 'consoleSize': {'height': 25, 'width': 80},"                           \
	" 'user': {'uid': 1001, 'gid': 1002, 'umask': 18, 'additionalGids': [5, 6, 4294967295],"   \
	"   'username': 'frodo'},"                                                                 \
	" 'args': ['sh', '-c', 'true'], 'commandLine': 'cmd', 'env': ['A=1', 'B'], 'cwd': '/cwd'," \
	" 'capabilities': {'bounding': ['CAP_A'], 'effective': ['CAP_B', 'CAP_C'],"                \
	"   'inheritable': ['CAP_D'], 'permitted': ['CAP_E'], 'ambient': ['CAP_F']},"              \
	" 'rlimits': [{'type': 'RLIMIT_CORE', 'hard': 18446744073709551615, 'soft': 12}],"         \
	" 'noNewPrivileges': true, 'apparmorProfile': 'armour', 'oomScoreAdj': -500,"              \
	" 'scheduler': {'policy': 'SCHED_BATCH', 'nice': -7, 'priority': 8, 'flags': ['SF'],"      \
	"   'runtime': 101, 'deadline': 102, 'period': 103},"                                      \
	" 'selinuxLabel': 'selabel', 'ioPriority': {'class': 'IOPRIO_CLASS_BE', 'priority': 6},"   \
	" 'execCPUAffinity': {'initial': '0-1', 'final': '2-3'}}"

#define EVERY_HOOK(name, n)                                                                        \
	"'" name "': [{'path': '/" name "', 'args': ['" name "-arg'], 'env': ['" name "=1'],"      \
	" 'timeout': " #n "}]"

#define EVERY_RESOURCES                                                                            \
	"{'unified': {'memory.high': '1M', 'pids.max': '9'},"                                      \
	" 'devices': [{'allow': true, 'type': 'c', 'major': 10, 'minor': 229, 'access': 'rwm'}],"  \
	" 'memory': {'limit': 201, 'reservation': 202, 'swap': -1, 'kernel': 204,"                 \
	"   'kernelTCP': 205, 'swappiness': 60, 'disableOOMKiller': true, 'useHierarchy': true,"   \
	"   'checkBeforeUpdate': true},"                                                           \
	" 'cpu': {'shares': 301, 'quota': 302, 'burst': 303, 'period': 304,"                       \
	"   'realtimeRuntime': 305, 'realtimePeriod': 306, 'cpus': '0-3', 'mems': '0',"            \
	"   'idle': 1},"                                                                           \
	" 'pids': {'limit': 401},"                                                                 \
	" 'blockIO': {'weight': 501, 'leafWeight': 502,"                                           \
	"   'weightDevice': [{'major': 8, 'minor': 16, 'weight': 503, 'leafWeight': 504}],"        \
	"   'throttleReadBpsDevice': [{'major': 1, 'minor': 2, 'rate': 511}],"                     \
	"   'throttleWriteBpsDevice': [{'major': 3, 'minor': 4, 'rate': 512}],"                    \
	"   'throttleReadIOPSDevice': [{'major': 5, 'minor': 6, 'rate': 513}],"                    \
	"   'throttleWriteIOPSDevice': [{'major': 7, 'minor': 9, 'rate': 514}]},"                  \
	" 'hugepageLimits': [{'pageSize': '2MB', 'limit': 601}],"                                  \
	" 'network': {'classID': 701, 'priorities': [{'name': 'eth7', 'priority': 702}]},"         \
	" 'rdma': {'mlx5_1': {'hcaHandles': 801, 'hcaObjects': 802}}}"

#define EVERY_SECCOMP                                                                              \
	"{'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 1, 'architectures': ['ARCH_A'],"   \
	" 'flags': ['FLAG_A', 'FLAG_B'], 'listenerPath': '/listen', 'listenerMetadata': 'meta',"   \
	" 'syscalls': [{'names': ['read', 'write'], 'action': 'SCMP_ACT_TRACE', 'errnoRet': 2,"    \
	"   'args': [{'index': 3, 'value': 18446744073709551614, 'valueTwo': 5, 'op': 'OP'}]}]}"

#define EVERY_LINUX                                                                                \
	"{'uidMappings': [{'containerID': 11, 'hostID': 12, 'size': 13}],"                         \
	" 'gidMappings': [{'containerID': 14, 'hostID': 15, 'size': 16}],"                         \
	" 'sysctl': {'net.ipv4.ip_forward': '1'}, 'resources': " EVERY_RESOURCES ","               \
	" 'cgroupsPath': '/some/group',"                                                           \
	" 'namespaces': [{'type': 'pid', 'path': '/proc/1/ns/pid'}],"                              \
	" 'devices': [{'path': '/dev/fuse', 'type': 'c', 'major': 21, 'minor': 22,"                \
	"   'fileMode': 438, 'uid': 23, 'gid': 24}],"                                              \
	" 'netDevices': {'eth0': {'name': 'container_eth0'}}, 'seccomp': " EVERY_SECCOMP ","       \
	" 'rootfsPropagation': 'rslave', 'maskedPaths': ['/proc/kcore'],"                          \
	" 'readonlyPaths': ['/proc/sys'], 'mountLabel': 'mlabel',"                                 \
	" 'intelRdt': {'closID': 'guaranteed', 'schemata': ['L3:0=f'], 'l3CacheSchema': 'L3:0=7'," \
	"   'memBwSchema': 'MB:0=20', 'enableCMT': true, 'enableMBM': true,"                       \
	"   'enableMonitoring': true},"                                                            \
	" 'memoryPolicy': {'mode': 'MPOL_BIND', 'nodes': '0-1',"                                   \
	"   'flags': ['MPOL_F_STATIC_NODES']},"                                                    \
	" 'personality': {'domain': 'LINUX32', 'flags': ['PF']},"                                  \
	" 'timeOffsets': {'boottime': {'secs': -31, 'nanosecs': 32}}}"

#define EVERY_HOOKS                                                                                \
	"{" EVERY_HOOK("prestart", 51) "," EVERY_HOOK("createRuntime", 52) "," EVERY_HOOK(         \
		"createContainer",                                                                 \
		53) "," EVERY_HOOK("startContainer",                                               \
				   54) "," EVERY_HOOK("poststart", 55) "," EVERY_HOOK("poststop",  \
										      56) "}"

static const char every_key[] =
	"{'ociVersion': '1.3.0', 'process': " EVERY_PROCESS ","
	" 'root': {'path': 'rootfs', 'readonly': true}, 'hostname': 'host', 'domainname': 'domain',"
	" 'mounts': [{'destination': '/data', 'type': 'bind', 'source': '/src',"
	"   'options': ['rbind', 'ro'],"
	"   'uidMappings': [{'containerID': 41, 'hostID': 42, 'size': 43}],"
	"   'gidMappings': [{'containerID': 44, 'hostID': 45, 'size': 46}]}],"
	" 'hooks': " EVERY_HOOKS ", 'annotations': {'com.example.key': 'value', 'empty': ''},"
	" 'linux': " EVERY_LINUX ", 'solaris': {'milestone': 'x'}, 'windows': {'layerFolders': []},"
	" 'vm': {'kernel': {}}, 'zos': {}, 'freebsd': {}}";

/* --- its values ------------------------------------------------------------------------------ */

static void expect_strings(const struct str_list *l, size_t n, const char *first)
{
	assert_int_equal(l->n, n);
	assert_string_equal(l->items[0], first);
}

static void expect_scheduling(const struct spec_process *p)
{
	assert_true(p->has_scheduler && p->has_io_priority && p->has_exec_cpu_affinity);
	assert_string_equal(p->scheduler.policy, "SCHED_BATCH");
	assert_int_equal(p->scheduler.nice, -7);
	assert_int_equal(p->scheduler.priority, 8);
	expect_strings(&p->scheduler.flags, 1, "SF");
	assert_int_equal(p->scheduler.runtime, 101);
	assert_int_equal(p->scheduler.deadline, 102);
	assert_int_equal(p->scheduler.period, 103);
	assert_string_equal(p->io_priority.class_name, "IOPRIO_CLASS_BE");
	assert_int_equal(p->io_priority.priority, 6);
	assert_string_equal(p->cpu_affinity_initial, "0-1");
	assert_string_equal(p->cpu_affinity_final, "2-3");
}

static void expect_process(const struct spec_process *p)
{
	assert_true(p->present && p->terminal && p->has_console_size && p->no_new_privileges);
	assert_int_equal(p->console_height, 25);
	assert_int_equal(p->console_width, 80);
	assert_int_equal(p->user.uid, 1001);
	assert_int_equal(p->user.gid, 1002);
	assert_true(p->user.has_umask);
	assert_int_equal(p->user.umask, 18);
	assert_int_equal(p->user.n_additional_gids, 3);
	assert_int_equal(p->user.additional_gids[1], 6);
	assert_int_equal(p->user.additional_gids[2], UINT32_MAX);
	assert_string_equal(p->user.username, "frodo");
	expect_strings(&p->args, 3, "sh");
	assert_string_equal(p->args.items[2], "true");
	assert_string_equal(p->command_line, "cmd");
	expect_strings(&p->env, 2, "A=1");
	assert_string_equal(p->cwd, "/cwd");
	assert_true(p->has_capabilities);
	expect_strings(&p->capabilities.bounding, 1, "CAP_A");
	expect_strings(&p->capabilities.effective, 2, "CAP_B");
	expect_strings(&p->capabilities.inheritable, 1, "CAP_D");
	expect_strings(&p->capabilities.permitted, 1, "CAP_E");
	expect_strings(&p->capabilities.ambient, 1, "CAP_F");
	assert_int_equal(p->n_rlimits, 1);
	assert_string_equal(p->rlimits[0].type, "RLIMIT_CORE");
	assert_true(p->rlimits[0].hard == UINT64_MAX);
	assert_int_equal(p->rlimits[0].soft, 12);
	assert_string_equal(p->apparmor_profile, "armour");
	assert_string_equal(p->selinux_label, "selabel");
	assert_true(p->has_oom_score_adj);
	assert_int_equal(p->oom_score_adj, -500);
	expect_scheduling(p);
}

static void expect_mapping(const struct spec_id_mappings *m, unsigned first)
{
	assert_int_equal(m->n, 1);
	assert_int_equal(m->items[0].container_id, first);
	assert_int_equal(m->items[0].host_id, first + 1);
	assert_int_equal(m->items[0].size, first + 2);
}

static void expect_hook(const struct spec_hook_list *l, const char *name, int timeout)
{
	assert_int_equal(l->n, 1);
	assert_string_equal(l->items[0].path + 1, name);
	assert_int_equal(l->items[0].args.n, 1);
	assert_true(str_starts(l->items[0].args.items[0], name));
	assert_int_equal(l->items[0].env.n, 1);
	assert_non_null(strstr(l->items[0].env.items[0], "=1"));
	assert_true(l->items[0].has_timeout);
	assert_int_equal(l->items[0].timeout, timeout);
}

static void expect_document(const struct spec *s)
{
	assert_string_equal(s->oci_version, "1.3.0");
	assert_true(s->has_root && s->root_readonly);
	assert_string_equal(s->root_path, "rootfs");
	assert_string_equal(s->hostname, "host");
	assert_string_equal(s->domainname, "domain");
	assert_int_equal(s->n_mounts, 1);
	assert_string_equal(s->mounts[0].destination, "/data");
	assert_string_equal(s->mounts[0].type, "bind");
	assert_string_equal(s->mounts[0].source, "/src");
	expect_strings(&s->mounts[0].options, 2, "rbind");
	expect_mapping(&s->mounts[0].uid_mappings, 41);
	expect_mapping(&s->mounts[0].gid_mappings, 44);
	expect_hook(&s->hooks.prestart, "prestart", 51);
	expect_hook(&s->hooks.create_runtime, "createRuntime", 52);
	expect_hook(&s->hooks.create_container, "createContainer", 53);
	expect_hook(&s->hooks.start_container, "startContainer", 54);
	expect_hook(&s->hooks.poststart, "poststart", 55);
	expect_hook(&s->hooks.poststop, "poststop", 56);
	assert_int_equal(s->annotations.n, 2);
	assert_string_equal(spec_annotation(s, "com.example.key"), "value");
	assert_string_equal(spec_annotation(s, "empty"), "");
	assert_null(spec_annotation(s, "com.example"));
	assert_true(s->has_vm && s->has_solaris && s->has_windows && s->has_zos && s->has_freebsd);
}

static void expect_throttle(const struct spec_throttle_list *l, int major, int minor, int rate)
{
	assert_int_equal(l->n, 1);
	assert_int_equal(l->items[0].major, major);
	assert_int_equal(l->items[0].minor, minor);
	assert_int_equal(l->items[0].rate, rate);
}

static void expect_block_io(const struct spec_block_io *b)
{
	assert_true(b->has_weight && b->has_leaf_weight);
	assert_int_equal(b->weight, 501);
	assert_int_equal(b->leaf_weight, 502);
	assert_int_equal(b->n_weight_device, 1);
	assert_int_equal(b->weight_device[0].major, 8);
	assert_int_equal(b->weight_device[0].minor, 16);
	assert_true(b->weight_device[0].has_weight && b->weight_device[0].has_leaf_weight);
	assert_int_equal(b->weight_device[0].weight, 503);
	assert_int_equal(b->weight_device[0].leaf_weight, 504);
	expect_throttle(&b->read_bps, 1, 2, 511);
	expect_throttle(&b->write_bps, 3, 4, 512);
	expect_throttle(&b->read_iops, 5, 6, 513);
	expect_throttle(&b->write_iops, 7, 9, 514);
}

static void expect_memory_limits(const struct spec_memory *m)
{
	assert_true(m->has_limit && m->has_reservation && m->has_swap && m->has_kernel);
	assert_true(m->has_kernel_tcp && m->has_swappiness && m->has_disable_oom_killer);
	assert_true(m->has_use_hierarchy && m->has_check_before_update);
	assert_int_equal(m->limit, 201);
	assert_int_equal(m->reservation, 202);
	assert_int_equal(m->swap, -1);
	assert_int_equal(m->kernel, 204);
	assert_int_equal(m->kernel_tcp, 205);
	assert_int_equal(m->swappiness, 60);
	assert_true(m->disable_oom_killer && m->use_hierarchy && m->check_before_update);
}

static void expect_cpu(const struct spec_cpu *c)
{
	assert_true(c->has_shares && c->has_quota && c->has_burst && c->has_period);
	assert_true(c->has_realtime_runtime && c->has_realtime_period && c->has_idle);
	assert_int_equal(c->shares, 301);
	assert_int_equal(c->quota, 302);
	assert_int_equal(c->burst, 303);
	assert_int_equal(c->period, 304);
	assert_int_equal(c->realtime_runtime, 305);
	assert_int_equal(c->realtime_period, 306);
	assert_string_equal(c->cpus, "0-3");
	assert_string_equal(c->mems, "0");
	assert_int_equal(c->idle, 1);
}

static void expect_resources(const struct spec_resources *r)
{
	assert_true(r->present && r->has_memory && r->has_cpu && r->has_pids && r->has_block_io);
	assert_true(r->has_network && r->has_pids_limit);
	assert_int_equal(r->unified.n, 2);
	assert_string_equal(r->unified.items[0].key, "memory.high");
	assert_string_equal(r->unified.items[0].value, "1M");
	assert_string_equal(r->unified.items[1].key, "pids.max");
	assert_int_equal(r->n_devices, 1);
	assert_true(r->devices[0].allow && r->devices[0].has_major && r->devices[0].has_minor);
	assert_string_equal(r->devices[0].type, "c");
	assert_string_equal(r->devices[0].access, "rwm");
	assert_int_equal(r->devices[0].major, 10);
	assert_int_equal(r->devices[0].minor, 229);
	expect_memory_limits(&r->memory);
	expect_cpu(&r->cpu);
	assert_int_equal(r->pids_limit, 401);
	expect_block_io(&r->block_io);
	assert_int_equal(r->n_hugepage_limits, 1);
	assert_string_equal(r->hugepage_limits[0].page_size, "2MB");
	assert_int_equal(r->hugepage_limits[0].limit, 601);
	assert_true(r->network.has_class_id);
	assert_int_equal(r->network.class_id, 701);
	assert_int_equal(r->network.n_priorities, 1);
	assert_string_equal(r->network.priorities[0].name, "eth7");
	assert_int_equal(r->network.priorities[0].priority, 702);
	assert_int_equal(r->n_rdma, 1);
	assert_string_equal(r->rdma[0].device, "mlx5_1");
	assert_true(r->rdma[0].has_hca_handles && r->rdma[0].has_hca_objects);
	assert_int_equal(r->rdma[0].hca_handles, 801);
	assert_int_equal(r->rdma[0].hca_objects, 802);
}

static void expect_seccomp(const struct spec_seccomp *s)
{
	assert_string_equal(s->default_action, "SCMP_ACT_ERRNO");
	assert_true(s->has_default_errno_ret);
	assert_int_equal(s->default_errno_ret, 1);
	expect_strings(&s->architectures, 1, "ARCH_A");
	expect_strings(&s->flags, 2, "FLAG_A");
	assert_string_equal(s->listener_path, "/listen");
	assert_string_equal(s->listener_metadata, "meta");
	assert_int_equal(s->n_syscalls, 1);
	expect_strings(&s->syscalls[0].names, 2, "read");
	assert_string_equal(s->syscalls[0].action, "SCMP_ACT_TRACE");
	assert_true(s->syscalls[0].has_errno_ret);
	assert_int_equal(s->syscalls[0].errno_ret, 2);
	assert_int_equal(s->syscalls[0].n_args, 1);
	assert_int_equal(s->syscalls[0].args[0].index, 3);
	assert_true(s->syscalls[0].args[0].value == UINT64_MAX - 1);
	assert_int_equal(s->syscalls[0].args[0].value_two, 5);
	assert_string_equal(s->syscalls[0].args[0].op, "OP");
}

static void expect_machine(const struct spec_linux *l)
{
	assert_true(l->has_intel_rdt && l->has_memory_policy && l->has_personality);
	assert_string_equal(l->intel_rdt.clos_id, "guaranteed");
	expect_strings(&l->intel_rdt.schemata, 1, "L3:0=f");
	assert_string_equal(l->intel_rdt.l3_cache_schema, "L3:0=7");
	assert_string_equal(l->intel_rdt.mem_bw_schema, "MB:0=20");
	assert_true(l->intel_rdt.enable_cmt && l->intel_rdt.enable_mbm);
	assert_true(l->intel_rdt.enable_monitoring);
	assert_string_equal(l->memory_policy.mode, "MPOL_BIND");
	assert_string_equal(l->memory_policy.nodes, "0-1");
	expect_strings(&l->memory_policy.flags, 1, "MPOL_F_STATIC_NODES");
	assert_string_equal(l->personality.domain, "LINUX32");
	expect_strings(&l->personality.flags, 1, "PF");
}

static void expect_linux(const struct spec_linux *l)
{
	assert_true(l->present && l->has_seccomp);
	expect_mapping(&l->uid_mappings, 11);
	expect_mapping(&l->gid_mappings, 14);
	assert_int_equal(l->sysctl.n, 1);
	assert_string_equal(l->sysctl.items[0].key, "net.ipv4.ip_forward");
	assert_string_equal(l->sysctl.items[0].value, "1");
	expect_resources(&l->resources);
	assert_string_equal(l->cgroups_path, "/some/group");
	assert_int_equal(l->n_namespaces, 1);
	assert_string_equal(l->namespaces[0].type, "pid");
	assert_string_equal(l->namespaces[0].path, "/proc/1/ns/pid");
	assert_int_equal(l->n_devices, 1);
	assert_string_equal(l->devices[0].path, "/dev/fuse");
	assert_string_equal(l->devices[0].type, "c");
	assert_int_equal(l->devices[0].major, 21);
	assert_int_equal(l->devices[0].minor, 22);
	assert_true(l->devices[0].has_file_mode && l->devices[0].has_uid && l->devices[0].has_gid);
	assert_int_equal(l->devices[0].file_mode, 438);
	assert_int_equal(l->devices[0].uid, 23);
	assert_int_equal(l->devices[0].gid, 24);
	assert_int_equal(l->n_net_devices, 1);
	assert_string_equal(l->net_devices[0].host_name, "eth0");
	assert_string_equal(l->net_devices[0].name, "container_eth0");
	expect_seccomp(&l->seccomp);
	assert_string_equal(l->rootfs_propagation, "rslave");
	expect_strings(&l->masked_paths, 1, "/proc/kcore");
	expect_strings(&l->readonly_paths, 1, "/proc/sys");
	assert_string_equal(l->mount_label, "mlabel");
	expect_machine(l);
	assert_int_equal(l->n_time_offsets, 1);
	assert_string_equal(l->time_offsets[0].clock, "boottime");
	assert_int_equal(l->time_offsets[0].secs, -31);
	assert_int_equal(l->time_offsets[0].nanosecs, 32);
}

static void test_every_key(void **state)
{
	struct document d;
	struct spec s;

	(void)state;
	if (document_parse(&d, every_key, &s) < 0)
		fail_msg("%s: %s", d.err.where, d.err.text);
	expect_document(&s);
	expect_process(&s.process);
	expect_linux(&s.linux_);
	document_done(&d);
}

static void test_process_document(void **state)
{
	struct spec_process p;
	struct document d;

	(void)state;
	document_init(&d, EVERY_PROCESS);
	if (spec_process_parse(&d.arena, d.text, d.len, &p, &d.err) < 0)
		fail_msg("%s: %s", d.err.where, d.err.text);
	expect_process(&p);
	document_done(&d);
}

/* --- the tables are complete ----------------------------------------------------------------- */

static bool is_list(const struct field *f)
{
	return f->type == FIELD_OBJECTS || f->type == FIELD_OBJECT_MAP ||
	       f->type == FIELD_STRINGS || f->type == FIELD_U32S || f->type == FIELD_STRING_MAP;
}

static size_t value_size(const struct field *f)
{
	if (is_list(f) || f->type == FIELD_STRING)
		return sizeof(void *);
	if (f->type == FIELD_OBJECT)
		return 0;
	if (f->type == FIELD_BOOL)
		return sizeof(bool);
	return f->type == FIELD_I64 || f->type == FIELD_U64 ? sizeof(uint64_t) : sizeof(uint32_t);
}

static bool is_filled(const struct field *f, const char *base)
{
	const char *at = base + f->offset;
	bool filled = f->type == FIELD_OBJECT;

	for (size_t k = 0; k < value_size(f); k++)
		filled |= at[k] != 0;
	if (f->type == FIELD_STRING)
		filled = **(const char *const *)at != '\0';
	if (f->has_flag)
		filled = filled && *(const bool *)(base + f->flag);
	if (is_list(f))
		filled = filled && *(const size_t *)(base + f->count) > 0;
	return filled;
}

/* Every row's value in a parse of every_key is there: no row is missing from the document. */
static void expect_filled(const struct table *t, const char *base)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		const char *at = base + f->offset;

		if (!is_filled(f, base))
			fail_msg("\"%s\" is in a table, but not in the test's document", f->name);
		if (f->type == FIELD_OBJECT)
			expect_filled(f->sub, at);
		else if (f->sub)
			expect_filled(f->sub, *(const char *const *)at);
	}
}

static void test_document_has_every_row(void **state)
{
	struct document d;
	struct spec s;

	(void)state;
	assert_int_equal(document_parse(&d, every_key, &s), 0);
	expect_filled(&table_spec, (const char *)&s);
	document_done(&d);
}

/* The table of the objects in the list or map @key, somewhere below @t. */
static const struct table *element_table(const struct table *t, const char *key)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		const struct table *found;

		if (!f->sub)
			continue;
		if (f->type != FIELD_OBJECT && str_eq(f->name, key))
			return f->sub;
		found = element_table(f->sub, key);
		if (found)
			return found;
	}
	return NULL;
}

#if defined(__GNUC__) && !defined(__clang__)
static void clear_bytes(unsigned char *left, size_t offset, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!left[offset + i])
			fail_msg("two rows fill the same bytes; one of them is \"%s\"", name);
		left[offset + i] = 0;
	}
}

static void clear_table(const struct table *t, unsigned char *left)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];

		clear_bytes(left, f->offset, value_size(f), f->name);
		if (f->has_flag)
			clear_bytes(left, f->flag, sizeof(bool), f->name);
		if (is_list(f))
			clear_bytes(left, f->count, sizeof(size_t), f->name);
		if (f->type == FIELD_OBJECT)
			clear_table(f->sub, left + f->offset);
	}
}

/* Each byte of a struct that is not padding belongs to exactly one row, but for @by_hand, which
 * the interpreter fills without one. */
#define EXPECT_COVERED(st, table, by_hand, by_hand_size)                                           \
	do {                                                                                       \
		st value_;                                                                         \
		unsigned char *left_ = (unsigned char *)&value_;                                   \
                                                                                                   \
		assert_int_equal((table)->size, sizeof(st));                                       \
		memset(&value_, 0xff, sizeof(value_));                                             \
		__builtin_clear_padding(&value_);                                                  \
		clear_table(table, left_);                                                         \
		clear_bytes(left_, by_hand, by_hand_size, "(by hand)");                            \
		for (size_t k_ = 0; k_ < sizeof(value_); k_++)                                     \
			if (left_[k_])                                                             \
				fail_msg("%s: no row fills the byte at %zu", #st, k_);             \
	} while (0)
#define EXPECT_LIST(st, key) EXPECT_COVERED(st, element_table(&table_spec, key), 0, 0)
#define EXPECT_KEYED(st, key, m)                                                                   \
	EXPECT_COVERED(st, element_table(&table_spec, key), offsetof(st, m), sizeof(const char *))

static void test_tables_cover_structs(void **state)
{
	(void)state;
	EXPECT_COVERED(struct spec, &table_spec, 0, 0);
	EXPECT_COVERED(struct spec_process, &table_process, offsetof(struct spec_process, present),
		       1);
	EXPECT_LIST(struct spec_rlimit, "rlimits");
	EXPECT_LIST(struct spec_mount, "mounts");
	EXPECT_LIST(struct spec_id_mapping, "uidMappings");
	EXPECT_LIST(struct spec_id_mapping, "gidMappings");
	EXPECT_LIST(struct spec_hook, "prestart");
	EXPECT_LIST(struct spec_hook, "poststop");
	EXPECT_LIST(struct spec_device_rule, "devices");
	EXPECT_LIST(struct spec_weight_device, "weightDevice");
	EXPECT_LIST(struct spec_throttle_device, "throttleWriteIOPSDevice");
	EXPECT_LIST(struct spec_hugepage_limit, "hugepageLimits");
	EXPECT_LIST(struct spec_interface_priority, "priorities");
	EXPECT_LIST(struct spec_namespace, "namespaces");
	EXPECT_LIST(struct spec_seccomp_syscall, "syscalls");
	EXPECT_LIST(struct spec_seccomp_arg, "args");
	EXPECT_KEYED(struct spec_rdma, "rdma", device);
	EXPECT_KEYED(struct spec_net_device, "netDevices", host_name);
	EXPECT_KEYED(struct spec_time_offset, "timeOffsets", clock);
}
#else
static void test_tables_cover_structs(void **state)
{
	(void)state;
	skip(); /* needs gcc's __builtin_clear_padding() */
}
#endif

/* No name is cut or occurs twice. */
static void expect_sound(const struct table *t)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];

		assert_true(f->name[0] != '\0');
		assert_int_equal(f->name[sizeof(f->name) - 1], '\0');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(f->name, t->fields[k].name);
		if (f->sub)
			expect_sound(f->sub);
	}
}

static void test_tables_sound(void **state)
{
	(void)state;
	expect_sound(&table_spec);
	expect_sound(&table_process);
}

/* --- absent values --------------------------------------------------------------------------- */

/* All strings of a struct are "", and everything else is 0. */
static void expect_empty(const struct table *t, const void *base)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		const char *at = (const char *)base + f->offset;

		if (f->type == FIELD_STRING) {
			assert_non_null(*(const char *const *)at);
			assert_string_equal(*(const char *const *)at, "");
		} else {
			for (size_t k = 0; k < value_size(f); k++)
				assert_int_equal(at[k], 0);
		}
		if (f->has_flag)
			assert_false(*(const bool *)((const char *)base + f->flag));
		if (is_list(f))
			assert_int_equal(*(const size_t *)((const char *)base + f->count), 0);
		if (f->type == FIELD_OBJECT)
			expect_empty(f->sub, at);
	}
}

static void test_empty(void **state)
{
	struct document d;
	struct spec s;

	(void)state;
	memset(&s, 0xff, sizeof(s));
	assert_int_equal(document_parse(&d, "{}", &s), 0);
	expect_empty(&table_spec, &s);
	document_done(&d);
}

static void test_empty_elements(void **state)
{
	static const char text[] =
		"{'mounts':[{},{}],'hooks':{'poststop':[{}]},'process':{'rlimits':[{}]},"
		"'linux':{'seccomp':{'syscalls':[{'args':[{}]}]},'netDevices':{'a':{}},"
		"'namespaces':[{},{},{},{},{},{}]}}";
	struct document d;
	struct spec s;

	(void)state;
	assert_int_equal(document_parse(&d, text, &s), 0);
	assert_int_equal(s.n_mounts, 2);
	for (size_t i = 0; i < 2; i++)
		expect_empty(element_table(&table_spec, "mounts"), &s.mounts[i]);
	expect_empty(element_table(&table_spec, "poststop"), s.hooks.poststop.items);
	expect_empty(element_table(&table_spec, "rlimits"), s.process.rlimits);
	expect_empty(element_table(&table_spec, "args"), s.linux_.seccomp.syscalls[0].args);
	assert_int_equal(s.linux_.n_namespaces, 6);
	for (size_t i = 0; i < 6; i++)
		expect_empty(element_table(&table_spec, "namespaces"), &s.linux_.namespaces[i]);
	assert_string_equal(s.linux_.net_devices[0].name, "");
	assert_true(s.process.present && s.linux_.present && s.linux_.has_seccomp);
	assert_false(s.linux_.resources.present);
	document_done(&d);
}

/* null in the place of any value is as good as its absence. */
static void expect_null_accepted(const struct table *t, const char *prefix, const char *suffix)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		char text[400], before[200], after[32];
		struct document d;
		struct spec s;

		str_format(text, sizeof(text), "%s{'%s':null}%s", prefix, f->name, suffix);
		if (document_parse(&d, text, &s) < 0)
			fail_msg("%s: %s: %s", text, d.err.where, d.err.text);
		document_done(&d);

		if (f->type == FIELD_OBJECT) {
			str_format(before, sizeof(before), "%s{'%s':", prefix, f->name);
			str_format(after, sizeof(after), "}%s", suffix);
			expect_null_accepted(f->sub, before, after);
		}
	}
}

static void test_null(void **state)
{
	static const char text[] =
		"{'process':null,'root':null,'linux':{'resources':{'memory':{'limit':null},"
		"'pids':{'limit':null},'cpu':null}},'mounts':null,'vm':null}";
	struct document d;
	struct spec s;

	(void)state;
	expect_null_accepted(&table_spec, "", "");

	assert_int_equal(document_parse(&d, text, &s), 0);
	assert_false(s.process.present || s.has_root || s.has_vm);
	assert_true(s.linux_.present && s.linux_.resources.present);
	assert_true(s.linux_.resources.has_memory && s.linux_.resources.has_pids);
	assert_false(s.linux_.resources.has_cpu || s.linux_.resources.memory.has_limit ||
		     s.linux_.resources.has_pids_limit);
	assert_int_equal(s.n_mounts, 0);
	assert_string_equal(s.root_path, "");
	document_done(&d);
}

/* Every value of the large document, replaced by every kind of value, is accepted or refused with
 * words. (Sanitizers look for the rest.) */
static void test_replaced_values(void **state)
{
	static const char *const values[] = {
		"null",   "true",      "0",        "-1",   "1.5",       "1e99", "''",
		"'x'",    "[]",        "[0]",      "['']", "[[]]",      "[{}]", "{}",
		"{'':0}", "{'a':'b'}", "{'a':{}}", "]",    "'\\u0000'",
	};
	char *text = malloc(sizeof(every_key) + 16);
	size_t tried = 0;

	(void)state;
	assert_non_null(text);
	for (const char *p = every_key; (p = strstr(p, "': ")); p += 3) {
		const char *end = p + 3;
		int depth = 0;

		/* No string in the document holds a bracket or a comma. */
		for (; depth > 0 || (*end != ',' && *end != '}' && *end != ']'); end++)
			depth += (*end == '{' || *end == '[') - (*end == '}' || *end == ']');

		for (size_t i = 0; i < ARRAY_SIZE(values); i++, tried++) {
			struct document d;
			struct spec s;

			str_format(text, sizeof(every_key) + 16, "%.*s%s%s",
				   (int)(p + 3 - every_key), every_key, values[i], end);
			if (document_parse(&d, text, &s) < 0)
				assert_true(d.err.text[0] && d.err.code == -EINVAL);
			document_done(&d);
		}
	}
	assert_true(tried > 3000);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_process_document),
		cmocka_unit_test(test_document_has_every_row),
		cmocka_unit_test(test_tables_cover_structs),
		cmocka_unit_test(test_tables_sound),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_empty_elements),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_replaced_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
