/* An object store: a directory of files named by their fs-verity digest, xx/yyyy… below it.
 *
 * A name is only ever given to a whole file that is on disk and, where the filesystem can, sealed
 * by fs-verity: a crash at any moment leaves no name on anything else. Several processes and
 * threads may write to one store. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "image/verity.h"

enum verity_want {
	VERITY_OFF,     /* objects are not sealed */
	VERITY_TRY,     /* sealed where that works */
	VERITY_REQUIRE, /* sealed, or it is an error */
};

#define STORE_PATH_MAX (2 + 1 + 2 * IMAGE_DIGEST_MAX)

struct store {
	int fd; /* of the directory */
	enum image_hash hash;
	enum verity_want verity;
};

/* Open the store at @path, and make the directory if @create and it is missing (not its parents).
 */
int store_open(const char *path, bool create, enum image_hash hash, enum verity_want verity,
	       struct store *ret, struct err *e) _must_check_;
void store_close(struct store *s);

/* The path of an object in its store: "xx/yyyy…" and a NUL. */
void store_object_path(const uint8_t *digest, size_t len, char buf[static STORE_PATH_MAX]);

/* One writer's unfinished business: files that are written but not yet on disk. A thread has one.
 */
struct store_batch;
int store_batch_new(struct store *s, struct store_batch **ret) _must_check_;
void store_batch_free(struct store_batch *b);

/* Make sure that the store has the content of @fd, a file of which @digest was computed from its
 * beginning to its end (@size bytes). Takes effect with store_batch_flush() at the latest. Fails
 * with -EAGAIN in words if the file is not what was hashed any more. @v is for hashing. */
int store_batch_add(struct store_batch *b, struct verity *v, int fd, const uint8_t *digest,
		    uint64_t size, struct err *e) _must_check_;

/* The same for a content that comes piece by piece: write all of it to *@ret_fd, which stays the
 * batch's, then say what it was. Nothing else is done with the batch in between. */
int store_batch_begin(struct store_batch *b, int *ret_fd, struct err *e) _must_check_;
int store_batch_end(struct store_batch *b, const uint8_t *digest, uint64_t size, struct err *e)
	_must_check_;

/* Bring what is left to disk and give it its names. */
int store_batch_flush(struct store_batch *b, struct err *e) _must_check_;

/* After all batches: the names themselves are on disk. */
int store_sync(struct store *s, struct err *e) _must_check_;
