/* The fields of a dump's line, as text and as numbers. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "image/tree.h"

enum dump_field {
	DUMP_PATH,
	DUMP_SIZE,
	DUMP_MODE,
	DUMP_NLINK,
	DUMP_UID,
	DUMP_GID,
	DUMP_RDEV,
	DUMP_MTIME,
	DUMP_PAYLOAD,
	DUMP_CONTENT,
	DUMP_DIGEST,
	DUMP_FIELDS,
};

/* Part of a line, which is changed in place. */
struct dump_text {
	char *at;
	size_t len;
};

/* Cut a line into its fields. Attributes begin at *@ret_rest, behind the last one; it lies behind
 * the line's end if there are none. Unless @strict, the last three may be missing altogether.
 * -EINVAL or 0. */
int dump_split(bool strict, char *line, size_t len, struct dump_text *fields, char **ret_rest,
	       struct err *e) _must_check_;

/* Undo the escapes in place. -EINVAL or 0. */
int dump_unescape(struct dump_text *t) _must_check_;

/* "-", before escapes are undone. */
bool dump_is_unset(const struct dump_text *t);

bool dump_has_nul(const struct dump_text *t);

/* Digits of @base (up to 10) and nothing else, at most @max. -EINVAL, -ERANGE or 0. */
int dump_parse_number(const struct dump_text *t, unsigned base, uint64_t max, uint64_t *ret)
	_must_check_;

/* The field @f of @fields as a decimal number. -EINVAL or 0. */
int dump_field_number(const struct dump_text *fields, enum dump_field f, uint64_t max,
		      uint64_t *ret, struct err *e) _must_check_;
int dump_field_u32(const struct dump_text *fields, enum dump_field f, uint32_t *ret, struct err *e)
	_must_check_;

/* The time, into @n: seconds, a point, nanoseconds as a number: "1.1" is one nanosecond after a
 * second. -EINVAL or 0. */
int dump_field_mtime(const struct dump_text *fields, struct image_node *n, struct err *e)
	_must_check_;

/* Say why the field @f, whose text is @t, is wrong. Returns -EINVAL. */
int dump_bad_field(struct err *e, enum dump_field f, const struct dump_text *t, const char *why);
