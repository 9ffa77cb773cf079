/* Running a helper program of the host to its end, with a deadline. */
#pragma once

#include "base/err.h"

struct spawn_result {
	int status;       /* exit status, or 128 + signal */
	char output[256]; /* the end of what it wrote on stderr and stdout, one line */
};

/* Execute @program (searched in PATH) with @argv and our environment; stdin is /dev/null. Returns 0
 * when it ended, -ENOENT when it was not found, -ETIMEDOUT after @seconds (it is killed), or
 * -errno. */
int spawn_wait(const char *program, const char *const *argv, unsigned seconds,
	       struct spawn_result *ret, struct err *e) _must_check_;
