/* How a container ended, without a daemon that waits for it: the kernel tells whoever asks in time,
 * and keeps the answer for as long as a mount of the process's pidfd exists. Host half. */
#pragma once

#include "base/attr.h"
#include "base/mem.h"
#include "container/directory.h"
#include "container/state.h"

/* Let the kernel keep how the process of @pidfd ends, in a file of @d (Linux 6.15, and the right to
 * mount in our mount namespace). Returns 0, or -errno where that is not possible. */
int exit_pin(const struct directory *d, int pidfd) _must_check_;

/* Give up what exit_pin() made in the container's directory, if anything. */
void exit_unpin(int dir_fd);

/* The exit status of the container that @s describes, which has ended: as of a shell, 128 + signal
 * for one that was killed. @pidfd of its process may be -EBADF. Returns 0, or -ENODATA when nobody
 * knows any more. */
int exit_learn(const struct directory *d, const struct state *s, int pidfd, int *ret) _must_check_;

/* Write @status into the state document, unless the container is gone or its status is kept
 * already. Takes the container's lock, and gives it back. Failures do not matter: who asked has the
 * answer. */
void exit_record(struct arena *a, const struct directory *d, int status);
