/* What a container's worker knows that must outlive it: which requests it has taken and not
 * answered, and what it has counted. In memory shared by the server, the worker and its handlers,
 * so that whoever dies, somebody can still answer. */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "notify/ask.h"

#define BOARD_SLOTS   16  /* requests of one container that are worked on at a time */
#define REQUEST_BYTES 256 /* room for what later kernels add to a request */

struct slot {
	bool taken; /* set before the kernel writes the request */
	uint64_t began_ns, deadline_ns;
	union {
		struct seccomp_notif request;
		char bytes[REQUEST_BYTES];
	};
	struct answer answer;
};

/* The counters, and their names in documents. */
#define COUNTER_LIST(X)                                                                            \
	X(requests)                                                                                \
	X(helped)    /* the call succeeded */                                                      \
	X(refused)   /* the call failed */                                                         \
	X(continued) /* the kernel decided */                                                      \
	X(crashed)   /* a handler died: the call failed */                                         \
	X(late)      /* a handler was killed for taking too long: the call failed */               \
	X(gone)      /* nobody waited for the answer any more */

struct board {
#define X(name) uint64_t name;
	COUNTER_LIST(X)
#undef X
	uint64_t userns; /* the inode of the container's user namespace; 0: nobody has looked */
	uint64_t mounts[ASK_MOUNTS_MAX]; /* what was mounted for the container: unique ids; 0: free
					  */
	struct slot slots[BOARD_SLOTS];
	char container[128]; /* its id, for status */
	char profile[64];
};
