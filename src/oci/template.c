/* The configuration to start from. Runs in the host half only; no system calls. */
#include "oci/template.h"

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

static void write_user(struct json_writer *w)
{
	json_key(w, "user");
	json_object_begin(w);
	json_kv_u64(w, "uid", 0);
	json_kv_u64(w, "gid", 0);
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

static void write_process(struct json_writer *w)
{
	static const char *const args[] = {"sh", NULL};
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm",
		NULL,
	};
	static const char *const capabilities[] = {
		"CAP_AUDIT_WRITE",
		"CAP_KILL",
		"CAP_NET_BIND_SERVICE",
		NULL,
	};

	json_key(w, "process");
	json_object_begin(w);
	json_kv_bool(w, "terminal", true);
	write_user(w);
	write_list(w, "args", args);
	write_list(w, "env", env);
	json_kv_string(w, "cwd", "/");
	json_key(w, "capabilities");
	json_object_begin(w);
	write_list(w, "bounding", capabilities);
	write_list(w, "effective", capabilities);
	write_list(w, "permitted", capabilities);
	json_object_end(w);
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

static void write_mounts(struct json_writer *w, bool rootless)
{
	json_key(w, "mounts");
	json_array_begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		const struct mount *m = &mounts[i];

		if (rootless ? !m->rootless : !m->privileged)
			continue;
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

static void write_namespaces(struct json_writer *w, bool rootless)
{
	static const char *const privileged_types[] = {"pid", "network", "ipc",
						       "uts", "mount",   "cgroup"};
	static const char *const rootless_types[] = {"pid",   "ipc",    "uts",
						     "mount", "cgroup", "user"};
	const char *const *types = rootless ? rootless_types : privileged_types;

	json_key(w, "namespaces");
	json_array_begin(w);
	for (size_t i = 0; i < ARRAY_SIZE(rootless_types); i++) {
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
	} else {
		write_resources(w);
	}
	write_namespaces(w, o->rootless);
	write_list(w, "maskedPaths", masked);
	write_list(w, "readonlyPaths", readonly);
	json_object_end(w);
}

void template_write(const struct template_options *o, struct json_writer *w)
{
	json_object_begin(w);
	json_kv_string(w, "ociVersion", OCI_VERSION_MAX);
	write_process(w);
	json_key(w, "root");
	json_object_begin(w);
	json_kv_string(w, "path", "rootfs");
	json_kv_bool(w, "readonly", true);
	json_object_end(w);
	json_kv_string(w, "hostname", "coracle");
	write_mounts(w, o->rootless);
	write_linux(w, o);
	json_object_end(w);
}
