/* Mounting images: EROFS for the metadata, overlayfs on top for the contents.
 *
 * What a kernel can do is found by trying, newest way first; struct mount_report says which way it
 * went. Runs in the caller's mount namespace, with CAP_SYS_ADMIN over it (but see rootless.h). */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/store.h"

#define MOUNT_OBJECTS_MAX 16

struct mount_options {
	int image_fd; /* the image; what was measured is what is mounted */
	const char *objects[MOUNT_OBJECTS_MAX];
	unsigned n_objects; /* at least one */
	enum verity_want verity;
	const char *upper, *work; /* both or neither */
	int idmap_fd;             /* a user namespace to map ids with; -EBADF: none */
	bool read_write;          /* counts with upper only */
	bool discard;             /* upper will be thrown away: nothing waits for the disk (5.10) */
	bool has_acl;             /* as the image's header says */
};

/* How layers were handed to overlayfs. */
enum mount_way {
	MOUNT_BY_FD,     /* descriptors (Linux 6.13; detached mounts 6.15) */
	MOUNT_BY_PATH,   /* lowerdir+ and datadir+ (6.7) */
	MOUNT_BY_STRING, /* lowerdir=A::B (6.5) */
	MOUNT_BY_STACK,  /* lowerdir=A:B: objects in an ordinary layer, hidden by whiteouts */
	MOUNT_BY_STUBS,  /* rootless: files with user.overlay.* instead of an image */
};

struct mount_report {
	bool loop;     /* EROFS by way of a loop device, not on the file itself (6.12) */
	bool enforced; /* verity=require (6.6) */
	enum mount_way way;
};

/* Mount an image on the directory @target. All or nothing. */
int mount_image(const struct mount_options *o, const char *target, struct mount_report *ret,
		struct err *e) _must_check_;

/* Does the mount that @fd is in enforce digests: an overlay with verity=require? */
int mount_is_enforced(int fd, bool *ret, struct err *e) _must_check_;

/* Words for a report, "layers by descriptor, EROFS on the file, digests enforced". */
void mount_explain(const struct mount_report *r, char *buf, size_t size);

/* --- for mount*.c and rootless.c ------------------------------------------------------------- */

/* Mount the image at image_fd as EROFS, read-only, attached nowhere. Returns a descriptor or -errno
 * with *@e filled in. */
int mount_erofs(const struct mount_options *o, bool *ret_loop, struct err *e) _must_check_;

/* A loop device on @fd, read-only, that goes away with its last user. Returns its descriptor, its
 * path in @path. */
#define LOOP_PATH_MAX 32
int loop_attach(int fd, char path[static LOOP_PATH_MAX], struct err *e) _must_check_;

/* What the kernel says about a failed fsconfig(), after the error that is there. */
void mount_add_kernel_words(int fs, struct err *e);

/* Attach a mount to the directory @target. */
int mount_attach(int mnt, const char *target, struct err *e) _must_check_;
