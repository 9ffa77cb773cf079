/* The container process state that a runtime sends with a listener (runtime-spec, config-linux.md,
 * "The Container Process State"). Pure. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"

#define STATE_MAX ((size_t)2 * 1024 * 1024) /* bytes of the document; annotations are in it */

struct container_state {
	const char *id;
	const char *metadata; /* "" if there is none */
	const char *bundle;   /* "" likewise */
	const char *status;   /* "creating" or "running" */
	pid_t pid;            /* the process that got the filter, as the runtime sees it */
	pid_t init_pid;       /* the container's first process */
};

/* Read the @len bytes at @text, which are changed in place; *@ret points into them. The listener
 * must be the first descriptor in "fds". Keys that are not known are skipped: the document is the
 * specification's, and may grow. */
int container_state_parse(struct arena *a, char *text, size_t len, struct container_state *ret,
			  struct err *e) _must_check_;
