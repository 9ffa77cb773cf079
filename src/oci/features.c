/* The features document. Runs in the host half only; no system calls: the document is about the
 * program, not about the host. */
#include "oci/features.h"

#include "oci/names.h"
#include "oci/spec.h"

/* --- what is implemented --------------------------------------------------------------------- */

static const char *const unsafe_annotations[] = {"run.oci.", "org.criu.config", NULL};

static const char *const memory_modes[] = {
	"MPOL_DEFAULT",   "MPOL_BIND",           "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE",
	"MPOL_PREFERRED", "MPOL_PREFERRED_MANY", "MPOL_LOCAL",      NULL,
};

static const char *const memory_flags[] = {
	"MPOL_F_NUMA_BALANCING",
	"MPOL_F_RELATIVE_NODES",
	"MPOL_F_STATIC_NODES",
	NULL,
};

static const char *const hooks[] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
	NULL,
};

/* An empty list or false says "known, and not supported", which an engine can tell from silence. */
static const struct {
	const char *const *hooks;
	struct {
		bool v1, v2, systemd, systemd_user, rdma;
	} cgroup;
	bool apparmor, selinux, idmap, net_devices;
	struct {
		bool enabled, schemata, monitoring;
	} intel_rdt;
	struct {
		const char *const *modes, *const *flags;
	} memory_policy;
	/* Annotations in config.json that change what the runtime does; a final dot makes a prefix.
	 */
	const char *const *unsafe_annotations;
} implemented = {
	.hooks = hooks,
	.cgroup = {.v1 = true, .v2 = true, .systemd = true, .systemd_user = true, .rdma = true},
	.idmap = true,
	.net_devices = true,
	.apparmor = true,
	.selinux = true,
	.intel_rdt = {.enabled = true, .schemata = true, .monitoring = true},
	.memory_policy = {memory_modes, memory_flags},
	.unsafe_annotations = unsafe_annotations,
};

/* --- writing it ------------------------------------------------------------------------------ */

static void write_list(struct json_writer *w, const char *key, const char *const *items)
{
	json_key(w, key);
	json_array_begin(w);
	for (; *items; items++)
		json_string(w, *items);
	json_array_end(w);
}

/* "key": {"enabled": value} */
static void write_enabled(struct json_writer *w, const char *key, bool value)
{
	json_key(w, key);
	json_object_begin(w);
	json_kv_bool(w, "enabled", value);
	json_object_end(w);
}

static void write_cgroup(struct json_writer *w)
{
	json_key(w, "cgroup");
	json_object_begin(w);
	json_kv_bool(w, "v1", implemented.cgroup.v1);
	json_kv_bool(w, "v2", implemented.cgroup.v2);
	json_kv_bool(w, "systemd", implemented.cgroup.systemd);
	json_kv_bool(w, "systemdUser", implemented.cgroup.systemd_user);
	json_kv_bool(w, "rdma", implemented.cgroup.rdma);
	json_object_end(w);
}

static void write_seccomp(struct json_writer *w, const struct features_seccomp *s)
{
	json_key(w, "seccomp");
	json_object_begin(w);
	json_kv_bool(w, "enabled", true);
	write_list(w, "actions", s->actions);
	write_list(w, "operators", s->operators);
	write_list(w, "archs", s->archs);
	write_list(w, "knownFlags", s->flags);
	write_list(w, "supportedFlags", s->flags);
	json_object_end(w);
}

static void write_intel_rdt(struct json_writer *w)
{
	json_key(w, "intelRdt");
	json_object_begin(w);
	json_kv_bool(w, "enabled", implemented.intel_rdt.enabled);
	json_kv_bool(w, "schemata", implemented.intel_rdt.schemata);
	json_kv_bool(w, "monitoring", implemented.intel_rdt.monitoring);
	json_object_end(w);
}

static void write_linux(struct json_writer *w, const struct features_context *c)
{
	json_key(w, "linux");
	json_object_begin(w);
	json_key(w, "namespaces");
	json_array_begin(w);
	for (int type = 0; type < NS_MAX; type++)
		json_string(w, ns_type_name((enum ns_type)type));
	json_array_end(w);
	json_key(w, "capabilities");
	json_array_begin(w);
	for (unsigned cap = 0; cap < CAPABILITY_MAX; cap++)
		json_string(w, capability_name(cap));
	json_array_end(w);
	write_cgroup(w);
	write_seccomp(w, c->seccomp);
	write_enabled(w, "apparmor", implemented.apparmor);
	write_enabled(w, "selinux", implemented.selinux);
	write_intel_rdt(w);
	json_key(w, "memoryPolicy");
	json_object_begin(w);
	write_list(w, "modes", implemented.memory_policy.modes);
	write_list(w, "flags", implemented.memory_policy.flags);
	json_object_end(w);
	json_key(w, "mountExtensions");
	json_object_begin(w);
	write_enabled(w, "idmap", implemented.idmap);
	json_object_end(w);
	write_enabled(w, "netDevices", implemented.net_devices);
	json_object_end(w);
}

void features_write(const struct features_context *c, struct json_writer *w)
{
	json_object_begin(w);
	json_kv_string(w, "ociVersionMin", OCI_VERSION_MIN);
	json_kv_string(w, "ociVersionMax", OCI_VERSION_MAX);
	write_list(w, "hooks", implemented.hooks);
	write_list(w, "mountOptions", c->mount_options);
	write_linux(w, c);
	json_key(w, "annotations");
	json_object_begin(w);
	json_kv_string(w, "run.oci.coracle.version", c->version);
	if (c->commit[0] != '\0')
		json_kv_string(w, "run.oci.coracle.commit", c->commit);
	/* Annotations are strings. */
	json_kv_string(w, "run.oci.coracle.checkpoint.enabled", c->checkpoint ? "true" : "false");
	json_object_end(w);
	write_list(w, "potentiallyUnsafeConfigAnnotations", implemented.unsafe_annotations);
	json_object_end(w);
}
