/* The programs beside the runtime that need a library: libexec/coracle/coracle-VERB. */
#pragma once

#include "base/err.h"

/* Become the program `coracle-@verb` with the arguments @argv (the first one is its own name, a
 * NULL ends them) and our environment. It is looked for beside our own executable, where a build
 * leaves it, then in the libexec directory that belongs to where we are, so that an installation
 * may be moved, then in the one that was configured. Returns only if that fails: -ENOENT with
 * ERR_COMPANION when there is none, else the kernel's answer. */
int companion_exec(const char *verb, char *const argv[], struct err *e) _must_check_;
