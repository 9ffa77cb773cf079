/* The root filesystem of a container without a mount namespace of its own. A copy of its mount is
 * attached on its own path, where everybody in that namespace sees it, and takes all mounts of the
 * container with it when it is detached. The namespace is the caller's, or one that the container
 * joins: then a child does the work in there. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "plan/build.h"

struct shared_root {
	uint64_t namespace_inode; /* of the mount namespace; 0: there is nothing attached */
	uint64_t covered;         /* id of the mount that the path leads to without ours */
	const char *mount_ns;     /* its path, and that of a user namespace to enter first; */
	const char *user_ns;      /* "": none, it is the caller's */
};

/* Find out what attaching will cover, so that detaching can be planned before. */
int shared_examine(const struct plan_shared *p, const char *rootfs, struct shared_root *ret,
		   struct err *e) _must_check_;

/* Attach. Returns a descriptor of the mount, which is private, or -errno. */
int shared_attach(const struct shared_root *s, const char *rootfs, struct err *e) _must_check_;

/* Detach all that was attached on @rootfs, and what the container mounted below it: nothing is no
 * error. Neither is a namespace that is gone, or that is not the one it was. */
int shared_detach(const struct shared_root *s, const char *rootfs, struct err *e) _must_check_;
