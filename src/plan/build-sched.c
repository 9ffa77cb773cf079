/* Scheduling, I/O priority, processors, memory nodes, personality: what the kernel keeps for the
 * process from outside, and steps of init for what only it can set. */
#include <errno.h>

#include "base/str.h"
#include "plan/build.h"

#define SCHED_FIFO_     1
#define SCHED_RR_       2
#define SCHED_DEADLINE_ 6
#define DEADLINE_MIN    1024 /* ns; the kernel's DL_SCALE */
#define RESET_ON_FORK   1

#define NODES_MAX 4096

struct name_value {
	const char *name;
	uint32_t value;
};

static int find(const struct name_value *names, size_t n, const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i].name, name)) {
			*ret = names[i].value;
			return 0;
		}
	return -EINVAL;
}

static int bad(struct builder *b, const char *where, const char *what)
{
	(void)err_set(b->e, ERR_CONFIG_INVALID, -EINVAL, "%s", what);
	return err_where(b->e, "%s", where);
}

/* --- lists of processors and nodes -------------------------------------------------------------
 */

static const char *number(const char *p, uint32_t *ret)
{
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9' && v <= UINT32_MAX; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	*ret = (uint32_t)v;
	return v <= UINT32_MAX ? p : NULL;
}

int plan_parse_list(const char *text, uint64_t *bits, size_t max)
{
	const char *p = text;

	for (;;) {
		uint32_t first, last;

		while (*p == ' ')
			p++;
		p = number(p, &first);
		last = first;
		if (p && *p == '-')
			p = number(p + 1, &last);
		if (!p || last < first || last >= max)
			return -EINVAL;
		for (uint32_t n = first; n <= last; n++)
			bits[n / 64] |= 1ULL << n % 64;
		while (*p == ' ')
			p++;
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			return -EINVAL;
	}
}

static int list(struct builder *b, const char *text, size_t max, const char *where,
		const uint64_t **ret, size_t *ret_words)
{
	uint64_t *bits = arena_newn(b->arena, uint64_t, max / 64);
	size_t words = max / 64;

	if (!bits)
		return err_set(b->e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (plan_parse_list(text, bits, max) < 0)
		return bad(b, where, "expected a list of numbers and ranges like \"0-3,7\"");
	while (words > 1 && bits[words - 1] == 0)
		words--;
	*ret = bits;
	*ret_words = words;
	return 0;
}

/* --- scheduler ---------------------------------------------------------------------------------
 */

static int check_deadline(struct builder *b, const struct spec_scheduler *s)
{
	const char *where = "process.scheduler";
	uint64_t period = s->period != 0 ? s->period : s->deadline;

	if (s->runtime < DEADLINE_MIN)
		return bad(b, where, "SCHED_DEADLINE needs a runtime of at least 1024 ns");
	if (s->deadline < s->runtime)
		return bad(b, where, "SCHED_DEADLINE needs a deadline that is not below runtime");
	if (period < s->deadline)
		return bad(b, where, "SCHED_DEADLINE needs a period that is not below deadline");
	return 0;
}

static int plan_scheduler(struct builder *b, struct plan_schedule *o)
{
	static const struct name_value policies[] = {
		{"SCHED_OTHER", 0},
		{"SCHED_FIFO", SCHED_FIFO_},
		{"SCHED_RR", SCHED_RR_},
		{"SCHED_BATCH", 3},
		{"SCHED_ISO", 4},
		{"SCHED_IDLE", 5},
		{"SCHED_DEADLINE", SCHED_DEADLINE_},
	};
	static const struct name_value flags[] = {
		{"SCHED_FLAG_RESET_ON_FORK", RESET_ON_FORK},
		{"SCHED_FLAG_RECLAIM", 0x02},
		{"SCHED_FLAG_DL_OVERRUN", 0x04},
		{"SCHED_FLAG_KEEP_POLICY", 0x08},
		{"SCHED_FLAG_KEEP_PARAMS", 0x10},
		{"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
		{"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
	};
	const struct spec_scheduler *s = &b->process->scheduler;
	bool hooks = b->spec->hooks.start_container.n > 0 && b->options->purpose != PURPOSE_EXEC;

	if (find(policies, ARRAY_SIZE(policies), s->policy, &o->policy) < 0)
		return bad(b, "process.scheduler.policy", "unchecked policy");
	for (size_t n = 0; n < s->flags.n; n++) {
		uint32_t flag;

		if (find(flags, ARRAY_SIZE(flags), s->flags.items[n], &flag) < 0)
			return bad(b, "process.scheduler.flags", "unchecked flag");
		o->flags |= flag;
	}
	if ((o->policy == SCHED_FIFO_ || o->policy == SCHED_RR_) &&
	    (s->priority < 1 || s->priority > 99))
		return bad(b, "process.scheduler.priority",
			   "SCHED_FIFO and SCHED_RR need a priority from 1 to 99");
	if (o->policy == SCHED_DEADLINE_ && check_deadline(b, s) < 0)
		return b->e->code;
	/* sched(7): such a process may not fork. */
	if (o->policy == SCHED_DEADLINE_ && !(o->flags & RESET_ON_FORK) && hooks)
		return bad(b, "process.scheduler",
			   "SCHED_DEADLINE with startContainer hooks needs "
			   "SCHED_FLAG_RESET_ON_FORK");
	o->has_scheduler = true;
	/* What a child does not inherit is set when there is no more clone to come. */
	o->late = o->policy == SCHED_DEADLINE_ || (o->flags & RESET_ON_FORK);
	o->nice = s->nice;
	o->priority = (uint32_t)s->priority;
	o->runtime = s->runtime;
	o->deadline = s->deadline;
	o->period = s->period;
	return 0;
}

static int plan_io_priority(struct builder *b, struct plan_schedule *o)
{
	static const struct name_value classes[] = {
		{"IOPRIO_CLASS_RT", 1},
		{"IOPRIO_CLASS_BE", 2},
		{"IOPRIO_CLASS_IDLE", 3},
	};
	const struct spec_io_priority *p = &b->process->io_priority;
	uint32_t class_;

	if (find(classes, ARRAY_SIZE(classes), p->class_name, &class_) < 0)
		return bad(b, "process.ioPriority.class", "unchecked class");
	o->has_io_priority = true;
	o->io_priority = class_ << 13 | (uint32_t)p->priority;
	return 0;
}

int plan_schedule(struct builder *b)
{
	const struct spec_process *p = b->process;
	struct plan_schedule *o = &b->plan->schedule;
	int r = 0;

	if (p->has_scheduler)
		r = plan_scheduler(b, o);
	if (r == 0 && p->has_io_priority)
		r = plan_io_priority(b, o);
	/* A limited caller has passed its processors on; a cgroup's are its own. */
	o->all_cpus = b->facts->cpus_limited;
	if (r < 0 || b->options->purpose != PURPOSE_EXEC)
		return r;
	if (p->cpu_affinity_initial[0] != '\0')
		r = list(b, p->cpu_affinity_initial, PLAN_CPUS_MAX,
			 "process.execCPUAffinity.initial", &o->initial_cpus, &o->n_initial_cpus);
	if (r == 0 && p->cpu_affinity_final[0] != '\0')
		r = list(b, p->cpu_affinity_final, PLAN_CPUS_MAX, "process.execCPUAffinity.final",
			 &o->final_cpus, &o->n_final_cpus);
	/* Otherwise it would keep what the runtime had for the way. */
	if (o->n_initial_cpus > 0)
		o->all_cpus = true;
	return r;
}

/* --- steps of init ------------------------------------------------------------------------------
 */

static void plan_personality(struct builder *b)
{
	const struct spec_personality *p = &b->spec->linux_.personality;

	for (size_t n = 0; n < p->flags.n; n++)
		plan_warn(b, plan_origin(b, "linux.personality.flags[%u]", (unsigned)n),
			  "the specification defines no flags: \"%s\" is ignored",
			  p->flags.items[n]);
	plan_add_PERSONALITY(&b->block, "linux.personality",
			     (struct plan_personality){
				     .persona = str_eq(p->domain, "LINUX32") ? 0x0008 : 0x0000,
			     });
}

static int plan_memory_policy(struct builder *b)
{
	static const struct name_value modes[] = {
		{"MPOL_DEFAULT", 0},
		{"MPOL_PREFERRED", 1},
		{"MPOL_BIND", 2},
		{"MPOL_INTERLEAVE", 3},
		{"MPOL_LOCAL", 4},
		{"MPOL_PREFERRED_MANY", 5},
		{"MPOL_WEIGHTED_INTERLEAVE", 6},
	};
	static const struct name_value flags[] = {
		{"MPOL_F_STATIC_NODES", 1U << 15},
		{"MPOL_F_RELATIVE_NODES", 1U << 14},
		{"MPOL_F_NUMA_BALANCING", 1U << 13},
	};
	const struct spec_memory_policy *p = &b->spec->linux_.memory_policy;
	struct plan_memory_policy o = {0};
	const uint64_t *nodes = NULL;
	size_t words = 0;
	int r;

	if (find(modes, ARRAY_SIZE(modes), p->mode, &o.mode) < 0)
		return bad(b, "linux.memoryPolicy.mode", "unchecked mode");
	for (size_t n = 0; n < p->flags.n; n++) {
		uint32_t flag;

		if (find(flags, ARRAY_SIZE(flags), p->flags.items[n], &flag) < 0)
			return bad(b, "linux.memoryPolicy.flags", "unchecked flag");
		o.mode |= flag;
	}
	if (p->nodes[0] != '\0') {
		r = list(b, p->nodes, NODES_MAX, "linux.memoryPolicy.nodes", &nodes, &words);
		if (r < 0)
			return r;
	}
	o.nodes = block_array(&b->block, nodes, words, sizeof(*nodes));
	plan_add_MEMORY_POLICY(&b->block, "linux.memoryPolicy", o);
	return 0;
}

int plan_machine(struct builder *b)
{
	if (b->spec->linux_.has_personality)
		plan_personality(b);
	return b->spec->linux_.has_memory_policy ? plan_memory_policy(b) : 0;
}
