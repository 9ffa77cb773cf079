/* Giving a filter's listener to the agent that answers for it. Runs in the host half. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* An agent that does not take a connection, or what is sent, within this time is an error; so is
 * one that does not let the exec through, if the filter asks it (seconds). */
#define LISTEN_AGENT_SECONDS 20

/* Is there a socket at @path? To fail before anything is made. */
int listen_check_agent(const char *path, struct err *e) _must_check_;

/* Connect to @path and send the container process state @text and the descriptor @fd, which stays
 * ours, as config-linux.md ("The Container Process State") wants it. */
int listen_hand_over(const char *path, const char *text, size_t len, int fd, struct err *e)
	_must_check_;
