/* A new network namespace, made beside the planning: it takes the kernel longer than all other new
 * namespaces together. Host half; not for a namespace that a new user namespace must own. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Big enough for two system calls, in the fault build too. */
#define NETNS_STACK 4096

struct netns_maker {
	pid_t pid;    /* of who is to make it beside us, else 0 */
	bool claimed; /* by whoever came first: that process, or we */
	int fd;       /* the namespace once it was made, else -errno */
	int place;    /* where a child is to put it, while there is one */
	_Alignas(16) char stack[NETNS_STACK];
};

#define NETNS_MAKER_INIT                                                                           \
	{                                                                                          \
		.fd = -EBADF, .place = -EBADF                                                      \
	}

/* Begin to make one. @m must stay where it is until netns_take() or netns_end(). That nothing can
 * be done beside is no error: netns_take() does it then. */
void netns_begin(struct netns_maker *m);

/* Wait for it, or make it now, where nobody has begun: on a busy machine that is sooner. Returns a
 * descriptor, which is the caller's, or -errno. */
int netns_take(struct netns_maker *m, struct err *e) _must_check_;

/* Give up what was begun and not taken. */
void netns_end(struct netns_maker *m);
