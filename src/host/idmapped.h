/* Mounts that show other ids than the file system holds, and new instances of file systems that the
 * host half makes. */
#pragma once

#include "base/err.h"
#include "plan/build.h"

/* A descriptor of the user namespace @u. One that is made is held by a process only until it is
 * open. Returns it or -errno. */
int idmapped_open_userns(const struct plan_mount_userns *u, struct err *e) _must_check_;

/* Give the detached mount @fd of slot @s the mapping of @userns_fd. */
int idmapped_apply(int fd, int userns_fd, const struct plan_slot_source *s, struct err *e)
	_must_check_;

/* A detached mount of the new file system that SLOT_INSTANCE @s describes. */
int idmapped_make_instance(const struct plan_slot_source *s, struct err *e) _must_check_;
