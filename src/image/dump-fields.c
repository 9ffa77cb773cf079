/* A line into fields, fields into numbers. Strict: digits are digits. Pure. */
#include "image/dump-fields.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

static const char *const field_names[DUMP_FIELDS] = {
	"path",   "size", "mode",    "link count", "user id", "group id",
	"device", "time", "payload", "content",    "digest",
};

int dump_bad_field(struct err *e, enum dump_field f, const struct dump_text *t, const char *why)
{
	char excerpt[IMAGE_EXCERPT_MAX];

	return err_set(e, ERR_IMAGE, -EINVAL, "%s '%s': %s", field_names[f],
		       image_excerpt(t->at, t->len, excerpt), why);
}

static int hex_digit(char c)
{
	uint8_t v;
	char pair[2] = {'0', c};

	return image_unhex(pair, 1, &v) < 0 ? -1 : v;
}

int dump_unescape(struct dump_text *t)
{
	char *in = memchr(t->at, '\\', t->len), *out = in, *end = t->at + t->len;

	if (!in)
		return 0;
	while (in < end) {
		if (*in != '\\') {
			*out++ = *in++;
			continue;
		}
		if (end - in < 2)
			return -EINVAL;
		switch (in[1]) {
		case '\\':
			*out++ = '\\';
			break;
		case 'n':
			*out++ = '\n';
			break;
		case 'r':
			*out++ = '\r';
			break;
		case 't':
			*out++ = '\t';
			break;
		case 'x':
			if (end - in < 4 || hex_digit(in[2]) < 0 || hex_digit(in[3]) < 0)
				return -EINVAL;
			*out++ = (char)(hex_digit(in[2]) << 4 | hex_digit(in[3]));
			in += 2;
			break;
		default:
			return -EINVAL;
		}
		in += 2;
	}
	t->len = (size_t)(out - t->at);
	return 0;
}

bool dump_is_unset(const struct dump_text *t)
{
	return t->len == 1 && t->at[0] == '-';
}

bool dump_has_nul(const struct dump_text *t)
{
	return t->len && memchr(t->at, 0, t->len);
}

int dump_parse_number(const struct dump_text *t, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (t->len == 0)
		return -EINVAL;
	for (size_t i = 0; i < t->len; i++) {
		unsigned digit = (unsigned)(unsigned char)t->at[i] - '0';

		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v) ||
		    v > max)
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int dump_field_number(const struct dump_text *fields, enum dump_field f, uint64_t max,
		      uint64_t *ret, struct err *e)
{
	int r = dump_parse_number(&fields[f], 10, max, ret);

	if (r < 0)
		return dump_bad_field(e, f, &fields[f],
				      r == -ERANGE ? "too large" : "expected a decimal number");
	return 0;
}

int dump_field_u32(const struct dump_text *fields, enum dump_field f, uint32_t *ret, struct err *e)
{
	uint64_t v = 0;
	int r = dump_field_number(fields, f, UINT32_MAX, &v, e);

	if (r == 0)
		*ret = (uint32_t)v;
	return r;
}

int dump_field_mtime(const struct dump_text *fields, struct image_node *n, struct err *e)
{
	const struct dump_text *t = &fields[DUMP_MTIME];
	const char *point = memchr(t->at, '.', t->len);
	bool negative = t->len && t->at[0] == '-';
	/* There is one more second before the epoch than behind it, and images can hold it. */
	uint64_t max = (uint64_t)INT64_MAX + negative;
	struct dump_text sec, nsec;
	uint64_t s, ns;

	if (!point)
		return dump_bad_field(e, DUMP_MTIME, t, "expected SECONDS.NANOSECONDS");
	sec = (struct dump_text){t->at + negative, (size_t)(point - t->at) - negative};
	nsec = (struct dump_text){t->at + (point - t->at) + 1,
				  t->len - (size_t)(point - t->at) - 1};
	if (dump_parse_number(&sec, 10, max, &s) < 0 ||
	    dump_parse_number(&nsec, 10, 999999999, &ns) < 0)
		return dump_bad_field(e, DUMP_MTIME, t, "expected SECONDS.NANOSECONDS");
	n->mtime = (int64_t)(negative ? -s : s);
	n->mtime_nsec = (uint32_t)ns;
	return 0;
}

int dump_split(bool strict, char *line, size_t len, struct dump_text *fields, char **ret_rest,
	       struct err *e)
{
	static char unset[] = "-";
	char *at = line, *end = line + len;

	for (unsigned f = 0; f < DUMP_FIELDS; f++) {
		char *blank = at <= end ? memchr(at, ' ', (size_t)(end - at)) : NULL;
		char *stop = blank ? blank : end;

		if (at > end && f >= DUMP_PAYLOAD && !strict) {
			fields[f] = (struct dump_text){unset, 1};
			continue;
		}
		if (at > end)
			return err_set(e, ERR_IMAGE, -EINVAL, "the line ends before the %s",
				       field_names[f]);
		fields[f] = (struct dump_text){at, (size_t)(stop - at)};
		at = stop + 1;
	}
	*ret_rest = at;
	return 0;
}
