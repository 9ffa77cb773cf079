/* Bringing init to life and talking to it until it becomes the container's process. Runs in the
 * host half; init is always our direct child, held by its pidfd. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/trace.h"
#include "cgroup/cgroup.h"
#include "host/netns.h"
#include "host/seal.h"
#include "plan/build.h"

/* What the host half does while init waits at HOST_TURN: make *@ret_fds the documents that hooks
 * read, owned by the caller then. */
struct launch_turn {
	int (*run)(void *data, pid_t pid, int ret_fds[static PLAN_HOOK_STATES], struct err *e);
	void *data;
};

/* Give the listener @fd, which stays ours, of the filter of process @pid to who wants it. */
struct launch_listener {
	int (*run)(void *data, pid_t pid, int fd, struct err *e);
	void *data;
};

struct launch_request {
	struct arena *arena;
	struct trace *trace; /* NULL where nobody wants to know */
	const struct plan *plan;
	const struct cgroup *cgroup; /* where init is born; no directories: nowhere */
	enum seal_mode seal_mode;
	int target_fd;    /* SLOT_TARGET: pidfd of the container's init, else -EBADF */
	int listener_fd;  /* SLOT_LISTENER, else -EBADF */
	bool no_deadline; /* it is born frozen, and may stay so for as long as people like */
	int root_fd;      /* SLOT_ROOT: host/shared.h; else -EBADF */
	struct netns_maker *network;     /* SLOT_NETWORK, else NULL */
	struct launch_turn turn;         /* needed where the plan has a HOST_TURN */
	struct launch_listener listener; /* needed where its filter notifies */
	/* Find a place for the process before it is told anything, where it is not born in one: may
	 * fill in *@cgroup. NULL: nothing to do. */
	int (*place)(void *data, pid_t pid, struct err *e);
	void *place_data;
};

/* A process in the making. */
struct launch {
	const struct plan *plan;
	struct trace *trace;
	int sync_fd;
	pid_t pid; /* of init, in our pid namespace; 0 while only the bridge is there */
	int pidfd;
	pid_t bridge_pid;
	int bridge_fd;
	int console_fd; /* master of the container's terminal, once it came */
	volatile struct plan_page *page;
	/* The bridge and its child speak over one channel, in any order: what the child said before
	 * the bridge told who it is waits here. */
	bool wants_ids, wants_offsets, wants_turn, is_ready, has_listener;
	struct launch_turn turn;
	struct launch_listener listener;
	int filter_fd; /* the filter's listener, on its way */
	int notify_fd; /* where an attached process tells that it is ready (host/notify.h) */
	int net_fd;   /* netlink in the container's namespace, for HOST_TURN with network devices */
	bool has_ids; /* they are mapped */
	bool go_follows; /* GO goes out with the answer about ids */
};

#define LAUNCH_INIT                                                                                \
	{                                                                                          \
		.sync_fd = -EBADF, .pidfd = -EBADF, .bridge_fd = -EBADF, .console_fd = -EBADF,     \
		.net_fd = -EBADF, .notify_fd = -EBADF, .filter_fd = -EBADF                         \
	}

/* Start init (or the bridge) on @q->plan. On failure nothing is left running. */
int launch_start(const struct launch_request *q, struct launch *l, struct err *e) _must_check_;

/* Answer init until it is known who it is: at once, or when the bridge has told. */
int launch_await_init(struct launch *l, struct err *e) _must_check_;

/* Answer init until it is ready. On failure the error is init's own, or tells how it ended. */
int launch_await_ready(struct launch *l, struct err *e) _must_check_;

/* Let init go on. */
int launch_go(struct launch *l, struct err *e) _must_check_;

/* Let init go on as soon as it is ready, without waiting for us: instead of launch_go(), and before
 * launch_await_ready(). */
int launch_go_ahead(struct launch *l, struct err *e) _must_check_;

/* After launch_go(): wait until init has dropped its end of the channel, which it does by executing
 * the program (run, exec) or by beginning to wait for start (create). */
int launch_await_release(struct launch *l, struct err *e) _must_check_;

/* Kill and reap whatever runs. For undoing; errors are ignored. */
void launch_kill(struct launch *l);

/* Close descriptors and unmap; processes go on. */
void launch_close(struct launch *l);

/* Reap the process, which has ended or, where somebody traces it, is about to be given to us.
 * Returns its status as our own exit status: the code, or 128 + signal; or -errno. */
int launch_reap(struct launch *l, struct err *e) _must_check_;
