/* The root filesystem of a container that runs from an image store. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/repo.h"

struct rootfs_options {
	const char *image;     /* what repo_resolve() knows */
	const char *id;        /* of the container */
	const char *state_dir; /* as long as it is there, the container is */
	enum verity_want verity;
	bool has_digest; /* the image must have this one: */
	enum image_hash hash;
	uint8_t digest[IMAGE_DIGEST_MAX];
	const char *policy; /* a file that says who must have signed it; NULL: nobody */
	const char *upper;  /* "discard", "none", or a directory that keeps changes */
};

struct rootfs_report {
	bool enforced; /* the kernel checks digests; else they were checked, or not wanted */
};

/* Prove and mount the image in a mount namespace of our own, which this process enters, and return
 * a copy of the mount that is attached nowhere, or -errno. What lies in the store for the container
 * goes with the lease.
 *
 * VERITY_REQUIRE: the kernel enforces digests, or it is an error. VERITY_TRY: it does so where the
 * image and its objects are sealed; else all of them are read and proven before. VERITY_OFF:
 * neither. */
int rootfs_open(struct repo *r, const struct rootfs_options *o, struct rootfs_report *ret,
		struct err *e) _must_check_;

/* The container is gone: remove what lay in the store for it. */
int rootfs_release(struct repo *r, const char *state_dir, struct err *e) _must_check_;
