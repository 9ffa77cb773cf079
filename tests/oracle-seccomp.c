/* The seccomp compiler against libseccomp, driven as runc and crun drive it: verdicts of both
 * programs at every number that matters and at the edges of arguments.
 *
 *	oracle-seccomp [COUNT [SEED]]       COUNT random profiles (10000) that libseccomp takes
 *	oracle-seccomp CONFIG.json…         the profiles in these configurations
 *
 * It fails at every difference but these, which it counts:
 *
 *   unknown    the rule on numbers above the largest that the profile names
 *   emitting   libseccomp's program contradicts libseccomp's own pseudo code, which agrees with us
 *   merging    it contradicts what libseccomp makes of the rules one at a time, which agrees with
 *us ambiguous  rules with different actions match at once, whose order libseccomp leaves open; here
 *              it depends on the values of arguments, ours never does */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/test-profiles.h"
#include "seccomp/compile/test-simulator.h"
#include "seccomp/compile/verify.h"
#include "tests/oracle-seccomp-pseudo.h"

/* For one random profile. */
#define SECONDS 5

struct totals {
	unsigned long profiles, refused, endless, points, steps, their_steps;
	unsigned long unknown, ambiguous, ambiguous_points, defects, defects_merging, wrong, insns,
		their_insns;
};

/* --- libseccomp ------------------------------------------------------------------------------- */

static uint32_t their_arch(enum seccomp_arch arch)
{
	char name[24];
	const char *from = seccomp_arch_info(arch)->name + strlen(PREFIX);
	size_t i;

	for (i = 0; from[i]; i++)
		name[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + 32) : from[i];
	name[i] = '\0';
	return seccomp_arch_resolve_name(name);
}

/* Whether both sides know the name, by the same numbers on all architectures. Negative ones mean
 * that there is none, or that it is one of those that go through socketcall(2) or ipc(2) too. */
static bool name_usable(const char *name)
{
	int call = syscall_from_name(name), native = seccomp_syscall_resolve_name(name);
	char *back;
	bool same;

	if (call < 0 || native == __NR_SCMP_ERROR)
		return false;
	/* Rules go through the number here, and some names share one. */
	back = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, native);
	same = back && str_eq(back, name);
	free(back);
	if (!same)
		return false;
	for (int arch = 0; arch < SECCOMP_ARCH_MAX; arch++) {
		uint32_t nr = 0, token = their_arch((enum seccomp_arch)arch);
		bool has = syscall_number((unsigned)call, (enum seccomp_arch)arch, &nr) == 0;
		int theirs = token ? seccomp_syscall_resolve_name_arch(token, name) : -1;

		if (!token)
			continue;
		if (theirs < 0 ? has && theirs <= -10000 : !has || nr != (uint32_t)theirs)
			return false;
	}
	return true;
}

static uint32_t their_action(const char *name, bool has_errno, uint32_t errno_ret)
{
	uint16_t data = (uint16_t)(has_errno ? errno_ret : EPERM);

	if (str_eq(name, "SCMP_ACT_ALLOW"))
		return SCMP_ACT_ALLOW;
	if (str_eq(name, "SCMP_ACT_ERRNO"))
		return SCMP_ACT_ERRNO(data);
	if (str_eq(name, "SCMP_ACT_TRACE"))
		return SCMP_ACT_TRACE(data);
	if (str_eq(name, "SCMP_ACT_TRAP"))
		return SCMP_ACT_TRAP;
	if (str_eq(name, "SCMP_ACT_LOG"))
		return SCMP_ACT_LOG;
	if (str_eq(name, "SCMP_ACT_NOTIFY"))
		return SCMP_ACT_NOTIFY;
	if (str_eq(name, "SCMP_ACT_KILL_PROCESS"))
		return SCMP_ACT_KILL_PROCESS;
	return SCMP_ACT_KILL;
}

static enum scmp_compare their_op(const char *name)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {{"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT},
		   {"SCMP_CMP_LE", SCMP_CMP_LE}, {"SCMP_CMP_EQ", SCMP_CMP_EQ},
		   {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT}};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (str_eq(name, ops[i].name))
			return ops[i].op;
	return SCMP_CMP_MASKED_EQ;
}

static int their_rule(scmp_filter_ctx ctx, const struct spec_seccomp_syscall *s, uint32_t action,
		      int nr)
{
	struct scmp_arg_cmp cmp[64];
	unsigned count[6] = {0};
	bool repeated = false;
	int r = 0;

	for (size_t i = 0; i < s->n_args; i++) {
		cmp[i] = (struct scmp_arg_cmp){s->args[i].index, their_op(s->args[i].op),
					       s->args[i].value, s->args[i].value_two};
		repeated |= ++count[s->args[i].index] > 1;
	}
	if (!repeated)
		return seccomp_rule_add_array(ctx, action, nr, (unsigned)s->n_args, cmp);
	for (size_t i = 0; i < s->n_args && r == 0; i++)
		r = seccomp_rule_add_array(ctx, action, nr, 1, &cmp[i]);
	return r;
}

static bool is_action(uint32_t k)
{
	uint32_t data = k & SECCOMP_RET_DATA;

	switch (k & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ERRNO:
	case SECCOMP_RET_TRACE:
		return true;
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_TRAP:
	case SECCOMP_RET_KILL_THREAD:
	case SECCOMP_RET_KILL_PROCESS:
		return data == 0;
	default:
		return false;
	}
}

/* The program that libseccomp makes. Returns its length; 0 if it refuses the profile. */
static size_t their_program(const struct spec_seccomp *p, enum seccomp_arch native, int optimize,
			    struct sock_filter *insns, size_t max, struct pseudo *pseudo)
{
	uint32_t default_action =
		their_action(p->default_action, p->has_default_errno_ret, p->default_errno_ret);
	scmp_filter_ctx ctx = seccomp_init(default_action);
	ssize_t size;
	int fd, words, r = 0;

	if (their_arch(native) != seccomp_arch_native()) {
		(void)seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE);
		r = seccomp_arch_add(ctx, their_arch(native));
	}
	for (size_t i = 0; i < p->architectures.n && r == 0; i++) {
		r = seccomp_arch_add(ctx, their_arch((enum seccomp_arch)seccomp_arch_from_name(
						  p->architectures.items[i])));
		if (r == -EEXIST)
			r = 0;
	}
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, (uint32_t)optimize);
	for (size_t i = 0; i < p->n_syscalls && r == 0; i++) {
		const struct spec_seccomp_syscall *s = &p->syscalls[i];
		uint32_t action = their_action(s->action, s->has_errno_ret, s->errno_ret);

		for (size_t k = 0; k < s->names.n && r == 0 && action != default_action; k++) {
			int nr = seccomp_syscall_resolve_name(s->names.items[k]);

			if (nr != __NR_SCMP_ERROR)
				r = their_rule(ctx, s, action, nr);
		}
	}
	if (r < 0) {
		seccomp_release(ctx);
		return 0;
	}
	fd = memfd_create("program", MFD_CLOEXEC);
	words = memfd_create("words", MFD_CLOEXEC);
	if (fd < 0 || words < 0 || seccomp_export_bpf(ctx, fd) < 0 ||
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 1) < 0 ||
	    seccomp_export_pfc(ctx, words) < 0)
		abort();
	seccomp_release(ctx);
	pseudo_read(pseudo, words);
	close(words);
	size = pread(fd, insns, max * sizeof(*insns), 0);
	close(fd);
	/* It writes for the machine that the architecture is of, all but some values of returns. */
	if (seccomp_arch_info(native)->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)) {
		for (size_t i = 0; i < (size_t)size / sizeof(*insns); i++) {
			insns[i].code = __builtin_bswap16(insns[i].code);
			if (insns[i].code != (BPF_RET | BPF_K) || !is_action(insns[i].k))
				insns[i].k = __builtin_bswap32(insns[i].k);
		}
	}
	return (size_t)size / sizeof(*insns);
}

/* --- points ----------------------------------------------------------------------------------- */

struct pair {
	const struct spec_seccomp *spec;
	const struct seccomp_policy *policy;
	const struct seccomp_program *ours;
	const struct sock_filter *theirs;
	size_t n_theirs;
	const struct pseudo *words;
	struct totals *totals;
	bool verbose;
};

static bool cond_matches(const struct seccomp_cond *c, bool wide, const uint64_t args[6])
{
	uint64_t x = wide ? args[c->arg] : args[c->arg] & 0xffffffff;

	switch (c->op) {
	case SECCOMP_OP_NE:
		return x != c->value;
	case SECCOMP_OP_LT:
		return x < c->value;
	case SECCOMP_OP_LE:
		return x <= c->value;
	case SECCOMP_OP_EQ:
		return x == c->value;
	case SECCOMP_OP_GE:
		return x >= c->value;
	case SECCOMP_OP_GT:
		return x > c->value;
	default:
		return (x & c->mask) == c->value;
	}
}

/* Whether rules with different actions match. */
static bool is_ambiguous(const struct seccomp_entry *entry, enum seccomp_arch arch,
			 const uint64_t args[6])
{
	const struct seccomp_rule *found = NULL;

	for (const struct seccomp_rule *r = entry ? entry->rules : NULL; r; r = r->next) {
		bool all = true;

		for (size_t i = 0; i < r->n_conds && all; i++)
			all = cond_matches(&r->conds[i], seccomp_arch_info(arch)->bits == 64, args);
		if (all && found && found->action != r->action)
			return true;
		if (all)
			found = r;
	}
	return false;
}

/* --- one rule at a time ------------------------------------------------------------------------
 */

/* What libseccomp says of a point with only the default and one rule of the profile, condition by
 * condition where an argument occurs twice. There the tree in which it merges rules cannot go
 * wrong: it mixes the conditions of rules that share a first comparison with two ways out. */
struct alone {
	unsigned n; /* different actions of rules that match */
	uint32_t action;
};

static void ask_rule(const struct pair *p, const struct spec_seccomp_syscall *s, const char *name,
		     const struct sim_data *d, struct alone *ret)
{
	static struct sock_filter insns[65536];
	static struct pseudo words;
	struct spec_seccomp_syscall one = *s;
	struct spec_seccomp spec = *p->spec;
	unsigned steps = 0;
	uint32_t verdict;
	size_t n;
	bool ok;

	one.names = (struct str_list){&name, 1};
	spec.syscalls = &one;
	spec.n_syscalls = 1;
	n = their_program(&spec, p->policy->abis[0].arch, 1, insns, ARRAY_SIZE(insns), &words);
	verdict = sim_run(insns, n, d, &steps, &ok);
	if (n == 0 || !ok)
		abort();
	if (verdict == p->policy->default_action || (ret->n && verdict == ret->action))
		return;
	ret->n++;
	ret->action = verdict;
}

/* Whether rules for a name can have a say on a number. */
static bool concerns(const char *name, enum seccomp_arch arch, uint32_t nr)
{
	const struct seccomp_arch_info *info = seccomp_arch_info(arch);
	int call = syscall_from_name(name);
	uint32_t own = 0;

	if (info->multiplexed &&
	    (nr == info->base + SECCOMP_NR_SOCKETCALL || nr == info->base + SECCOMP_NR_IPC))
		return true;
	return call >= 0 && syscall_number((unsigned)call, arch, &own) == 0 && own == nr;
}

static struct alone ask_rules(const struct pair *p, enum seccomp_arch arch,
			      const struct sim_data *d)
{
	struct alone alone = {0};

	for (size_t i = 0; i < p->spec->n_syscalls; i++) {
		const struct spec_seccomp_syscall *s = &p->spec->syscalls[i];
		unsigned count[6] = {0};
		bool repeated = false;

		for (size_t k = 0; k < s->n_args; k++)
			repeated |= ++count[s->args[k].index] > 1;
		for (size_t k = 0; k < s->names.n; k++) {
			struct spec_seccomp_syscall one = *s;

			if (!concerns(s->names.items[k], arch, d->words[0]))
				continue;
			for (size_t j = 0; j < (repeated ? s->n_args : 1); j++) {
				if (repeated) {
					one.args = &s->args[j];
					one.n_args = 1;
				}
				ask_rule(p, &one, s->names.items[k], d, &alone);
			}
		}
	}
	return alone;
}

/* How many differences at ambiguous points to print, for people. */
static unsigned show_ambiguous;

static void print_rules(const struct seccomp_entry *entry)
{
	for (const struct seccomp_rule *r = entry->rules; r; r = r->next) {
		printf("\trule %#x:", r->action);
		for (size_t i = 0; i < r->n_conds; i++)
			printf(" arg%u op %u mask %llx value %llx", r->conds[i].arg, r->conds[i].op,
			       (unsigned long long)r->conds[i].mask,
			       (unsigned long long)r->conds[i].value);
		putchar('\n');
	}
}

static void compare(struct pair *p, enum seccomp_arch arch, uint32_t audit, uint32_t nr,
		    const struct seccomp_entry *entry, const uint64_t args[6])
{
	struct sim_data d = sim_data(audit, nr, args, seccomp_arch_info(arch)->big_endian);
	unsigned our_steps = 0, their_steps = 0;
	struct alone alone;
	bool our_ok, their_ok, ambiguous = is_ambiguous(entry, arch, args);
	uint32_t ours = sim_run(p->ours->insns, p->ours->n, &d, &our_steps, &our_ok);
	uint32_t theirs = sim_run(p->theirs, p->n_theirs, &d, &their_steps, &their_ok), said;

	p->totals->points++;
	p->totals->steps += our_steps;
	p->totals->their_steps += their_steps;
	p->totals->ambiguous_points += ambiguous;
	if (!our_ok || !their_ok) {
		if (p->totals->wrong++ < 10)
			printf("a program does not end: %s\n", our_ok ? "theirs" : "ours");
		return;
	}
	if (ours == theirs)
		return;
	if (ours == p->policy->unknown_action && theirs == p->policy->default_action && !entry) {
		p->totals->unknown++;
		return;
	}
	if (pseudo_verdict(p->words, arch, nr, args, &said) && said == ours) {
		p->totals->defects++;
		return;
	}
	alone = ask_rules(p, arch, &d);
	if (alone.n < 2) {
		uint32_t right = alone.n ? alone.action : p->policy->default_action;

		if (ours == right && theirs != right) {
			p->totals->defects_merging++;
			return;
		}
	}
	if (ambiguous) {
		p->totals->ambiguous++;
		if (show_ambiguous == 0)
			return;
		show_ambiguous--;
	} else if (p->totals->wrong++ >= 10) {
		return;
	}
	if (entry)
		print_rules(entry);
	printf("differs: %s nr %#x args %llx %llx %llx %llx %llx %llx: ours %#x, theirs %#x, in words %#x\n",
	       seccomp_arch_info(arch)->name, nr, (unsigned long long)args[0],
	       (unsigned long long)args[1], (unsigned long long)args[2],
	       (unsigned long long)args[3], (unsigned long long)args[4],
	       (unsigned long long)args[5], ours, theirs, said);
}

static size_t edges_of(const struct seccomp_cond *c, uint64_t out[16])
{
	uint64_t v = c->value, high = 1ULL << 32;
	const uint64_t all[16] = {v,
				  v - 1,
				  v + 1,
				  v + high,
				  v - high,
				  v | 0xffffffff,
				  v & ~0xffffffffULL,
				  v ^ high << 31,
				  v ^ (c->mask ? c->mask & -c->mask : 1),
				  v | ~c->mask,
				  (uint32_t)v,
				  v | ~0xffffffffULL,
				  v ^ 0x80000000ULL,
				  0,
				  UINT64_MAX,
				  0xffffffff};

	memcpy(out, all, sizeof(all));
	return 16;
}

/* Arguments at the edges of all conditions: around zeros, around what satisfies each rule, and by
 * chance. */
static void compare_args(struct pair *p, enum seccomp_arch arch, uint32_t audit,
			 const struct seccomp_entry *entry, struct rng *rng)
{
	struct seccomp_cond pool[6][64];
	size_t n[6] = {0};
	uint64_t edges[16];

	for (const struct seccomp_rule *r = entry->rules; r; r = r->next)
		for (size_t i = 0; i < r->n_conds; i++)
			if (n[r->conds[i].arg] < 64)
				pool[r->conds[i].arg][n[r->conds[i].arg]++] = r->conds[i];
	for (const struct seccomp_rule *r = entry->rules; r; r = r->next) {
		uint64_t base[6] = {0};

		for (size_t i = 0; i < r->n_conds; i++)
			base[r->conds[i].arg] = r->conds[i].value +
						(r->conds[i].op == SECCOMP_OP_GT ||
						 r->conds[i].op == SECCOMP_OP_NE) -
						(r->conds[i].op == SECCOMP_OP_LT);
		compare(p, arch, audit, entry->nr, entry, base);
		for (size_t i = 0; i < r->n_conds; i++) {
			uint64_t args[6];

			memcpy(args, base, sizeof(args));
			for (size_t k = edges_of(&r->conds[i], edges); k-- > 0;) {
				args[r->conds[i].arg] = edges[k];
				compare(p, arch, audit, entry->nr, entry, args);
			}
		}
	}
	for (unsigned t = 0; t < 64; t++) {
		uint64_t args[6];

		for (unsigned i = 0; i < 6; i++) {
			args[i] = random_value(rng);
			if (n[i] && rng_below(rng, 8)) {
				(void)edges_of(&pool[i][rng_below(rng, (uint32_t)n[i])], edges);
				args[i] = edges[rng_below(rng, 16)];
			}
		}
		compare(p, arch, audit, entry->nr, entry, args);
	}
}

static const struct seccomp_entry *entry_of(const struct seccomp_policy *p, uint32_t audit,
					    uint32_t nr, enum seccomp_arch *ret_arch)
{
	for (size_t i = 0; i < p->n_abis; i++) {
		if (seccomp_arch_info(p->abis[i].arch)->audit != audit)
			continue;
		*ret_arch = p->abis[i].arch;
		for (size_t k = 0; k < p->abis[i].n_entries; k++)
			if (p->abis[i].entries[k].nr == nr)
				return &p->abis[i].entries[k];
	}
	return NULL;
}

static void compare_number(struct pair *p, enum seccomp_arch arch, uint32_t audit, uint32_t nr,
			   struct rng *rng)
{
	static const uint64_t zeros[6], ones[6] = {~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL};
	enum seccomp_arch owner = arch;
	const struct seccomp_entry *entry = entry_of(p->policy, audit, nr, &owner);

	if (entry)
		arch = owner;
	compare(p, arch, audit, nr, entry, zeros);
	compare(p, arch, audit, nr, entry, ones);
	if (entry && entry->rules)
		compare_args(p, arch, audit, entry, rng);
}

static void compare_all(struct pair *p, struct rng *rng)
{
	static const uint32_t odd[] = {0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000,
				       0xfffffffe, 0xffffffff, 0xeffff,    0xf0000,
				       0xf0001,    0xf0006,    0xf0007};

	for (size_t i = 0; i < p->policy->n_abis; i++) {
		const struct seccomp_arch_info *info = seccomp_arch_info(p->policy->abis[i].arch);

		for (uint32_t nr = 0; nr < 620; nr++)
			compare_number(p, p->policy->abis[i].arch, info->audit, info->base + nr,
				       rng);
		for (size_t k = 0; k < ARRAY_SIZE(odd); k++)
			compare_number(p, p->policy->abis[i].arch, info->audit, odd[k], rng);
		for (uint32_t nr = 0; nr < 8 && info->base; nr++)
			compare_number(p, p->policy->abis[i].arch, info->audit, nr, rng);
		compare_number(p, p->policy->abis[i].arch, info->audit ^ 1, 0, rng);
	}
}

/* --- profiles --------------------------------------------------------------------------------- */

static void one_profile(const struct spec_seccomp *spec, enum seccomp_arch native,
			struct totals *totals, struct rng *rng, bool verbose)
{
	static struct sock_filter theirs[65536];
	struct seccomp_options options = {.native = native};
	const struct seccomp_warning *warnings;
	struct seccomp_policy policy;
	struct seccomp_program ours = {0};
	static struct pseudo words;
	struct pair pair = {spec, &policy, &ours, theirs, 0, &words, totals, verbose};
	struct arena a;
	struct err e = {0};
	int r;

	arena_init(&a, NULL, 0);
	totals->profiles++;
	r = seccomp_policy_from_oci(&a, spec, &options, &policy, &warnings, &e);
	if (r == 0)
		r = seccomp_emit(&a, &policy, &ours, &e);
	if (r == 0)
		r = seccomp_verify(&a, &policy, &ours, SECCOMP_VERIFY_EXHAUSTED, NULL, &e);
	if (r < 0) {
		printf("refused by us: %s: %s\n", e.where, e.text);
		totals->wrong++;
		arena_done(&a);
		return;
	}
	pair.n_theirs = their_program(spec, native, totals->profiles % 2 ? 1 : 2, theirs,
				      ARRAY_SIZE(theirs), &words);
	if (pair.n_theirs == 0) {
		totals->refused++;
		arena_done(&a);
		return;
	}
	totals->insns += ours.n;
	totals->their_insns += pair.n_theirs;
	for (const struct seccomp_warning *w = warnings; w && verbose; w = w->next)
		printf("warning: linux.seccomp.syscalls[%zu].names[%zu]: %s\n", w->syscall, w->name,
		       w->text);
	compare_all(&pair, rng);
	arena_done(&a);
}

/* libseccomp takes for ever to emit some combinations of rules: each profile has a process of its
 * own and some seconds. */
static void one_profile_in_time(const struct spec_seccomp *spec, enum seccomp_arch native,
				struct totals *totals, struct rng *rng)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		abort();
	if (pid == 0) {
		(void)alarm(SECONDS);
		one_profile(spec, native, totals, rng, false);
		/* Without LeakSanitizer's word, which would be about what libseccomp forgets when
		 * it merges rules, and end the process as if a point were wrong. */
		_exit(0);
	}
	(void)rng_next(rng);
	if (waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		totals->refused++;
		totals->endless++;
	} else if (status != 0) {
		printf("a profile ends with status %#x\n", status);
		totals->wrong++;
	}
}

static void print_totals(const char *what, const struct totals *t)
{
	printf("%s: %lu profiles (%lu refused by libseccomp, %lu of them by not coming to an end), %lu points, of them %lu ambiguous; "
	       "differences: %lu wrong, %lu unknown, %lu ambiguous; defects of libseccomp: %lu in emitting, %lu in merging; instructions %lu to "
	       "%lu, steps "
	       "%.1f to %.1f\n",
	       what, t->profiles, t->refused, t->endless, t->points, t->ambiguous_points, t->wrong,
	       t->unknown, t->ambiguous, t->defects, t->defects_merging, t->insns, t->their_insns,
	       t->points ? (double)t->steps / (double)t->points : 0,
	       t->points ? (double)t->their_steps / (double)t->points : 0);
}

static unsigned long random_profiles(unsigned long count, uint64_t seed)
{
	static const char *const x86[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
	static const char *const arm[] = {"SCMP_ARCH_ARM", NULL};
	static const char *const mips[] = {"SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64N32", NULL};
	static const char *const s390[] = {"SCMP_ARCH_S390", NULL};
	static const struct {
		enum seccomp_arch native;
		const char *const *archs;
	} machines[] = {
		{SECCOMP_ARCH_X86_64, x86},   {SECCOMP_ARCH_X86_64, x86},
		{SECCOMP_ARCH_X86_64, x86},   {SECCOMP_ARCH_AARCH64, arm},
		{SECCOMP_ARCH_S390X, s390},   {SECCOMP_ARCH_MIPS64, mips},
		{SECCOMP_ARCH_PPC64LE, NULL}, {SECCOMP_ARCH_RISCV64, NULL},
	};
	struct totals *totals = mmap(NULL, 2 * sizeof(*totals), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rng rng = {seed};

	if (totals == MAP_FAILED)
		abort();

	for (unsigned long i = 0;
	     totals[0].profiles + totals[1].profiles - totals[0].refused - totals[1].refused <
	     count;
	     i++) {
		size_t m = i % ARRAY_SIZE(machines);
		struct profile_shape shape = {
			.max_rules = 40,
			.max_names = 12,
			.args_percent = 40,
			.one_action = i % 2 == 0,
			.archs = machines[m].archs,
			.usable = name_usable,
		};
		struct spec_seccomp spec;
		struct arena a;

		arena_init(&a, NULL, 0);
		spec = random_profile(&a, &rng, &shape);
		one_profile_in_time(&spec, machines[m].native, &totals[i % 2], &rng);
		arena_done(&a);
		if (totals[0].wrong + totals[1].wrong > 50)
			break;
	}
	print_totals("one action for conditions", &totals[0]);
	print_totals("any actions", &totals[1]);
	return totals[0].wrong + totals[1].wrong;
}

static unsigned long profile_file(const char *path)
{
	struct totals totals = {0};
	struct rng rng = {88172645463325252ULL};
	struct stat st;
	struct spec spec;
	struct err e = {0};
	struct arena a;
	char *text;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
		abort();
	close(fd);
	arena_init(&a, NULL, 0);
	if (spec_parse(&a, text, (size_t)st.st_size, &spec, &e) < 0) {
		printf("%s: %s: %s\n", path, e.where, e.text);
		exit(1);
	}
	/* An older libseccomp lacks names: what it cannot say is not compared. */
	for (size_t i = 0; i < spec.linux_.seccomp.n_syscalls; i++) {
		struct str_list *names = &spec.linux_.seccomp.syscalls[i].names;
		size_t n = 0;

		for (size_t k = 0; k < names->n; k++) {
			if (name_usable(names->items[k]))
				names->items[n++] = names->items[k];
			else
				printf("%s: left out: %s\n", path, names->items[k]);
		}
		names->n = n;
		if (n == 0)
			spec.linux_.seccomp.syscalls[i--] =
				spec.linux_.seccomp.syscalls[--spec.linux_.seccomp.n_syscalls];
	}
	for (unsigned i = 0; i < 2; i++)
		one_profile(&spec.linux_.seccomp, SECCOMP_ARCH_X86_64, &totals, &rng, true);
	print_totals(path, &totals);
	arena_done(&a);
	free(text);
	return totals.wrong;
}

int main(int argc, char **argv)
{
	unsigned long wrong = 0;
	const struct scmp_version *version = seccomp_version();
	const char *ambiguous = getenv("SHOW_AMBIGUOUS");

	show_ambiguous = ambiguous ? (unsigned)atoi(ambiguous) : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# libseccomp %u.%u.%u\n", version->major, version->minor, version->micro);
	if (argc > 1 && strchr(argv[1], '.'))
		for (int i = 1; i < argc; i++)
			wrong += profile_file(argv[i]);
	else
		wrong = random_profiles(argc > 1 ? strtoul(argv[1], NULL, 10) : 10000,
					argc > 2 ? strtoull(argv[2], NULL, 10)
						 : 88172645463325252ULL);
	printf("%s seccomp-oracle\n", wrong ? "not ok" : "ok");
	return wrong != 0;
}
