/* A user namespace for somebody without privileges. */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* Become root of a new user and mount namespace: our own ids are 0 there, and what /etc/subuid and
 * /etc/subgid grant us comes after, by way of newuidmap and newgidmap; without them there is 0
 * alone. The process must be single-threaded. */
int userns_enter(struct err *e) _must_check_;

/* How many ids there are in our user namespace: UINT32_MAX in the one that all others descend from;
 * 0 if it cannot be told. */
uint64_t userns_ids(void);
