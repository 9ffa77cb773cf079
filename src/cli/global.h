/* The options in front of the command, and what follows from them. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "cli/args.h"
#include "container/container.h"

struct global_options {
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless, *init, *criu;
	const char *trace_picture;
	bool debug, systemd_cgroup, trace_steps, version;
};

extern const struct option_table global_option_table;

/* Start the log as @g says. Returns 0 or -errno; see log_open(). */
int global_open_log(const struct global_options *g, struct err *e) _must_check_;

/* Fill in @rt (whose arena is set); --trace-steps and --trace-picture begin here. Returns 0 or
 * -errno. */
int global_resolve(const struct global_options *g, struct runtime *rt, struct err *e) _must_check_;

/* The command has ended: show what --trace-steps and --trace-picture want to be shown. */
int global_show_trace(const struct global_options *g, struct runtime *rt, struct err *e)
	_must_check_;
