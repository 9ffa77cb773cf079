/* The agent's own process: takes listeners from runtimes, gives each to a worker, and sees to it
 * that there is one. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "notify/settings.h"

struct server_options {
	const char *config_path; /* NULL: none */
	const char *socket;      /* NULL: the configuration's, or the default */
	const char *log;         /* NULL: the configuration's, or standard error */
};

/* The word that asks for what `status` prints, in place of a state document. */
#define SERVER_STATUS "status\n"

/* Serve until SIGTERM or SIGINT. SIGHUP reads the configuration again, for containers that come,
 * and opens the log again. Returns 0 or -errno. */
int server_run(const struct server_options *o, struct err *e) _must_check_;

/* The socket that is used if nobody says otherwise, into @buf: below /run for root, below
 * XDG_RUNTIME_DIR for others. Returns 0, or -ENOENT where that is not set. */
int server_default_socket(char *buf, size_t size, struct err *e) _must_check_;
