/* What the plan says about the container's cgroup: where, which values, which device policy. Pure;
 * cgroup/ executes it. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "oci/spec.h"
#include "plan/facts.h"

/* The whole container dies when the kernel kills in it for want of memory: memory.oom.group. */
#define CGROUP_ANNOTATION_OOM_GROUP "run.oci.coracle.oom_group"

/* With 0 the device policy is what the rules say, without the devices that every container has. */
#define CGROUP_ANNOTATION_DEVICES "run.oci.coracle.builtin_devices"

enum cgroup_manager {
	CGROUP_MANAGER_CGROUPFS,
	CGROUP_MANAGER_SYSTEMD,
	CGROUP_MANAGER_DISABLED,
};

/* One value to write into a file of the container's cgroup. */
struct plan_cgroup_write {
	const char *controller; /* "pids": must be enabled for children of the parent cgroup */
	const char *file;       /* "pids.max" */
	const char *value;
	const char *origin; /* "linux.resources.pids.limit" */
	/* Where the kernel has no such file: another one with a value of its own, or NULL. */
	const char *else_file, *else_value;
	bool if_there; /* and where there is none at all nothing is lost */
	/* Not before init is ready: its helpers would be in the way. */
	bool late;
	/* An update only: refuse a value below what this file says is used already. */
	const char *usage_file;
};

struct bpf_insn;

struct plan_cgroup {
	enum cgroup_manager manager;
	/* Path from the root of every hierarchy used, "/coracle/ID"; "" when the container stays in
	 * the caller's cgroup. */
	const char *path;
	/* The path was chosen by us and nothing was asked of it: failing to make it for want of
	 * permission means to go on without one (rootless without delegation). */
	bool optional;
	struct plan_cgroup_write *writes;
	size_t n_writes;
	bool unified; /* a cgroup in the v2 hierarchy is made (unified and hybrid) */
	const struct cgroup_hierarchy **v1; /* v1 hierarchies in which one is made too */
	size_t n_v1;
	/* The container may divide its cgroup, which is given to @owner, a user id of ours. */
	bool delegated;
	uint32_t owner;
	/* With the systemd manager: the scope, what systemd is told about it ("-u64 MemoryMax 1";
	 * the dash: it may not know that), and whose systemd it is. The path is the one below that
	 * manager's own cgroup. */
	const char *unit;
	const char **properties;
	size_t n_properties;
	bool user_manager;
	/* The device policy as a BPF_PROG_TYPE_CGROUP_DEVICE program; n 0: no policy (not allowed
	 * to load one, as in a user namespace without CAP_BPF, or everything is allowed). */
	struct bpf_insn *device_program;
	size_t n_device_program;
	/* Where cgroup v1 alone is mounted, instead: "allow c 1:3 rwm", by plan_device_list(). */
	struct str_list device_list;
	/* The policy may deny what init needs for the container's /dev: not before init is ready.
	 */
	bool devices_late;
};

/* Does plan_cgroup_build() look at the caller's own cgroup (facts.cgroup.unified_self_path)? It
 * costs reading /proc/self/cgroup, so hosts are asked only then. */
bool plan_cgroup_needs_self(const struct spec *spec, const struct facts *facts,
			    enum cgroup_manager manager);

/* Does planning these limits ask which v1 hierarchies there are? On hybrid hosts it costs system
 * calls to find them. */
bool plan_cgroup_needs_v1(const struct spec *spec);

/* Is anything to be written when init is ready? */
bool plan_cgroup_late(const struct plan_cgroup *plan);

/* The writes for @asked, which is @all of a new container's resources or what an update names of
 * them: into plan->writes, in the order that the kernel needs. Limits that this arrangement cannot
 * hold are ERR_CGROUP_LIMIT. Pure; strings live in @a or belong to @asked. Returns 0 or -errno. */
int plan_cgroup_limits(struct arena *a, const struct spec_resources *all,
		       const struct spec_resources *asked, const struct facts_cgroup *facts,
		       struct plan_cgroup *plan, struct err *e) _must_check_;

/* cpu.weight (1 to 10000) for the specification's shares (2 to 262144): the curve through both ends
 * and the two defaults, 1024 and 100, that runc and crun have used since 2025. */
uint64_t plan_cpu_weight(uint64_t shares);

/* io.weight (1 to 10000) for the specification's weight (10 to 1000), as runc and crun map it. */
uint64_t plan_io_weight(uint32_t weight);

/* Plan the cgroup for @spec. @id is the container's id. Limits that are not implemented, or that
 * the arrangement cannot hold, are ERR_UNSUPPORTED or ERR_CGROUP_LIMIT naming key, reason, cure.
 *
 * The place: linux.cgroupsPath from the root of the hierarchies, with or without its leading slash
 * (as crun reads it; runc looks for a relative one below the caller's own cgroup); else
 * "/coracle/ID"; else, for callers without privilege on the host, "coracle-ID" in their own cgroup,
 * or beside it where that is possible or a limit needs it: controllers cannot be enabled for
 * children of a cgroup that holds processes.
 *
 * Returns 0 or -errno; *@ret lives in @a. */
int plan_cgroup_build(struct arena *a, const struct spec *spec, const struct facts *facts,
		      enum cgroup_manager manager, const char *id, struct plan_cgroup *ret,
		      struct err *e);

/* The scope of a container under systemd, after its limits are planned: plan->unit and what is
 * beside it. linux.cgroupsPath is "slice:prefix:name"; without one system.slice (an ordinary user's
 * user.slice), "coracle" and the container's id. Returns 0 or -errno. */
int plan_cgroup_scope(struct arena *a, const struct spec *spec, const struct facts *facts,
		      const char *id, struct plan_cgroup *plan, struct err *e) _must_check_;

/* What systemd must be told of plan->writes that are @late or not, so that it leaves them alone
 * when it reloads: takes the place of plan->properties. What it has no property for is left out.
 * Returns 0 or -errno. */
int plan_cgroup_properties(struct arena *a, struct plan_cgroup *plan, bool late, struct err *e)
	_must_check_;

/* The v1 hierarchy with @controller, or NULL. */
const struct cgroup_hierarchy *cgroup_find_v1(const struct facts_cgroup *f, const char *controller);

/* Does the comma-separated list of a v1 hierarchy hold @controller? */
bool cgroup_hierarchy_has(const struct cgroup_hierarchy *h, const char *controller);

/* The device policy of @res as this arrangement has it, into plan->device_program or
 * plan->device_list. Nothing without rules, or without the privilege to have one. Returns 0 or
 * -errno. */
int plan_cgroup_devices(struct arena *a, const struct spec_resources *res,
			const struct facts *facts, bool builtin, struct plan_cgroup *plan,
			struct err *e) _must_check_;

/* Compile device rules, with @builtin also the devices that every container has, into *@ret;
 * *@ret_n is 0 when everything is allowed. Later rules win; device-bpf.c says what that means
 * exactly. */
int plan_device_program(struct arena *a, const struct spec_device_rule *rules, size_t n,
			bool builtin, struct bpf_insn **ret, size_t *ret_n, struct err *e);

/* The same for the files devices.allow and devices.deny of cgroup v1: lines of "allow" or "deny"
 * and what to write, the first of which forgets all that was before. What these files cannot say is
 * ERR_DEVICE_POLICY. Returns 0 or -errno. */
int plan_device_list(struct arena *a, const struct spec_device_rule *rules, size_t n, bool builtin,
		     struct str_list *ret, struct err *e) _must_check_;

/* Append the write that makes all processes of the container die together. Returns 0 or -errno. */
int plan_cgroup_oom_group(struct arena *a, const struct facts_cgroup *facts,
			  struct plan_cgroup *plan, struct err *e) _must_check_;
