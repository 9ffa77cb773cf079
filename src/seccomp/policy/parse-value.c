/* Values, versions, symbols, and guesses at what was misspelt. Pure, host side. */
#include <errno.h>

#include "base/str.h"
#include "seccomp/policy/parse.h"

#define GUESS_MAX 40

void parse_guess(struct parse_guess *g, const char *name, size_t len, const char *candidate)
{
	size_t n = strlen(candidate);
	uint8_t row[GUESS_MAX + 1];

	if (len == 0 || len > GUESS_MAX || n > GUESS_MAX || n + 2 < len || len + 2 < n)
		return;
	for (size_t i = 0; i <= len; i++)
		row[i] = (uint8_t)i;
	for (size_t k = 0; k < n; k++) {
		uint8_t diagonal = row[0];

		row[0] = (uint8_t)(k + 1);
		for (size_t i = 0; i < len; i++) {
			uint8_t change = (uint8_t)(diagonal + (name[i] != candidate[k]));

			diagonal = row[i + 1];
			row[i + 1] =
				MIN(MIN((uint8_t)(row[i] + 1), (uint8_t)(row[i + 1] + 1)), change);
		}
	}
	if (row[len] > 2 || row[len] * 2U >= len || (g->best && row[len] >= g->distance))
		return;
	g->best = candidate;
	g->distance = row[len];
}

bool parse_is_defined(const struct parser *p, const char *name, size_t len)
{
	/* What engines' converters call the machines that they know. */
	static const struct {
		const char name[16];
		enum seccomp_arch arch;
	} machines[] = {
		{"ARCH_AMD64", SECCOMP_ARCH_X86_64},    {"ARCH_X86_64", SECCOMP_ARCH_X86_64},
		{"ARCH_386", SECCOMP_ARCH_X86},         {"ARCH_X86", SECCOMP_ARCH_X86},
		{"ARCH_ARM64", SECCOMP_ARCH_AARCH64},   {"ARCH_ARM", SECCOMP_ARCH_ARM},
		{"ARCH_PPC64LE", SECCOMP_ARCH_PPC64LE}, {"ARCH_S390X", SECCOMP_ARCH_S390X},
		{"ARCH_S390", SECCOMP_ARCH_S390},       {"ARCH_RISCV64", SECCOMP_ARCH_RISCV64},
		{"ARCH_X32", SECCOMP_ARCH_X32},
	};
	int capability = policy_capability_find(name, len);

	if (capability >= 0 && p->options->capabilities >> capability & 1)
		return true;
	for (size_t i = 0; i < p->options->n_defined; i++)
		if (strlen(p->options->defined[i]) == len &&
		    memcmp(p->options->defined[i], name, len) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (strlen(machines[i].name) == len && memcmp(machines[i].name, name, len) == 0)
			return machines[i].arch == p->options->native;
	return false;
}

int parse_version(struct parser *p, uint16_t *ret)
{
	const struct policy_token *t = &p->token;
	uint32_t parts[2] = {0};
	unsigned part = 0;

	if (t->kind != TOKEN_VERSION && t->kind != TOKEN_NUMBER)
		return parse_unexpected(p, "a version of the kernel, such as 5.10");
	for (size_t i = 0; i < t->len; i++) {
		if (t->text[i] == '.') {
			part++;
			continue;
		}
		if (t->text[i] < '0' || t->text[i] > '9')
			return parse_unexpected(p, "a version of the kernel, such as 5.10");
		if (part < 2)
			parts[part] = MIN(parts[part] * 10 + (uint32_t)(t->text[i] - '0'), 1000U);
	}
	if (parts[0] > 255 || parts[1] > 255 || part > 3)
		return parse_unexpected(p, "a version of the kernel, such as 5.10");
	*ret = (uint16_t)(parts[0] << 8 | parts[1]);
	return parse_next(p);
}

static int new_value(struct parser *p, enum policy_value_kind kind, const struct policy_place *at,
		     struct policy_value **ret)
{
	*ret = arena_new(p->arena, struct policy_value);
	if (!*ret)
		return policy_no_memory(p->log);
	(*ret)->kind = kind;
	(*ret)->place = *at;
	return 0;
}

/* A name: the policy's own, or Linux's. */
static int parse_constant(struct parser *p, const struct policy_value **ret)
{
	const struct policy_token t = p->token;
	const struct policy_constant *c = policy_constant_find(t.text, t.len);
	struct parse_guess guess = {0};
	struct policy_value *v;
	char hint[80];
	int r;

	for (const struct parse_name *n = p->names; n; n = n->next) {
		if (n->value && policy_token_is(&t, n->name)) {
			*ret = n->value;
			return parse_next(p);
		}
		if (n->value)
			parse_guess(&guess, t.text, t.len, n->name);
	}
	if (c) {
		r = new_value(p, VALUE_CONSTANT, &t.place, &v);
		if (r < 0)
			return r;
		v->constant = c;
		*ret = v;
		return parse_next(p);
	}
	for (size_t i = 0; policy_constant_at(i); i++)
		parse_guess(&guess, t.text, t.len, policy_constant_at(i)->name);
	(void)str_format(hint, sizeof(hint), "did you mean %s?", guess.best ? guess.best : "");
	return parse_error(p, &t.place,
			   guess.best ? hint : "a number will do; `let NAME = …;` gives it a name",
			   "no constant is called \"%.*s\"", (int)MIN(t.len, 40U), t.text);
}

/* A number, a name, ~ or - and one of these, or a whole value in parentheses. */
static int parse_primary(struct parser *p, const struct policy_value **ret)
{
	bool invert = parse_at_sign(p, SIGN_INVERT);
	const struct policy_token t = p->token;
	struct policy_value *v;
	int r;

	if (t.kind == TOKEN_WORD)
		return parse_constant(p, ret);
	if (t.kind == TOKEN_NUMBER) {
		r = new_value(p, VALUE_NUMBER, &t.place, &v);
		if (r < 0)
			return r;
		v->number = t.number;
		*ret = v;
		return parse_next(p);
	}
	if (++p->depth > PARSE_DEPTH_MAX)
		return parse_error(p, &t.place, NULL, "too deep in parentheses");
	if (invert || parse_at_sign(p, SIGN_MINUS)) {
		r = new_value(p, invert ? VALUE_INVERT : VALUE_MINUS, &t.place, &v);
		if (r == 0)
			r = parse_next(p);
		if (r == 0)
			r = parse_primary(p, &v->left);
		if (r == 0)
			*ret = v;
	} else if (parse_at_sign(p, SIGN_OPEN)) {
		r = parse_next(p);
		if (r == 0)
			r = parse_value(p, ret);
		if (r == 0)
			r = parse_sign(p, SIGN_CLOSE, "\")\"");
	} else {
		r = parse_unexpected(p, "a number or the name of a constant");
	}
	p->depth--;
	return r;
}

static int parse_binary(struct parser *p, enum policy_sign sign, enum policy_value_kind kind,
			int (*parse)(struct parser *p, const struct policy_value **ret),
			const struct policy_value **ret)
{
	int r = parse(p, ret);

	while (r == 0 && parse_at_sign(p, sign)) {
		struct policy_value *v;

		r = new_value(p, kind, &p->token.place, &v);
		if (r == 0)
			r = parse_next(p);
		if (r == 0)
			r = parse(p, &v->right);
		if (r < 0)
			return r;
		v->left = *ret;
		v->place = parse_span(p, &v->left->place);
		*ret = v;
	}
	return r;
}

int parse_term(struct parser *p, const struct policy_value **ret)
{
	return parse_binary(p, SIGN_SHIFT, VALUE_SHIFT, parse_primary, ret);
}

int parse_value(struct parser *p, const struct policy_value **ret)
{
	return parse_binary(p, SIGN_BITS, VALUE_OR, parse_term, ret);
}
