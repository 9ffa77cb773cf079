/* What the parts of coracle-doctor share: who asks, what a check is, what it finds.
 *
 * A check tries the thing itself, in a child where it could leave a trace, and never reads a
 * setting to guess; settings are read afterwards, to name the cause. It has no network, changes
 * nothing that outlives it, and needs no privileges: what only root can see is skipped, and says
 * so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/child.h"
#include "base/err.h"
#include "base/mem.h"

/* What somebody may want to do. */
enum purpose {
	FOR_ROOTLESS = 1 << 0,
	FOR_ROOT = 1 << 1,
	FOR_SECCOMP = 1 << 2,
	FOR_CHECKPOINT = 1 << 3,
	FOR_IMAGES = 1 << 4,
	FOR_CONTAINERS = FOR_ROOTLESS | FOR_ROOT,
};

/* Who asks, and where we are; the same for all checks. */
struct doctor {
	struct arena *arena;
	uint32_t uid, gid;    /* effective */
	const char *user;     /* its name in /etc/passwd; "#UID" if it has none */
	const char *runtime;  /* the path of coracle */
	const char *root;     /* the state directory */
	bool nested;          /* in a user namespace that is not the first one */
	bool filtered;        /* a seccomp filter holds for us */
	bool has_systemd;     /* it is this machine's init */
	unsigned purposes;    /* enum purpose, any of */
	const char *name;     /* for what we make for a moment; nobody else's, not even of an
				 earlier process with our pid */
	const char *scan_dir; /* where to look for set-id files; NULL: nowhere */
};

enum verdict {
	VERDICT_OK,
	VERDICT_WARN, /* works, but not as well as it could, or not for ever */
	VERDICT_FAIL,
	VERDICT_SKIP, /* could not be tried here; what was found says why */
};

/* Whose shell a cure is for. */
enum cure_shell {
	CURE_USER,
	CURE_ROOT,
};

#define FINDING_TEXT 320
#define CURES_MAX    6

struct finding {
	enum verdict verdict;
	char found[FINDING_TEXT];
	enum cure_shell shell;
	const char *cures[CURES_MAX]; /* commands, in order; NULL ends them */
	const char *afterwards;       /* what the commands cannot do: "log in again"; or NULL */
};

struct check {
	const char *id;    /* stable: scripts and the manual name it */
	unsigned purposes; /* who needs it, enum purpose, any of */
	const char *tried; /* what it does, a phrase in the past tense */
	const char *why;   /* what does not work without it, a sentence */
	void (*run)(const struct doctor *d, struct finding *f);
};

/* All of them, in the order of the report; ends with a NULL id. */
extern const struct check checks[];

/* Say what was found; a later call replaces an earlier one. */
void finding_set(struct finding *f, enum verdict verdict, const char *fmt, ...) _printf_(3, 4);

/* Add a command to the cure, for @shell. What does not fit is left out. */
void finding_cure(const struct doctor *d, struct finding *f, enum cure_shell shell, const char *fmt,
		  ...) _printf_(4, 5);

/* Fill in everything but what the command line says. */
void doctor_init(struct doctor *d, struct arena *a);

/* The first line of a small file of the kernel's, without its end; "" if it cannot be read. Owned
 * by the arena. */
const char *doctor_read(const struct doctor *d, const char *path);

/* The same as a number; -1 if there is none. */
int64_t doctor_read_number(const struct doctor *d, const char *path);

/* Is @program in one of the usual directories, or PATH? Its path, or NULL. */
const char *doctor_find_program(const struct doctor *d, const char *program);

/* The program that was called as coracle, or the one in PATH. NULL if there is none. */
const char *doctor_runtime(const struct doctor *d);

/* Run the program @path (NULL fails with -ENOENT) with @argv as whoever asks: with our environment,
 * nothing to read, and @timeout_ms to end in. It dies with us. Returns 0 with *@ret filled in when
 * it has ended, however it did, or -errno as child_run() does. */
int doctor_run(const char *path, const char *const *argv, int timeout_ms, struct child_result *ret)
	_must_check_;

/* Add commands that set the sysctl @name now, and keep it over a reboot. */
void doctor_cure_sysctl(const struct doctor *d, struct finding *f, const char *name,
			const char *value);

/* Add commands that put @parameter on the kernel's command line, where GRUB writes it. */
void doctor_cure_boot(const struct doctor *d, struct finding *f, const char *parameter);

/* The image store, or the nearest directory above it that exists. Owned by the arena; "/" when that
 * is exhausted. */
const char *doctor_store(const struct doctor *d);

/* The command that installs a package, by the distribution; @debian, @fedora, @alpine, @arch and
 * @suse are its names there, of which NULL is unknown. NULL if no command is known. */
struct package_names {
	const char *debian, *fedora, *alpine, *arch, *suse;
};
const char *doctor_install_command(const struct doctor *d, const struct package_names *names);

/* --- the checks, by file -----------------------------------------------------------------------
 */

void check_kernel_calls(const struct doctor *d, struct finding *f);
void check_sealed_init(const struct doctor *d, struct finding *f);
void check_namespaces(const struct doctor *d, struct finding *f);
void check_procfs(const struct doctor *d, struct finding *f);
void check_limits(const struct doctor *d, struct finding *f);
void check_start(const struct doctor *d, struct finding *f);

void check_idmapped_mounts(const struct doctor *d, struct finding *f);
void check_fuse(const struct doctor *d, struct finding *f);

void check_surroundings(const struct doctor *d, struct finding *f);
void check_security_module(const struct doctor *d, struct finding *f);
void check_landlock(const struct doctor *d, struct finding *f);
void check_ptrace(const struct doctor *d, struct finding *f);
void check_inotify(const struct doctor *d, struct finding *f);
void check_clock(const struct doctor *d, struct finding *f);

void check_user_namespace(const struct doctor *d, struct finding *f);
void check_subordinate_ids(const struct doctor *d, struct finding *f);
void check_subid_audit(const struct doctor *d, struct finding *f);
void check_setid_files(const struct doctor *d, struct finding *f);

void check_cgroup_layout(const struct doctor *d, struct finding *f);
void check_cgroup(const struct doctor *d, struct finding *f);
void check_delegation(const struct doctor *d, struct finding *f);
void check_device_policy(const struct doctor *d, struct finding *f);
void check_user_manager(const struct doctor *d, struct finding *f);

void check_runtime_directory(const struct doctor *d, struct finding *f);
void check_stale_state(const struct doctor *d, struct finding *f);
void check_leftovers(const struct doctor *d, struct finding *f);

void check_seccomp_filter(const struct doctor *d, struct finding *f);
void check_seccomp_notify(const struct doctor *d, struct finding *f);

void check_image_program(const struct doctor *d, struct finding *f);
void check_overlay(const struct doctor *d, struct finding *f);
void check_overlay_store(const struct doctor *d, struct finding *f);
void check_erofs(const struct doctor *d, struct finding *f);
void check_loop(const struct doctor *d, struct finding *f);
void check_verity(const struct doctor *d, struct finding *f);

void check_checkpoint(const struct doctor *d, struct finding *f);
void check_criu(const struct doctor *d, struct finding *f);
void check_criu_kernel(const struct doctor *d, struct finding *f);
