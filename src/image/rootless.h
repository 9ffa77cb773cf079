/* Mounting without privileges, in a user and mount namespace of one's own.
 *
 * EROFS may not be mounted there, so a directory of stub files stands in for the image: small
 * files, links and directories as they are, and for each file with an object an empty one of its
 * size with user.overlay.metacopy and user.overlay.redirect. Overlayfs with userxattr (Linux 6.16)
 * finds the contents in the object store, shared with every other mount, and checks their digests.
 * The stubs themselves have no protection but their permissions. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/load.h"
#include "image/mount.h"

/* Make the stubs of the image @f in the directory @stubs, which is made or empty, and mount them on
 * @target. Owners are kept where the namespace can express them; devices become empty files. */
int rootless_mount(struct image_file *f, const struct mount_options *o, const char *stubs,
		   const char *target, struct mount_report *ret, struct err *e) _must_check_;
