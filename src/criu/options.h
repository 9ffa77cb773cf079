/* coracle's messages as libcriu's options. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <criu/criu.h>

#define CRIU_WORDS 3

/* A received message; the words live where it was received. */
struct criu_message {
	const char *words[CRIU_WORDS];
	size_t n; /* at least 1 */
	int fd;   /* -EBADF: none came */
};

/* What holds for every dump, or restore. Returns libcriu's options, or NULL without memory. */
criu_opts *options_make(bool restores);

/* Set the option that @m names. Takes over m->fd, which stays open for CRIU. Returns 0, -EOPNOTSUPP
 * where this libcriu does not have it, -EBADMSG for what is not one, or -errno. */
int options_take(const struct criu_message *m);

/* The directory where CRIU writes its log, -EBADF before it is known; and the log's name there. */
int options_work_dir(void);
const char *options_log_file(void);
