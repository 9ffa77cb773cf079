/* Policies to profiles. Pure, host side.
 *
 * A profile has no order that its author chooses, and no "else": rules of different actions must
 * not overlap, and what no rule matches gets the default. So where the rules of a call do overlap,
 * each is cut down to what those before it leave. Whether the result says the same is not argued
 * but tried: it is compiled, and compared with the policy. */
#include "seccomp/policy/to-oci.h"

#include <errno.h>
#include <linux/seccomp.h>

#include "base/str.h"
#include "oci/spec.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/policy/to-oci-internal.h"

static bool is_errno(seccomp_action action)
{
	return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
}

static bool is_kill(seccomp_action action)
{
	action &= SECCOMP_RET_ACTION_FULL;
	return action == SECCOMP_RET_KILL_PROCESS || action == SECCOMP_RET_KILL_THREAD;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* What is said of a call on the first architecture that has it; NULL if none has. A number that
 * lies above the last one counts as one that nobody names. */
static const struct policy_range *range_of(const struct converter *c, unsigned call,
					   const struct policy_arch **ret)
{
	const struct policy_range *range = NULL;

	for (size_t i = 0; i < c->map->n_archs; i++) {
		enum seccomp_arch arch = c->map->archs[i].arch;
		uint32_t nr;

		if (syscall_number(call, arch, &nr) < 0)
			continue;
		if (c->has_last && nr > c->last[arch])
			return NULL;
		if (!range) {
			range = policy_find_range(c->map, arch, nr);
			*ret = &c->map->archs[i];
		}
	}
	return range;
}

/* All calls with one verdict in one rule. */
static void write_constants(struct converter *c, seccomp_action action, unsigned from)
{
	json_object_begin(&c->w);
	json_key(&c->w, "names");
	json_array_begin(&c->w);
	for (unsigned i = from; i < SYSCALL_COUNT; i++) {
		const struct policy_arch *arch;
		const struct policy_range *range = range_of(c, i, &arch);

		if (!range || range->cases || range->otherwise->action != action)
			continue;
		c->done[i / 64] |= 1ULL << i % 64;
		json_string(&c->w, syscall_name(i));
	}
	json_array_end(&c->w);
	oci_write_action(c, action);
	json_object_end(&c->w);
}

/* The calls whose numbers are the last that are not unknown: naming them says so. */
static void write_last(struct converter *c)
{
	bool open = false;

	for (unsigned i = 0; i < SYSCALL_COUNT && c->has_last; i++) {
		const struct policy_arch *arch;
		bool is_last = false;
		uint32_t nr;

		for (size_t k = 0; k < c->map->n_archs; k++) {
			enum seccomp_arch on = c->map->archs[k].arch;

			if (!c->open[on])
				is_last |= syscall_number(i, on, &nr) == 0 && nr == c->last[on];
		}
		if (!is_last || !range_of(c, i, &arch))
			continue;
		if (!open) {
			json_object_begin(&c->w);
			json_key(&c->w, "names");
			json_array_begin(&c->w);
			open = true;
		}
		json_string(&c->w, syscall_name(i));
	}
	if (!open)
		return;
	json_array_end(&c->w);
	oci_write_action(c, c->default_action);
	json_object_end(&c->w);
}

/* Where a call is named whose number is below that of others that have the default, those would get
 * ENOSYS: the largest number that anybody knows is named, too. */
static void close_open(struct converter *c)
{
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		const struct policy_arch *arch;
		const struct policy_range *range = range_of(c, i, &arch);
		uint32_t nr;

		if (!range || (!range->cases && range->otherwise->action == c->default_action))
			continue;
		for (size_t k = 0; k < c->map->n_archs; k++)
			if (syscall_number(i, c->map->archs[k].arch, &nr) == 0)
				c->open[c->map->archs[k].arch] = false;
	}
}

/* The verdict that a call has on all architectures of @bits bits, whatever its arguments. */
static bool find_constant(const struct converter *c, unsigned call, unsigned bits,
			  seccomp_action *ret)
{
	bool any = false;

	for (size_t i = 0; i < c->map->n_archs; i++) {
		enum seccomp_arch arch = c->map->archs[i].arch;
		const struct policy_range *range;
		uint32_t nr;

		if (seccomp_arch_info(arch)->bits != bits || syscall_number(call, arch, &nr) < 0)
			continue;
		range = policy_find_range(c->map, arch, nr);
		if (range->cases || (any && range->otherwise->action != *ret))
			return false;
		any = true;
		*ret = range->otherwise->action;
	}
	return any;
}

/* One verdict with 32 bits, another with 64: a condition on a bit that only 64 have is none with
 * 32, where the first of two rules without conditions counts; with 64 the rule that has none does,
 * which follows with the others. */
static void write_by_bits(struct converter *c, unsigned call)
{
	const struct seccomp_cond high = {.op = SECCOMP_OP_MASKED_EQ, .mask = 1ULL << 32};
	seccomp_action narrow, wide;

	if (find_constant(c, call, 32, &narrow) && find_constant(c, call, 64, &wide) &&
	    narrow != wide && narrow != c->default_action && wide != c->default_action &&
	    oci_action_name(narrow))
		oci_write_rule(c, call, narrow, &high, 1);
}

static int write_one(struct converter *c, unsigned call)
{
	const struct policy_arch *arch;
	const struct policy_range *range = range_of(c, call, &arch);

	if (!range || c->done[call / 64] >> call % 64 & 1)
		return 0;
	if (!range->cases && !oci_action_name(range->otherwise->action))
		return oci_cannot_say(c, range->otherwise, "a trap with a number");
	for (const struct policy_case *k = range->cases; k; k = k->next)
		if (!oci_action_name(k->statement->action))
			return oci_cannot_say(c, k->statement, "a trap with a number");
	c->done[call / 64] |= 1ULL << call % 64;
	if (range->cases)
		return oci_write_call(c, call, arch, range);
	if (range->otherwise->action != c->default_action)
		write_constants(c, range->otherwise->action, call);
	return 0;
}

static int write_calls(struct converter *c)
{
	/* Rules for what goes through them are rules for them, too, unless they have their own. */
	static const char *const gates[] = {"socketcall", "ipc"};
	int r = 0;

	memset(c->done, 0, sizeof(c->done));
	for (size_t i = 0; i < ARRAY_SIZE(gates) && r == 0; i++)
		r = write_one(c, (unsigned)syscall_from_name(gates[i]));
	for (unsigned i = 0; i < SYSCALL_COUNT && r == 0; i++)
		write_by_bits(c, i);
	for (unsigned i = 0; i < SYSCALL_COUNT && r == 0; i++)
		r = write_one(c, i);
	write_last(c);
	return r;
}

/* --- the document ----------------------------------------------------------------------------- */

static void write_flags(struct converter *c)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG"},
		{SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"},
		{1UL << 5, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
	};

	if (!c->map->rules->flags)
		return;
	json_key(&c->w, "flags");
	json_array_begin(&c->w);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (c->map->rules->flags & flags[i].flag)
			json_string(&c->w, flags[i].name);
	json_array_end(&c->w);
}

static int write_document(struct converter *c, const char **ret, size_t *ret_len)
{
	uint32_t archs = c->map->rules->archs;
	int r;

	json_writer_init(&c->w, c->arena, true);
	json_object_begin(&c->w);
	json_kv_string(&c->w, "defaultAction", oci_action_name(c->default_action));
	if (oci_has_data(c->default_action))
		json_kv_u64(&c->w, "defaultErrnoRet", c->default_action & SECCOMP_RET_DATA);
	for (size_t i = 0; i < c->map->n_archs; i++)
		archs |= 1U << c->map->archs[i].arch;
	json_key(&c->w, "architectures");
	json_array_begin(&c->w);
	for (int i = 0; i < SECCOMP_ARCH_MAX; i++)
		if (archs >> i & 1)
			json_string(&c->w, seccomp_arch_info(i)->name);
	json_array_end(&c->w);
	write_flags(c);
	json_key(&c->w, "syscalls");
	json_array_begin(&c->w);
	r = write_calls(c);
	json_array_end(&c->w);
	json_object_end(&c->w);
	if (r < 0)
		return r;
	return json_writer_finish(&c->w, ret, ret_len) < 0 ? policy_no_memory(c->log) : 0;
}

/* --- the proof -------------------------------------------------------------------------------- */

/* Which architecture of the map the difference is about; -1 for one that it does not name. */
static int arch_of(const struct converter *c, const struct policy_difference *d)
{
	for (size_t i = 0; i < c->map->n_archs; i++) {
		enum seccomp_arch arch = c->map->archs[i].arch;
		bool x32 = arch == SECCOMP_ARCH_X32;

		if (seccomp_arch_info(arch)->audit != d->words[1])
			continue;
		if ((arch != SECCOMP_ARCH_X86_64 && !x32) ||
		    x32 == !!(d->words[0] & SECCOMP_X32_BIT))
			return (int)arch;
	}
	return -1;
}

/* Names are for all architectures: a call that has to be named on one is none of the unknown ones
 * of another. */
static void name_everywhere(struct converter *c, unsigned call)
{
	for (size_t i = 0; i < c->map->n_archs && c->has_last; i++) {
		enum seccomp_arch arch = c->map->archs[i].arch;
		uint32_t nr;

		if (syscall_number(call, arch, &nr) < 0 || nr <= c->last[arch])
			continue;
		c->last[arch] = nr;
		c->open[arch] = false;
		c->retry = true;
	}
}

static void take_difference(void *context, const struct policy_difference *d)
{
	struct converter *c = context;
	int arch = arch_of(c, d);
	uint64_t args[6];
	bool big;

	if (arch < 0 && is_kill(d->a) && is_kill(d->b)) {
		c->kills_less = true;
		return;
	}
	if (arch >= 0 && d->a == c->default_action && is_errno(d->a) &&
	    d->b == (SECCOMP_RET_ERRNO | ENOSYS) && d->nr_first > c->last[arch]) {
		c->unknown_differs = true;
		return;
	}
	for (unsigned i = 0; i < SYSCALL_COUNT && arch >= 0; i++) {
		uint32_t nr;

		if (syscall_number(i, (enum seccomp_arch)arch, &nr) < 0 || nr != d->words[0])
			continue;
		name_everywhere(c, i);
		if (c->manner[i] == AS_IT_IS) {
			c->manner[i] = IN_PIECES;
			c->retry = true;
		}
		c->first_why = c->first_why ? c->first_why : c->why[i];
	}
	if (c->differs)
		return;
	c->differs = true;
	c->witness = *d;
	c->differs_by = c->map->foreign_by;
	if (arch < 0)
		return;
	big = seccomp_arch_info(arch)->big_endian;
	for (unsigned i = 0; i < 6; i++)
		args[i] = (uint64_t)d->words[5 + 2 * i - big] << 32 | d->words[4 + 2 * i + big];
	c->differs_by = policy_decide(c->map, (enum seccomp_arch)arch, d->words[0], args);
}

/* Read the document again, compile it, and compare. */
static int prove(struct converter *c, const char *text)
{
	struct seccomp_options options = {.native = c->map->archs[0].arch};
	const struct seccomp_warning *warnings;
	struct seccomp_policy policy;
	struct seccomp_program program = {0};
	struct err e = {0};
	struct spec spec;
	bool complete = true;
	char *document = arena_format(
		c->arena, "{\"ociVersion\":\"1.0.0\",\"linux\":{\"seccomp\":%s}}", text);
	int r;

	if (!document)
		return policy_no_memory(c->log);
	c->differs = c->kills_less = c->unknown_differs = false;
	r = spec_parse(c->arena, document, strlen(document), &spec, &e);
	if (r == 0)
		r = seccomp_policy_from_oci(c->arena, &spec.linux_.seccomp, &options, &policy,
					    &warnings, &e);
	if (r == 0)
		r = seccomp_emit(c->arena, &policy, &program, &e);
	if (r == 0)
		r = policy_differ(c->arena, &c->original, &program, take_difference, c, &complete,
				  &e);
	if (r == -ENOMEM)
		return policy_no_memory(c->log);
	if (r < 0 || !complete)
		return policy_say(c->log, POLICY_ERROR, &c->map->rules->first->place, NULL,
				  "the profile cannot be proven to say the same: %s",
				  r < 0 ? e.text : "too much to look at");
	return 0;
}

static int tell_difference(struct converter *c)
{
	const struct policy_statement *s = c->differs_by ? c->differs_by : c->map->rules->last;
	char a[POLICY_ACTION_MAX], b[POLICY_ACTION_MAX];

	if (c->first_why)
		return policy_say(c->log, POLICY_ERROR, &c->first_why->place, c->first_why->hint,
				  "%s", c->first_why->text);
	return policy_say(c->log, POLICY_ERROR, &s->place,
			  "use the policy itself, by its annotation",
			  "profiles cannot say this: call %u of architecture 0x%x would get %s in "
			  "the place of %s",
			  c->witness.words[0], c->witness.words[1],
			  policy_action_text(c->witness.b, b), policy_action_text(c->witness.a, a));
}

/* Whether numbers above some are unknown, and above which: of an architecture's numbers, those
 * behind which everything gets ENOSYS; or else the largest that anybody knows. */
static void find_last(struct converter *c)
{
	c->has_last =
		is_errno(c->default_action) && c->default_action != (SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < c->map->n_archs; i++) {
		const struct policy_arch *arch = &c->map->archs[i];
		const struct policy_range *tail = &arch->ranges[arch->n - 1];
		uint32_t nr;

		c->last[arch->arch] = 0;
		c->open[arch->arch] = true;
		for (unsigned k = 0; k < SYSCALL_COUNT; k++)
			if (syscall_number(k, arch->arch, &nr) == 0)
				c->last[arch->arch] = MAX(c->last[arch->arch], nr);
		if (!c->has_last || tail->cases || tail->first == 0 ||
		    tail->otherwise->action != (SECCOMP_RET_ERRNO | ENOSYS))
			continue;
		while (tail > arch->ranges && !tail[-1].cases &&
		       tail[-1].otherwise->action == tail->otherwise->action && tail[-1].first > 0)
			tail--;
		c->last[arch->arch] = tail->first - 1;
		c->open[arch->arch] = false;
	}
}

int policy_to_oci(struct arena *a, const struct policy_map *map, const char **ret, size_t *ret_len,
		  struct policy_log *log)
{
	struct converter *c = arena_new(a, struct converter);
	struct seccomp_policy policy;
	struct err e = {0};
	int r;

	if (!c)
		return policy_no_memory(log);
	*c = (struct converter){.arena = a, .map = map, .log = log};
	r = policy_to_seccomp(a, map, &policy);
	if (r == 0)
		r = seccomp_emit(a, &policy, &c->original, &e);
	if (r == -ENOMEM)
		return policy_no_memory(log);
	if (r < 0)
		return policy_say(log, POLICY_ERROR, &map->rules->first->place, NULL, "%s", e.text);
	c->default_action = policy.default_action;
	if (!oci_action_name(c->default_action))
		return oci_cannot_say(c, map->rules->last, "a trap with a number");
	find_last(c);
	close_open(c);
	for (unsigned i = 0; i < SYSCALL_COUNT; i++) {
		const struct policy_arch *arch;
		const struct policy_range *range = range_of(c, i, &arch);

		if (range && range->cases && range->otherwise->action != c->default_action)
			c->manner[i] = IN_PIECES;
	}
	do {
		c->retry = false;
		r = write_document(c, ret, ret_len);
		if (r == 0 && !c->retry)
			r = prove(c, *ret);
	} while (r == 0 && c->retry);
	if (r == 0 && c->differs)
		r = tell_difference(c);
	if (r == 0 && c->kills_less)
		(void)policy_say(log, POLICY_NOTE, &map->rules->last->place, NULL,
				 "profiles kill the thread, not the process, on architectures that "
				 "they do not name");
	if (r == 0 && c->unknown_differs)
		(void)policy_say(log, POLICY_NOTE, &map->rules->last->place, NULL,
				 "in profiles, numbers that nobody knows yet get ENOSYS");
	return r;
}
