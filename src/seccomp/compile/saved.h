/* A filter as a file beside the state document: what exec loads, and whom start and exec tell.
 * Pure; what it makes lives in the caller's arena. */
#pragma once

#include "seccomp/compile/policy.h"

struct seccomp_saved {
	struct seccomp_program program; /* without warnings */
	const char *receiver;           /* path of the agent's socket; "" unless program.notify */
	const char *metadata;           /* for the agent; may be "" */
};

/* The bytes of the file. Returns 0 or -ENOMEM. */
int seccomp_saved_format(struct arena *a, const struct seccomp_saved *s, char **ret,
			 size_t *ret_len) _must_check_;

/* Read them again; @bytes must outlive *@ret. A file that is damaged, or of another version, or
 * whose program the kernel would not take, is -EBADMSG (ERR_STATE_DOCUMENT). Returns 0, that or
 * -ENOMEM. */
int seccomp_saved_parse(struct arena *a, const char *bytes, size_t len, struct seccomp_saved *ret,
			struct err *e) _must_check_;
