/* The plan: the one format that the planner and init share.
 *
 * A plan is a flat, relocatable block: a header, an array of steps, and operands and strings that
 * are found by their offset from the start of the block. Offset 0 (the header itself) means "none".
 * It travels in a memfd whose first page is the step page, so that the host half can tell which
 * step init is in even after a crash.
 *
 * PLAN_STEPS is the single list of what init can do. plan/block.c writes steps, plan/print.c shows
 * them, init/steps.c executes them; a step that is missing from one of them does not compile. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PLAN_MAGIC   0x4e504c43u /* "CLPN" */
#define PLAN_VERSION 1

/* Offset of a NUL-terminated string in the block; 0 is none. */
typedef uint32_t plan_str;
/* Offset of an array in the block, and its number of elements. */
struct plan_array {
	uint32_t offset, n;
};
/* An index into the descriptors that the host half hands to init; PLAN_NO_SLOT is none. */
typedef int32_t plan_slot;
#define PLAN_NO_SLOT   (-1)
#define PLAN_SLOTS_MAX 1024
/* Slots from there on are init's own: SOURCE fills them, in order. No more than fit into the usual
 * limit on open descriptors, 1024, with all else. */
#define PLAN_OWN_SLOTS     PLAN_SLOTS_MAX
#define PLAN_OWN_SLOTS_MAX 768

/* Step: operand structure, printed name, what it does.
 *
 * The order here is only that of the list; the order of execution is the plan's. */
#define PLAN_STEPS(X)                                                                              \
	X(PROCFS, path, "procfs", "open the host's procfs for labels")                             \
	X(LSM, lsm, "lsm", "set a label of a security module")                                     \
	X(KEYRING, keyring, "keyring", "join a new session keyring")                               \
	X(RAISE_LIMIT, rlimit, "raise-limit", "raise a hard limit while still privileged")         \
	X(JOIN, join, "join", "enter an existing namespace")                                       \
	X(UNSHARE, flags, "unshare", "create namespaces for the calling process")                  \
	X(CLONE, flags, "clone", "become the container's init in new namespaces")                  \
	X(AWAIT_IDS, await, "await-ids", "wait until ids are mapped from outside")                 \
	X(TIME_OFFSETS, time_offsets, "time-offsets", "make a time namespace with other clocks")   \
	X(BECOME, become, "become", "take ids of the user namespace, keep capabilities")           \
	X(PROPAGATION, propagation, "propagation", "set the propagation of a mount tree")          \
	X(ROOTFS, rootfs, "rootfs", "attach the root filesystem as a mount of its own")            \
	X(MOUNT, mount, "mount", "mount a new file system")                                        \
	X(SOURCE, bind, "source", "open the source of a bind while the host's root is there")      \
	X(BIND, bind, "bind", "bind a host path")                                                  \
	X(UNMOUNT, unmount, "unmount", "take a mount away")                                        \
	X(DEVICES, devices, "devices", "make device nodes and symbolic links in a directory")      \
	X(CONSOLE, console, "console", "open a terminal and hand its master out")                  \
	X(MASK, mask, "mask", "hide a path")                                                       \
	X(READONLY, path, "readonly", "make a path read-only")                                     \
	X(REMOUNT, remount, "remount", "change the flags of the mount at a path")                  \
	X(SET_READONLY, path, "set-readonly", "make the mount at a path read-only")                \
	X(HOST_TURN, turn, "host-turn", "let the host half run its hooks, and wait for it")        \
	X(HOOK, hook, "hook", "run a hook in the container's namespaces")                          \
	X(PIVOT, none, "pivot", "make the root filesystem the root")                               \
	X(CHROOT, chroot, "chroot", "make it the root where pivot_root does not work")             \
	X(DETACH, none, "detach", "detach what covers the root")                                   \
	X(PROVE_ROOT, none, "prove-root", "prove that it is the mount namespace's root")           \
	X(ROOT_PROPAGATION, propagation, "root-propagation", "set the propagation of the root")    \
	X(SYSCTL, sysctl, "sysctl", "set a kernel parameter of a namespace")                       \
	X(HOSTNAME, string, "hostname", "set the host name")                                       \
	X(DOMAINNAME, string, "domainname", "set the NIS domain name")                             \
	X(LOOPBACK, string, "loopback", "bring the loopback device up")                            \
	X(PERSONALITY, personality, "personality", "set the execution domain")                     \
	X(MEMORY_POLICY, memory_policy, "memory-policy", "set the NUMA memory policy")             \
	X(SESSION, session, "session", "lead a new session, take the terminal")                    \
	X(RLIMIT, rlimit, "rlimit", "set a resource limit")                                        \
	X(LISTEN_PID, env_pid, "listen-pid", "tell the process its pid in the environment")        \
	X(HOME, home, "home", "take HOME from the container's passwd")                             \
	X(CWD, cwd, "cwd", "enter the working directory")                                          \
	X(SIGNALS, signals, "signals", "reset ignored signals")                                    \
	X(BOUNDING, bounding, "bounding", "drop capabilities from the bounding set")               \
	X(USER, user, "user", "become the process's user")                                         \
	X(CAPABILITIES, capabilities, "capabilities", "set the capability sets")                   \
	X(NO_NEW_PRIVS, none, "no-new-privs", "give up gaining privileges by exec")                \
	X(PROGRAM, program, "program", "find the program")                                         \
	X(DESCRIPTORS, descriptors, "descriptors", "close on exec what was not asked for")         \
	X(READY, none, "ready", "report, and wait to be let go")                                   \
	X(START, start, "start", "wait for the start command")                                     \
	X(LANDLOCK, landlock, "landlock", "restrict what the process may do, by Landlock")         \
	X(SECCOMP, seccomp, "seccomp", "load the filter for system calls")                         \
	X(EXEC, none, "exec", "become the container's process")                                    \
	X(LEAVE, none, "leave", "report, and end: the container has what it was to get")

enum plan_op {
#define X(op, operand, name, text) PLAN_##op,
	PLAN_STEPS(X)
#undef X
	PLAN_OP_MAX
};

/* --- operands -------------------------------------------------------------------------------- */

struct plan_none {
	uint32_t unused;
};

struct plan_flags {
	uint64_t flags; /* CLONE_NEW* */
};

/* Whoever speaks on the socket in the slot lets init go. With a filter no word can follow from then
 * on: it is given the step page. */
struct plan_start {
	plan_slot slot;
	uint32_t page;
};

struct plan_string {
	plan_str value;
};

struct plan_path {
	plan_str path; /* in the container */
};

struct plan_lsm {
	uint32_t module, attribute; /* LSM_ID_*, LSM_ATTR_* */
	plan_str name;              /* of the module, for messages */
	plan_str value;
	plan_str path; /* in procfs, where the system call is missing */
};

struct plan_keyring {
	plan_str name;
};

struct plan_rlimit {
	uint32_t resource; /* the kernel's RLIMIT_* number */
	uint32_t pad;
	uint64_t soft, hard;
};

/* One namespace by its descriptor, or several at once by a pidfd. */
struct plan_join {
	uint64_t flags; /* CLONE_NEW* */
	plan_slot slot;
	uint32_t pad;
};

struct plan_become {
	uint32_t uid, gid;
	uint32_t other_uid, other_gid; /* where the first are not mapped */
	uint32_t clear_groups;         /* setgroups(0) where the namespace allows it */
};

struct plan_propagation {
	plan_str path; /* "/" */
	uint32_t pad;
	uint64_t ms_flags; /* MS_SLAVE | MS_REC, … */
};

/* The tree comes as a detached mount in a slot, or init opens source itself. */
struct plan_rootfs {
	plan_slot slot;
	plan_str source; /* absolute path on the host */
	/* "/": it covers the old root until the pivot. With hooks its own path. 0: it is attached
	 * already, in the slot or, for exec, at source. */
	plan_str attach;
	plan_str otherwise; /* where attach cannot be searched; 0: nowhere */
};

/* An empty file system. */
struct plan_empty {
	plan_str fstype;
	plan_str label_key, label; /* its option for the security module; 0: none */
};

/* The host's root stays below. Whoever can mount may look for procfs and sysfs there, since the
 * kernel gives an instance to those that see a whole one: they are unmounted, or hidden. */
struct plan_chroot {
	struct plan_array hide; /* of plan_str, on the host's root */
	struct plan_empty empty;
	plan_str move; /* "/": it is attached on a path of its own, and moved there; 0: it stays */
};

struct plan_mount_attr {
	uint64_t set, clear;         /* MOUNT_ATTR_* of the mount itself */
	uint64_t rec_set, rec_clear; /* of the whole tree */
	uint64_t propagation;        /* MS_* propagation, 0 to leave it; MS_SLAVE beside another:
				      * first the whole tree a slave */
};

enum plan_mount_flags {
	/* No symbolic link may lead to the target: to /proc and /sys, and to where a running
	 * container could put one meanwhile. */
	PLAN_MOUNT_NO_SYMLINKS = 1 << 0,
	PLAN_MOUNT_RECURSIVE = 1 << 1, /* rbind */
	PLAN_MOUNT_ROOT = 1 << 2,      /* on "/": what is mounted becomes the root filesystem */
	/* A symbolic link as source is bound itself, as target is covered itself. */
	PLAN_MOUNT_SOURCE_NOFOLLOW = 1 << 3,
	PLAN_MOUNT_TARGET_NOFOLLOW = 1 << 4,
	PLAN_MOUNT_COPY_SYMLINK = 1 << 5, /* a symbolic link as source is made anew */
	/* Fill it with what the target holds, and give it the target's mode and owner. */
	PLAN_MOUNT_COPY_UP = 1 << 6,
	PLAN_MOUNT_COPY_MODE = 1 << 7,
	PLAN_MOUNT_COPY_OWNER = 1 << 8,
	PLAN_MOUNT_LABEL_ROOT = 1 << 9, /* the label is an extended attribute of its root */
};

struct plan_option {
	plan_str key, value; /* value 0: a flag without a value */
};

struct plan_mount {
	plan_str fstype, source, target;
	uint32_t flags;            /* enum plan_mount_flags */
	struct plan_array options; /* of struct plan_option */
	/* Of plan_str: directories in the new file system, on which later steps mount. They are
	 * made where it is at hand, without looking for it again. */
	struct plan_array inside;
	/* Of the security module: one more option, or (PLAN_MOUNT_LABEL_ROOT) an attribute. */
	plan_str label_key, label;
	struct plan_mount_attr attr;
	/* What a context of the mount API cannot say needs mount(2): its MS_* flags, all options in
	 * one string, and a file system type to make a place for it, which is 0 otherwise. */
	uint64_t ms_flags;
	plan_str data, place;
	/* Where the kernel refuses the instance to a user namespace (-EPERM) this host path is
	 * bound, recursively and read-only, and a path in the container is hidden behind an empty
	 * file system. 0: it is an error; nothing. */
	plan_str instead, hide;
	struct plan_empty empty;
};

struct plan_remount {
	plan_str target;
	uint32_t pad;
	struct plan_mount_attr attr;
};

struct plan_bind {
	plan_slot slot;
	plan_str source; /* opened by init when there is no slot; also for messages */
	plan_str target;
	uint32_t flags;
	struct plan_mount_attr attr;
};

/* Apart, so that the name is looked up in a directory that is proven and held. */
struct plan_unmount {
	plan_str directory, name;
};

struct plan_device {
	plan_str name; /* in the directory */
	uint32_t mode; /* S_IFCHR | 0666 */
	uint32_t major, minor;
	uint32_t uid, gid;
	plan_slot slot;  /* bind this instead of mknod */
	plan_str source; /* bind this host path where mknod is refused; 0: never */
	uint32_t bind;   /* it is: do not even try */
};

struct plan_symlink {
	plan_str name, target;
};

struct plan_devices {
	plan_str directory;
	struct plan_array devices; /* of struct plan_device */
	struct plan_array links;   /* of struct plan_symlink */
};

/* Every masked directory shows one shared empty file system, every masked file the container's null
 * device, which is verified first. */
struct plan_mask {
	plan_str path;
	plan_str null; /* path of the null device in the container */
	struct plan_empty empty;
};

/* A child that is not dumpable cannot be mapped by an unprivileged parent (EACCES on uid_map). */
struct plan_await {
	uint32_t dumpable;
};

struct plan_time_offsets {
	plan_str path;     /* of our own time namespace for children: entered when the offsets are
			      written */
	uint32_t dumpable; /* as for plan_await */
};

struct plan_console {
	plan_str directory;     /* devpts in the container */
	plan_str ptmx;          /* the multiplexer in it */
	plan_str console;       /* where the terminal is bound; 0: nowhere (exec) */
	uint32_t height, width; /* 0: leave */
	uint32_t uid, gid;      /* owner of the terminal */
};

/* Which state document a hook reads: they come with HOST_DONE, in this order. */
enum plan_hook_state {
	PLAN_HOOK_CREATING, /* createContainer */
	PLAN_HOOK_CREATED,  /* startContainer */
	PLAN_HOOK_STATES,
};

struct plan_turn {
	uint32_t network; /* send a socket for configuring the network along */
};

struct plan_hook {
	plan_str kind; /* "createContainer" */
	uint32_t index;
	plan_str path;
	struct plan_array argv; /* as plan_block.argv */
	struct plan_array envp; /* as plan_block.envp; none: the container's process's */
	uint32_t timeout;       /* seconds; 0: none */
	uint32_t state;         /* enum plan_hook_state */
	uint32_t in_rootfs;     /* started there; else where the process will be */
	plan_slot output, errors;
};

struct plan_sysctl {
	plan_str fstype;  /* "proc": written through an instance of our own */
	plan_str instead; /* the host's, where an instance is refused */
	plan_str path;    /* in it, "sys/net/ipv4/ip_forward" */
	plan_str value;
};

struct plan_personality {
	uint32_t persona; /* PER_* */
};

struct plan_memory_policy {
	uint32_t mode;           /* MPOL_*, with its flags */
	struct plan_array nodes; /* of uint64_t, a bit each */
};

struct plan_session {
	uint32_t terminal; /* take the console as controlling terminal and stdio */
};

struct plan_env_pid {
	uint32_t env_slot; /* index into the environment to fill */
	plan_str prefix;   /* "LISTEN_PID=" */
};

struct plan_home {
	plan_str passwd; /* path of the user database in the container */
	uint32_t uid;
	uint32_t env_slot; /* index into the environment to fill */
	plan_str prefix;   /* "HOME=" */
	plan_str fallback; /* "HOME=/" */
};

struct plan_cwd {
	plan_str path;
	uint32_t create; /* make it where it is missing */
	uint32_t retry;  /* this is the second attempt, as the user: skipped if the first worked */
};

struct plan_signals {
	uint64_t ignored; /* bit n-1 for signal n: set back to the default */
};

enum plan_set_groups {
	PLAN_GROUPS_LEAVE, /* setgroups is denied, and there is none to set */
	PLAN_GROUPS_SET,
	PLAN_GROUPS_IF_ALLOWED, /* in a namespace of others that may deny it, with none to set */
};

struct plan_user {
	uint32_t uid, gid;
	struct plan_array groups; /* of uint32_t */
	uint32_t set_groups;      /* enum plan_set_groups */
	uint32_t umask;
	uint32_t same; /* init is that user and group already */
};

struct plan_bounding {
	uint64_t keep;     /* capability masks: bit n is capability n */
	uint32_t last_cap; /* the kernel's highest capability */
	uint32_t pad;
};

struct plan_capabilities {
	uint64_t effective, permitted, inheritable, ambient;
	/* Effective and permitted as well, for SECCOMP: the exec takes it away, since it computes
	 * both from the other sets and the file (capabilities(7)). */
	uint64_t until_exec;
};

/* Candidates are tried in order: the name itself if it holds a slash, else PATH's directories. */
struct plan_program {
	struct plan_array candidates; /* of plan_str */
	plan_str name;
};

struct plan_landlock_rule {
	uint64_t access;
	uint64_t port; /* where there is no path */
	plan_str path;
	uint32_t pad;
};

/* The first three are the kernel's landlock_ruleset_attr. */
struct plan_landlock {
	uint64_t fs, net, scoped;
	struct plan_array rules; /* of struct plan_landlock_rule */
};

/* After it init makes no system call but the exec: a filter may deny any other. */
struct plan_seccomp {
	struct plan_array program; /* of struct sock_filter */
	uint32_t flags;            /* SECCOMP_FILTER_FLAG_* */
	uint32_t notify;           /* a listener is to be handed out */
};

struct plan_descriptors {
	uint32_t keep;            /* descriptors below 3 + keep stay open */
	plan_slot listener;       /* of START: needed until then */
	plan_slot output, errors; /* of HOOK */
};

/* --- the block ------------------------------------------------------------------------------- */

struct plan_step {
	uint32_t op;      /* enum plan_op */
	uint32_t operand; /* offset */
	plan_str origin;  /* configuration path, "mounts[3]"; 0 for what we add ourselves */
	uint32_t pad;
};

struct plan_block {
	uint32_t magic, version;
	uint32_t size; /* of the whole block; its last byte is a NUL */
	uint32_t n_slots;
	struct plan_array steps; /* of struct plan_step */
	/* Where descriptors have names, for kernels before 5.12; 0: nowhere, the procfs is that of
	 * a container that runs. */
	plan_str fd_directory;
	/* Arrays of uint64_t: offsets that init turns into pointers in place, NULL-terminated. The
	 * environment has spare entries (0) before its end for what is known only inside. */
	struct plan_array argv, envp;
};

#define PLAN_TRACED_MAX 384

/* The first page of the memfd: written by init, read by the host half. */
struct plan_page {
	uint32_t step; /* index of the step being executed, plus one; 0: none yet */
	/* The last step failed with the error below, and a filter may keep init from saying so. */
	uint32_t failed;
	struct err err;
	/* Set by the host half before init begins: when did which step begin, in nanoseconds of the
	 * monotonic clock? Steps beyond the end of the list are not written down. */
	uint32_t traced;
	uint64_t begun[PLAN_TRACED_MAX];
};
#define PLAN_PAGE_SIZE 4096
_Static_assert(sizeof(struct plan_page) <= PLAN_PAGE_SIZE, "the step page is one page");

/* --- the conversation between init and the host half ------------------------------------------ */

/* One SOCK_SEQPACKET pair, one message type. Name, sender, number of descriptors, meaning. */
#define PLAN_MESSAGES(X)                                                                           \
	X(SETUP, HOST, "the memfd with the plan, then the slots")                                  \
	X(SLOTS, HOST, "more slots, at most 253 a message")                                        \
	X(INIT_PID, INIT, "bridge: init's pid and pidfd; the bridge ends")                         \
	X(MAP_IDS, INIT, "please write the id maps")                                               \
	X(IDS_MAPPED, HOST, "done")                                                                \
	X(SET_OFFSETS, INIT, "please write the offsets of clocks")                                 \
	X(OFFSETS_SET, HOST, "done")                                                               \
	X(HOST_TURN, INIT, "mounts are there: run hooks, move devices")                            \
	X(HOST_DONE, HOST, "done; with the states that hooks read, as descriptors")                \
	X(CONSOLE, INIT, "the master of the container's terminal")                                 \
	X(READY, INIT, "everything is set up")                                                     \
	X(GO, HOST, "the host half is done too: go on")                                            \
	X(LISTENER, INIT, "the filter's listener, for the agent")                                  \
	X(LISTENER_SENT, HOST, "the agent has it")                                                 \
	X(PAGE, INIT, "to start: the memfd with the step page")                                    \
	X(WAITING, INIT, "create: the death signal is off, start may come")                        \
	X(FAILED, INIT, "a struct err follows; the step is in the header")                         \
	X(START, START, "start command to init: go")

enum plan_message_type {
	PLAN_MSG_NONE,
#define X(type, sender, text) PLAN_MSG_##type,
	PLAN_MESSAGES(X)
#undef X
	PLAN_MSG_MAX
};

struct plan_message {
	uint32_t type;
	uint32_t step;  /* FAILED: index of the step */
	int32_t value;  /* SETUP: the block's size; INIT_PID: the pid */
	uint32_t n_fds; /* SETUP: slots in total */
};

/* The name of init's process, until it becomes the program: how the host half tells the one from
 * the other when a process ends early. */
#define PLAN_INIT_NAME "coracle-init"
