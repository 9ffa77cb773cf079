/* coracle update. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/value.h"
#include "oci/names.h"

struct update_words {
	struct update_options o;
	const char *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_idle;
	const char *cpu_rt_period, *cpu_rt_runtime, *cpuset_cpus, *cpuset_mems;
	const char *memory, *reservation, *swap, *kernel, *kernel_tcp;
	const char *pids, *weight, *oom_group;
	struct str_pair unified[1];
	struct str_list rlimits;
};

#define WORD(name_, member, argument_, help_)                                                      \
	{                                                                                          \
		.name = (name_), .type = OPTION_STRING,                                            \
		.offset = offsetof(struct update_words, member), .argument = (argument_),          \
		.help = (help_)                                                                    \
	}

static const struct option options[] = {
	{.name = "resources",
	 .letter = 'r',
	 .type = OPTION_STRING,
	 .offset = offsetof(struct update_words, o.resources_file),
	 .argument = "FILE",
	 .help = "read linux.resources as JSON from FILE, or - for standard input"},
	WORD("blkio-weight", weight, "N", "weight for disks, 10 to 1000"),
	WORD("cpu-burst", cpu_burst, "US", "microseconds saved up in idle periods"),
	WORD("cpu-idle", cpu_idle, "0|1", "run only when nobody else wants to"),
	WORD("cpu-period", cpu_period, "US", "microseconds that the quota is a part of"),
	WORD("cpu-quota", cpu_quota, "US", "microseconds in each period; -1 is no limit"),
	WORD("cpu-rt-period", cpu_rt_period, "US", "the period of real-time processes"),
	WORD("cpu-rt-runtime", cpu_rt_runtime, "US", "microseconds of real-time processes in it"),
	WORD("cpu-share", cpu_share, "N", "weight for processors, 2 to 262144"),
	WORD("cpuset-cpus", cpuset_cpus, "LIST", "processors to run on: 0-3,7"),
	WORD("cpuset-mems", cpuset_mems, "LIST", "memory nodes to use"),
	{.name = "device-rule",
	 .type = OPTION_LIST,
	 .offset = offsetof(struct update_words, o.device_rules),
	 .argument = "RULE",
	 .help = "add \"allow|deny TYPE MAJOR:MINOR ACCESS\" to the device rules"},
	WORD("kernel-memory", kernel, "SIZE", "limit on the kernel's memory (cgroup v1)"),
	WORD("kernel-memory-tcp", kernel_tcp, "SIZE", "limit on buffers of TCP (cgroup v1)"),
	WORD("l3-cache-schema", o.l3_cache_schema, "SCHEMA",
	     "parts of the cache, as L3:0=7f0;1=1f"),
	WORD("mem-bw-schema", o.mem_bw_schema, "SCHEMA",
	     "parts of the memory bandwidth, as MB:0=20;1=70"),
	WORD("memory", memory, "SIZE", "limit on memory, as 512M; -1 is none"),
	WORD("memory-reservation", reservation, "SIZE", "memory that is reclaimed last"),
	WORD("memory-swap", swap, "SIZE", "limit on memory and swap together; -1 is none"),
	WORD("oom-group", oom_group, "0|1", "all processes die when one of them ran out of memory"),
	WORD("pids-limit", pids, "N", "limit on processes; -1 is none"),
	{.name = "rlimit",
	 .type = OPTION_LIST,
	 .offset = offsetof(struct update_words, rlimits),
	 .argument = "NAME=SOFT[:HARD]",
	 .help = "set a resource limit of all processes: NOFILE=1024:4096"},
};

static int bad_value(const char *name, const char *expected, const char *word, struct err *e)
{
	return err_set(e, ERR_USAGE, -EINVAL, "update: option --%s: expected %s, got \"%s\"", name,
		       expected, word);
}

static int read_i64(const char *name, const char *word, bool *has, int64_t *ret, struct err *e)
{
	if (word[0] == '\0')
		return 0;
	*has = true;
	return value_to_i64(word, ret) < 0 ? bad_value(name, "a number", word, e) : 0;
}

static int read_u64(const char *name, const char *word, bool *has, uint64_t *ret, struct err *e)
{
	if (word[0] == '\0')
		return 0;
	*has = true;
	return str_to_u64(word, ret) < 0 ? bad_value(name, "a number", word, e) : 0;
}

static int read_size(const char *name, const char *word, bool *has, int64_t *ret, struct err *e)
{
	if (word[0] == '\0')
		return 0;
	*has = true;
	return value_to_size(word, ret) < 0 ? bad_value(name, "a size like 512M", word, e) : 0;
}

static int read_cpu(const struct update_words *w, struct spec_cpu *c, struct err *e)
{
	int r = read_u64("cpu-period", w->cpu_period, &c->has_period, &c->period, e);

	c->cpus = w->cpuset_cpus;
	c->mems = w->cpuset_mems;
	if (r == 0)
		r = read_i64("cpu-quota", w->cpu_quota, &c->has_quota, &c->quota, e);
	if (r == 0)
		r = read_u64("cpu-burst", w->cpu_burst, &c->has_burst, &c->burst, e);
	if (r == 0)
		r = read_u64("cpu-share", w->cpu_share, &c->has_shares, &c->shares, e);
	if (r == 0)
		r = read_i64("cpu-idle", w->cpu_idle, &c->has_idle, &c->idle, e);
	if (r == 0)
		r = read_u64("cpu-rt-period", w->cpu_rt_period, &c->has_realtime_period,
			     &c->realtime_period, e);
	if (r == 0)
		r = read_i64("cpu-rt-runtime", w->cpu_rt_runtime, &c->has_realtime_runtime,
			     &c->realtime_runtime, e);
	return r;
}

static int read_memory(const struct update_words *w, struct spec_memory *m, struct err *e)
{
	int r = read_size("memory", w->memory, &m->has_limit, &m->limit, e);

	if (r == 0)
		r = read_size("memory-reservation", w->reservation, &m->has_reservation,
			      &m->reservation, e);
	if (r == 0)
		r = read_size("memory-swap", w->swap, &m->has_swap, &m->swap, e);
	if (r == 0)
		r = read_size("kernel-memory", w->kernel, &m->has_kernel, &m->kernel, e);
	if (r == 0)
		r = read_size("kernel-memory-tcp", w->kernel_tcp, &m->has_kernel_tcp,
			      &m->kernel_tcp, e);
	return r;
}

/* NAME=SOFT[:HARD], NAME with or without RLIMIT_ and in any case. */
static int read_rlimit(struct arena *a, const char *word, struct spec_rlimit *ret, struct err *e)
{
	static const char expected[] = "NAME=SOFT[:HARD]";
	const char *equals = strchr(word, '='), *colon;
	char *name, *soft;

	if (!equals)
		return bad_value("rlimit", expected, word, e);
	colon = strchr(equals, ':');
	name = arena_format(a, "RLIMIT_%.*s", (int)(equals - word), word);
	soft = colon ? arena_strndup(a, equals + 1, (size_t)(colon - equals - 1))
		     : arena_strdup(a, equals + 1);
	if (!name || !soft)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read --rlimit");
	for (char *p = name; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	if (str_starts(name, "RLIMIT_RLIMIT_"))
		name += strlen("RLIMIT_");
	ret->type = name;
	if (rlimit_from_name(name) < 0)
		return bad_value("rlimit", "the name of a resource limit, as NOFILE", word, e);
	if (value_to_rlimit(soft, &ret->soft) < 0 ||
	    value_to_rlimit(colon ? colon + 1 : soft, &ret->hard) < 0)
		return bad_value("rlimit", expected, word, e);
	return ret->soft > ret->hard ? bad_value("rlimit", "no more than the hard limit", word, e)
				     : 0;
}

static int read_rlimits(struct arena *a, struct update_words *w, struct err *e)
{
	int r = 0;

	if (w->rlimits.n == 0)
		return 0;
	w->o.rlimits = arena_newn(a, struct spec_rlimit, w->rlimits.n);
	if (!w->o.rlimits)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "read --rlimit");
	for (size_t i = 0; r == 0 && i < w->rlimits.n; i++)
		r = read_rlimit(a, w->rlimits.items[i], &w->o.rlimits[i], e);
	w->o.n_rlimits = w->rlimits.n;
	return r;
}

static int read_oom_group(struct update_words *w, struct err *e)
{
	if (w->oom_group[0] == '\0')
		return 0;
	if (!str_eq(w->oom_group, "0") && !str_eq(w->oom_group, "1"))
		return bad_value("oom-group", "0 or 1", w->oom_group, e);
	w->unified[0] = (struct str_pair){"memory.oom.group", w->oom_group};
	w->o.resources.unified = (struct str_map){.items = w->unified, .n = 1};
	return 0;
}

static int read_words(struct arena *a, struct update_words *w, struct err *e)
{
	struct spec_resources *res = &w->o.resources;
	uint64_t weight = 0;
	int r = read_cpu(w, &res->cpu, e);

	if (r == 0)
		r = read_memory(w, &res->memory, e);
	if (r == 0)
		r = read_i64("pids-limit", w->pids, &res->has_pids_limit, &res->pids_limit, e);
	if (r == 0)
		r = read_u64("blkio-weight", w->weight, &res->block_io.has_weight, &weight, e);
	if (r == 0 && weight > 1000)
		r = bad_value("blkio-weight", "a weight from 10 to 1000", w->weight, e);
	if (r == 0)
		r = read_oom_group(w, e);
	res->block_io.weight = (uint32_t)weight;
	res->has_cpu = res->has_memory = res->has_pids = res->has_block_io = true;
	return r < 0 ? r : read_rlimits(a, w, e);
}

static int run(struct invocation *inv, struct err *e)
{
	struct update_words *words = inv->options;
	int r = read_words(inv->rt.arena, words, e);

	return r < 0 ? r : container_update(&inv->rt, inv->args.items[0], &words->o, e);
}

const struct command command_update = {
	.name = "update",
	.summary = "change the limits of a container",
	.positionals = {POSITIONAL_ID},
	.options = OPTION_TABLE(options, struct update_words),
	.run = run,
};
