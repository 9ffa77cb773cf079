/* Planning: spec + facts + options → plan. Pure and deterministic: no system call, no environment,
 * no clock. Everything that can be decided without touching the host is decided here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "oci/spec.h"
#include "plan/block.h"
#include "plan/cgroup.h"
#include "plan/facts.h"
#include "plan/plan.h"
#include "seccomp/compile/saved.h"

/* How the process comes to be; ARCHITECTURE.md has the pictures. */
enum plan_shape {
	SHAPE_DIRECT, /* one clone into new namespaces, then init's image */
	SHAPE_BRIDGE, /* init's image in the host's namespaces, which joins and clones */
};

enum plan_purpose {
	PURPOSE_CREATE, /* waits for the start command */
	PURPOSE_RUN,    /* starts at once */
	PURPOSE_EXEC,   /* a further process in a running container */
	PURPOSE_MOUNTS, /* mounts in a running container; no process stays */
};

static inline bool plan_creates(enum plan_purpose p)
{
	return p == PURPOSE_CREATE || p == PURPOSE_RUN;
}

struct plan_parameters {
	enum plan_purpose purpose;
	const char *id;
	const char *bundle; /* absolute path */
	const char *rootfs; /* absolute path */
	enum cgroup_manager manager;
	bool no_pivot, no_new_keyring;
	unsigned preserve_fds;
	/* Socket activation, sd_listen_fds(3): descriptors that follow those of preserve_fds, and
	 * the value of LISTEN_FDNAMES ("" for none). */
	unsigned listen_fds;
	const char *listen_names;
	const char *notify_folder; /* on the host, with the socket of sd_notify(3); NULL for none */
	const char *seccomp_receiver; /* where the configuration names none; NULL for nobody */
	/* Reads and writes a folder of compiled filters that an annotation names; its own folder is
	 * ignored. NULL: the annotation has no effect. */
	const struct seccomp_store *seccomp_store;
	/* Compiles the policy at an absolute path, for a process with these capabilities (bits) on
	 * that architecture, to a saved filter (seccomp/compile/saved.h) in the arena. NULL: the
	 * annotation is refused. */
	int (*compile_policy)(struct arena *a, const char *path, uint64_t capabilities,
			      enum seccomp_arch arch, char **ret, size_t *ret_len, struct err *e);
	/* exec, mounts: the namespaces of the container, CLONE_NEW*. exec: whether its root
	 * filesystem is not the root of its mount namespace; whether groups cannot be set in its
	 * user namespace, where that is not one of its own; the filter that create saved, or NULL
	 * to make it anew. */
	uint64_t target_namespaces;
	bool target_shares_mounts;
	bool target_denies_groups;
	const struct seccomp_saved *filter;
};

/* What the host half opens and hands to init, in slot order. */
enum plan_slot_kind {
	SLOT_TREE,     /* a detached copy of the mount tree at path */
	SLOT_FILE,     /* path, for reading: a namespace */
	SLOT_MOUNTS,   /* a new mount namespace with the tree at path, and nothing else */
	SLOT_NETWORK,  /* a new network namespace, made beside the planning */
	SLOT_TARGET,   /* exec, mounts: a pidfd of the container's init */
	SLOT_LISTENER, /* create: the socket on which start will knock */
	SLOT_APPEND,   /* path, made if missing, for appending */
	SLOT_CGROUP,   /* the same of its cgroup, by hierarchy; without one of its own, of path */
	SLOT_DEVICE,   /* a detached mount of a new device node; else of the one at path */
	SLOT_INSTANCE, /* a detached mount of a new file system, whose source is path */
	SLOT_ROOT,     /* the root filesystem: attached as plan->shared says, or an image's mount */
};

struct plan_device_node {
	uint32_t mode, major, minor;
	uint32_t uid, gid; /* on the host */
};

struct plan_slot_source {
	enum plan_slot_kind kind;
	const char *path;
	bool recursive;
	bool nofollow;      /* SLOT_TREE: a symbolic link at path is meant itself */
	uint64_t namespace; /* SLOT_FILE: CLONE_NEW*, what it must be */
	int hierarchy;      /* SLOT_CGROUP: -1 unified, else index into plan->cgroup.v1 */
	const char *origin; /* configuration path */
	/* SLOT_INSTANCE: its type, and options as in config.json. */
	const char *fstype;
	struct str_list options;
	struct plan_device_node device; /* SLOT_DEVICE */
	/* SLOT_TREE, SLOT_INSTANCE: map its ids; all of the tree. */
	const struct plan_mount_userns *userns;
	bool recursive_idmap;
};

struct plan_idmap {
	bool wanted;
	/* Written by newuidmap and newgidmap; else directly, by us. */
	bool by_helper;
	bool deny_setgroups;
	struct spec_id_mappings uid, gid;
};

#define PLAN_CPUS_MAX 16384

/* What the host half sets for the process. */
struct plan_schedule {
	bool has_scheduler, has_io_priority;
	bool late; /* the policy is not inherited: set when init is ready */
	uint32_t policy, priority;
	uint64_t flags;
	int32_t nice;
	uint64_t runtime, deadline, period; /* ns */
	uint32_t io_priority;               /* as ioprio_set(2) takes it */
	bool all_cpus;                      /* undo the caller's limits, in the cgroup */
	/* exec: bits, 64 a word; of the runtime on its way, and of the process. */
	const uint64_t *initial_cpus, *final_cpus;
	size_t n_initial_cpus, n_final_cpus;
};

/* The user namespace whose mapping a mount gets: the one at path, or, where that is "", one that is
 * made for it and held until the mount has its mapping. */
struct plan_mount_userns {
	struct plan_mount_userns *next;
	unsigned index;
	const char *path, *origin;
	struct plan_idmap map;
};

/* A container without a mount namespace of its own: its root filesystem is attached on its own path
 * where others see it, by the host half, which takes it away again. */
struct plan_shared {
	bool wanted;
	const char *mount_ns; /* path of the namespace that it joins; NULL: the caller's */
	const char *user_ns;  /* to be entered first; NULL: none */
	const char *origin;
};

/* The group of resctrl that the container's processes are in (host/resctrl.h). */
struct plan_resctrl {
	bool wanted;
	bool own;             /* named after the container, and removed with it if it made it */
	bool may_make;        /* where it is missing; else it must be there */
	bool monitoring;      /* with a monitoring group of its own in it */
	const char *group;    /* directory; "" is the default group */
	const char *schemata; /* lines, each with its newline; "" for none */
};

struct plan {
	enum plan_purpose purpose;
	const char *id, *rootfs;
	enum plan_shape shape;
	uint64_t clone_flags; /* DIRECT: of the host half's clone */
	uint64_t namespaces;  /* all that the container has of its own, created or joined */
	struct plan_slot_source *slots;
	size_t n_slots, cap_slots;
	struct plan_idmap idmap;
	struct plan_shared shared;
	struct plan_mount_userns *mount_userns; /* last one first */
	unsigned n_mount_userns;
	struct plan_cgroup cgroup;
	struct plan_resctrl resctrl;
	bool has_oom_score_adj;
	int32_t oom_score_adj;
	struct plan_schedule schedule;
	const char *time_offsets; /* what is written for the clocks; NULL: nothing */
	bool terminal;
	unsigned keep_fds;  /* descriptors of the caller's, from 3 on, that the process gets */
	bool child_ignored; /* SIGCHLD is, by our caller: the kernel would reap our children */
	const struct spec_net_device *net_devices;
	size_t n_net_devices;
	const struct spec_hooks *hooks; /* NULL for exec */
	bool host_turn;                 /* init waits for the host half: hooks */
	bool hooks_unbounded;           /* one of init's hooks has no timeout */
	uint64_t hook_seconds;          /* else the time that they may take */
	struct seccomp_saved filter;    /* no instructions: none */
	struct err *warnings;
	size_t n_warnings, cap_warnings;
	const struct plan_block *block;
};

/* Plan create or run. @spec must have passed spec_check(). Everything in *@ret lives in @a or
 * points into @spec. Returns 0 or -errno. */
int plan_build(struct arena *a, const struct spec *spec, const struct facts *facts,
	       const struct plan_parameters *o, struct plan *ret, struct err *e) _must_check_;

/* Plan an exec of @process into a container with configuration @spec. */
int plan_build_exec(struct arena *a, const struct spec *spec, const struct spec_process *process,
		    const struct facts *facts, const struct plan_parameters *o, struct plan *ret,
		    struct err *e) _must_check_;

/* Plan the mounts of @spec, a container's configuration but for its mounts, into that container
 * while it runs; or where @remove is set, take away what is at their destinations, last one first.
 */
int plan_build_mounts(struct arena *a, const struct spec *spec, const struct facts *facts,
		      const struct plan_parameters *o, bool remove, struct plan *ret, struct err *e)
	_must_check_;

/* --- shared by the files of the planner ------------------------------------------------------- */

/* Everything in the making. */
struct builder {
	struct arena *arena;
	const struct spec *spec;
	const struct spec_process *process;
	const struct facts *facts;
	const struct plan_parameters *options;
	struct plan *plan;
	struct block block;
	bool new_user_ns, joined_user_ns;
	bool host_opens; /* the host half opens what init could not reach */
	bool tree_ns;    /* the mount namespace begins with the root filesystem alone */
	bool live;       /* the container runs, and may change paths while we look */
	/* Of binds that SOURCE opens ahead: how many, and how many of them have been bound. */
	unsigned n_sources, n_bound;
	/* Ids with which files are made while setting up, and whether setgroups works. */
	uint32_t setup_uid, setup_gid;
	unsigned root_mounts; /* on "/" */
	/* Numbers of the mounts that become read-only when everything is mounted. */
	size_t *late_readonly, n_late_readonly;
	/* How file systems take linux.mountLabel, and the label; 0: there is none. */
	const char *label_option;
	plan_str label_key, label;
	bool setgroups;
	bool keep_groups;                   /* run.oci.keep_original_groups */
	uint32_t listen_slot;               /* of the environment, for LISTEN_PID */
	plan_slot hook_output, hook_errors; /* of run.oci.hooks.{stdout,stderr} */
	struct err *e;
};

/* "mounts[3]": formatted in the builder's arena. */
const char *plan_origin(struct builder *b, const char *fmt, ...) _printf_(2, 3);

/* Add a slot; returns its number. */
plan_slot plan_add_slot(struct builder *b, struct plan_slot_source source);

/* Fail for something that is known but not built yet. */
int plan_unsupported(struct builder *b, const char *where);

/* A warning that does not stop anything. */
void plan_warn(struct builder *b, const char *where, const char *fmt, ...) _printf_(3, 4);

/* build-ns.c: shape, joins, clone, ids; and names and limits of namespaces. */
int plan_namespaces(struct builder *b);
int plan_namespace_values(struct builder *b);
int plan_exec_join(struct builder *b);
/* Into the namespaces @join of a container that runs; with @sources what binds need first. */
int plan_live_join(struct builder *b, uint64_t join, bool sources);

/* Does a container of @spec join a network namespace that the host half makes (SLOT_NETWORK)? Not
 * where a new user namespace must own it, nor where a bridge clones into all of them at once. */
bool plan_makes_network(const struct spec *spec);

/* build-lsm.c: labels; first the procfs for old kernels, while it can be reached. */
void plan_procfs(struct builder *b);
void plan_keyring_label(struct builder *b);
void plan_labels(struct builder *b);

/* build-net.c: devices that the host half moves in. */
int plan_net_devices(struct builder *b);

/* build-time.c: a time namespace with offsets. */
void plan_time_offsets(struct builder *b);

/* build-cgroup.c: a container that sees its cgroup writable at @target may divide it: the cgroup
 * becomes its process's user's (config-linux.md, "Cgroup ownership"). */
void plan_delegate_cgroup(struct builder *b, const char *target);

/* build-mount.c: mounts; the sources of binds that init opens, ahead of what covers the root that
 * they are below; an empty file system, as masks and some mounts need it. */
int plan_mounts(struct builder *b);
int plan_sources(struct builder *b);
struct plan_empty plan_empty_mount(struct builder *b);

/* build-root.c: rootfs; masks, and the pivot. */
int plan_rootfs(struct builder *b);
/* The root filesystem that is attached already: by the host half, in @slot, or for an exec. */
void plan_shared_root(struct builder *b, plan_slot slot);
int plan_masks(struct builder *b);
/* May the container begin in a mount namespace that has nothing but its root filesystem, so that
 * nothing of the host's is copied, detached, or there by mistake? For who needs nothing of the host
 * but what the host half can open before. */
bool plan_tree_namespace(const struct builder *b, uint64_t create);

/* build-idmap.c: the mapping of mount @m, from its uidMappings, or @text ("uids=…;gids=…", may be
 * NULL), or the container's user namespace. */
int plan_mount_idmap(struct builder *b, const struct spec_mount *m, const char *text,
		     const char *origin, const struct plan_mount_userns **ret);

/* build-device.c: devices and links in /dev. */
int plan_devices(struct builder *b);

/* build-hooks.c: hooks of init; whether some run before the pivot, which then must see the
 * container's mounts where the bundle says. */
bool plan_hooks_see_rootfs(const struct builder *b);
int plan_create_hooks(struct builder *b);
int plan_start_hooks(struct builder *b);

/* build-sched.c: what the host half sets for the process; and init's steps of that kind. */
int plan_schedule(struct builder *b);
int plan_machine(struct builder *b);
/* "0-3,7" into @bits, of which there are @max (a multiple of 64). Returns 0 or -EINVAL. */
int plan_parse_list(const char *text, uint64_t *bits, size_t max) _must_check_;

/* build-landlock.c: the annotation for it. */
int plan_landlock(struct builder *b);

/* build-resctrl.c: linux.intelRdt. */
void plan_resctrl(struct builder *b);

/* The group that @rdt asks for, for the container @id. Strings live in @a, or are the arguments'.
 * -ENOMEM is the only failure. */
int plan_resctrl_group(struct arena *a, const struct spec_intel_rdt *rdt, const char *id,
		       struct plan_resctrl *ret) _must_check_;

/* build-annotations.c: those of crun and runc that change what happens: taken up, or refused by
 * name.
 */
int plan_annotations(struct builder *b);
/* The annotation @key as a boolean; *@ret is left alone where it is missing. */
int plan_read_flag(struct builder *b, const char *key, bool *ret);

/* build-seccomp.c: whether there will be a filter; the filter; the step that loads it; and the
 * capability that init must keep until then, as a mask. */
bool plan_has_filter(const struct spec *spec);
int plan_seccomp(struct builder *b);
void plan_seccomp_load(struct builder *b);
uint64_t plan_seccomp_capability(const struct builder *b);

/* build-listen.c: the environment with what socket activation adds, and the step for LISTEN_PID. */
int plan_listen_env(struct builder *b, struct str_list *ret);
void plan_listen_pid(struct builder *b);

/* build-notify.c: where the socket of sd_notify(3) is inside. */
#define PLAN_NOTIFY_FOLDER "/run/notify"
void plan_notify_mount(struct builder *b);

/* build-process.c: everything of "process", in two parts around the exec's clone. */
int plan_process(struct builder *b, struct plan_array *ret_argv, struct plan_array *ret_envp);
int plan_process_end(struct builder *b);
void plan_console(struct builder *b, bool bind);
