/* JSON documents, read member by member. Keys that mean nothing are the caller's to skip or to
 * refuse; those that mean something come once. Programs in Go write null for what is empty: it
 * counts as absent. Errors about what is well-formed, and not what it has to be, are
 * ERR_CONFIG_TYPE, with the line. Pure. */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

/* What to do with the value @v of the member @key ("" for items of arrays): 0, or -errno with *@e
 * set. A value that is not wanted goes to json_skip(). */
typedef int (*member_fn)(void *ctx, const char *key, struct json *j, struct json_value *v,
			 struct err *e);

/* A list of strings, in an arena. */
struct strings {
	const char **items; /* where there are any, a NULL follows */
	size_t n, cap;
};

/* Read the object that is all of @text, which is unescaped in place: strings live in it. */
int members_read(char *text, size_t len, member_fn member, void *ctx, struct err *e) _must_check_;

/* The same for an array; the key that its items are given with is "". */
int members_read_array(char *text, size_t len, member_fn item, void *ctx, struct err *e)
	_must_check_;

/* Read the members of the object @v. A key that comes twice is the caller's to notice. */
int members_object(struct json *j, const struct json_value *v, member_fn member, void *ctx,
		   struct err *e) _must_check_;

/* Read the items of the array @v. */
int members_array(struct json *j, const struct json_value *v, member_fn item, void *ctx,
		  struct err *e) _must_check_;

/* A string into *@ret, which is NULL so far: a key that comes twice is an error. */
int members_string(const struct json_value *v, const char **ret, struct err *e) _must_check_;

/* An array of at most @max strings into *@ret, which has none so far. */
int members_strings(struct json *j, const struct json_value *v, struct arena *a, size_t max,
		    struct strings *ret, struct err *e) _must_check_;

/* Describe a value of line @line that cannot be taken. Returns -EINVAL. */
int members_bad(struct err *e, unsigned line, const char *what);
