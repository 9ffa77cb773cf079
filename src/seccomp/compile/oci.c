/* linux.seccomp of a configuration to a policy. Pure, host side.
 *
 * Engines and their users have written profiles against libseccomp, driven by runc and crun, so a
 * profile means here what it means there:
 *
 * - A rule whose action is the default's is as if it were not there.
 * - An argument that occurs twice in a rule makes each of its conditions a rule of its own: any may
 *   match. Otherwise all conditions must.
 * - For one call, a rule without conditions beats those with conditions, and the first of several.
 *   Rules with conditions are tried in the order of seccomp_rule_precedes(), not in that of the
 * profile.
 * - Architectures of 32 bits, and x32, look at the low halves of arguments and values.
 * - Where sockets and System V IPC may also go through socketcall(2) and ipc(2), a rule for such a
 *   call is one for the corresponding subcall too. Its condition on the first argument is lost
 *   there (the subcall takes that place), the others stay.
 * - The native architecture is part of every policy.
 *
 * Where libseccomp refuses a profile because two rules for the same arguments differ in their
 * action, the first one counts. */
#include <errno.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif

#define ARGS 6

/* Rules for one number, and numbers, for which there is a place. */
#define RULES_MAX 2048
#define SLOTS     (SYSCALL_NUMBER_MAX + 16)

/* --- a policy under construction -------------------------------------------------------------- */

struct draft_entry {
	struct seccomp_rule *rules;
	seccomp_action action;
	uint16_t n_rules;
	bool constant;
};

struct draft_abi {
	const struct seccomp_arch_info *info;
	uint16_t slots[SLOTS]; /* index into entries, from 1 on; by number without the base */
	struct draft_entry *entries;
	size_t n_entries;
};

/* One rule of the profile, its conditions in the forms that architectures want. */
struct conjunction {
	struct seccomp_cond conds[ARGS + 1]; /* room for a subcall in front */
	size_t n;
};

struct alternative {
	bool has[ARGS];
	struct seccomp_cond conds[ARGS];
};

struct builder {
	struct arena *arena;
	const struct spec_seccomp *spec;
	const struct seccomp_options *options;
	struct seccomp_policy *policy;
	struct draft_abi *drafts;
	struct seccomp_warning *first_warning, *last_warning;
	uint8_t subcalls[SYSCALL_COUNT]; /* see subcall_list */
	struct err *e;
};

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_INTERNAL, -ENOMEM, "compile the seccomp profile");
}

static int invalid(struct err *e, const char *text, const char *value)
{
	return err_set(e, ERR_CONFIG_INVALID, -EINVAL, "%s, got \"%.64s\"", text, value);
}

/* --- names ------------------------------------------------------------------------------------ */

static const struct {
	const char name[24];
	seccomp_action action;
	uint16_t data_max; /* of errnoRet; 0 where there is none */
} action_list[] = {
	{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, 0},
	{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, 4095}, /* the kernel takes what is above for 4095 */
	{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, 0},
	{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, 0},
	{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, 0},
	{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, 0},
	{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, 0xffff},
	{"SCMP_ACT_LOG", SECCOMP_RET_LOG, 0},
	{"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF, 0},
};

static const char op_list[][24] = {
	[SECCOMP_OP_NE] = "SCMP_CMP_NE",
	[SECCOMP_OP_LT] = "SCMP_CMP_LT",
	[SECCOMP_OP_LE] = "SCMP_CMP_LE",
	[SECCOMP_OP_EQ] = "SCMP_CMP_EQ",
	[SECCOMP_OP_GE] = "SCMP_CMP_GE",
	[SECCOMP_OP_GT] = "SCMP_CMP_GT",
	[SECCOMP_OP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

static const struct {
	const char name[40];
	uint32_t flag;
} flag_list[] = {
	/* Init has one thread, and the kernel refuses the flag beside a listener. */
	{"SECCOMP_FILTER_FLAG_TSYNC", 0},
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

/* What socketcall(2) and ipc(2) can do, by the kernel's SYS_* (linux/net.h) and, plus 100, by
 * its ipc call numbers (linux/ipc.h). */
static const struct {
	const char name[16];
	uint8_t code;
} subcall_list[] = {
	{"socket", 1},    {"bind", 2},        {"connect", 3},     {"listen", 4},
	{"accept", 5},    {"getsockname", 6}, {"getpeername", 7}, {"socketpair", 8},
	{"send", 9},      {"recv", 10},       {"sendto", 11},     {"recvfrom", 12},
	{"shutdown", 13}, {"setsockopt", 14}, {"getsockopt", 15}, {"sendmsg", 16},
	{"recvmsg", 17},  {"accept4", 18},    {"recvmmsg", 19},   {"sendmmsg", 20},
	{"semop", 101},   {"semget", 102},    {"semctl", 103},    {"semtimedop", 104},
	{"msgsnd", 111},  {"msgrcv", 112},    {"msgget", 113},    {"msgctl", 114},
	{"shmat", 121},   {"shmdt", 122},     {"shmget", 123},    {"shmctl", 124},
};
#define SUBCALL_IPC 100

/* The error number is NULL where the profile has none; its error is told from the action's by
 * *@ret_errno_wrong. */
static int parse_action(const char *name, const uint32_t *errno_ret, seccomp_action *ret,
			bool *ret_errno_wrong, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(action_list); i++) {
		uint32_t max = action_list[i].data_max;

		if (!str_eq(name, action_list[i].name))
			continue;
		*ret_errno_wrong = true;
		if (errno_ret && max == 0)
			return err_set(e, ERR_CONFIG_INVALID, -EINVAL,
				       "%s has no error number to return", name);
		if (errno_ret && *errno_ret > max)
			return err_set(e, ERR_CONFIG_INVALID, -EINVAL,
				       "expected a number up to %u, got %u", max, *errno_ret);
		*ret = action_list[i].action;
		if (max)
			*ret |= errno_ret ? *errno_ret : EPERM;
		return 0;
	}
	*ret_errno_wrong = false;
	return invalid(e, "expected an action of seccomp", name);
}

static int parse_op(const char *name, uint8_t *ret, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_SIZE(op_list); i++) {
		if (str_eq(name, op_list[i])) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	return invalid(e, "expected an operator of seccomp", name);
}

int seccomp_parse_flags(const struct str_list *flags, uint32_t *ret, struct err *e)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < flags->n; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(flag_list) && !str_eq(flags->items[i], flag_list[k].name))
			k++;
		if (k == ARRAY_SIZE(flag_list)) {
			(void)invalid(e, "expected a flag of seccomp", flags->items[i]);
			return err_where(e, "linux.seccomp.flags[%zu]", i);
		}
		mask |= flag_list[k].flag;
	}
	*ret = mask;
	return 0;
}

uint32_t seccomp_final_flags(uint32_t flags, bool notify)
{
	if (notify)
		return flags | SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return flags & ~(uint32_t)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
}

/* --- architectures ---------------------------------------------------------------------------- */

static bool has_arch(const struct seccomp_policy *p, enum seccomp_arch arch)
{
	for (size_t i = 0; i < p->n_abis; i++)
		if (p->abis[i].arch == arch)
			return true;
	return false;
}

/* Architectures that this machine's kernel never reports are left out: nothing can match them. */
static int parse_architectures(struct builder *b)
{
	const struct str_list *list = &b->spec->architectures;
	struct seccomp_policy *p = b->policy;

	p->abis = arena_newn(b->arena, struct seccomp_abi, SECCOMP_ARCH_MAX);
	b->drafts = arena_newn(b->arena, struct draft_abi, MIN(list->n + 1, SECCOMP_ARCH_MAX));
	if (!p->abis || !b->drafts)
		return no_memory(b->e);
	p->abis[p->n_abis++].arch = b->options->native;
	for (size_t i = 0; i < list->n; i++) {
		int arch = seccomp_arch_from_name(list->items[i]);

		if (arch < 0) {
			(void)invalid(b->e, "expected an architecture of seccomp", list->items[i]);
			return err_where(b->e, "linux.seccomp.architectures[%zu]", i);
		}
		if (seccomp_arch_info(arch)->family !=
			    seccomp_arch_info(b->options->native)->family ||
		    has_arch(p, arch))
			continue;
		p->abis[p->n_abis++].arch = arch;
	}
	for (size_t i = 0; i < p->n_abis; i++) {
		b->drafts[i].info = seccomp_arch_info(p->abis[i].arch);
		b->drafts[i].entries = arena_newn(b->arena, struct draft_entry, SYSCALL_COUNT);
		if (!b->drafts[i].entries)
			return no_memory(b->e);
	}
	return 0;
}

/* --- rules of one number ---------------------------------------------------------------------- */

/* The class of an operator in the order of rules: larger first. */
static int op_class(uint8_t op)
{
	switch (op) {
	case SECCOMP_OP_LT:
	case SECCOMP_OP_LE:
		return 2;
	case SECCOMP_OP_GT:
	case SECCOMP_OP_GE:
		return 1;
	default:
		return 3;
	}
}

/* The comparison that libseccomp makes of one half of an argument, where it shares those of
 * different rules: the operator after turning NE, LT and LE around. */
static int shared_op(uint8_t op, bool high)
{
	switch (op) {
	case SECCOMP_OP_NE:
	case SECCOMP_OP_EQ:
		return SECCOMP_OP_EQ;
	case SECCOMP_OP_LT:
	case SECCOMP_OP_GE:
		return high ? SECCOMP_OP_GT : SECCOMP_OP_GE;
	case SECCOMP_OP_LE:
	case SECCOMP_OP_GT:
		return SECCOMP_OP_GT;
	default:
		return SECCOMP_OP_MASKED_EQ;
	}
}

static uint32_t half(uint64_t v, bool high)
{
	return (uint32_t)(high ? v >> 32 : v);
}

/* How @x and @n, which look at the same argument, stand in libseccomp's order as far as one half
 * goes. Returns > 0 if @n comes before @x, < 0 if it stays behind, and 0, with *@ret_shared, if
 * both share the comparison so that what follows decides. */
static int compare_half(const struct seccomp_cond *x, const struct seccomp_cond *n, bool high)
{
	uint32_t xv = half(x->value, high), nv = half(n->value, high);

	if (shared_op(x->op, high) == shared_op(n->op, high) && xv == nv &&
	    (x->op != SECCOMP_OP_MASKED_EQ || half(x->mask, high) == half(n->mask, high)))
		return 0;
	if (op_class(x->op) != op_class(n->op))
		return op_class(x->op) < op_class(n->op) ? 1 : -1;
	/* Small bounds from above come first, else large values. */
	if (op_class(x->op) == 2)
		return xv > nv ? 1 : -1;
	return xv < nv ? 1 : -1;
}

/* Unspecified by libseccomp, but profiles rely on it: the
 * engines' deny one address family by one rule and allow all but another by the next. The order is
 * by the first argument that the rules look at, the last one first; then equality before bounds
 * from above before bounds from below; then by value, high half first; then by the conditions
 * that follow. What is less precise comes first, what came first stays first. */
bool seccomp_rule_precedes(const struct seccomp_rule *n, const struct seccomp_rule *x,
			   unsigned bits)
{
	for (size_t i = 0; i < n->n_conds && i < x->n_conds; i++) {
		const struct seccomp_cond *nc = &n->conds[i], *xc = &x->conds[i];
		int order = 0;

		if (nc->arg != xc->arg)
			return nc->arg > xc->arg;
		if (bits == 64)
			order = compare_half(xc, nc, true);
		if (order == 0)
			order = compare_half(xc, nc, false);
		if (order != 0)
			return order > 0;
		if (nc->op != xc->op)
			return false; /* the two exclude each other */
	}
	return n->n_conds < x->n_conds;
}

static bool conds_equal(const struct seccomp_rule *x, const struct seccomp_rule *n)
{
	if (x->n_conds != n->n_conds)
		return false;
	for (size_t i = 0; i < x->n_conds; i++) {
		const struct seccomp_cond *a = &x->conds[i], *b = &n->conds[i];

		if (a->arg != b->arg || a->op != b->op || a->value != b->value ||
		    a->mask != b->mask)
			return false;
	}
	return true;
}

static int insert_rule(struct builder *b, struct draft_entry *entry, struct seccomp_rule *rule,
		       unsigned bits)
{
	const struct seccomp_rule **at = (const struct seccomp_rule **)&entry->rules;
	const struct seccomp_rule **before = NULL;

	for (; *at; at = &((struct seccomp_rule *)*at)->next) {
		if (conds_equal(*at, rule))
			return 0;
		if (!before && seccomp_rule_precedes(rule, *at, bits))
			before = at;
	}
	if (++entry->n_rules > RULES_MAX)
		return err_set(b->e, ERR_CONFIG_INVALID, -E2BIG,
			       "more than %d rules for one system call", RULES_MAX);
	if (!before)
		before = at;
	rule->next = *before;
	*before = rule;
	return 0;
}

static struct draft_entry *draft_entry(struct draft_abi *abi, uint32_t nr)
{
	uint32_t slot = nr - abi->info->base;

	if (slot >= SECCOMP_ARM_PRIVATE)
		slot = slot - SECCOMP_ARM_PRIVATE + SYSCALL_NUMBER_MAX;
	if (!abi->slots[slot])
		abi->slots[slot] = (uint16_t)++abi->n_entries;
	return &abi->entries[abi->slots[slot] - 1];
}

/* The conditions of an alternative as an architecture sees them. @subcall is that of socketcall(2)
 * or ipc(2), or 0. Conditions that are always true disappear. */
static void specialise(const struct alternative *alt, unsigned bits, uint8_t subcall,
		       struct conjunction *ret)
{
	uint64_t width = bits == 64 ? UINT64_MAX : UINT32_MAX;

	ret->n = 0;
	if (subcall)
		ret->conds[ret->n++] = (struct seccomp_cond){
			.value = subcall > SUBCALL_IPC ? subcall - SUBCALL_IPC : subcall,
			.op = SECCOMP_OP_EQ,
		};
	for (size_t i = subcall ? 1 : 0; i < ARGS; i++) {
		struct seccomp_cond c = alt->conds[i];

		c.value &= width;
		c.mask &= width;
		if (!alt->has[i] || (c.op == SECCOMP_OP_MASKED_EQ && c.mask == 0))
			continue;
		if (c.op == SECCOMP_OP_MASKED_EQ)
			c.value &= c.mask;
		ret->conds[ret->n++] = c;
	}
}

/* One alternative of a rule, for one number of one architecture. */
static int add_rule(struct builder *b, struct draft_abi *abi, uint32_t nr, uint8_t subcall,
		    seccomp_action action, const struct alternative *alt)
{
	struct draft_entry *entry = draft_entry(abi, nr);
	struct conjunction c;
	struct seccomp_rule *rule;
	struct seccomp_cond *conds;

	if (entry->constant)
		return 0;
	specialise(alt, abi->info->bits, subcall, &c);
	if (c.n == 0) {
		entry->constant = true;
		entry->action = action;
		entry->rules = NULL;
		return 0;
	}
	rule = arena_new(b->arena, struct seccomp_rule);
	conds = arena_newn(b->arena, struct seccomp_cond, c.n);
	if (!rule || !conds)
		return no_memory(b->e);
	memcpy(conds, c.conds, c.n * sizeof(*conds));
	*rule = (struct seccomp_rule){.action = action, .n_conds = (uint32_t)c.n, .conds = conds};
	return insert_rule(b, entry, rule, abi->info->bits);
}

/* --- rules of the profile --------------------------------------------------------------------- */

static int parse_cond(const struct spec_seccomp_arg *arg, struct seccomp_cond *ret, struct err *e)
{
	int r;

	if (arg->index >= ARGS) {
		(void)err_set(e, ERR_CONFIG_INVALID, -EINVAL,
			      "system calls have arguments 0 to %d, got %u", ARGS - 1, arg->index);
		return err_where(e, "index");
	}
	ret->arg = (uint8_t)arg->index;
	r = parse_op(arg->op, &ret->op, e);
	if (r < 0)
		return err_where(e, "op");
	ret->mask = ret->op == SECCOMP_OP_MASKED_EQ ? arg->value : 0;
	ret->value = ret->op == SECCOMP_OP_MASKED_EQ ? arg->value_two : arg->value;
	return 0;
}

/* The alternatives of a rule: one that has all conditions, or one for each if an argument occurs
 * twice. *@ret lives in the arena. */
static int parse_args(struct builder *b, size_t index, struct alternative **ret, size_t *ret_n)
{
	const struct spec_seccomp_syscall *s = &b->spec->syscalls[index];
	struct alternative *alts = arena_newn(b->arena, struct alternative, MAX(s->n_args, 1U));
	bool repeated = false, seen[ARGS] = {false};

	if (!alts)
		return no_memory(b->e);
	for (size_t i = 0; i < s->n_args; i++) {
		struct seccomp_cond c = {0};
		int r = parse_cond(&s->args[i], &c, b->e);

		if (r < 0) {
			char key[16];

			/* The inner path is a key of the argument. */
			(void)str_copy(key, sizeof(key), b->e->where);
			b->e->where[0] = '\0';
			return err_where(b->e, "linux.seccomp.syscalls[%zu].args[%zu].%s", index, i,
					 key);
		}
		repeated |= seen[c.arg];
		seen[c.arg] = true;
		alts[i].has[c.arg] = true;
		alts[i].conds[c.arg] = c;
	}
	*ret = alts;
	*ret_n = MAX(s->n_args, 1U);
	if (repeated)
		return 0;
	for (size_t i = 1; i < s->n_args; i++) {
		uint32_t arg = s->args[i].index;

		alts[0].has[arg] = true;
		alts[0].conds[arg] = alts[i].conds[arg];
	}
	*ret_n = 1;
	return 0;
}

static void name_number(struct seccomp_abi *abi, uint32_t nr)
{
	if (abi->arch == SECCOMP_ARCH_ARM && nr >= SECCOMP_ARM_PRIVATE) {
		abi->last_private = abi->has_last_private ? MAX(abi->last_private, nr) : nr;
		abi->has_last_private = true;
	} else {
		abi->last = abi->has_last ? MAX(abi->last, nr) : nr;
		abi->has_last = true;
	}
}

static int add_name(struct builder *b, unsigned call, seccomp_action action,
		    const struct alternative *alts, size_t n_alts)
{
	bool is_default = action == b->policy->default_action;
	uint8_t subcall = b->subcalls[call];

	for (size_t i = 0; i < b->policy->n_abis; i++) {
		struct draft_abi *draft = &b->drafts[i];
		bool multiplexed = draft->info->multiplexed && subcall;
		uint32_t gate = draft->info->base +
				(subcall > SUBCALL_IPC ? SECCOMP_NR_IPC : SECCOMP_NR_SOCKETCALL);
		uint32_t nr = 0;
		bool direct = syscall_number(call, b->policy->abis[i].arch, &nr) == 0;
		int r = 0;

		if (direct)
			name_number(&b->policy->abis[i], nr);
		/* What has rules is not unknown. */
		if (multiplexed)
			name_number(&b->policy->abis[i], gate);
		for (size_t k = 0; k < n_alts && !is_default && r == 0; k++) {
			if (multiplexed)
				r = add_rule(b, draft, gate, subcall, action, &alts[k]);
			if (direct && r == 0)
				r = add_rule(b, draft, nr, 0, action, &alts[k]);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int warn_unknown(struct builder *b, size_t index, size_t name)
{
	const char *text = b->spec->syscalls[index].names.items[name];
	struct seccomp_warning *w;

	if (b->options->fail_unknown) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "unknown system call \"%.64s\"",
			      text);
		return err_where(b->e, "linux.seccomp.syscalls[%zu].names[%zu]", index, name);
	}
	w = arena_new(b->arena, struct seccomp_warning);
	if (!w)
		return no_memory(b->e);
	w->syscall = index;
	w->name = name;
	w->text = arena_format(b->arena, "unknown system call \"%.64s\"", text);
	if (!w->text)
		return no_memory(b->e);
	if (b->last_warning)
		b->last_warning->next = w;
	else
		b->first_warning = w;
	b->last_warning = w;
	return 0;
}

static int add_syscall(struct builder *b, size_t index)
{
	const struct spec_seccomp_syscall *s = &b->spec->syscalls[index];
	struct alternative *alts = NULL;
	seccomp_action action = 0;
	bool errno_wrong = false;
	size_t n_alts = 0;
	int r = parse_action(s->action, s->has_errno_ret ? &s->errno_ret : NULL, &action,
			     &errno_wrong, b->e);

	if (r < 0)
		return err_where(b->e, "linux.seccomp.syscalls[%zu].%s", index,
				 errno_wrong ? "errnoRet" : "action");
	r = parse_args(b, index, &alts, &n_alts);
	if (r < 0)
		return r;
	if (s->names.n == 0) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "a rule names no system call");
		return err_where(b->e, "linux.seccomp.syscalls[%zu].names", index);
	}
	for (size_t i = 0; i < s->names.n; i++) {
		int call = syscall_from_name(s->names.items[i]);

		r = call < 0 ? warn_unknown(b, index, i)
			     : add_name(b, (unsigned)call, action, alts, n_alts);
		if (r < 0)
			return err_where(b->e, "linux.seccomp.syscalls[%zu]", index);
	}
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool is_notify(seccomp_action action)
{
	return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF;
}

/* Put the entries of an architecture in order. */
static int finish_abi(struct builder *b, size_t index)
{
	const struct draft_abi *draft = &b->drafts[index];
	struct seccomp_policy *p = b->policy;
	struct seccomp_abi *abi = &p->abis[index];
	struct seccomp_entry *entries =
		arena_newn(b->arena, struct seccomp_entry, MAX(draft->n_entries, 1U));

	if (!entries)
		return no_memory(b->e);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		const struct draft_entry *from;
		struct seccomp_entry *to = &entries[abi->n_entries];

		if (!draft->slots[slot])
			continue;
		from = &draft->entries[draft->slots[slot] - 1];
		to->nr = slot + draft->info->base;
		if (slot >= SYSCALL_NUMBER_MAX)
			to->nr += SECCOMP_ARM_PRIVATE - SYSCALL_NUMBER_MAX;
		to->last = to->nr;
		to->action = from->constant ? from->action : p->default_action;
		to->rules = from->rules;
		p->notify |= is_notify(to->action);
		for (const struct seccomp_rule *r = to->rules; r; r = r->next)
			p->notify |= is_notify(r->action);
		abi->n_entries++;
	}
	abi->entries = entries;
	return 0;
}

static int parse_defaults(struct builder *b)
{
	const struct spec_seccomp *spec = b->spec;
	struct seccomp_policy *p = b->policy;
	const uint32_t *errno_ret = spec->has_default_errno_ret ? &spec->default_errno_ret : NULL;
	bool errno_wrong = false;
	int r = parse_action(spec->default_action, errno_ret, &p->default_action, &errno_wrong,
			     b->e);

	if (r < 0)
		return err_where(b->e, "linux.seccomp.%s",
				 errno_wrong ? "defaultErrnoRet" : "defaultAction");
	if (*spec->listener_metadata && !*spec->listener_path) {
		(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL,
			      "listenerMetadata is set without listenerPath");
		return err_where(b->e, "linux.seccomp.listenerMetadata");
	}
	p->bad_arch_action = SECCOMP_RET_KILL_THREAD;
	p->unknown_action = p->default_action;
	if ((p->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		p->unknown_action = SECCOMP_RET_ERRNO | ENOSYS;
	return seccomp_parse_flags(&spec->flags, &p->flags, b->e);
}

int seccomp_policy_from_oci(struct arena *a, const struct spec_seccomp *spec,
			    const struct seccomp_options *options, struct seccomp_policy *ret,
			    const struct seccomp_warning **ret_warnings, struct err *e)
{
	struct seccomp_policy policy = {0};
	struct builder b = {
		.arena = a, .spec = spec, .options = options, .policy = &policy, .e = e};
	int r = parse_defaults(&b);

	if (r == 0)
		r = parse_architectures(&b);
	for (size_t i = 0; i < ARRAY_SIZE(subcall_list) && r == 0; i++) {
		int call = syscall_from_name(subcall_list[i].name);

		if (call >= 0)
			b.subcalls[call] = subcall_list[i].code;
	}
	for (size_t i = 0; i < spec->n_syscalls && r == 0; i++)
		r = add_syscall(&b, i);
	for (size_t i = 0; i < policy.n_abis && r == 0; i++)
		r = finish_abi(&b, i);
	if (r < 0)
		return r;
	policy.notify |= is_notify(policy.default_action);
	policy.flags = seccomp_final_flags(policy.flags, policy.notify);
	*ret = policy;
	*ret_warnings = b.first_warning;
	return 0;
}
