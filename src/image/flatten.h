/* An image as one layer. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/repo.h"

struct flat_layer {
	int fd; /* a file without a name that holds the archive; the caller closes it */
	struct descriptor blob;
};

/* Write the tree of @rec as a tar archive, plain, into an unnamed file in the store. Contents are
 * proven by their digests on the way. */
int flatten_image(struct repo *r, const struct repo_record *rec, struct progress *p,
		  struct flat_layer *ret, struct err *e) _must_check_;

/* The config @text, of @len bytes, with one layer of that @diff_id in place of those it has, and
 * without their history; everything else to the byte. In @a. */
int flatten_config(const char *text, size_t len, const char *diff_id, struct arena *a,
		   const char **ret, size_t *ret_len, struct err *e) _must_check_;
