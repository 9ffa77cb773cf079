/* The programs beside the runtime that need a library: libexec/coracle/coracle-VERB. */
#pragma once

#include <linux/limits.h>

#include "base/err.h"

/* Become the program `coracle-@verb` with the arguments @argv (the first one is its own name, a
 * NULL ends them) and our environment. It is looked for beside our own executable, where a build
 * leaves it, then in the libexec directory that belongs to where we are, so that an installation
 * may be moved, then in the one that was configured. Returns only if that fails: -ENOENT with
 * ERR_COMPANION when there is none, else the kernel's answer. */
int companion_exec(const char *verb, char *const argv[], struct err *e) _must_check_;

/* Where `coracle-@verb` is, by the same order, into @ret. Returns 0, or -ENOENT with ERR_COMPANION.
 */
int companion_find(const char *verb, char ret[static PATH_MAX], struct err *e) _must_check_;
