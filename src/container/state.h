/* The state document: what later commands need to know about a container, so that they need not
 * read its configuration. JSON, versioned, ours (docs/state.md); one file in the container's
 * directory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cgroup/cgroup.h"
#include "container/container.h"
#include "host/resctrl.h"
#include "host/shared.h"
#include "oci/spec.h"

#define STATE_VERSION 1
#define STATE_PIPES   3

/* How far the container had come when the document was written; the status that people see also
 * asks whether the process lives. */
enum state_phase {
	PHASE_CREATING,
	PHASE_CREATED,
	PHASE_RUNNING,
};

/* Hooks that start and delete look up in the saved configuration; without them they do not read it.
 */
enum state_hook {
	STATE_HOOK_START_CONTAINER = 1 << 0,
	STATE_HOOK_POSTSTART = 1 << 1,
	STATE_HOOK_POSTSTOP = 1 << 2,
};

struct state {
	const char *id, *oci_version, *bundle, *rootfs, *created; /* created: RFC 3339, UTC */
	enum state_phase phase;
	pid_t pid;               /* 0 while there is no process */
	uint64_t start_time;     /* with pid, names the process for good */
	uint32_t owner;          /* uid of the creator */
	uint64_t namespaces;     /* CLONE_NEW* that exec joins */
	struct shared_root root; /* what to detach; without a mount namespace of its own */
	struct cgroup_ref cgroup;
	struct resctrl_ref resctrl;
	bool has_exit_status; /* how it ended; the kernel may keep it instead (container/exit.h) */
	uint32_t exit_status;
	uint32_t hooks; /* enum state_hook bits: what later commands have to run */
	/* Inodes of the pipes that its first three descriptors were when it was made, 0 where one
	 * was none: a checkpoint cannot tell them from its own later. */
	uint64_t pipes[STATE_PIPES];
	struct str_map annotations;
};

/* Read a document. @text is modified and must outlive *@ret. A damaged one, or one of a later
 * version, is -EBADMSG (ERR_STATE_DOCUMENT). */
int state_parse(struct arena *a, char *text, size_t len, struct state *ret, struct err *e)
	_must_check_;

/* The container's state as others read it (runtime.md, "State"): hooks, seccomp agents. */
void state_write_oci(struct json_writer *w, const struct state *s, enum container_status status);

/* The document as text, owned by @a. */
int state_format(struct arena *a, const struct state *s, const char **ret, size_t *ret_len,
		 struct err *e) _must_check_;
