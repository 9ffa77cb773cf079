/* The verbs: what each command does to a container. Everything above is argument parsing and
 * printing (cli/); everything below is mechanism. All functions return 0 or a negative errno with
 * *@e filled in, unless they say otherwise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/trace.h"
#include "cgroup/stats.h"
#include "oci/spec.h"
#include "plan/cgroup.h"

/* The invocation: global options, resolved once by cli/. */
struct runtime {
	struct arena *arena;
	const char *root;   /* state root, absolute; "" lets container_root_default() decide */
	bool manager_given; /* --systemd-cgroup or --cgroup-manager was there */
	enum cgroup_manager manager;
	const char *init_mode; /* --init: "auto", "memfd", "file" */
	struct trace *trace;   /* --trace-steps; NULL where nobody wants to know */
	/* Called for warnings; NULL drops them. */
	void (*warn)(const struct err *w);
};

/* $XDG_RUNTIME_DIR/coracle for ordinary users (/tmp/coracle-UID without it) and for what they run
 * as root of a user namespace, unless $USER is root, as runc has it; else /run/coracle. */
const char *container_root_default(struct arena *a);

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
};

/* "creating", "created", "running", "paused", "stopped". */
const char *container_status_name(enum container_status s);

struct create_options {
	const char *bundle;   /* directory; "" is the current one */
	const char *config;   /* file name of the configuration; "" is config.json in bundle */
	const char *pid_file; /* "" for none */
	const char *console_socket; /* "" for none */
	const char *pidfd_socket;   /* "" for none */
	bool no_pivot, no_new_keyring;
	bool detach, keep; /* run only */
	bool keep_status;  /* create only; a detached run does so anyway */
	unsigned preserve_fds;
};

int container_create(struct runtime *rt, const char *id, const struct create_options *o,
		     struct err *e);

/* Create, start, and unless detached wait and delete. On success *@ret_status is the exit status
 * for our own process: the container's, 128 + signal if it was killed, 0 when detached. */
int container_run(struct runtime *rt, const char *id, const struct create_options *o,
		  int *ret_status, struct err *e);

int container_start(struct runtime *rt, const char *id, struct err *e);

struct exec_options {
	const char *process_file; /* --process; "" builds the process from what follows */
	struct str_list args;
	struct str_list env; /* added to the container's */
	const char *cwd;     /* "" keeps the container's */
	bool has_user, has_gid;
	uint32_t uid, gid;
	struct str_list capabilities;
	uint32_t *additional_gids;
	size_t n_additional_gids;
	bool has_tty, tty;
	bool has_no_new_privs, no_new_privs;
	const char *apparmor, *process_label; /* "" keeps the container's */
	struct str_list cgroups; /* --cgroup: below the container's (container/exec-cgroup.h) */
	bool detach, ignore_paused;
	const char *pid_file, *console_socket, *pidfd_socket;
	unsigned preserve_fds;
};

/* As container_run(). */
int container_exec(struct runtime *rt, const char *id, const struct exec_options *o,
		   int *ret_status, struct err *e);

/* What checkpoint and restore both tell CRIU; criu(8) has the meaning. "" leaves it to CRIU. */
struct criu_options {
	const char *image_path; /* directory of the checkpoint; "" is "checkpoint" */
	const char *work_path;  /* directory for logs; "" is image_path */
	const char *manage_cgroups, *network_lock;
	bool tcp_established, tcp_close, ext_unix_sk, shell_job, file_locks, auto_dedup, lazy_pages;
	struct str_list empty_ns;
};

struct checkpoint_options {
	struct criu_options criu;
	bool leave_running;
	bool pre_dump;           /* memory only; the container goes on */
	const char *parent_path; /* of an earlier pre-dump, from the directory of this one */
	bool tcp_skip_in_flight, link_remap;
	const char *page_server, *status_fd;
};

/* Dump the container, which is removed then unless it is left running. Nothing is changed where
 * that fails. */
int container_checkpoint(struct runtime *rt, const char *id, const struct checkpoint_options *o,
			 struct err *e);

struct restore_options {
	struct create_options
		create; /* first: the options of create and run are those of restore */
	struct criu_options criu;
	const char *lsm_profile, *lsm_mount_context;
};

/* Create a container from a checkpoint, which runs then. As container_run(). */
int container_restore(struct runtime *rt, const char *id, const struct restore_options *o,
		      int *ret_status, struct err *e);

/* Wait until the container has ended. *@ret_status is its exit status, as of container_run(). */
int container_wait(struct runtime *rt, const char *id, int *ret_status, struct err *e);

int container_kill(struct runtime *rt, const char *id, int signal, bool all, struct err *e);

int container_delete(struct runtime *rt, const char *id, bool force, struct err *e);

int container_pause(struct runtime *rt, const char *id, struct err *e);
int container_resume(struct runtime *rt, const char *id, struct err *e);

struct update_options {
	const char *resources_file;      /* linux.resources as JSON; "-" is stdin, "" none */
	struct spec_resources resources; /* added to those of the file */
	struct spec_rlimit *rlimits;     /* of all processes that run */
	size_t n_rlimits;
	struct str_list device_rules; /* "allow c 10:229 rwm", behind those that there are */
	/* lines for the container's group of resctrl; "" leaves what there is */
	const char *l3_cache_schema, *mem_bw_schema;
};

/* Change the limits of a container that is created, running or paused. What is not said stays as it
 * is. Nothing is undone when one of them is refused. */
int container_update(struct runtime *rt, const char *id, const struct update_options *o,
		     struct err *e);

/* Mounts in a container that is created, running or paused: all of the JSON in @file ("-" is
 * standard input; an array as "mounts" of config.json is one, or an object with that key) or none;
 * sources are of the caller's mount namespace. Removing needs the destinations only, which must be
 * among those that the container has, and detaches at once. */
int container_mounts_add(struct runtime *rt, const char *id, const char *file, struct err *e)
	_must_check_;
int container_mounts_remove(struct runtime *rt, const char *id, const char *file, struct err *e)
	_must_check_;

/* The mounts that the container was made with or has got since, less those that were removed. Owned
 * by rt->arena. */
int container_mounts(struct runtime *rt, const char *id, struct spec_mount **ret, size_t *ret_n,
		     struct err *e) _must_check_;

/* The pids in the container, from its cgroup, in the host's pid namespace; none if it has stopped.
 */
int container_pids(struct runtime *rt, const char *id, pid_t **ret, size_t *ret_n, struct err *e);

/* What ps(1) with the arguments @words prints about these processes, its header first. The text is
 * owned by rt->arena. */
int container_ps(struct runtime *rt, const char *id, const struct str_list *words, const char **ret,
		 struct err *e);

/* What `state` and `list` show. */
struct container_info {
	const char *id, *bundle, *rootfs, *created; /* created: RFC 3339, UTC */
	const char *oci_version;
	enum container_status status;
	pid_t pid; /* 0 unless created, running or paused */
	uint32_t owner;
	bool has_exit_status; /* stopped, and somebody knows how */
	uint32_t exit_status;
	struct str_map annotations;
};

/* Takes no lock: hooks call it while create holds it. */
int container_info(struct runtime *rt, const char *id, struct container_info *ret, struct err *e);

/* All containers under the root, sorted by id. A damaged one is reported by rt->warn and skipped.
 */
int container_list(struct runtime *rt, struct container_info **ret, size_t *ret_n, struct err *e);

/* The ids under the root in which @pattern, an extended regular expression, is found; sorted. */
int container_match(struct runtime *rt, const char *pattern, struct str_list *ret, struct err *e);

/* A process when it was last looked at. */
struct event_process {
	pid_t pid;
	const char *name;
	uint64_t memory; /* resident bytes */
};

struct container_event {
	const char *id;
	bool is_oom; /* the kernel has killed for want of memory; else it is time for numbers */
	struct cgroup_stats stats;
	struct cgroup_oom oom; /* so far */
	const pid_t *pids;     /* is_oom: what is left */
	size_t n_pids;
	/* is_oom: what was there before, when it was last looked at: at every event, and whenever
	 * the container met a limit of its memory. */
	const struct cgroup_stats *before;
	const struct event_process *processes;
	size_t n_processes;
};

/* Tell @tell the numbers of container @id every @interval_ms, and each time that the kernel has
 * killed in it, until it ends or @tell returns less than 0. With @once: the numbers of now. What an
 * event holds lives until @tell returns. */
int container_events(struct runtime *rt, const char *id, bool once, unsigned interval_ms,
		     int (*tell)(void *data, const struct container_event *ev, struct err *e),
		     void *data, struct err *e);

struct plan_options {
	const char *bundle, *config;
	const char *facts_file; /* "" probes this host */
	const char *id;
	const char *process_file; /* not "": plan an exec */
	/* Not "": plan mounts, or taking them away, while the container runs. */
	const char *mounts_file, *unmounts_file;
	bool no_pivot, no_new_keyring, run;
	unsigned preserve_fds;
};

/* What create (or exec) would do: parse, check, plan, without side effects. The text or JSON is
 * owned by rt->arena. */
int container_plan(struct runtime *rt, const struct plan_options *o, bool as_json,
		   const char **ret_text, struct err *e);
