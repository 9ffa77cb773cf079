/* The JSON writer: valid JSON whatever the strings hold, into a buffer that grows in an arena. Runs
 * on the host side only. */
#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD in UTF-8 */

void json_writer_init(struct json_writer *w, struct arena *a, bool indent)
{
	*w = (struct json_writer){.arena = a, .indent = indent};
}

static bool reserve(struct json_writer *w, size_t n)
{
	size_t cap = w->cap ? w->cap : 512;
	char *text;

	if (w->failed)
		return false;
	if (w->cap - w->len >= n)
		return true;

	if (n > SIZE_MAX / 4 || w->len > SIZE_MAX / 4)
		goto fail;
	while (cap - w->len < n)
		cap *= 2;
	text = arena_alloc(w->arena, cap);
	if (!text)
		goto fail;
	if (w->len)
		memcpy(text, w->text, w->len);
	w->text = text;
	w->cap = cap;
	return true;

fail:
	w->failed = true;
	return false;
}

static void put(struct json_writer *w, const char *s, size_t n)
{
	if (!reserve(w, n))
		return;
	memcpy(w->text + w->len, s, n);
	w->len += n;
}

static void put_newline(struct json_writer *w)
{
	if (!w->indent)
		return;
	put(w, "\n", 1);
	for (unsigned i = 0; i < w->depth; i++)
		put(w, "  ", 2);
}

/* What stands before a value or a key. */
static void begin_item(struct json_writer *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->need_comma)
		put(w, ",", 1);
	if (w->depth > 0)
		put_newline(w);
}

static void begin_nested(struct json_writer *w, const char *bracket)
{
	begin_item(w);
	put(w, bracket, 1);
	w->depth++;
	w->need_comma = false;
}

static void end_nested(struct json_writer *w, const char *bracket)
{
	w->depth--;
	if (w->need_comma)
		put_newline(w);
	put(w, bracket, 1);
	w->need_comma = true;
}

void json_object_begin(struct json_writer *w)
{
	begin_nested(w, "{");
}

void json_object_end(struct json_writer *w)
{
	end_nested(w, "}");
}

void json_array_begin(struct json_writer *w)
{
	begin_nested(w, "[");
}

void json_array_end(struct json_writer *w)
{
	end_nested(w, "]");
}

static void put_escape(struct json_writer *w, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	switch (c) {
	case '"':
		put(w, "\\\"", 2);
		break;
	case '\\':
		put(w, "\\\\", 2);
		break;
	case '\b':
		put(w, "\\b", 2);
		break;
	case '\f':
		put(w, "\\f", 2);
		break;
	case '\n':
		put(w, "\\n", 2);
		break;
	case '\r':
		put(w, "\\r", 2);
		break;
	case '\t':
		put(w, "\\t", 2);
		break;
	default:
		put(w, u, sizeof(u));
		break;
	}
}

static void put_quoted(struct json_writer *w, const char *s)
{
	put(w, "\"", 1);
	while (*s) {
		const char *p = s;
		unsigned n;

		while ((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f && *p != '"' &&
		       *p != '\\')
			p++;
		put(w, s, (size_t)(p - s));
		s = p;
		if (!*s)
			break;

		if ((unsigned char)*s < 0x80) {
			put_escape(w, (unsigned char)*s++);
			continue;
		}
		/* The NUL at the end stops the check of a cut sequence. */
		n = json_utf8_length(s, 4);
		if (n) {
			put(w, s, n);
			s += n;
		} else {
			put(w, REPLACEMENT, strlen(REPLACEMENT));
			s++;
		}
	}
	put(w, "\"", 1);
}

void json_key(struct json_writer *w, const char *key)
{
	begin_item(w);
	put_quoted(w, key);
	put(w, ": ", w->indent ? 2 : 1);
	w->need_comma = false;
	w->after_key = true;
}

void json_string(struct json_writer *w, const char *s)
{
	begin_item(w);
	put_quoted(w, s);
	w->need_comma = true;
}

static void put_plain(struct json_writer *w, const char *s)
{
	begin_item(w);
	put(w, s, strlen(s));
	w->need_comma = true;
}

void json_i64(struct json_writer *w, int64_t v)
{
	char buf[24];

	str_format(buf, sizeof(buf), "%lld", (long long)v);
	put_plain(w, buf);
}

void json_u64(struct json_writer *w, uint64_t v)
{
	char buf[24];

	str_format(buf, sizeof(buf), "%llu", (unsigned long long)v);
	put_plain(w, buf);
}

void json_bool(struct json_writer *w, bool v)
{
	put_plain(w, v ? "true" : "false");
}

void json_null(struct json_writer *w)
{
	put_plain(w, "null");
}

void json_kv_string(struct json_writer *w, const char *key, const char *s)
{
	json_key(w, key);
	json_string(w, s);
}

void json_kv_i64(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_i64(w, v);
}

void json_kv_u64(struct json_writer *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_u64(w, v);
}

void json_kv_bool(struct json_writer *w, const char *key, bool v)
{
	json_key(w, key);
	json_bool(w, v);
}

int json_writer_finish(struct json_writer *w, const char **ret_text, size_t *ret_len)
{
	put(w, "\n", 2); /* with its NUL */
	if (w->failed)
		return -ENOMEM;
	*ret_text = w->text;
	*ret_len = w->len - 1;
	return 0;
}
