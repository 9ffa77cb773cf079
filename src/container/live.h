/* A container as it is now: its document, its process, its status. */
#pragma once

#include "container/container.h"
#include "container/directory.h"
#include "container/state.h"

struct live {
	struct directory directory;
	struct state state;
	enum container_status status;
	int pidfd; /* of init while it lives, else -EBADF */
};

#define LIVE_INIT                                                                                  \
	{                                                                                          \
		.directory = DIRECTORY_INIT, .pidfd = -EBADF                                       \
	}

/* Open container @id, locking it if @lock, and find out its status. */
int live_open(struct runtime *rt, const char *id, bool lock, struct live *ret, struct err *e)
	_must_check_;

/* The same for looking only, in the state directories of directory_open_root(): without a lock,
 * without init's pidfd and, where it is not needed to know the status, without the directory. */
int live_look(struct runtime *rt, int root_fd, const char *id, struct live *ret, struct err *e)
	_must_check_;

void live_close(struct live *l);

static inline void live_closep(struct live *l)
{
	live_close(l);
}

#define _cleanup_live_ _cleanup_(live_closep)

/* Wait until init has ended, at most @timeout_ms. Returns 0 or -ETIMEDOUT. */
int live_await_end(const struct live *l, int timeout_ms) _must_check_;

/* "container not running", with the id in front: the words that engines look for. */
int live_not_running(const struct live *l, struct err *e);

/* Open the container's cgroup; without one there is nothing to act on. The caller closes it. */
int live_open_cgroup(const struct live *l, struct cgroup *ret, struct err *e) _must_check_;
