/* JSON documents that describe images: keys that mean nothing are skipped. Pure. */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "base/members.h"

/* No document that describes an image is larger. */
#define DOCUMENT_MAX ((size_t)4 * 1024 * 1024)

/* members_read() of the object that is all of @text, and members_read_array(): what is wrong with a
 * document is wrong with its image (ERR_IMAGE). */
int document_read(char *text, size_t len, member_fn member, void *ctx, struct err *e) _must_check_;
int document_read_array(char *text, size_t len, member_fn item, void *ctx, struct err *e)
	_must_check_;

/* An array of strings, of which there are at most DOCUMENT_STRINGS_MAX. */
#define DOCUMENT_STRINGS_MAX 4096
int document_strings(struct json *j, const struct json_value *v, struct arena *a,
		     struct strings *ret, struct err *e) _must_check_;

/* An error about what a document says. Returns -EINVAL. */
int document_bad(struct err *e, const char *what);

/* Each member of the object @text as it stands, by its key: all of it, and its value alone. @fn
 * returns other than 0 to stop. @a is for a copy that is read. */
struct document_raw {
	const char *key;
	const char *member, *value;
	size_t member_len, value_len;
};
typedef int (*document_raw_fn)(void *ctx, const struct document_raw *m);
int document_each_raw(const char *text, size_t len, struct arena *a, document_raw_fn fn, void *ctx,
		      struct err *e) _must_check_;
