/* Profiles to policies. Pure, host side.
 *
 * What a profile means is not in its order (seccomp/compile/oci.c says in what), so it is not
 * rewritten rule by rule: the compiled profile is written down, by names. Calls that mean the same
 * on all architectures come first, those that do not in blocks for each. */
#include "seccomp/policy/from-oci.h"

#include <errno.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "seccomp/policy/text.h"

#define LINE_WIDTH 100

struct writer {
	struct policy_text t;
	const struct spec_seccomp *spec;
	const struct seccomp_policy *policy;
	/* Calls that are written down. */
	bool told[SYSCALL_COUNT];
};

static const struct seccomp_entry *entry_of(const struct seccomp_abi *abi, uint32_t nr)
{
	for (size_t i = 0; i < abi->n_entries; i++)
		if (abi->entries[i].nr <= nr && nr <= abi->entries[i].last)
			return &abi->entries[i];
	return NULL;
}

static bool rules_equal(const struct seccomp_rule *x, const struct seccomp_rule *y)
{
	for (; x && y; x = x->next, y = y->next) {
		if (x->action != y->action || x->n_conds != y->n_conds)
			return false;
		for (uint32_t i = 0; i < x->n_conds; i++) {
			const struct seccomp_cond *a = &x->conds[i], *b = &y->conds[i];

			if (a->arg != b->arg || a->op != b->op || a->value != b->value ||
			    (a->op == SECCOMP_OP_MASKED_EQ && a->mask != b->mask))
				return false;
		}
	}
	return !x && !y;
}

/* What is said of a call on all architectures that have it; NULL where they do not agree, or where
 * the default is all there is on each. */
static const struct seccomp_entry *common_entry(const struct writer *w, unsigned call)
{
	const struct seccomp_entry *found = NULL;
	bool any = false;

	for (size_t i = 0; i < w->policy->n_abis; i++) {
		const struct seccomp_abi *abi = &w->policy->abis[i];
		const struct seccomp_entry *entry;
		uint32_t nr;

		if (syscall_number(call, abi->arch, &nr) < 0)
			continue;
		entry = entry_of(abi, nr);
		if (any &&
		    (!entry != !found || (entry && (entry->action != found->action ||
						    !rules_equal(entry->rules, found->rules)))))
			return NULL;
		any = true;
		found = entry;
	}
	return found;
}

/* --- pieces of text --------------------------------------------------------------------------- */

static void add_number(struct policy_text *t, uint64_t v)
{
	policy_text_add(t, v < 1000 ? "%llu" : "0x%llx", (unsigned long long)v);
}

static void add_cond(struct policy_text *t, const struct seccomp_cond *c)
{
	static const char signs[][4] = {
		[SECCOMP_OP_NE] = "!=",        [SECCOMP_OP_LT] = "<",
		[SECCOMP_OP_LE] = "<=",        [SECCOMP_OP_EQ] = "==",
		[SECCOMP_OP_GE] = ">=",        [SECCOMP_OP_GT] = ">",
		[SECCOMP_OP_MASKED_EQ] = "==", [SECCOMP_OP_MASKED_NE] = "!=",
	};
	policy_text_add(t, "$arg%u", c->arg);
	if (c->op == SECCOMP_OP_MASKED_EQ || c->op == SECCOMP_OP_MASKED_NE) {
		policy_text_add(t, " & ");
		add_number(t, c->mask);
	}
	policy_text_add(t, " %s ", signs[c->op]);
	add_number(t, c->value);
}

static void add_action(struct policy_text *t, seccomp_action action)
{
	char buf[POLICY_ACTION_MAX];

	policy_text_add(t, " => %s;\n", policy_action_text(action, buf));
}

/* The rules of one call, which the table knows or not, and what is left of it. */
static void add_rules(struct writer *w, const char *indent, const char *call,
		      const struct seccomp_entry *entry)
{
	for (const struct seccomp_rule *r = entry->rules; r; r = r->next) {
		policy_text_add(&w->t, "%s%s(", indent, call);
		for (uint32_t i = 0; i < r->n_conds; i++) {
			policy_text_add(&w->t, i ? " && " : "");
			add_cond(&w->t, &r->conds[i]);
		}
		policy_text_add(&w->t, ")");
		add_action(&w->t, r->action);
	}
}

/* --- calls that all architectures agree about ------------------------------------------------- */

/* All calls that always have this action, in one set. */
static void add_set(struct writer *w, seccomp_action action)
{
	bool first = true;

	policy_text_add(&w->t, "\n$syscall in (");
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		const struct seccomp_entry *entry = w->told[i] ? NULL : common_entry(w, i);
		const char *name = syscall_name(i);

		if (!entry || entry->rules || entry->action != action)
			continue;
		w->told[i] = true;
		if (!first)
			policy_text_add(&w->t, ",");
		if (w->t.column + strlen(name) + 4 > LINE_WIDTH)
			policy_text_add(&w->t, "\n\t@%s", name);
		else
			policy_text_add(&w->t, first ? "@%s" : " @%s", name);
		first = false;
	}
	policy_text_add(&w->t, ")");
	add_action(&w->t, action);
}

static void add_common(struct writer *w)
{
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		const struct seccomp_entry *entry = common_entry(w, i);

		if (!entry || !entry->rules)
			continue;
		w->told[i] = true;
		add_rules(w, "", syscall_name(i), entry);
	}
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		const struct seccomp_entry *entry = w->told[i] ? NULL : common_entry(w, i);

		if (entry)
			add_set(w, entry->action);
	}
}

/* --- what is left of each architecture -------------------------------------------------------- */

static int find_call(enum seccomp_arch arch, uint32_t nr)
{
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		uint32_t number;

		if (syscall_number(i, arch, &number) == 0 && number == nr)
			return (int)i;
	}
	return -ENOENT;
}

static void add_entry(struct writer *w, const struct seccomp_abi *abi,
		      const struct seccomp_entry *entry)
{
	int call = find_call(abi->arch, entry->nr);

	if (call >= 0 && w->told[call])
		return;
	if (call < 0) /* profiles speak by name, and all names are in the table */
		return;
	add_rules(w, "\t", syscall_name((unsigned)call), entry);
	if (entry->rules)
		return;
	policy_text_add(&w->t, "\t%s()", syscall_name((unsigned)call));
	add_action(&w->t, entry->action);
}

/* Numbers above all that the profile names. */
static void add_unknown(struct writer *w, const struct seccomp_abi *abi)
{
	seccomp_action action = w->policy->unknown_action;

	if (action == w->policy->default_action)
		return;
	if ((abi->arch == SECCOMP_ARCH_S390 || abi->arch == SECCOMP_ARCH_S390X) && abi->has_last &&
	    !entry_of(abi, 0)) {
		policy_text_add(&w->t, "\t$syscall == 0");
		add_action(&w->t, action);
	}
	if (abi->has_last) {
		policy_text_add(&w->t, "\t$syscall > %u", abi->last);
		if (abi->has_last_private)
			policy_text_add(&w->t, " && $syscall < %u", SECCOMP_ARM_PRIVATE);
		add_action(&w->t, action);
	}
	if (abi->has_last_private) {
		policy_text_add(&w->t, "\t$syscall > %u", abi->last_private);
		add_action(&w->t, action);
	}
}

static void add_abi(struct writer *w, const struct seccomp_abi *abi)
{
	char name[POLICY_ARCH_MAX];
	size_t start, len;

	policy_text_add(&w->t, "\n");
	start = w->t.len - 1;
	policy_text_add(&w->t, "on %s {\n", policy_arch_name(abi->arch, name));
	len = w->t.len;
	for (size_t i = 0; i < abi->n_entries; i++)
		add_entry(w, abi, &abi->entries[i]);
	add_unknown(w, abi);
	if (w->t.len == len)
		w->t.len = start; /* nothing to say */
	else
		policy_text_add(&w->t, "}\n");
}

/* --- the policy ------------------------------------------------------------------------------- */

static void add_head(struct writer *w)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{SECCOMP_FILTER_FLAG_LOG, "LOG"},
		{SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SPEC_ALLOW"},
		{1UL << 5, "WAIT_KILLABLE_RECV"},
	};
	const struct seccomp_policy *p = w->policy;
	uint32_t archs = 0;
	bool first = true;
	char name[POLICY_ARCH_MAX];

	for (size_t i = 0; i < w->spec->architectures.n; i++)
		archs |= 1U << seccomp_arch_from_name(w->spec->architectures.items[i]);
	policy_text_add(&w->t, "arch %s", policy_arch_name(p->abis[0].arch, name));
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++)
		if (archs >> i & 1 && i != (int)p->abis[0].arch)
			policy_text_add(&w->t, ", %s",
					policy_arch_name((enum seccomp_arch)i, name));
	policy_text_add(&w->t, ";\n");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!(p->flags & flags[i].flag))
			continue;
		policy_text_add(&w->t, "%s%s", first ? "flags " : ", ", flags[i].name);
		first = false;
	}
	policy_text_add(&w->t, first ? "" : ";\n");
	policy_text_add(&w->t, "$arch not in (");
	for (size_t i = 0; i < p->n_abis; i++)
		policy_text_add(&w->t, "%s@%s", i ? ", " : "",
				policy_arch_name(p->abis[i].arch, name));
	policy_text_add(&w->t, ")");
	add_action(&w->t, p->bad_arch_action);
	policy_text_add(&w->t, "\n");
}

int policy_from_oci(struct arena *a, const struct spec_seccomp *spec,
		    const struct seccomp_policy *policy, const char **ret)
{
	struct writer w = {.spec = spec, .policy = policy};
	char buf[POLICY_ACTION_MAX];

	policy_text_init(&w.t, a);
	add_head(&w);
	add_common(&w);
	for (size_t i = 0; i < policy->n_abis && !w.t.failed; i++)
		add_abi(&w, &policy->abis[i]);
	policy_text_add(&w.t, "\ndefault => %s;\n",
			policy_action_text(policy->default_action, buf));
	*ret = w.t.text;
	return w.t.failed ? -ENOMEM : 0;
}
