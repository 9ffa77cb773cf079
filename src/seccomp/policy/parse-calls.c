/* System calls, groups and sets of them, and architectures, by name. Pure, host side. */
#include <errno.h>

#include "base/str.h"
#include "seccomp/policy/groups.h"
#include "seccomp/policy/parse.h"

#define NAME_MAX_SHOWN 40

/* A name that is not terminated, for look-ups; "" if it is too long to be one. */
static const char *terminated(const char *text, size_t len, char buf[static 64])
{
	buf[0] = '\0';
	if (len < 64)
		(void)str_format(buf, 64, "%.*s", (int)len, text);
	return buf;
}

static const char *group_members(const char *name, size_t len)
{
	for (const struct policy_group_row *g = policy_group_rows; g->name[0]; g++)
		if (strlen(g->name) == len && memcmp(g->name, name, len) == 0)
			return g->members;
	return NULL;
}

/* Add what is in a group, and in those that are in it. */
static void add_group(struct policy_calls *calls, const char *members)
{
	char name[64];

	while (*members) {
		size_t len = strcspn(members, " ");
		int call;

		if (*members == '@') {
			const char *inner = group_members(members + 1, len - 1);

			if (inner)
				add_group(calls, inner);
		} else {
			call = syscall_from_name(terminated(members, len, name));
			if (call >= 0)
				policy_add_call(calls, (unsigned)call);
		}
		members += len;
		while (*members == ' ')
			members++;
	}
}

int parse_call_name(struct parser *p, const struct policy_token *t, unsigned *ret)
{
	struct parse_guess guess = {0};
	char name[64], hint[100];
	int call = syscall_from_name(terminated(t->text, t->len, name));

	if (call >= 0) {
		*ret = (unsigned)call;
		return 0;
	}
	if (group_members(t->text, t->len)) {
		(void)str_format(hint, sizeof(hint), "the group is @@%.*s", (int)t->len, t->text);
		return parse_error(p, &t->place, hint, "\"%.*s\" is a group, not a system call",
				   (int)t->len, t->text);
	}
	for (unsigned i = 0; i < SYSCALL_COUNT; i++)
		parse_guess(&guess, t->text, t->len, syscall_name(i));
	(void)str_format(hint, sizeof(hint), "did you mean %s?", guess.best ? guess.best : "");
	return parse_error(p, &t->place, guess.best ? hint : NULL,
			   "no system call is called \"%.*s\" on any architecture",
			   (int)MIN(t->len, (size_t)NAME_MAX_SHOWN), t->text);
}

int parse_arch_name(struct parser *p, const struct policy_token *t, enum seccomp_arch *ret)
{
	int arch = policy_token_is(t, "native") ? (int)p->options->native
						: policy_arch_find(t->text, t->len);
	struct parse_guess guess = {0};
	char hint[64];

	if (arch >= 0) {
		*ret = (enum seccomp_arch)arch;
		return 0;
	}
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++) {
		char buf[POLICY_ARCH_MAX];

		guess.best = NULL;
		guess.distance = 3;
		parse_guess(&guess, t->text, t->len, policy_arch_name((enum seccomp_arch)i, buf));
		if (!guess.best)
			continue;
		(void)str_format(hint, sizeof(hint), "did you mean %s?", buf);
		return parse_error(p, &t->place, hint, "no architecture is called \"%.*s\"",
				   (int)MIN(t->len, (size_t)NAME_MAX_SHOWN), t->text);
	}
	return parse_error(p, &t->place, "for example: x86_64, x86, x32, aarch64, arm, s390x",
			   "no architecture is called \"%.*s\"",
			   (int)MIN(t->len, (size_t)NAME_MAX_SHOWN), t->text);
}

/* @@NAME: the policy's own, or a group. */
static int add_set(struct parser *p, struct policy_calls *calls)
{
	const struct policy_token *t = &p->token;
	const char *members = group_members(t->text, t->len);
	struct parse_guess guess = {0};
	char hint[64];

	for (const struct parse_name *n = p->names; n; n = n->next) {
		if (!n->calls)
			continue;
		parse_guess(&guess, t->text, t->len, n->name);
		if (!policy_token_is(t, n->name))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(calls->bits); i++)
			calls->bits[i] |= n->calls->bits[i];
		return 0;
	}
	if (policy_token_is(t, "known")) {
		for (unsigned i = 0; i < SYSCALL_COUNT; i++)
			policy_add_call(calls, i);
		return 0;
	}
	if (members) {
		add_group(calls, members);
		return 0;
	}
	for (const struct policy_group_row *g = policy_group_rows; g->name[0]; g++)
		parse_guess(&guess, t->text, t->len, g->name);
	(void)str_format(hint, sizeof(hint), "did you mean @@%s?", guess.best ? guess.best : "");
	return parse_error(
		p, &t->place, guess.best ? hint : "`let @@NAME = (@call, …);` makes a set",
		"no set is called \"@@%.*s\"", (int)MIN(t->len, (size_t)NAME_MAX_SHOWN), t->text);
}

/* @name or @@name; KERNEL is the caller's, and so are numbers. */
static int add_member(struct parser *p, struct policy_calls *calls)
{
	unsigned call = 0;
	int r;

	if (p->token.kind == TOKEN_SET) {
		r = add_set(p, calls);
	} else if (p->token.kind == TOKEN_CALL) {
		r = parse_call_name(p, &p->token, &call);
		if (r == 0)
			policy_add_call(calls, call);
	} else {
		return parse_unexpected(p, "@call or @@set");
	}
	return r == 0 ? parse_next(p) : r;
}

int parse_call_set(struct parser *p, const struct policy_calls **ret)
{
	struct policy_calls *calls = arena_new(p->arena, struct policy_calls);
	bool many = parse_at_sign(p, SIGN_OPEN);
	int r;

	if (!calls)
		return policy_no_memory(p->log);
	r = many ? parse_next(p) : 0;
	if (r == 0)
		r = add_member(p, calls);
	while (r == 0 && many && parse_at_sign(p, SIGN_COMMA)) {
		r = parse_next(p);
		if (r == 0 && parse_at_sign(p, SIGN_CLOSE))
			break;
		if (r == 0)
			r = add_member(p, calls);
	}
	if (r == 0 && many)
		r = parse_sign(p, SIGN_CLOSE, "\",\" or \")\"");
	*ret = calls;
	return r;
}
