/* The programs beside the runtime, which it never needs itself: libexec/coracle/coracle-VERB. */
#pragma once

#include <stdbool.h>

#include "base/child.h"
#include "base/err.h"

/* Become the program `coracle-@verb` with the arguments @argv (the first one is its own name, a
 * NULL ends them) and our environment. It is looked for beside our own executable, where a build
 * leaves it, then in the libexec directory that belongs to where we are, so that an installation
 * may be moved, then in the one that was configured. Returns only if that fails: -ENOENT with
 * ERR_COMPANION when there is none, else the kernel's answer. */
int companion_exec(const char *verb, char *const argv[], struct err *e) _must_check_;

/* Is there a `coracle-@verb` where companion_run() looks for it? */
bool companion_is_installed(const char *verb);

/* Run `coracle-@verb`, found by the same order, with @argv and our environment until it has ended,
 * for at most @timeout_ms; it dies with us. @in_fd becomes its standard input, @out_fd its output;
 * -EBADF: that goes into *@ret, as errors do. Returns 0 and *@ret, or -errno with ERR_COMPANION. */
int companion_run(const char *verb, const char *const argv[], int in_fd, int out_fd, int timeout_ms,
		  struct child_result *ret, struct err *e) _must_check_;

/* Start the same, with @in_fd as its standard input, and let it run beside us: child_finish() has
 * to follow. Returns 0 and *@ret, or -errno with ERR_COMPANION. */
int companion_start(const char *verb, const char *const argv[], int in_fd,
		    struct child_process *ret, struct err *e) _must_check_;
