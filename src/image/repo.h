/* An image store: container images by name, and all that they need, in one directory.
 *
 *   meta.json            what kind of store it is; made last, so that with it the store is complete
 *   lock                 flock(2): shared by whoever needs that nothing disappears, exclusive by gc
 *   objects/xx/yyyy…     contents of files, and images (EROFS), by fs-verity digest (store.h)
 *   blobs/sha256/HEX     manifests and configs as they were imported; layers if they are kept
 *   images/DIGEST        a record for each image, by the digest of its manifest
 *   refs/NAME            the names: each holds the digest of a manifest
 *   run/ID/              what containers are made of that run from here
 *
 * Everything is there before what leads to it: objects and blobs, then the record, then the name;
 * each is on disk before the next is begun, and appears whole (docs/image-store.md). Nothing but
 * gc removes what others lead to, so a crash at any moment leaves only what gc removes. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"
#include "image/layout.h"
#include "image/load.h"
#include "image/progress.h"
#include "image/store.h"

/* Longest name of an image, in bytes. */
#define REPO_NAME_MAX 200

/* How the tree of an image comes from its layers. A transform never changes: what would give
 * another tree gets another name. */
enum repo_transform {
	REPO_TRANSFORM_NONE,  /* the tree as the layers say, all attributes */
	REPO_TRANSFORM_OCI_1, /* canonical (docs/image-format.md, "Images"): what can be sealed */
};

enum repo_lock {
	REPO_SHARED,    /* nothing that is there disappears */
	REPO_EXCLUSIVE, /* nobody else is at it */
};

struct repo {
	char path[PATH_MAX];
	int fd, lock_fd;
	struct store objects;
	struct source blobs; /* to read them by their descriptors */
};

/* --- repo.c ---------------------------------------------------------------------------------- */

/* Where the store is unless told otherwise: $CORACLE_IMAGE_STORE; root's is
 * /var/lib/coracle/images, a user's coracle/images below $XDG_DATA_HOME or ~/.local/share. */
int repo_default_path(char ret[static PATH_MAX], struct err *e) _must_check_;

/* Open the store at @path (NULL: the default), and wait for @lock, which lasts until
 * repo_close(). With @create it is made, and what is missing above it, for @hash if that is not 0
 * (else sha256). A store that is there must be one for @hash, unless that is 0. -ENOENT if it is
 * missing and not to be made. */
int repo_open(const char *path, bool create, enum image_hash hash, enum verity_want verity,
	      enum repo_lock lock, struct repo *ret, struct err *e) _must_check_;
void repo_close(struct repo *r);

/* Put a file of these bytes at @dir/@name, in place of what is there: whole, and on disk with its
 * name when this returns. */
int repo_put(struct repo *r, const char *dir, const char *name, const void *data, size_t len,
	     struct err *e) _must_check_;

/* Remove @dir/@name, on disk when this returns. -ENOENT with *@e untouched if it is not there. */
int repo_remove(struct repo *r, const char *dir, const char *name, struct err *e) _must_check_;

/* Each name in @dir that is no temporary one, in no order, until @fn returns other than 0. */
typedef int (*repo_each_fn)(void *ctx, const char *name, struct err *e);
int repo_each(struct repo *r, const char *dir, repo_each_fn fn, void *ctx, struct err *e)
	_must_check_;

/* A blob on its way: written to fd, then given the name of its digest. */
struct repo_blob {
	int fd;
	char temp[48];
};
int repo_blob_begin(struct repo *r, struct repo_blob *ret, struct err *e) _must_check_;
int repo_blob_commit(struct repo *r, struct repo_blob *b, const char *digest, struct err *e)
	_must_check_;
void repo_blob_drop(struct repo *r, struct repo_blob *b);

/* A document as a blob, unless it is there already. */
int repo_put_blob(struct repo *r, const char *digest, const void *data, size_t len, struct err *e)
	_must_check_;

/* --- repo-record.c --------------------------------------------------------------------------- */

struct repo_record {
	struct descriptor manifest;
	uint8_t image[IMAGE_DIGEST_MAX]; /* fs-verity digest of the EROFS image, an object */
	enum repo_transform transform;
	bool has_layers; /* their blobs are kept */
	uint64_t size;   /* bytes of all files, equal ones once, and of the image */
	uint64_t inodes;
	int64_t imported; /* seconds since the epoch */
};

const char *repo_transform_name(enum repo_transform t);
bool repo_transform_parse(const char *name, enum repo_transform *ret);

int repo_put_record(struct repo *r, const struct repo_record *rec, struct err *e) _must_check_;

/* The record for the manifest @digest. -ENOENT with *@e set if there is none. */
int repo_get_record(struct repo *r, const char *digest, struct repo_record *ret, struct err *e)
	_must_check_;

/* --- repo-names.c ---------------------------------------------------------------------------- */

/* May an image be called so? Letters, digits and "._-:/@+", a letter or digit first, no digest. */
bool repo_is_name(const char *name);

/* Let @name stand for the manifest @digest, whatever it stood for. */
int repo_put_name(struct repo *r, const char *name, const char *digest, struct err *e) _must_check_;

/* Forget a name: -ENOENT with *@e set if there is none. */
int repo_remove_name(struct repo *r, const char *name, struct err *e) _must_check_;

struct repo_name {
	char name[REPO_NAME_MAX + 1];
	char digest[DIGEST_TEXT_MAX];
};

/* All names, sorted, in @a. What a file in refs/ does not say well is left out, and counted in
 * *@ret_damaged if that is not NULL. */
int repo_names(struct repo *r, struct arena *a, struct repo_name **ret, size_t *ret_n,
	       size_t *ret_damaged, struct err *e) _must_check_;

/* All digests in images/, sorted, in @a. */
int repo_digests(struct repo *r, struct arena *a, struct repo_name **ret, size_t *ret_n,
		 struct err *e) _must_check_;

/* The manifest that @word stands for: a name, a name without ":latest", a digest, or the first
 * digits of one, at least 6. -ENOENT or -EINVAL (several) with *@e set. */
int repo_resolve(struct repo *r, const char *word, char ret[static DIGEST_TEXT_MAX], struct err *e)
	_must_check_;

/* --- repo-import.c --------------------------------------------------------------------------- */

struct repo_import {
	const char *source, *reference; /* as layout_open() has it */
	const char *name;               /* NULL: what the source calls it */
	enum repo_transform transform;
	bool keep_layers;
	unsigned threads;
	struct progress *progress;
};

struct repo_imported {
	struct repo_record record;
	char name[REPO_NAME_MAX + 1];
	bool was_there; /* and nothing was read anew */
};

/* Take an image in, proven on the way, and give it its name. */
int repo_import(struct repo *r, const struct repo_import *o, struct repo_imported *ret,
		struct err *e) _must_check_;

/* --- repo-image.c ---------------------------------------------------------------------------- */

/* The tree in the image of a record. @ret_file must outlive it. */
int repo_load(struct repo *r, const struct repo_record *rec, struct image_file *ret_file,
	      struct image_tree *ret, struct err *e) _must_check_;

/* What describes it, as a layout whose blobs are the store's; the layers' are there only if they
 * were kept. Closed by the caller with layout_close(). */
int repo_open_layout(struct repo *r, const struct repo_record *rec, struct layout *ret,
		     struct err *e) _must_check_;

/* Is the object there, of the right size? */
bool repo_has_object(const struct repo *r, const uint8_t *digest, uint64_t size);

/* Bytes of the contents of all files of @t, equal ones once. -ENOMEM or 0. */
int repo_tree_size(const struct image_tree *t, uint64_t *ret) _must_check_;

/* --- repo-export.c --------------------------------------------------------------------------- */

struct repo_export {
	const struct repo_record *record;
	const char *name; /* that it gets there; NULL: none */
	int fd;           /* an archive goes there; -EBADF: */
	const char *directory;
	bool flatten; /* one layer, even if the layers were kept */
	struct progress *progress;
};

/* Write an OCI image layout: the image as it came if its layers were kept, else with one layer. The
 * directory is made. *@ret is the manifest there, without a type. */
int repo_export(struct repo *r, const struct repo_export *o, struct descriptor *ret, struct err *e)
	_must_check_;

/* --- repo-lease.c ---------------------------------------------------------------------------- */

/* What a container that runs from here needs: the image, for as long as the container's state
 * directory is there. Beside it lie the container's upper layer and stub files. */
struct repo_lease {
	char name[NAME_MAX + 1]; /* below run/ */
	char state_dir[PATH_MAX];
	char manifest[DIGEST_TEXT_MAX];
	uint8_t image[IMAGE_DIGEST_MAX];
	bool held; /* the state directory is there */
};

/* Make one; fills in the name. */
int repo_lease_make(struct repo *r, const char *id, struct repo_lease *lease, struct err *e)
	_must_check_;

/* Each lease, until @fn returns other than 0. One that cannot be read is not held, and has a name
 * alone. */
typedef int (*repo_lease_fn)(void *ctx, const struct repo_lease *lease, struct err *e);
int repo_each_lease(struct repo *r, repo_lease_fn fn, void *ctx, struct err *e) _must_check_;

/* Remove one with all that lies beside it. */
int repo_lease_remove(struct repo *r, const char *name, struct err *e) _must_check_;

/* --- repo-gc.c ------------------------------------------------------------------------------- */

struct repo_swept {
	uint64_t images, blobs, objects, containers, temporary; /* removed */
	uint64_t bytes;                                         /* that they took */
};

/* Remove what no name and no container leads to. With @dry nothing is removed, only counted. The
 * store is open exclusively. */
int repo_gc(struct repo *r, bool dry, struct progress *p, struct repo_swept *ret, struct err *e)
	_must_check_;

/* --- repo-fsck.c ----------------------------------------------------------------------------- */

struct repo_fsck {
	/* Told of each thing that is wrong: what, and what is wrong with it. */
	void (*wrong)(void *ctx, const char *what, const char *how);
	void *ctx;
	struct progress *progress;
	bool read_sealed; /* read what the kernel measures, too */
	bool repair;      /* remove what is damaged; the store is open exclusively */
	/* found: */
	uint64_t names, images, blobs, objects, sealed, bytes, bad, removed;
};

/* Prove that everything is what its name says, and that everything that is led to is there. Only
 * failures of the check itself are returned. */
int repo_fsck(struct repo *r, struct repo_fsck *f, struct err *e) _must_check_;
