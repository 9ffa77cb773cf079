/* A strict JSON pull reader (RFC 8259) over memory, and a writer into a growing buffer.
 *
 * Reader: strings are unescaped in place; nothing is allocated. Depth is bounded. The caller walks
 * the document; every step knows its line. Duplicate detection is the caller's (spec tables do it
 * by row). Writer: always valid JSON, one line unless asked to indent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/mem.h"

#define JSON_DEPTH_MAX 64

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	char *cur, *end;
	unsigned line;  /* 1-based line of cur */
	unsigned depth; /* open arrays and objects */
};

/* A value as it was found. A string is NUL-terminated in place and holds no NUL inside; a number
 * keeps its text. For an array or object the reader stands behind the opening bracket. */
struct json_value {
	enum json_type type;
	char *text; /* string or number; not NUL-terminated for numbers */
	size_t len;
	unsigned line;
};

/* Start reading @len bytes at @text. A UTF-8 byte order mark is refused like any other stray byte.
 */
void json_init(struct json *j, char *text, size_t len);

/* Read the next value. Errors: ERR_JSON_SYNTAX with the line in the text. */
int json_read(struct json *j, struct json_value *ret, struct err *e) _must_check_;

/* In an object: read the next key. Returns 1 with *@ret_key set, 0 at the closing brace (consumed),
 * or a negative errno. @first must be true on the first call of an object. */
int json_next_key(struct json *j, bool first, char **ret_key, struct err *e) _must_check_;

/* In an array: returns 1 when a value follows, 0 at the closing bracket (consumed), or a negative
 * errno. */
int json_next_item(struct json *j, bool first, struct err *e) _must_check_;

/* Skip the value just read: nothing for scalars, up to the closing bracket otherwise. */
int json_skip(struct json *j, const struct json_value *v, struct err *e) _must_check_;

/* After the top-level value: only white space may follow. */
int json_finish(struct json *j, struct err *e) _must_check_;

/* Numbers: integral values that fit exactly ("1e3" and "10.0" do count, "1.5" does not).
 * Returns 0, -EINVAL (not an integer) or -ERANGE. */
int json_to_i64(const struct json_value *v, int64_t *ret) _must_check_;
int json_to_u64(const struct json_value *v, uint64_t *ret) _must_check_;

/* "null", "a boolean", "a number", "a string", "an array", "an object": for messages. */
const char *json_type_words(enum json_type type);

/* @s for a message of one line, in @buf: cut to about 40 bytes between characters, control
 * characters replaced by '?'. Returns @buf. */
#define JSON_EXCERPT_MAX 48
const char *json_excerpt(const char *s, char buf[static JSON_EXCERPT_MAX]);

/* The length of the valid UTF-8 sequence of two to four bytes at @s, of which @left bytes may be
 * read; 0 when there is none (an ASCII byte, an overlong form, a surrogate, above U+10FFFF). */
unsigned json_utf8_length(const char *s, size_t left);

/* --- writer ---------------------------------------------------------------------------------- */

/* The text grows in the arena; @failed is sticky, so callers check once at the end. */
struct json_writer {
	struct arena *arena;
	char *text;
	size_t len, cap;
	unsigned depth;
	bool indent; /* two spaces and newlines, for people */
	bool need_comma;
	bool after_key; /* the next value belongs to the key just written */
	bool failed;    /* out of memory */
};

void json_writer_init(struct json_writer *w, struct arena *a, bool indent);
void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
/* Bytes that are not UTF-8 are written as U+FFFD; control characters are escaped. */
void json_string(struct json_writer *w, const char *s);
void json_i64(struct json_writer *w, int64_t v);
void json_u64(struct json_writer *w, uint64_t v);
void json_bool(struct json_writer *w, bool v);
void json_null(struct json_writer *w);
/* json_key() and a value in one. */
void json_kv_string(struct json_writer *w, const char *key, const char *s);
void json_kv_i64(struct json_writer *w, const char *key, int64_t v);
void json_kv_u64(struct json_writer *w, const char *key, uint64_t v);
void json_kv_bool(struct json_writer *w, const char *key, bool v);
/* End the text with a newline and a NUL. Returns 0 and the text (owned by the arena), or -ENOMEM.
 */
int json_writer_finish(struct json_writer *w, const char **ret_text, size_t *ret_len) _must_check_;
