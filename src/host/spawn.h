/* Running a helper program of the host to its end, with a deadline. */
#pragma once

#include "base/child.h"
#include "base/err.h"

/* Execute @program (searched in PATH) with @argv and our environment; stdin is /dev/null. Returns 0
 * when it ended, -ENOENT when it was not found, -ETIMEDOUT after @seconds (it is killed), or
 * -errno. */
int spawn_wait(const char *program, const char *const *argv, unsigned seconds,
	       struct child_result *ret, struct err *e) _must_check_;

/* The same, with what it prints going to @out_fd. */
int spawn_output(const char *program, const char *const *argv, unsigned seconds, int out_fd,
		 struct child_result *ret, struct err *e) _must_check_;
