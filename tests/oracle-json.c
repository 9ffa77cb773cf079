/* Our JSON reader against jansson: oracle-json [ROUNDS [SEED]] [FILE…]
 *
 * Mutates sample documents (built-in ones, or the files), reads each mutation with both and
 * compares the verdict and, if both accept, every value. Exits 1 and prints the document at the
 * first difference that is not one of these, which are intended:
 *
 *   duplicate keys   jansson keeps the last one, we hand all to the caller; compared: the last
 *   NUL bytes        jansson passes over one behind a number
 *   nesting          we stop at JSON_DEPTH_MAX, jansson at 2048
 *   large numbers    jansson refuses integers beyond int64_t and reals beyond a double; for us
 *                    they are numbers, which json_to_i64() and json_to_u64() refuse
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* Both have these names; ours begin with OUR_ and our_ here. The writer, which owns the functions,
 * is not linked. */
#define JSON_NULL   OUR_NULL
#define JSON_FALSE  OUR_FALSE
#define JSON_TRUE   OUR_TRUE
#define JSON_STRING OUR_STRING
#define JSON_ARRAY  OUR_ARRAY
#define JSON_OBJECT OUR_OBJECT
#define json_string our_string
#define json_null   our_null
#include "base/json.h"
#undef JSON_NULL
#undef JSON_FALSE
#undef JSON_TRUE
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT
#undef json_string
#undef json_null

#include "base/str.h"

static const char *const samples[] = {
	"{\"ociVersion\":\"1.2.0\",\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},"
	"\"args\":[\"sh\",\"-c\",\"true\"],\"env\":[\"PATH=/bin\",\"TERM=xterm\"],\"cwd\":\"/\"},"
	"\"root\":{\"path\":\"rootfs\"},\"linux\":{\"resources\":{\"memory\":{\"limit\":536870912}},"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}],\"maskedPaths\":null}}",
	"[0, -0, 1, -1, 10.5, 1e5, 1E-2, -2.50e+3, 9223372036854775807, -9223372036854775808, 0.0]",
	"{\n\t\"a\": \"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\", "
	"\"\xc3\xa9\": \"\xe2\x82\xac\xf0\x9f\x98\x80\","
	"\r\n \"b\": [true, false, null, [], {}, [[]], {\"c\": {}}]\n}",
	"\"plain\"",
	"  [ \"\" , \"\\u0041\\uD7FF\\uE000\\uFFFF\\b\\f\\r\\t\" ]  ",
};

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)((random_state >> 33) % n);
}

static const char *const tokens[] = {
	"null",
	"true",
	"false",
	"{}",
	"[]",
	"\"\"",
	"{",
	"}",
	"[",
	"]",
	",",
	":",
	"\"",
	"\\",
	"\\u",
	"\\u0000",
	"\\ud800",
	"\\udc00",
	"\\ud83d\\ude00",
	"0",
	"-",
	"1e",
	".5",
	"e+1",
	"\xc3\xa9",
	"\xed\xa0\x80",
	"\xc0\x80",
	"\x01",
	"\t",
	"\n",
	" ",
	"//",
	"/**/",
	"\"a\":1,",
	"99",
	"\xf4\x90\x80\x80",
};

/* Put @n bytes in at @at, if there is room. They may be bytes of @buf itself from @at on. */
static size_t put_in(char *buf, size_t len, size_t cap, size_t at, const char *bytes, size_t n)
{
	if (len + n > cap)
		return len;
	memmove(buf + at + n, buf + at, len - at);
	memmove(buf + at, bytes, n);
	return len + n;
}

/* One to four changes; @buf has room for @cap bytes. Returns the new length. */
static size_t mutate(char *buf, size_t len, size_t cap)
{
	for (unsigned changes = 1 + random_below(4); changes > 0; changes--) {
		size_t at = len ? random_below((uint32_t)len) : 0;
		const char *token = tokens[random_below(ARRAY_SIZE(tokens))];

		switch (random_below(6)) {
		case 0:
			if (len)
				buf[at] = (char)random_below(256);
			break;
		case 1:
			if (len) {
				memmove(buf + at, buf + at + 1, len - at - 1);
				len--;
			}
			break;
		case 2:
			if (random_below(4) == 0)
				len = at;
			break;
		case 3:
			len = put_in(buf, len, cap, at, buf + at,
				     MIN((size_t)random_below(20), len - at));
			break;
		default:
			len = put_in(buf, len, cap, at, token, strlen(token));
			break;
		}
	}
	return len;
}

/* What is known about a document while it is compared. */
struct verdict {
	const char *difference;
};

static bool differ(struct verdict *v, const char *what)
{
	if (!v->difference)
		v->difference = what;
	return false;
}

static bool same_number(const struct json_value *ours, const json_t *theirs,
			struct verdict *verdict)
{
	int64_t i = 0;
	int r = json_to_i64(ours, &i);
	char text[512];

	if (json_is_integer(theirs)) {
		if (r < 0 || i != json_integer_value(theirs))
			return differ(verdict, "an integer");
		return true;
	}
	if (!json_is_real(theirs))
		return differ(verdict, "a type");
	if (ours->len >= sizeof(text))
		return true;
	memcpy(text, ours->text, ours->len);
	text[ours->len] = '\0';
	if (strtod(text, NULL) != json_real_value(theirs))
		return differ(verdict, "a real");
	/* A real that we take for an integer is one, and the other way round where doubles are
	 * exact. */
	if (r == 0 && (double)i != json_real_value(theirs))
		return differ(verdict, "an integral real");
	if (r == -EINVAL && ours->len < 16 && fabs(json_real_value(theirs)) > 1e-300 &&
	    fabs(json_real_value(theirs)) < 1e9 &&
	    floor(json_real_value(theirs)) == json_real_value(theirs))
		return differ(verdict, "an integral real that we refuse");
	return true;
}

static bool same(struct json *j, const struct json_value *ours, const json_t *theirs,
		 struct verdict *verdict);

static bool same_items(struct json *j, const json_t *theirs, struct verdict *verdict)
{
	struct json_value item;
	struct err e;
	size_t n = 0;
	int r;

	for (; (r = json_next_item(j, n == 0, &e)) > 0; n++)
		if (json_read(j, &item, &e) < 0 ||
		    !same(j, &item, json_array_get(theirs, n), verdict))
			return false;
	if (r < 0 || n != json_array_size(theirs))
		return differ(verdict, "the length of an array");
	return true;
}

/* Does the key of the value at @j come again? Scans a copy of the rest, as it is unescaped in
 * place. */
static bool comes_again(const struct json *j, const char *key)
{
	size_t len = (size_t)(j->end - j->cur);
	char *rest = malloc(len + 1), *other;
	struct json_value v;
	struct json copy;
	struct err e;
	bool found = false;

	if (!rest)
		abort();
	memcpy(rest, j->cur, len);
	json_init(&copy, rest, len);
	copy.depth = j->depth;
	if (json_read(&copy, &v, &e) == 0 && json_skip(&copy, &v, &e) == 0)
		while (!found && json_next_key(&copy, false, &other, &e) > 0) {
			found = str_eq(key, other);
			if (json_read(&copy, &v, &e) < 0 || json_skip(&copy, &v, &e) < 0)
				break;
		}
	free(rest);
	return found;
}

static bool same_members(struct json *j, const json_t *theirs, struct verdict *verdict)
{
	struct json_value v;
	struct err e;
	size_t n = 0;
	char *key;
	int r;

	for (bool first = true; (r = json_next_key(j, first, &key, &e)) > 0; first = false) {
		bool last = !comes_again(j, key);

		if (json_read(j, &v, &e) < 0)
			return differ(verdict, "a member");
		if (!last) {
			if (json_skip(j, &v, &e) < 0)
				return differ(verdict, "a member");
			continue;
		}
		n++;
		if (!same(j, &v, json_object_get(theirs, key), verdict))
			return false;
	}
	if (r < 0 || n != json_object_size(theirs))
		return differ(verdict, "the number of keys");
	return true;
}

static bool same(struct json *j, const struct json_value *ours, const json_t *theirs,
		 struct verdict *verdict)
{
	if (!theirs)
		return differ(verdict, "a value that jansson lacks");

	switch (ours->type) {
	case OUR_NULL:
		return json_is_null(theirs) || differ(verdict, "null");
	case OUR_FALSE:
		return json_is_false(theirs) || differ(verdict, "false");
	case OUR_TRUE:
		return json_is_true(theirs) || differ(verdict, "true");
	case JSON_NUMBER:
		return same_number(ours, theirs, verdict);
	case OUR_STRING:
		if (!json_is_string(theirs) || json_string_length(theirs) != ours->len ||
		    memcmp(json_string_value(theirs), ours->text, ours->len) != 0)
			return differ(verdict, "a string");
		return true;
	case OUR_ARRAY:
		if (!json_is_array(theirs))
			return differ(verdict, "an array");
		return same_items(j, theirs, verdict);
	case OUR_OBJECT:
		if (!json_is_object(theirs))
			return differ(verdict, "an object");
		return same_members(j, theirs, verdict);
	}
	return differ(verdict, "a type");
}

/* Our verdict on the document, values thrown away. */
static int walk(char *text, size_t len, struct err *e)
{
	struct json_value v;
	struct json j;
	int r;

	json_init(&j, text, len);
	r = json_read(&j, &v, e);
	if (r == 0)
		r = json_skip(&j, &v, e);
	if (r == 0)
		r = json_finish(&j, e);
	return r;
}

static bool too_large(const json_error_t *error)
{
	return json_error_code(error) == json_error_numeric_overflow;
}

/* Returns whether both agree. *@ret_accepted: they accept it. */
static bool compare(const char *text, size_t len, bool *ret_accepted)
{
	char *first = malloc(len + 1), *second = malloc(len + 1);
	struct json_value v;
	json_error_t error;
	struct err e = {0};
	struct json j;
	struct verdict verdict = {0};
	json_t *theirs;
	bool agreed;
	int r;

	if (!first || !second)
		abort();
	memcpy(first, text, len);
	memcpy(second, text, len);
	theirs = json_loadb(text, len, JSON_DECODE_ANY, &error);
	r = walk(first, len, &e);
	*ret_accepted = r == 0;

	if (r == 0 && theirs) {
		json_init(&j, second, len);
		agreed = json_read(&j, &v, &e) == 0 && same(&j, &v, theirs, &verdict);
	} else if (r == 0) {
		agreed = too_large(&error) || differ(&verdict, error.text);
	} else if (theirs) {
		agreed = strstr(e.text, "nested more than") || strstr(e.text, "got byte 0x00") ||
			 differ(&verdict, e.text);
	} else {
		agreed = true;
	}
	if (!agreed)
		fprintf(stderr, "difference: %s\nours: %s\njansson: %s\n", verdict.difference,
			r < 0 ? e.text : "accepted", theirs ? "accepted" : error.text);

	json_decref(theirs);
	free(first);
	free(second);
	return agreed;
}

static bool run(const char *sample, size_t len, unsigned long rounds)
{
	size_t cap = len + 256;
	char *buf = malloc(cap);
	unsigned long accepted = 0;

	if (!buf)
		abort();
	for (unsigned long i = 0; i < rounds; i++) {
		bool both = false;
		size_t n = len;

		memcpy(buf, sample, len);
		if (i > 0)
			n = mutate(buf, len, cap);
		if (!compare(buf, n, &both)) {
			fwrite(buf, 1, n, stdout);
			putchar('\n');
			free(buf);
			return false;
		}
		accepted += both;
	}
	printf("%lu mutations of %zu bytes: %lu accepted with the same values, the others refused\n",
	       rounds, len, accepted);
	free(buf);
	return true;
}

static bool run_file(const char *path, unsigned long rounds)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		perror(path);
		return false;
	}
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return run(text, n, rounds);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	bool ok = true;

	random_state = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	for (int i = 3; ok && i < argc; i++)
		ok = run_file(argv[i], rounds);
	for (size_t i = 0; ok && argc <= 3 && i < ARRAY_SIZE(samples); i++)
		ok = run(samples[i], strlen(samples[i]), rounds);
	return ok ? 0 : 1;
}
