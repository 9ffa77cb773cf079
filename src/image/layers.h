/* Layers on top of each other: tar archives, the lowest first, become one tree as the OCI image
 * specification ("Image Layer Filesystem Changeset") has it. Nothing of it is ever unpacked. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/scan.h"
#include "image/tar.h"

struct layers;

/* Start with nothing. Of @o, which must outlive it, counts what is about attributes, hash, times,
 * devices, store and progress. -ENOMEM or 0. */
int layers_new(const struct scan_options *o, struct layers **ret) _must_check_;
void layers_free(struct layers *l);

/* Apply the archive that @read gives as the next layer. Contents go into the store as they come; a
 * name there is whole, but after a failure @l is good for layers_free() only.
 *
 *   - An entry replaces what is there; of a directory over a directory the entries stay.
 *   - Directories that no entry made are 0755, of root, from the epoch.
 *   - ".wh.NAME" removes NAME, ".wh..wh..opq" all in its directory, of lower layers only, wherever
 * it stands among the entries of this one.
 *   - Paths are taken as they are written: none leads through a symbolic link. */
int layers_add(struct layers *l, tar_read_fn read, void *ctx, struct err *e) _must_check_;

/* The tree, sorted, with the first name of each file in it as the real one. @l has nothing left.
 * With
 * @canonical it is what digests of images are about (docs/image-format.md, "Images"). */
int layers_finish(struct layers *l, bool canonical, struct image_tree *ret, struct err *e)
	_must_check_;
