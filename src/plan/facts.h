/* What the planner knows about the host and the caller: probed once by host/facts.c, or read from
 * a file (`coracle plan --facts FILE`), so that planning itself needs no system call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "seccomp/compile/table.h"

enum cgroup_arrangement {
	CGROUP_NONE,    /* nothing mounted that we know */
	CGROUP_UNIFIED, /* cgroup2 on /sys/fs/cgroup */
	CGROUP_HYBRID,  /* v1 hierarchies, and cgroup2 on /sys/fs/cgroup/unified */
	CGROUP_V1,      /* v1 hierarchies only */
};

/* One v1 hierarchy. */
struct cgroup_hierarchy {
	const char *controllers; /* comma-separated, "cpu,cpuacct"; "name=systemd" */
	const char *mount_point;
	const char *self_path; /* the caller's cgroup in it, from /proc/self/cgroup */
};

struct facts_cgroup {
	enum cgroup_arrangement arrangement;
	const char *unified_mount_point; /* "" when there is no cgroup2 */
	const char *unified_self_path;   /* the caller's cgroup, "/" for the root */
	bool self_writable;              /* the caller may make children of its own cgroup */
	bool parent_writable;            /* and put processes beside it */
	struct cgroup_hierarchy *v1;
	size_t n_v1;
};

struct facts {
	uint32_t euid, egid;
	/* The caller's first range of subordinate ids (subuid(5)); none: count 0. */
	uint32_t sub_uid, sub_uid_count, sub_gid, sub_gid_count;
	bool admin;            /* CAP_SYS_ADMIN over our mount namespace's owner */
	bool may_map_ids;      /* CAP_SETUID and CAP_SETGID: uid_map may be written directly */
	bool tree_namespaces;  /* open_tree(OPEN_TREE_NAMESPACE) (7.0), and for us */
	bool may_bpf;          /* CAP_BPF or CAP_SYS_ADMIN in the first user namespace */
	uint64_t capabilities; /* our permitted set */
	unsigned last_cap;     /* the kernel's highest capability number */
	bool nested;           /* we are in a user namespace ourselves; told where it matters */
	bool user_manager;     /* our systemd is that of an ordinary user; told where it matters */
	int architecture;      /* enum seccomp_arch, or negative: none that we know */
	bool cpus_limited;     /* our caller has bound us to some processors */
	uint64_t ignored_signals; /* signals that our caller left ignored, bit n-1 for signal n */
	struct {
		uint64_t soft, hard;
	} rlimits[16]; /* by RLIMIT_* number of the kernel */
	struct facts_cgroup cgroup;
};

/* Read facts from JSON, as facts_write() makes it. Every key may be left out; what is not said is a
 * caller with all privileges on a unified host:
 *
 *     {"euid": 0, "egid": 0, "admin": true, "mayMapIds": true, "mayBpf": true, "treeNamespaces":
 * false, "capabilities": ["CAP_CHOWN", ...], "lastCap": 40, "ignoredSignals": [13], "cpusLimited":
 * false, "nested": false, "userManager": false, "architecture": "SCMP_ARCH_X86_64", "subUid":
 * 100000, "subUidCount": 65536, "subGid": 100000, "subGidCount": 65536, "rlimits":
 * {"RLIMIT_NOFILE": {"soft": 1024, "hard": 524288}, ...}, "cgroup":
 * {"arrangement": "unified" | "hybrid" | "v1" | "none", "unifiedMountPoint": "/sys/fs/cgroup",
 * "unifiedSelfPath": "/", "selfWritable": true, "parentWritable": false, "v1": [{"controllers":
 * "cpu,cpuacct", "mountPoint": "/sys/fs/cgroup/cpu,cpuacct", "selfPath": "/"}]}}
 *
 * Unknown keys are ignored. @text is modified and must outlive *@ret. Returns 0 or -errno. */
int facts_parse(struct arena *a, char *text, size_t len, struct facts *ret, struct err *e);

/* Write @f as the JSON that facts_parse() reads. */
void facts_write(const struct facts *f, struct json_writer *w);
