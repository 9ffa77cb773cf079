/* A result file that appears whole or not at all: written without a name, or under a temporary one,
 * synced, sealed if wanted, and then renamed over what was there. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/verity.h"

struct target {
	const char *path;
	int fd;          /* write here */
	bool is_stdout;  /* "-": written directly */
	char temp[4096]; /* temporary name beside the path; "": none yet */
};

/* Prepare to write @path, which must live as long as the target. */
int target_open(const char *path, struct target *ret, struct err *e) _must_check_;

/* Give the file its name. @seal: enable fs-verity with @hash before, or fail. */
int target_commit(struct target *t, bool seal, enum image_hash hash, struct err *e) _must_check_;

/* Forget it, unless it was committed. */
void target_done(struct target *t);
