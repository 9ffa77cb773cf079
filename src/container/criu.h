/* A conversation with coracle-criu (criu/main.c has its words), and what checkpoint and restore
 * both tell it. Host half. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/child.h"
#include "base/err.h"
#include "base/fd.h"
#include "container/container.h"
#include "container/state.h"
#include "oci/spec.h"

struct criu {
	struct runtime *rt;
	struct child_process process;
	int fd;        /* the socket */
	int images_fd; /* the directory of the checkpoint */
	int error;     /* the first word that could not be sent */
};

#define CRIU_INIT                                                                                  \
	{                                                                                          \
		.process = CHILD_PROCESS_INIT, .fd = -EBADF, .images_fd = -EBADF                   \
	}

/* Start coracle-criu for @verb: "dump", "pre-dump" or "restore". Returns 0 or -errno. */
int criu_start(struct criu *c, struct runtime *rt, const char *verb, struct err *e) _must_check_;

/* Say an option with up to two words (NULL: none) and a descriptor (-EBADF: none), which stays
 * ours. What cannot be sent is an error of criu_go(). */
void criu_say(struct criu *c, const char *option, const char *first, const char *second, int fd);

/* Say an option that is on, or nothing. */
void criu_flag(struct criu *c, const char *option, bool on);

/* Open the directories of @o, making what is missing if @make, and say them with all that both
 * verbs have in common. @state is the container's: its directory is where CRIU has mounts of its
 * own, in a mount namespace that goes with it. The configuration file is that of its annotations,
 * or the machine's. Returns 0 or -errno. */
int criu_say_common(struct criu *c, const struct criu_options *o, bool make,
		    const struct state *state, struct err *e) _must_check_;

/* What is done while CRIU waits, and with the terminal that it hands over; both own nothing. */
struct criu_turns {
	int (*turn)(void *data, const char *action, pid_t pid, struct err *e);
	int (*console)(void *data, int fd, struct err *e);
	void *data;
};

/* Let it begin, and wait until it has done. @turns may be NULL for a dump. Returns 0, or -errno
 * with CRIU's first error. */
int criu_go(struct criu *c, const struct criu_turns *turns, struct err *e) _must_check_;

/* Add to *@e where the whole of CRIU's log is: @log in the directory of @o. Returns e->code. */
int criu_explain(const struct criu_options *o, const char *log, struct err *e);

/* End it where it still runs, and close everything. */
void criu_end(struct criu *c);

/* The first descriptors of a container, as the other runtimes' checkpoints have them too: a list of
 * keys, "" where CRIU needs none. */
#define CRIU_DESCRIPTORS "descriptors.json"

/* The keys by which CRIU knows a joined namespace; NULL for those that it does not take so. */
const char *criu_external_namespace(enum ns_type type);
