/* The configuration to start from. Runs in the host half only; no system calls. */
#include "oci/template.h"

#include "base/str.h"
#include "oci/features.h"

#define LIST_MAX 8

static void write_items(struct json_writer *w, const char *const *items, size_t max)
{
	json_array_begin(w);
	for (size_t i = 0; i < max && items[i]; i++)
		json_string(w, items[i]);
	json_array_end(w);
}

static void write_list(struct json_writer *w, const char *key, const char *const *items)
{
	json_key(w, key);
	write_items(w, items, SIZE_MAX);
}

/* --- process --------------------------------------------------------------------------------- */

static void write_user(struct json_writer *w, const struct template_container *c)
{
	json_key(w, "user");
	json_object_begin(w);
	json_kv_u64(w, "uid", c ? c->uid : 0);
	json_kv_u64(w, "gid", c ? c->gid : 0);
	if (c && c->n_groups) {
		json_key(w, "additionalGids");
		json_array_begin(w);
		for (size_t i = 0; i < c->n_groups; i++)
			json_u64(w, c->groups[i]);
		json_array_end(w);
	}
	json_object_end(w);
}

/* What the process may do, and what root among its children may. */
static void write_capabilities(struct json_writer *w, const struct template_container *c)
{
	static const char *const few[] = {
		"CAP_AUDIT_WRITE",
		"CAP_KILL",
		"CAP_NET_BIND_SERVICE",
		NULL,
	};
	static const char *const engines[] = {
		"CAP_CHOWN",
		"CAP_DAC_OVERRIDE",
		"CAP_FOWNER",
		"CAP_FSETID",
		"CAP_KILL",
		"CAP_NET_RAW",
		"CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP",
		"CAP_SETGID",
		"CAP_SETPCAP",
		"CAP_SETUID",
		"CAP_SYS_CHROOT",
		"CAP_AUDIT_WRITE",
		NULL,
	};
	const char *const *set = c ? engines : few;

	json_key(w, "capabilities");
	json_object_begin(w);
	write_list(w, "bounding", set);
	if (!c || c->uid == 0) {
		write_list(w, "effective", set);
		write_list(w, "permitted", set);
	}
	json_object_end(w);
}

static void write_rlimits(struct json_writer *w)
{
	json_key(w, "rlimits");
	json_array_begin(w);
	json_object_begin(w);
	json_kv_string(w, "type", "RLIMIT_NOFILE");
	json_kv_u64(w, "hard", 1024);
	json_kv_u64(w, "soft", 1024);
	json_object_end(w);
	json_array_end(w);
}

static void write_process(struct json_writer *w, const struct template_container *c)
{
	static const char *const args[] = {"sh", NULL};
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm",
		NULL,
	};

	json_key(w, "process");
	json_object_begin(w);
	json_kv_bool(w, "terminal", !c || c->terminal);
	write_user(w, c);
	write_list(w, "args", c ? c->args : args);
	write_list(w, "env", c ? c->env : env);
	json_kv_string(w, "cwd", c ? c->cwd : "/");
	write_capabilities(w, c);
	if (!c)
		write_rlimits(w);
	json_kv_bool(w, "noNewPrivileges", true);
	json_object_end(w);
}

/* --- mounts ---------------------------------------------------------------------------------- */

struct mount {
	const char *destination, *type, *source;
	const char *options[LIST_MAX];
	bool rootless, privileged; /* whom the row is for */
};

static const struct mount mounts[] = {
	{"/proc", "proc", "proc", {NULL}, true, true},
	{"/dev",
	 "tmpfs",
	 "tmpfs",
	 {"nosuid", "strictatime", "mode=755", "size=65536k"},
	 true,
	 true},
	{"/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"},
	 false,
	 true},
	/* Group 5 is not mapped with a single id. */
	{"/dev/pts",
	 "devpts",
	 "devpts",
	 {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"},
	 true,
	 false},
	{"/dev/shm",
	 "tmpfs",
	 "shm",
	 {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"},
	 true,
	 true},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}, true, true},
	{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}, false, true},
	/* A new sysfs belongs to a network namespace, and there is none. */
	{"/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}, true, false},
	{"/sys/fs/cgroup",
	 "cgroup",
	 "cgroup",
	 {"nosuid", "noexec", "nodev", "relatime", "ro"},
	 true,
	 true},
};

static void write_mount(struct json_writer *w, const struct mount *m)
{
	json_object_begin(w);
	json_kv_string(w, "destination", m->destination);
	json_kv_string(w, "type", m->type);
	json_kv_string(w, "source", m->source);
	if (m->options[0]) {
		json_key(w, "options");
		write_items(w, m->options, LIST_MAX);
	}
	json_object_end(w);
}

static void write_volumes(struct json_writer *w, const struct template_container *c)
{
	for (const char *const *v = c->volumes; v && *v; v++) {
		struct mount m = {*v,   "tmpfs", "tmpfs", {"nosuid", "nodev", "tmpcopyup"},
				  true, true};

		write_mount(w, &m);
	}
}

/* Is the rootless row for @destination the one that is meant? */
static bool is_rootless(const struct template_options *o, const char *destination)
{
	const struct template_container *c = o->container;

	if (c && str_eq(destination, "/dev/pts"))
		return c->single_id;
	/* Root of a user namespace has no network namespace for a sysfs if it is the host's. */
	if (c && str_eq(destination, "/sys"))
		return c->nested && c->host_network;
	return o->rootless;
}

static void write_mounts(struct json_writer *w, const struct template_options *o)
{
	json_key(w, "mounts");
	json_array_begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		const struct mount *m = &mounts[i];

		if (is_rootless(o, m->destination) ? m->rootless : m->privileged)
			write_mount(w, m);
	}
	if (o->container)
		write_volumes(w, o->container);
	json_array_end(w);
}

/* --- linux ----------------------------------------------------------------------------------- */

/* The container's root is @host_id. */
static void write_mapping(struct json_writer *w, const char *key, uint32_t host_id)
{
	json_key(w, key);
	json_array_begin(w);
	json_object_begin(w);
	json_kv_u64(w, "containerID", 0);
	json_kv_u64(w, "hostID", host_id);
	json_kv_u64(w, "size", 1);
	json_object_end(w);
	json_array_end(w);
}

/* No device but those that every container has. */
static void write_resources(struct json_writer *w)
{
	json_key(w, "resources");
	json_object_begin(w);
	json_key(w, "devices");
	json_array_begin(w);
	json_object_begin(w);
	json_kv_bool(w, "allow", false);
	json_kv_string(w, "access", "rwm");
	json_object_end(w);
	json_array_end(w);
	json_object_end(w);
}

static void write_namespaces(struct json_writer *w, const struct template_options *o)
{
	static const char *const privileged_types[] = {"pid", "network", "ipc",
						       "uts", "mount",   "cgroup"};
	static const char *const rootless_types[] = {"pid",   "ipc",    "uts",
						     "mount", "cgroup", "user"};
	const char *const *types = o->rootless ? rootless_types : privileged_types;

	json_key(w, "namespaces");
	json_array_begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(rootless_types); i++) {
		if (o->container && o->container->host_network && str_eq(types[i], "network"))
			continue;
		json_object_begin(w);
		json_kv_string(w, "type", types[i]);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_linux(struct json_writer *w, const struct template_options *o)
{
	static const char *const masked[] = {
		"/proc/acpi",
		"/proc/asound",
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/proc/sched_debug",
		"/sys/firmware",
		"/proc/scsi",
		NULL,
	};
	static const char *const readonly[] = {
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
	};

	json_key(w, "linux");
	json_object_begin(w);
	if (o->rootless) {
		write_mapping(w, "uidMappings", o->uid);
		write_mapping(w, "gidMappings", o->gid);
	} else if (!o->container || !o->container->nested) {
		write_resources(w);
	}
	write_namespaces(w, o);
	write_list(w, "maskedPaths", masked);
	write_list(w, "readonlyPaths", readonly);
	json_object_end(w);
}

static void write_annotations(struct json_writer *w, const struct template_container *c)
{
	json_key(w, "annotations");
	json_object_begin(w);
	for (size_t i = 0; c->annotations[i][0]; i++)
		json_kv_string(w, c->annotations[i][0], c->annotations[i][1]);
	json_object_end(w);
}

void template_write(const struct template_options *o, struct json_writer *w)
{
	const struct template_container *c = o->container;

	json_object_begin(w);
	json_kv_string(w, "ociVersion", OCI_VERSION_MAX);
	write_process(w, c);
	json_key(w, "root");
	json_object_begin(w);
	json_kv_string(w, "path", c ? c->rootfs : "rootfs");
	json_kv_bool(w, "readonly", !c || !c->writable);
	json_object_end(w);
	json_kv_string(w, "hostname", c ? c->hostname : "coracle");
	write_mounts(w, o);
	write_linux(w, o);
	if (c)
		write_annotations(w, c);
	json_object_end(w);
}
