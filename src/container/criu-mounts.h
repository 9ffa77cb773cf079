/* Mounts of a container whose content is the host's: a checkpoint has only their names, and a
 * restore gives each name a source again. Host half. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "container/container.h"
#include "container/criu.h"
#include "oci/spec.h"

/* Say which mounts of process @pid are external, by what @spec made of them and by what the kernel
 * shows. Returns 0 or -errno. */
int criu_say_mounts(struct criu *c, const struct spec *spec, int proc_fd, pid_t pid, struct err *e)
	_must_check_;

/* Say where the sources of external mounts are now. Paths in @spec start at @bundle. Returns 0 or
 * -errno. */
int criu_say_sources(struct criu *c, const struct spec *spec, const char *bundle, int proc_fd,
		     struct err *e) _must_check_;

/* Make what is missing in @root_fd of the directories and files that mounts of @spec need: CRIU
 * makes none. Returns 0 or -errno. */
int criu_make_targets(const struct spec *spec, const char *bundle, int root_fd, struct err *e)
	_must_check_;
