/* One container's listener, served by a process of its own. */
#pragma once

#include "notify/board.h"
#include "notify/settings.h"

struct worker_task {
	const struct config *config;
	const char *text; /* what the runtime sent */
	size_t len;
	int listener_fd, proc_fd, log_fd; /* the caller's */
	struct board *board;
	bool resumes; /* another worker died over it: what it left is refused */
};

enum worker_end {
	WORKER_DONE,   /* nobody is left under the filter */
	WORKER_FAILED, /* what was sent is no state, or the listener cannot be served */
};

/* Serve until nobody is left under the filter. Runs in a process of its own and returns its exit
 * status, enum worker_end. Never more than BOARD_SLOTS requests are worked on; the others wait in
 * the kernel. */
int worker_run(const struct worker_task *task);
