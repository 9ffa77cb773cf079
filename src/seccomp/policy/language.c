/* The map of a policy as a value for the emitter, and questions to it. Pure, host side. */
#include "seccomp/policy/language.h"

#include <errno.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/policy/cases.h"
#include "seccomp/policy/constants.h"

/* --- names ------------------------------------------------------------------------------------ */

#define ARCH_PREFIX "SCMP_ARCH_"

const char *policy_arch_name(enum seccomp_arch arch, char buf[static POLICY_ARCH_MAX])
{
	const char *name = seccomp_arch_info(arch)->name + strlen(ARCH_PREFIX);
	size_t i = 0;

	for (; name[i]; i++)
		buf[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
	buf[i] = '\0';
	return buf;
}

int policy_arch_find(const char *name, size_t len)
{
	/* As engines and package managers have it. */
	static const struct {
		const char name[8];
		enum seccomp_arch arch;
	} others[] = {
		{"amd64", SECCOMP_ARCH_X86_64},
		{"i386", SECCOMP_ARCH_X86},
		{"arm64", SECCOMP_ARCH_AARCH64},
	};
	char buf[POLICY_ARCH_MAX];

	for (int i = 0; i < SECCOMP_ARCH_MAX; i++) {
		(void)policy_arch_name((enum seccomp_arch)i, buf);
		if (strlen(buf) == len && memcmp(buf, name, len) == 0)
			return i;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strlen(others[i].name) == len && memcmp(others[i].name, name, len) == 0)
			return (int)others[i].arch;
	return -ENOENT;
}

const char *policy_action_text(seccomp_action action, char buf[static POLICY_ACTION_MAX])
{
	uint32_t data = action & SECCOMP_RET_DATA;
	const char *name = policy_errno_name((int)data), *word = NULL;

	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		word = "ALLOW()";
		break;
	case SECCOMP_RET_LOG:
		word = "LOG()";
		break;
	case SECCOMP_RET_USER_NOTIF:
		word = "NOTIFY()";
		break;
	case SECCOMP_RET_KILL_PROCESS:
		word = "KILL_PROCESS()";
		break;
	case SECCOMP_RET_KILL_THREAD:
		word = "KILL_THREAD()";
		break;
	case SECCOMP_RET_TRAP:
		if (data)
			(void)str_format(buf, POLICY_ACTION_MAX, "TRAP(%u)", data);
		word = data ? buf : "TRAP()";
		break;
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_ERRNO:
		word = (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO ? "ERRNO" : "TRACE";
		if (name)
			(void)str_format(buf, POLICY_ACTION_MAX, "%s(%s)", word, name);
		else
			(void)str_format(buf, POLICY_ACTION_MAX, "%s(%u)", word, data);
		return buf;
	default:
		(void)str_format(buf, POLICY_ACTION_MAX, "0x%08x", action);
		return buf;
	}
	if (word != buf)
		(void)str_copy(buf, POLICY_ACTION_MAX, word);
	return buf;
}

/* --- the value -------------------------------------------------------------------------------- */

static bool is_notify(seccomp_action action)
{
	return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF;
}

/* Lists that ranges share are made once: that of @range, if one of the @n before it has it. */
static const struct seccomp_rule *shared(const struct policy_arch *arch, size_t n,
					 const struct policy_case *cases,
					 const struct seccomp_entry *entries)
{
	for (size_t i = 0; i < n; i++)
		if (arch->ranges[i].cases == cases)
			return entries[i].rules;
	return NULL;
}

static int make_rules(struct arena *a, const struct policy_case *cases,
		      const struct seccomp_rule **ret)
{
	struct seccomp_rule *last = NULL;

	*ret = NULL;
	for (; cases; cases = cases->next) {
		struct seccomp_rule *rule = arena_new(a, struct seccomp_rule);

		if (!rule)
			return -ENOMEM;
		rule->action = cases->statement->action;
		rule->n_conds = cases->n_conds;
		rule->conds = cases->conds;
		if (last)
			last->next = rule;
		else
			*ret = rule;
		last = rule;
	}
	return 0;
}

static int make_entries(struct arena *a, const struct policy_arch *arch, struct seccomp_policy *p,
			struct seccomp_abi *ret)
{
	struct seccomp_entry *entries = arena_newn(a, struct seccomp_entry, arch->n);

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < arch->n; i++) {
		const struct policy_range *range = &arch->ranges[i];

		entries[i] = (struct seccomp_entry){
			.nr = range->first,
			.last = range->last,
			.action = range->otherwise->action,
		};
		p->notify |= is_notify(entries[i].action);
		if (!range->cases)
			continue;
		entries[i].rules = shared(arch, i, range->cases, entries);
		if (!entries[i].rules && make_rules(a, range->cases, &entries[i].rules) < 0)
			return -ENOMEM;
		for (const struct seccomp_rule *r = entries[i].rules; r; r = r->next)
			p->notify |= is_notify(r->action);
	}
	*ret = (struct seccomp_abi){.arch = arch->arch, .entries = entries, .n_entries = arch->n};
	return 0;
}

/* What is said where nothing else is: the rule for everything. */
static seccomp_action default_action(const struct policy_rules *rules)
{
	for (const struct policy_statement *s = rules->first; s; s = s->next)
		if (s->condition->kind == NODE_CONST && s->condition->truth)
			return s->action;
	return SECCOMP_RET_KILL_PROCESS;
}

int policy_to_seccomp(struct arena *a, const struct policy_map *map, struct seccomp_policy *ret)
{
	struct seccomp_policy p = {
		.default_action = default_action(map->rules),
		.bad_arch_action = map->foreign,
		.n_abis = map->n_archs,
	};

	p.unknown_action = p.default_action;
	p.notify = is_notify(p.default_action) || is_notify(p.bad_arch_action);
	p.abis = arena_newn(a, struct seccomp_abi, map->n_archs);
	if (!p.abis)
		return -ENOMEM;
	for (size_t i = 0; i < map->n_archs; i++)
		if (make_entries(a, &map->archs[i], &p, &p.abis[i]) < 0)
			return -ENOMEM;
	p.flags = seccomp_final_flags(map->rules->flags, p.notify);
	*ret = p;
	return 0;
}

/* --- questions -------------------------------------------------------------------------------- */

const struct policy_range *policy_find_range(const struct policy_map *map, enum seccomp_arch arch,
					     uint32_t nr)
{
	for (size_t i = 0; i < map->n_archs; i++) {
		const struct policy_arch *k = &map->archs[i];

		if (k->arch != arch)
			continue;
		for (size_t n = 0; n < k->n; n++)
			if (nr >= k->ranges[n].first && nr <= k->ranges[n].last)
				return &k->ranges[n];
	}
	return NULL;
}

const struct policy_statement *policy_decide(const struct policy_map *map, enum seccomp_arch arch,
					     uint32_t nr, const uint64_t args[static 6])
{
	const struct policy_range *range = policy_find_range(map, arch, nr);
	unsigned bits = seccomp_arch_info(arch)->bits;

	if (!range)
		return map->foreign_by;
	for (const struct policy_case *c = range->cases; c; c = c->next) {
		uint32_t i = 0;

		while (i < c->n_conds && case_cond_holds(&c->conds[i], args[c->conds[i].arg], bits))
			i++;
		if (i == c->n_conds)
			return c->statement;
	}
	return range->otherwise;
}
