/* OCI image layouts, as skopeo, buildah and umoci write them: which image is meant, and what its
 * layers are. Documents are read by their descriptors, so that the digest of the manifest proves
 * all that is below it. */
#pragma once

#include "base/mem.h"
#include "image/blob.h"

#define LAYOUT_LAYERS_MAX 512

struct layout_layer {
	struct descriptor blob;        /* as it is stored */
	char diff_id[DIGEST_TEXT_MAX]; /* the digest of the archive in it */
};

struct layout {
	int fd; /* of the directory */
	struct arena arena;
	struct descriptor manifest;
	struct layout_layer *layers; /* the lowest first */
	size_t n_layers;
};

/* Find the image @reference (its org.opencontainers.image.ref.name; NULL: there is only one) in the
 * layout @path, for Linux on this machine where there are several, and read what describes it. */
int layout_open(const char *path, const char *reference, struct layout *ret, struct err *e)
	_must_check_;
void layout_close(struct layout *l);
