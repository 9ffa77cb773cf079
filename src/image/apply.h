/* Applying the layers of an image in a layout, proven from the descriptor to the last byte. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/layers.h"
#include "image/layout.h"

/* Apply layer @i of @layout on top of @l. What is stored must have the descriptor's size and
 * digest, what is in it the diff_id. Its bytes are also written to @keep_fd, as they are stored,
 * unless that is -EBADF; what a docker archive stores without a descriptor, uncompressed. The
 * layer's size is filled in if it was not known. */
int apply_layer(struct layout *layout, size_t i, struct layers *l, int keep_fd, struct err *e)
	_must_check_;
