/* The JSON reader: a pull parser over memory that unescapes in place. Runs on the host side only.
 *
 * Strict in what RFC 8259 leaves open: no NUL in strings, no unpaired surrogates, UTF-8 only. */
#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

#define ONES(byte) (UINT64_C(0x0101010101010101) * (byte))

void json_init(struct json *j, char *text, size_t len)
{
	*j = (struct json){.cur = text, .end = text + len, .line = 1};
}

const char *json_type_words(enum json_type type)
{
	switch (type) {
	case JSON_NULL:
		return "null";
	case JSON_FALSE:
	case JSON_TRUE:
		return "a boolean";
	case JSON_NUMBER:
		return "a number";
	case JSON_STRING:
		return "a string";
	case JSON_ARRAY:
		return "an array";
	case JSON_OBJECT:
		return "an object";
	}
	return "nothing";
}

const char *json_excerpt(const char *s, char buf[static JSON_EXCERPT_MAX])
{
	size_t len = strnlen(s, 41);
	bool cut = len > 40;

	if (cut)
		for (len = 37; len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80;)
			len--;
	for (size_t i = 0; i < len; i++)
		buf[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	(void)str_copy(buf + len, JSON_EXCERPT_MAX - len, cut ? "..." : "");
	return buf;
}

static int syntax(const struct json *j, struct err *e, const char *what)
{
	return err_set(e, ERR_JSON_SYNTAX, -EINVAL, "line %u: %s", j->line, what);
}

static int unexpected(const struct json *j, struct err *e, const char *wanted)
{
	unsigned char c;

	if (j->cur >= j->end)
		return err_set(e, ERR_JSON_SYNTAX, -EINVAL,
			       "line %u: expected %s, got the end of the document", j->line,
			       wanted);

	c = (unsigned char)*j->cur;
	if (c > 0x20 && c < 0x7f)
		return err_set(e, ERR_JSON_SYNTAX, -EINVAL, "line %u: expected %s, got '%c'",
			       j->line, wanted, c);
	return err_set(e, ERR_JSON_SYNTAX, -EINVAL, "line %u: expected %s, got byte 0x%02x",
		       j->line, wanted, c);
}

static inline void skip_space(struct json *j)
{
	char *p = j->cur, *end = j->end;

	for (; p < end; p++) {
		if (*p == '\n') {
			j->line++;
			/* Indentation: eight blanks a step. */
			while (end - p > 8) {
				uint64_t w;

				memcpy(&w, p + 1, 8);
				if (w != ONES(' ') && w != ONES('\t'))
					break;
				p += 8;
			}
		} else if (*p != ' ' && *p != '\t' && *p != '\r') {
			break;
		}
	}
	j->cur = p;
}

unsigned json_utf8_length(const char *s, size_t left)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned n;
	unsigned char low = 0x80, high = 0xbf;

	if (left == 0)
		return 0;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;

	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;

	if (left < n || p[1] < low || p[1] > high)
		return 0;
	for (unsigned i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The first byte from @p on that a string cannot take as it is: quote, backslash, control
 * character, or the lead of a longer UTF-8 sequence. */
static inline char *scan_plain(char *p, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	while (end - p >= 8) {
		uint64_t w, quote, back, stop;

		/* Each term has the top bit set in the lowest byte that matches; borrows disturb
		 * only the bytes above it. */
		memcpy(&w, p, 8);
		quote = w ^ ONES('"');
		back = w ^ ONES('\\');
		stop = ((quote - ONES(1)) & ~quote) | ((back - ONES(1)) & ~back) |
		       ((w - ONES(0x20)) & ~w) | w;
		stop &= ONES(0x80);
		if (stop)
			return p + (__builtin_ctzll(stop) >> 3);
		p += 8;
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 &&
	       (unsigned char)*p < 0x80)
		p++;
	return p;
}

static int hex4(const char *p, const char *end, uint32_t *ret)
{
	uint32_t v = 0;

	if (end - p < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | ((c | 0x20) - 'a' + 10U);
		else
			return -EINVAL;
	}
	*ret = v;
	return 0;
}

static char *utf8_put(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* \uXXXX with its second half where it needs one; j->cur stands behind the 'u'. */
static int read_unicode(struct json *j, char **out, struct err *e)
{
	uint32_t c, low;

	if (hex4(j->cur, j->end, &c) < 0)
		return syntax(j, e, "\\u needs four hexadecimal digits");
	j->cur += 4;
	if (c == 0)
		return syntax(j, e, "embedded NUL in a string");

	if (c >= 0xd800 && c <= 0xdfff) {
		if (c >= 0xdc00 || j->end - j->cur < 6 || j->cur[0] != '\\' || j->cur[1] != 'u' ||
		    hex4(j->cur + 2, j->end, &low) < 0 || low < 0xdc00 || low > 0xdfff)
			return syntax(j, e, "unpaired surrogate in a string");
		j->cur += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}

	*out = utf8_put(*out, c);
	return 0;
}

/* One escape sequence; j->cur stands on the backslash. An escape is never shorter than what it
 * stands for, so *@out stays behind j->cur. */
static int read_escape(struct json *j, char **out, struct err *e)
{
	char c;

	if (j->end - j->cur < 2)
		return syntax(j, e, "a string is not closed");
	c = j->cur[1];
	j->cur += 2;

	switch (c) {
	case '"':
	case '\\':
	case '/':
		break;
	case 'b':
		c = '\b';
		break;
	case 'f':
		c = '\f';
		break;
	case 'n':
		c = '\n';
		break;
	case 'r':
		c = '\r';
		break;
	case 't':
		c = '\t';
		break;
	case 'u':
		return read_unicode(j, out, e);
	default:
		return syntax(j, e, "unknown escape in a string");
	}

	*(*out)++ = c;
	return 0;
}

/* j->cur stands behind the opening quote. */
static int read_string(struct json *j, char **ret_text, size_t *ret_len, struct err *e)
{
	char *start = j->cur, *out = j->cur;

	for (;;) {
		char *p = scan_plain(j->cur, j->end);
		size_t n = (size_t)(p - j->cur);

		/* Nothing moves until the first escape. */
		if (out != j->cur)
			memmove(out, j->cur, n);
		out += n;
		j->cur = p;

		if (p >= j->end)
			return syntax(j, e, "a string is not closed");
		if (*p == '"')
			break;
		if (*p == '\\') {
			int r = read_escape(j, &out, e);
			if (r < 0)
				return r;
			continue;
		}
		if (*p == '\0')
			return syntax(j, e, "embedded NUL in a string");
		if ((unsigned char)*p < 0x20)
			return err_set(e, ERR_JSON_SYNTAX, -EINVAL,
				       "line %u: control character 0x%02x in a string", j->line,
				       (unsigned)*p);

		n = json_utf8_length(p, (size_t)(j->end - p));
		if (n == 0)
			return syntax(j, e, "a string is not valid UTF-8");
		if (out != p)
			memmove(out, p, n);
		out += n;
		j->cur += n;
	}

	*out = '\0';
	j->cur++;
	*ret_text = start;
	*ret_len = (size_t)(out - start);
	return 0;
}

static inline bool is_digit(const struct json *j)
{
	return j->cur < j->end && *j->cur >= '0' && *j->cur <= '9';
}

static int read_digits(struct json *j, struct err *e)
{
	if (!is_digit(j))
		return unexpected(j, e, "a digit");
	while (is_digit(j))
		j->cur++;
	return 0;
}

static int read_number(struct json *j, struct json_value *v, struct err *e)
{
	int r;

	v->type = JSON_NUMBER;
	v->text = j->cur;
	if (*j->cur == '-')
		j->cur++;

	if (j->cur < j->end && *j->cur == '0') {
		j->cur++;
		if (is_digit(j))
			return syntax(j, e, "a number begins with 0");
	} else {
		r = read_digits(j, e);
		if (r < 0)
			return r;
	}

	if (j->cur < j->end && *j->cur == '.') {
		j->cur++;
		r = read_digits(j, e);
		if (r < 0)
			return r;
	}
	if (j->cur < j->end && (*j->cur | 0x20) == 'e') {
		j->cur++;
		if (j->cur < j->end && (*j->cur == '+' || *j->cur == '-'))
			j->cur++;
		r = read_digits(j, e);
		if (r < 0)
			return r;
	}

	v->len = (size_t)(j->cur - v->text);
	return 0;
}

static int read_literal(struct json *j, const char *word, size_t len, enum json_type type,
			struct json_value *v, struct err *e)
{
	if ((size_t)(j->end - j->cur) < len || memcmp(j->cur, word, len) != 0)
		return unexpected(j, e, "a value");
	j->cur += len;
	v->type = type;
	return 0;
}

static int read_open(struct json *j, enum json_type type, struct json_value *v, struct err *e)
{
	if (j->depth >= JSON_DEPTH_MAX)
		return err_set(e, ERR_JSON_SYNTAX, -EINVAL,
			       "line %u: nested more than %d levels deep", j->line, JSON_DEPTH_MAX);
	j->cur++;
	j->depth++;
	v->type = type;
	return 0;
}

int json_read(struct json *j, struct json_value *ret, struct err *e)
{
	struct json_value v = {.type = JSON_NULL};
	int r;

	skip_space(j);
	v.line = j->line;
	if (j->cur >= j->end)
		return unexpected(j, e, "a value");

	switch (*j->cur) {
	case '"':
		j->cur++;
		v.type = JSON_STRING;
		r = read_string(j, &v.text, &v.len, e);
		break;
	case '{':
		r = read_open(j, JSON_OBJECT, &v, e);
		break;
	case '[':
		r = read_open(j, JSON_ARRAY, &v, e);
		break;
	case 't':
		r = read_literal(j, "true", 4, JSON_TRUE, &v, e);
		break;
	case 'f':
		r = read_literal(j, "false", 5, JSON_FALSE, &v, e);
		break;
	case 'n':
		r = read_literal(j, "null", 4, JSON_NULL, &v, e);
		break;
	default:
		if (*j->cur != '-' && !is_digit(j))
			return unexpected(j, e, "a value");
		r = read_number(j, &v, e);
		break;
	}
	if (r < 0)
		return r;

	*ret = v;
	return 0;
}

int json_next_key(struct json *j, bool first, char **ret_key, struct err *e)
{
	char *key;
	size_t len;
	int r;

	skip_space(j);
	if (j->cur < j->end && *j->cur == '}') {
		j->cur++;
		j->depth--;
		return 0;
	}
	if (!first) {
		if (j->cur >= j->end || *j->cur != ',')
			return unexpected(j, e, "',' or '}'");
		j->cur++;
		skip_space(j);
	}
	if (j->cur >= j->end || *j->cur != '"')
		return unexpected(j, e, first ? "a key or '}'" : "a key");
	j->cur++;
	r = read_string(j, &key, &len, e);
	if (r < 0)
		return r;

	skip_space(j);
	if (j->cur >= j->end || *j->cur != ':')
		return unexpected(j, e, "':'");
	j->cur++;

	*ret_key = key;
	return 1;
}

int json_next_item(struct json *j, bool first, struct err *e)
{
	skip_space(j);
	if (j->cur < j->end && *j->cur == ']') {
		j->cur++;
		j->depth--;
		return 0;
	}
	if (first)
		return 1;
	if (j->cur >= j->end || *j->cur != ',')
		return unexpected(j, e, "',' or ']'");
	j->cur++;
	return 1;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
int json_skip(struct json *j, const struct json_value *v, struct err *e)
{
	struct json_value inner;
	char *key;

	if (v->type != JSON_ARRAY && v->type != JSON_OBJECT)
		return 0;

	for (bool first = true;; first = false) {
		int r = v->type == JSON_OBJECT ? json_next_key(j, first, &key, e)
					       : json_next_item(j, first, e);
		if (r <= 0)
			return r;
		r = json_read(j, &inner, e);
		if (r < 0)
			return r;
		r = json_skip(j, &inner, e);
		if (r < 0)
			return r;
	}
}

int json_finish(struct json *j, struct err *e)
{
	skip_space(j);
	if (j->cur < j->end)
		return unexpected(j, e, "the end of the document");
	return 0;
}

/* --- numbers --------------------------------------------------------------------------------- */

struct decimal {
	const char *digits, *end; /* may hold one '.' */
	int64_t shift;            /* the value is digits * 10^shift, the '.' left out */
	bool negative;
};

/* Split a number that the reader has validated. The exponent saturates far beyond any document. */
static void decimal_split(const struct json_value *v, struct decimal *d)
{
	const char *p = v->text, *end = v->text + v->len, *point = NULL;
	bool minus = false;
	int64_t exponent = 0;

	*d = (struct decimal){0};
	if (*p == '-') {
		d->negative = true;
		p++;
	}
	d->digits = p;
	for (; p < end && (*p | 0x20) != 'e'; p++)
		if (*p == '.')
			point = p;
	d->end = p;

	if (p < end) {
		p++;
		if (*p == '-' || *p == '+')
			minus = *p++ == '-';
		for (; p < end; p++)
			if (exponent < INT64_MAX / 100)
				exponent = exponent * 10 + (*p - '0');
	}
	d->shift = minus ? -exponent : exponent;
	if (point)
		d->shift -= d->end - point - 1;
}

/* The magnitude of a number, when it is integral and fits. */
static int decimal_magnitude(struct decimal *d, uint64_t *ret)
{
	uint64_t m = 0;

	while (d->end > d->digits && (d->end[-1] == '0' || d->end[-1] == '.')) {
		d->shift += d->end[-1] == '0';
		d->end--;
	}
	if (d->end == d->digits) {
		*ret = 0;
		return 0;
	}
	if (d->shift < 0)
		return -EINVAL;

	for (const char *p = d->digits; p < d->end; p++) {
		if (*p == '.')
			continue;
		if (__builtin_mul_overflow(m, 10U, &m) ||
		    __builtin_add_overflow(m, (uint64_t)(*p - '0'), &m))
			return -ERANGE;
	}
	for (; d->shift > 0; d->shift--)
		if (__builtin_mul_overflow(m, 10U, &m))
			return -ERANGE;
	*ret = m;
	return 0;
}

static int number_magnitude(const struct json_value *v, bool *ret_negative, uint64_t *ret)
{
	struct decimal d;
	int r;

	if (v->type != JSON_NUMBER)
		return -EINVAL;
	decimal_split(v, &d);
	r = decimal_magnitude(&d, ret);
	*ret_negative = d.negative;
	return r;
}

int json_to_u64(const struct json_value *v, uint64_t *ret)
{
	uint64_t m;
	bool negative;
	int r;

	r = number_magnitude(v, &negative, &m);
	if (r < 0)
		return r;
	if (negative && m != 0)
		return -ERANGE;
	*ret = m;
	return 0;
}

int json_to_i64(const struct json_value *v, int64_t *ret)
{
	uint64_t m;
	bool negative;
	int r;

	r = number_magnitude(v, &negative, &m);
	if (r < 0)
		return r;
	if (m > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - m) : (int64_t)m;
	return 0;
}
