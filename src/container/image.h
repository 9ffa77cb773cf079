/* Containers whose root filesystem is an image in coracle-image's store, named by an annotation:
 *
 *   run.oci.coracle.image         its name, or the digest of its manifest
 *   run.oci.coracle.image_store   the store; else the default one
 *   run.oci.coracle.image_verity  "require", "try" or "off"
 *   run.oci.coracle.image_digest  what the digest of the image must be
 *   run.oci.coracle.image_policy  a file that says who must have signed it
 *   run.oci.coracle.image_upper   "discard", "none", or a directory that keeps changes
 *
 * root.path is only the place that the mount gets where hooks look for it. */
#pragma once

#include "base/attr.h"
#include "container/container.h"

/* The mount for container @id, attached nowhere: a descriptor, or -EBADF if no annotation asks for
 * one, or another negative errno with *@e filled in. The container's directory is there: as long as
 * it is, the store keeps what the container needs. */
int image_open_root(struct runtime *rt, const char *id, const struct str_map *annotations,
		    struct err *e) _must_check_;

/* The container's directory is gone: let the store have back what the container needed. What fails
 * here is left to `coracle image gc`. */
void image_release_root(struct runtime *rt, const char *id, const struct str_map *annotations);
