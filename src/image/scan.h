/* A directory on disk as a tree, its regular files as digests, and optionally into a store. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/progress.h"
#include "image/store.h"
#include "image/tree.h"

enum scan_xattrs {
	SCAN_XATTRS_ALL,
	SCAN_XATTRS_USER, /* user.* only */
	SCAN_XATTRS_OCI,  /* security.capability only: what an image layer carries by specification
			   */
	SCAN_XATTRS_NONE,
};

struct scan_options {
	enum scan_xattrs xattrs;
	enum image_hash hash;
	bool epoch;                /* all modification times are 0 */
	bool skip_devices;         /* leave out character and block devices */
	bool hardlinks;            /* keep names of one file together; else each becomes a file */
	unsigned threads;          /* 0: one a processor */
	struct store *store;       /* where files go that are not in line; NULL: nowhere */
	struct progress *progress; /* never NULL */
};

/* Read the directory @path into a new tree, sorted. Files of up to IMAGE_INLINE_MAX bytes are in
 * line. The result does not depend on the order of the directory or on the number of threads. A
 * file that changes meanwhile is an error. */
int scan_directory(const char *path, const struct scan_options *o, struct image_tree *ret,
		   struct err *e) _must_check_;

/* Does the choice of attributes include this one? */
bool scan_wants_xattr(const struct scan_options *o, const char *name);
