/* The lexer. Everything that it does not know is an error: what is skipped in silence is a rule
 * that is not there. Pure, host side. */
#include "seccomp/policy/lex.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"

static const struct {
	const char text[3];
	enum policy_sign sign;
} signs[] = {
	/* Two characters before one. */
	{"=>", SIGN_THEN},      {"&&", SIGN_AND},        {"||", SIGN_OR},   {"==", SIGN_EQ},
	{"!=", SIGN_NE},        {"<=", SIGN_LE},         {">=", SIGN_GE},   {"<<", SIGN_SHIFT},
	{"<", SIGN_LT},         {">", SIGN_GT},          {"!", SIGN_NOT},   {"&", SIGN_MASK},
	{"|", SIGN_BITS},       {"~", SIGN_INVERT},      {"-", SIGN_MINUS}, {"=", SIGN_ASSIGN},
	{"(", SIGN_OPEN},       {")", SIGN_CLOSE},       {",", SIGN_COMMA}, {";", SIGN_SEMICOLON},
	{"{", SIGN_OPEN_BLOCK}, {"}", SIGN_CLOSE_BLOCK},
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void policy_lexer_init(struct policy_lexer *l, const struct policy_file *file)
{
	*l = (struct policy_lexer){.file = file, .line = 1};
}

bool policy_token_is(const struct policy_token *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->text, word, t->len) == 0;
}

/* The character @ahead of where the lexer is, or NUL behind the end. */
static char peek(const struct policy_lexer *l, size_t ahead)
{
	return l->at + ahead < l->file->len ? l->file->text[l->at + ahead] : '\0';
}

static void step(struct policy_lexer *l)
{
	if (l->file->text[l->at++] == '\n') {
		l->line++;
		l->line_start = l->at;
	}
}

static struct policy_place place_here(const struct policy_lexer *l, size_t len)
{
	return (struct policy_place){
		.file = l->file,
		.line = l->line,
		.column = (uint32_t)(l->at - l->line_start) + 1,
		.start = (uint32_t)l->at,
		.len = (uint32_t)len,
	};
}

/* Blanks and comments, of a line or of C. */
static int skip_blanks(struct policy_lexer *l, struct policy_log *log)
{
	for (;;) {
		char c = peek(l, 0);

		if (l->at < l->file->len && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
			step(l);
		} else if (c == '/' && peek(l, 1) == '/') {
			while (l->at < l->file->len && peek(l, 0) != '\n')
				step(l);
		} else if (c == '/' && peek(l, 1) == '*') {
			struct policy_place from = place_here(l, 2);

			step(l);
			step(l);
			while (l->at < l->file->len && !(peek(l, 0) == '*' && peek(l, 1) == '/'))
				step(l);
			if (l->at >= l->file->len)
				return policy_say(log, POLICY_ERROR, &from, NULL,
						  "the comment does not end");
			step(l);
			step(l);
		} else {
			return 0;
		}
	}
}

/* How many characters from @at on are of a name; @more may be in it, too. */
static size_t name_length(const struct policy_lexer *l, size_t at, const char *more)
{
	size_t n = 0;

	while (is_letter(peek(l, at + n)) || (n && is_digit(peek(l, at + n))) ||
	       (n && peek(l, at + n) && strchr(more, peek(l, at + n))))
		n++;
	return n;
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Decimal, or with 0x, 0o, 0b before it; or a version. */
static int lex_number(struct policy_lexer *l, struct policy_log *log, struct policy_token *t)
{
	char prefix = peek(l, 0) == '0' ? peek(l, 1) : '\0';
	unsigned base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 10;
	size_t n = 0, first = base == 10 ? 0 : 2;
	bool dots = false, too_large = false;

	while (is_letter(peek(l, n)) || is_digit(peek(l, n)) ||
	       (peek(l, n) == '.' && is_digit(peek(l, n + 1)))) {
		dots |= peek(l, n) == '.';
		n++;
	}
	t->place = place_here(l, n);
	t->text = l->file->text + l->at;
	t->len = n;
	l->at += n;
	t->kind = dots ? TOKEN_VERSION : TOKEN_NUMBER;
	for (size_t i = first; i < n && !(dots && t->text[i] == '.'); i++) {
		unsigned digit = (unsigned)digit_value(t->text[i]);

		if (digit >= base)
			return policy_say(log, POLICY_ERROR, &t->place, NULL,
					  "\"%.*s\" is no number", (int)MIN(n, 40U), t->text);
		too_large |= t->number > (UINT64_MAX - digit) / base;
		t->number = t->number * base + digit;
	}
	if (first == n)
		return policy_say(log, POLICY_ERROR, &t->place, NULL, "\"%.*s\" is no number",
				  (int)n, t->text);
	if (too_large)
		return policy_say(log, POLICY_ERROR, &t->place, NULL,
				  "the number has more than 64 bits");
	if (base == 10 && !dots && n > 1 && t->text[0] == '0')
		return policy_say(log, POLICY_ERROR, &t->place,
				  "write 0o… for octal, or leave out the 0",
				  "a number that begins with 0 means one thing to C and another to "
				  "older compilers of policies");
	return 0;
}

static int lex_string(struct policy_lexer *l, struct policy_log *log, struct policy_token *t)
{
	size_t n = 1;

	while (peek(l, n) != '"' && peek(l, n) != '\n' && peek(l, n) != '\0')
		n++;
	t->place = place_here(l, n + 1);
	t->kind = TOKEN_STRING;
	t->text = l->file->text + l->at + 1;
	t->len = n - 1;
	if (peek(l, n) != '"') {
		l->at += n;
		return policy_say(log, POLICY_ERROR, &t->place, NULL, "the string does not end");
	}
	l->at += n + 1;
	return 0;
}

/* What begins with @, $ or #: @skip characters, and a name. */
static int lex_named(struct policy_lexer *l, struct policy_log *log, struct policy_token *t,
		     enum policy_token_kind kind, size_t skip, const char *more, const char *what)
{
	size_t n = name_length(l, skip, more);

	t->place = place_here(l, skip + MAX(n, 1U));
	t->kind = kind;
	t->text = l->file->text + l->at + skip;
	t->len = n;
	l->at += skip + n;
	return n ? 0
		 : policy_say(log, POLICY_ERROR, &t->place, NULL, "expected the name of %s", what);
}

static int lex_sign(struct policy_lexer *l, struct policy_log *log, struct policy_token *t)
{
	unsigned char c = (unsigned char)peek(l, 0);
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		n = strlen(signs[i].text);
		if (peek(l, 0) != signs[i].text[0] || (n == 2 && peek(l, 1) != signs[i].text[1]))
			continue;
		t->place = place_here(l, n);
		t->kind = TOKEN_SIGN;
		t->sign = signs[i].sign;
		t->text = l->file->text + l->at;
		t->len = n;
		l->at += n;
		return 0;
	}
	n = MAX(json_utf8_length(l->file->text + l->at, l->file->len - l->at), 1U);
	t->place = place_here(l, n);
	l->at += n;
	if (c < 0x20 || c == 0x7f || (c >= 0x80 && n == 1))
		return policy_say(log, POLICY_ERROR, &t->place, NULL,
				  "byte 0x%02x has no place in a policy", c);
	return policy_say(log, POLICY_ERROR, &t->place, NULL, "\"%.*s\" has no place in a policy",
			  (int)n, l->file->text + t->place.start);
}

int policy_next_token(struct policy_lexer *l, struct policy_log *log, struct policy_token *ret)
{
	int r = skip_blanks(l, log);
	size_t blanks = 1;
	char c = peek(l, 0);

	*ret = (struct policy_token){.kind = TOKEN_END, .place = place_here(l, 1), .text = ""};
	if (r < 0 || l->at >= l->file->len)
		return r;
	if (is_digit(c))
		return lex_number(l, log, ret);
	if (is_letter(c))
		return lex_named(l, log, ret, TOKEN_WORD, 0, "", "something");
	if (c == '"')
		return lex_string(l, log, ret);
	if (c == '$')
		return lex_named(l, log, ret, TOKEN_VARIABLE, 1, "", "a variable");
	if (c == '@' && peek(l, 1) == '@')
		return lex_named(l, log, ret, TOKEN_SET, 2, "-", "a set");
	if (c == '@')
		return lex_named(l, log, ret, TOKEN_CALL, 1, "@", "a system call");
	if (c != '#')
		return lex_sign(l, log, ret);
	while (peek(l, blanks) == ' ' || peek(l, blanks) == '\t')
		blanks++;
	return lex_named(l, log, ret, TOKEN_DIRECTIVE, blanks, "", "a directive");
}
