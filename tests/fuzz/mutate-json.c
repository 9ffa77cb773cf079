/* Changes JSON as people and programs get it wrong: one value in turn becomes null, another type,
 * empty, huge, or gets a NUL; a member is doubled or goes away. Half of the changes are libFuzzer's
 * own, which know nothing of JSON. Linked into every target whose input is JSON. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum {
	VALUES_MAX = 4096
};

struct range {
	size_t at, len;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The end of the string whose quote is at @at, or @size. */
static size_t string_end(const char *s, size_t at, size_t size)
{
	for (at++; at < size; at++) {
		if (s[at] == '\\')
			at++;
		else if (s[at] == '"')
			return at + 1;
	}
	return size;
}

/* The end of the value at @at: its closing bracket, quote, or what ends a word. */
static size_t value_end(const char *s, size_t at, size_t size)
{
	int depth = 0;

	do {
		if (s[at] == '"') {
			at = string_end(s, at, size);
			continue;
		}
		if (s[at] == '{' || s[at] == '[')
			depth++;
		else if (s[at] == '}' || s[at] == ']')
			depth--;
		at++;
		if (depth == 0 && (at >= size || strchr(",}]: \n\t\r", s[at]) || s[at - 1] == '}' ||
				   s[at - 1] == ']'))
			break;
	} while (at < size);
	return at;
}

/* All values of a document, nested ones too; a key is one, so that it changes as well. */
static size_t find_values(const char *s, size_t size, struct range *ret)
{
	size_t n = 0;

	for (size_t at = 0; at < size && n < VALUES_MAX;) {
		if (is_space(s[at]) || strchr(",:}]", s[at])) {
			at++;
			continue;
		}
		ret[n].at = at;
		ret[n].len = value_end(s, at, size) - at;
		at += s[at] == '{' || s[at] == '[' ? 1 : ret[n].len;
		n++;
	}
	return n;
}

static const char *const replacements[] = {
	"null",
	"true",
	"[]",
	"{}",
	"\"\"",
	"0",
	"-1",
	"1e3",
	"0.5",
	"4294967295",
	"4294967296",
	"9223372036854775808",
	"18446744073709551615",
	"18446744073709551616",
	"-9223372036854775809",
	"1e400",
	"\"a\\u0000b\"",
	"\"\\ud800\"",
	"\"/\"",
	"\"../..\"",
	"\"/a/../../b\"",
	"[null]",
	"[[]]",
	"[\"\"]",
	"[{}]",
	"{\"\":null}",
};

/* Put @len bytes of @text in the place of @r; returns the new size, @size if there is no room. */
static size_t replace(uint8_t *data, size_t size, size_t max, struct range r, const char *text,
		      size_t len)
{
	if (size - r.len + len > max)
		return size;
	memmove(data + r.at + len, data + r.at + r.len, size - r.at - r.len);
	memcpy(data + r.at, text, len);
	return size - r.len + len;
}

static size_t make_huge(uint8_t *data, size_t size, size_t max, struct range r)
{
	static char text[5000];
	size_t len = max > size ? max - size : 0;

	if (len > sizeof(text))
		len = sizeof(text);
	if (len < 2)
		return size;
	memset(text, 'a', len);
	text[0] = text[len - 1] = '"';
	return replace(data, size, max, r, text, len);
}

/* The value, a comma, the value: in an array that is valid, of a key it is not. */
static size_t make_double(uint8_t *data, size_t size, size_t max, struct range r)
{
	char *text = malloc(r.len + 1);

	if (!text)
		return size;
	memcpy(text, data + r.at, r.len);
	text[r.len] = ',';
	size = replace(data, size, max, (struct range){.at = r.at}, text, r.len + 1);
	free(text);
	return size;
}

/* Copy another value of the document here: the right type in the wrong place. */
static size_t transplant(uint8_t *data, size_t size, size_t max, struct range r, struct range from)
{
	char *text = malloc(from.len + 1);

	if (!text)
		return size;
	memcpy(text, data + from.at, from.len);
	size = replace(data, size, max, r, text, from.len);
	free(text);
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static struct range values[VALUES_MAX];
	size_t n = find_values((const char *)data, size, values);
	const char *text;
	struct range r;

	if (n == 0 || seed % 2 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	seed /= 2;
	r = values[seed / 16 % n];
	switch (seed % 16) {
	case 0:
		return make_huge(data, size, max_size, r);
	case 1:
		return make_double(data, size, max_size, r);
	case 2:
		return replace(data, size, max_size, r, "", 0);
	case 3:
	case 4:
	case 5:
		return transplant(data, size, max_size, r, values[seed / 31 % n]);
	default:
		text = replacements[seed / 7 % (sizeof(replacements) / sizeof(*replacements))];
		return replace(data, size, max_size, r, text, strlen(text));
	}
}
