/* The lint. It speaks of what compiles and is probably not what was meant. Pure, host side. */
#include "seccomp/policy/check.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>

#include "base/str.h"
#include "seccomp/policy/arguments.h"
#include "seccomp/policy/differ.h"

static void tell(struct policy_findings *f, enum policy_level level,
		 const struct policy_place *place, const char *where, const char *hint,
		 const char *fmt, ...) _printf_(6, 7);

/* What was said of the same place is not said again. */
static void tell(struct policy_findings *f, enum policy_level level,
		 const struct policy_place *place, const char *where, const char *hint,
		 const char *fmt, ...)
{
	struct policy_finding *new;
	char text[300];
	va_list args;

	va_start(args, fmt);
	(void)str_vformat(text, sizeof(text), fmt, args);
	va_end(args);
	for (const struct policy_finding *k = f->first; k; k = k->next)
		if (k->place == place && str_eq(k->where, where) && str_eq(k->text, text))
			return;
	new = arena_new(f->arena, struct policy_finding);
	if (new) {
		*new = (struct policy_finding){
			.level = level,
			.place = place,
			.where = arena_strdup(f->arena, where),
			.text = arena_strdup(f->arena, text),
			.hint = arena_strdup(f->arena, hint),
		};
	}
	if (!new || !new->where || !new->text || !new->hint) {
		f->failed = true;
		return;
	}
	f->n_warnings += level == POLICY_WARNING;
	if (f->last)
		f->last->next = new;
	else
		f->first = new;
	f->last = new;
}

/* --- rules ------------------------------------------------------------------------------------ */

/* Whether a condition speaks of nothing but calls that no architecture of the map has. */
static bool is_absent(const struct policy_map *map, const struct policy_node *n)
{
	if (n->kind == NODE_AND)
		return is_absent(map, n->left) || is_absent(map, n->right);
	if (n->kind == NODE_OR)
		return is_absent(map, n->left) && is_absent(map, n->right);
	if (n->kind != NODE_CALLS)
		return false;
	for (size_t i = 0; i < map->n_archs; i++) {
		uint32_t nr;

		for (unsigned k = 0; k < SYSCALL_COUNT; k++)
			if (policy_has_call(n->calls, k) &&
			    syscall_number(k, map->archs[i].arch, &nr) == 0)
				return false;
	}
	return true;
}

/* Whether a condition is false for reasons outside of the policy: a capability, an architecture. */
static bool is_switched_off(const struct policy_map *map, const struct policy_node *n)
{
	if (n->kind == NODE_CONST)
		return !n->truth;
	if (n->kind == NODE_AND)
		return is_switched_off(map, n->left) || is_switched_off(map, n->right);
	if (n->kind == NODE_OR)
		return is_switched_off(map, n->left) && is_switched_off(map, n->right);
	if (n->kind != NODE_ARCH)
		return false;
	for (size_t i = 0; i < map->n_archs; i++)
		if (n->archs >> map->archs[i].arch & 1)
			return false;
	return true;
}

void policy_check_unused(const struct policy_map *map, struct policy_findings *f)
{
	for (const struct policy_statement *s = map->rules->first; s; s = s->next) {
		if (map->used[s->number] || is_switched_off(map, s->condition))
			continue;
		if (is_absent(map, s->condition))
			tell(f, POLICY_NOTE, &s->place, "", "",
			     "no architecture of the policy has such a call");
		else
			tell(f, POLICY_WARNING, &s->place, "", "",
			     "the rule never decides: those before it do");
	}
}

/* A comparison with an argument of a call, by what the kernel makes of that argument. */
static void check_cond(const struct policy_statement *s, const struct seccomp_cond *c,
		       unsigned call, enum seccomp_arch arch, struct policy_findings *f)
{
	bool masked = c->op == SECCOMP_OP_MASKED_EQ || c->op == SECCOMP_OP_MASKED_NE;
	struct policy_argument argument;
	const char *name;
	uint8_t index;
	size_t len;

	for (unsigned i = 0; i < 6; i++) {
		uint64_t all = UINT32_MAX;

		if (policy_argument_at(call, i, &name, &len, &argument) < 0 ||
		    policy_argument_place(call, &argument, arch, &index) < 0 || index != c->arg)
			continue;
		if (argument.width == POLICY_WIDTH_POINTER && (masked || c->value > 0)) {
			tell(f, POLICY_WARNING, &s->place, "",
			     "a filter sees the address, not what is there",
			     "argument %u of %s is a pointer", c->arg, syscall_name(call));
			return;
		}
		if (argument.width == POLICY_WIDTH_16)
			all = 0xffff;
		if (argument.width > POLICY_WIDTH_32 || (masked && c->mask <= all) ||
		    (argument.width == POLICY_WIDTH_32 && seccomp_arch_info(arch)->bits == 32))
			return;
		tell(f, POLICY_WARNING, &s->place, "",
		     "compare it by its name, which looks at what the kernel looks at",
		     "the kernel ignores the upper bits of argument %u of %s, and programs may set "
		     "them: %s(%.*s …)",
		     c->arg, syscall_name(call), syscall_name(call), (int)len, name);
		return;
	}
}

static void check_arguments(const struct policy_map *map, struct policy_findings *f)
{
	for (size_t i = 0; i < map->n_archs; i++) {
		const struct policy_arch *arch = &map->archs[i];

		for (unsigned call = 0; call < SYSCALL_COUNT; call++) {
			const struct policy_range *range;
			uint32_t nr;

			if (syscall_number(call, arch->arch, &nr) < 0)
				continue;
			range = policy_find_range(map, arch->arch, nr);
			/* What is said of many calls at once says nothing of one's arguments. */
			if (!range || range->first != range->last)
				continue;
			for (const struct policy_case *k = range->cases; k; k = k->next)
				for (uint32_t n = 0; n < k->n_conds; n++)
					check_cond(k->statement, &k->conds[n], call, arch->arch, f);
		}
	}
}

void policy_check_rules(const struct policy_map *map, struct policy_findings *f)
{
	policy_check_unused(map, f);
	check_arguments(map, f);
}

/* --- profiles --------------------------------------------------------------------------------- */

void policy_check_profile(const struct spec_seccomp *spec, struct policy_findings *f)
{
	for (size_t i = 0; i < spec->n_syscalls; i++) {
		const struct spec_seccomp_syscall *s = &spec->syscalls[i];
		char where[40];
		uint32_t seen = 0;

		(void)str_format(where, sizeof(where), "syscalls[%zu].args", i);
		for (size_t k = 0; k < s->n_args; k++) {
			uint32_t bit = 1U << (s->args[k].index & 31);

			if (seen & bit)
				tell(f, POLICY_WARNING, NULL, where,
				     "a policy says \"and\" and \"or\" as it means them",
				     "argument %u occurs twice, so any one of the conditions is "
				     "enough; with different arguments all must hold",
				     s->args[k].index);
			seen |= bit;
		}
	}
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* How weak a verdict can be, and how strict. */
struct verdict {
	bool exists; /* the architecture has the call */
	bool depends;
	unsigned weakest, strictest;
};

#define RANK_ALLOW 7

static void take(struct verdict *v, seccomp_action action)
{
	unsigned rank = policy_action_rank(action);

	v->weakest = MAX(v->weakest, rank);
	v->strictest = MIN(v->strictest, rank);
}

static struct verdict verdict_of(const struct seccomp_policy *p, const struct seccomp_abi *abi,
				 const char *name)
{
	int call = syscall_from_name(name);
	struct verdict v = {.strictest = RANK_ALLOW};
	uint32_t nr;

	if (call < 0 || syscall_number((unsigned)call, abi->arch, &nr) < 0)
		return v;
	v.exists = true;
	for (size_t i = 0; i < abi->n_entries; i++) {
		const struct seccomp_entry *entry = &abi->entries[i];

		if (nr < entry->nr || nr > entry->last)
			continue;
		take(&v, entry->action);
		v.depends = entry->rules != NULL;
		for (const struct seccomp_rule *r = entry->rules; r; r = r->next)
			take(&v, r->action);
		return v;
	}
	take(&v, abi->has_last && nr > abi->last ? p->unknown_action : p->default_action);
	return v;
}

/* Calls that are there twice where registers have 32 bits: for wide times, offsets and ids. */
static void check_twins(const struct seccomp_policy *p, const struct seccomp_abi *abi,
			struct policy_findings *f)
{
	static const char *const endings[] = {"_time64", "64", "32"};
	char arch[POLICY_ARCH_MAX], twin[80];

	if (seccomp_arch_info(abi->arch)->bits == 64 || abi->arch == SECCOMP_ARCH_X32)
		return;
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		const char *name = syscall_name(i);
		struct verdict one = verdict_of(p, abi, name), other;

		for (size_t k = 0; k < ARRAY_SIZE(endings) && one.exists; k++) {
			(void)str_format(twin, sizeof(twin), "%s%s", name, endings[k]);
			other = verdict_of(p, abi, twin);
			if (!other.exists ||
			    (one.weakest == RANK_ALLOW) == (other.weakest == RANK_ALLOW))
				continue;
			tell(f, POLICY_WARNING, NULL, policy_arch_name(abi->arch, arch),
			     "C libraries use one or the other",
			     "%s is allowed, and %s, which does the same, is not",
			     one.weakest == RANK_ALLOW ? name : twin,
			     one.weakest == RANK_ALLOW ? twin : name);
		}
	}
}

/* What a filter for clone(2) is worth where clone3(2), whose flags are in memory, is allowed. */
static void check_clone(const struct seccomp_policy *p, const struct seccomp_abi *abi,
			struct policy_findings *f)
{
	struct verdict clone = verdict_of(p, abi, "clone"), clone3 = verdict_of(p, abi, "clone3");
	char arch[POLICY_ARCH_MAX];

	if (!clone.exists || !clone3.exists)
		return;
	if (clone.strictest < RANK_ALLOW && clone3.weakest == RANK_ALLOW)
		tell(f, POLICY_WARNING, NULL, policy_arch_name(abi->arch, arch),
		     "deny clone3 with ENOSYS: C libraries use clone then",
		     "clone is restricted, and clone3, which does the same, is allowed");
}

static void check_dangers(const struct seccomp_policy *p, const struct seccomp_abi *abi,
			  struct policy_findings *f)
{
	static const char *const needed[] = {"execve", "exit_group", "rt_sigreturn"};
	char arch[POLICY_ARCH_MAX];

	(void)policy_arch_name(abi->arch, arch);
	if (verdict_of(p, abi, "io_uring_setup").weakest == RANK_ALLOW)
		tell(f, POLICY_WARNING, NULL, arch,
		     "deny @@aio's io_uring calls where no program needs them",
		     "io_uring is allowed: what goes through its rings no filter sees");
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		struct verdict v = verdict_of(p, abi, needed[i]);

		if (v.exists && policy_action_rank(SECCOMP_RET_ERRNO) >= v.weakest)
			tell(f, POLICY_WARNING, NULL, arch,
			     i ? "" : "the runtime executes the program under the filter",
			     "%s is denied: no program can run", needed[i]);
	}
	if (verdict_of(p, abi, "sendmsg").weakest == policy_action_rank(SECCOMP_RET_USER_NOTIF))
		tell(f, POLICY_NOTE, NULL, arch, "",
		     "sendmsg notifies: runtimes other than this one wait for themselves then");
}

void policy_check_verdicts(const struct seccomp_policy *p, struct policy_findings *f)
{
	bool is_errno = (p->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
	bool tells_unknown = p->unknown_action == (SECCOMP_RET_ERRNO | ENOSYS);

	for (size_t i = 0; i < p->n_abis; i++) {
		const struct seccomp_abi *abi = &p->abis[i];
		const struct seccomp_entry *last =
			abi->n_entries ? &abi->entries[abi->n_entries - 1] : NULL;

		check_clone(p, abi, f);
		check_twins(p, abi, f);
		check_dangers(p, abi, f);
		tells_unknown |= last && last->last != last->nr &&
				 last->action == (SECCOMP_RET_ERRNO | ENOSYS);
	}
	if (is_errno && !tells_unknown)
		tell(f, POLICY_NOTE, NULL, "",
		     "`$syscall not in @@known => ERRNO(ENOSYS);` before the default",
		     "calls newer than the policy do not get ENOSYS, so programs do not try older "
		     "ones in their place");
}
