/* JSON documents that describe images, read member by member: keys that mean nothing are skipped,
 * those that mean something come once. Programs in Go write null for what is empty: it counts as
 * absent. */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"

/* No document that describes an image is larger. */
#define DOCUMENT_MAX ((size_t)4 * 1024 * 1024)

/* What to do with the value @v of the member @key: 0, or -errno with *@e set. A value that is not
 * wanted goes to json_skip(). */
typedef int (*document_member_fn)(void *ctx, const char *key, struct json *j, struct json_value *v,
				  struct err *e);

/* Read the object that is all of @text, which is unescaped in place: strings live in it. */
int document_read(char *text, size_t len, document_member_fn member, void *ctx, struct err *e)
	_must_check_;

/* Read the members of the object @v. */
int document_object(struct json *j, struct json_value *v, document_member_fn member, void *ctx,
		    struct err *e) _must_check_;

/* Read the items of the array @v; the key they are given with is "". */
int document_array(struct json *j, struct json_value *v, document_member_fn item, void *ctx,
		   struct err *e) _must_check_;

/* A string into *@ret, which is NULL so far. */
int document_string(const struct json_value *v, const char **ret, struct err *e) _must_check_;

/* An array of strings, of which there are at most DOCUMENT_STRINGS_MAX. */
#define DOCUMENT_STRINGS_MAX 4096
struct document_strings {
	const char **items; /* a NULL behind them */
	size_t n;
};
int document_strings(struct json *j, struct json_value *v, struct arena *a,
		     struct document_strings *ret, struct err *e) _must_check_;

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
