/* The options in front of the command, and what follows from them. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "cli/args.h"
#include "container/container.h"

struct global_options {
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless, *init, *criu;
	bool debug, systemd_cgroup, version;
};

extern const struct option_table global_option_table;

/* Start the log as @g says. Returns 0 or -errno; see log_open(). */
int global_open_log(const struct global_options *g, struct err *e) _must_check_;

/* Fill in @rt (whose arena is set). Returns 0 or -errno. */
int global_resolve(const struct global_options *g, struct runtime *rt, struct err *e) _must_check_;
