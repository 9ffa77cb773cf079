/* Images as skopeo, buildah, podman, docker and umoci write them: OCI image layouts and skopeo's
 * flat directories, OCI archives and docker's. Which image is meant, and what its layers are.
 * Documents are read by their descriptors, so that the digest of the manifest proves all that is
 * below it. */
#pragma once

#include "base/mem.h"
#include "image/blob.h"

#define LAYOUT_LAYERS_MAX 512

struct layout_layer {
	struct descriptor blob;        /* as it is stored; no digest if a docker archive has it */
	const char *file;              /* what it is called in a docker archive; else NULL */
	char diff_id[DIGEST_TEXT_MAX]; /* the digest of the archive in it */
};

struct layout {
	struct source source;
	struct arena arena;
	const char *name; /* what it is called there; NULL: nothing */
	struct descriptor manifest, config;
	char *manifest_text; /* as it is stored; NULL: there is none (docker) */
	char *config_text;
	struct layout_layer *layers; /* the lowest first */
	size_t n_layers;
};

/* Find the image @reference (its name there; NULL: there is only one) in the directory or archive
 * @path, for Linux on this machine where there are several, and read what describes it. @scratch as
 * in source_open(). */
int layout_open(const char *path, const char *reference, int scratch, struct layout *ret,
		struct err *e) _must_check_;
void layout_close(struct layout *l);

/* The same for the image of @manifest, whose blobs are those in the directory @fd. */
int layout_open_at(int fd, const struct descriptor *manifest, struct layout *ret, struct err *e)
	_must_check_;

/* Cut "PATH:REFERENCE", and the name of a transport before it ("oci:", "dir:" and the archives'),
 * in place. A file of that very name comes first. *@ret_reference is NULL if there is none. */
void layout_split_reference(char *text, char **ret_path, const char **ret_reference);

/* A docker archive has no manifest: make the one that describes its layers, uncompressed, as OCI
 * has it. Their digests are the diff_ids; their sizes are known by now. */
int layout_make_manifest(struct layout *l, struct err *e) _must_check_;
