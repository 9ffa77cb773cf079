/* What is mounted in a container that runs. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "oci/spec.h"

/* Read mounts to be added or removed from @file ("-" is standard input) into ret->mounts, checked,
 * with destinations made plain: beginning with one slash, ending with none. Owned by @a. Returns 0
 * or -errno. */
int mounts_read(struct arena *a, const char *file, struct spec *ret, struct err *e) _must_check_;
