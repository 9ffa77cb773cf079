/* coracle events: a line of JSON an event, in the form that runc gave them. */
#include "cli/command.h"

#include <errno.h>

#include "base/str.h"
#include "cli/value.h"

struct events_options {
	bool stats;
	const char *interval;
};

static const struct option options[] = {
	{.name = "interval",
	 .type = OPTION_STRING,
	 .offset = offsetof(struct events_options, interval),
	 .argument = "TIME",
	 .fallback = "5s",
	 .help = "time between statistics, as 5s or 250ms"},
	{.name = "stats",
	 .type = OPTION_FLAG,
	 .offset = offsetof(struct events_options, stats),
	 .argument = "",
	 .help = "print the statistics of now, and end"},
};

/* --- statistics -------------------------------------------------------------------------------
 */

static void write_cpu(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "cpu");
	json_object_begin(w);
	json_key(w, "usage");
	json_object_begin(w);
	json_kv_u64(w, "total", s->cpu_total);
	json_kv_u64(w, "kernel", s->cpu_kernel);
	json_kv_u64(w, "user", s->cpu_user);
	json_object_end(w);
	json_key(w, "throttling");
	json_object_begin(w);
	json_kv_u64(w, "periods", s->periods);
	json_kv_u64(w, "throttledPeriods", s->throttled_periods);
	json_kv_u64(w, "throttledTime", s->throttled_time_ns);
	json_object_end(w);
	json_object_end(w);
}

/* The numbers that a list like "0-3,7" stands for. */
static void write_list(struct json_writer *w, const char *key, const char *list)
{
	json_key(w, key);
	json_array_begin(w);
	while (*list >= '0' && *list <= '9') {
		uint64_t ends[2] = {0};

		for (int i = 0; i < 2; i++) {
			for (; *list >= '0' && *list <= '9'; list++)
				ends[i] = ends[i] * 10 + (uint64_t)(*list - '0');
			if (i == 0 && *list != '-')
				ends[1] = ends[i++];
			else if (i == 0)
				list++;
		}
		for (uint64_t n = ends[0]; n <= ends[1] && n < UINT16_MAX; n++)
			json_u64(w, n);
		list += *list == ',';
	}
	json_array_end(w);
}

static void write_usage(struct json_writer *w, const char *key, const struct cgroup_usage *u)
{
	json_key(w, key);
	json_object_begin(w);
	json_kv_u64(w, "limit", u->limit);
	if (u->usage > 0)
		json_kv_u64(w, "usage", u->usage);
	if (u->max > 0)
		json_kv_u64(w, "max", u->max);
	json_kv_u64(w, "failcnt", u->failcnt);
	json_object_end(w);
}

static void write_memory(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "memory");
	json_object_begin(w);
	json_kv_u64(w, "cache", s->cache);
	write_usage(w, "usage", &s->memory);
	write_usage(w, "swap", &s->swap);
	write_usage(w, "kernel", &s->kernel);
	write_usage(w, "kernelTCP", &s->kernel_tcp);
	json_key(w, "raw");
	json_object_begin(w);
	for (size_t i = 0; i < s->n_memory_raw; i++)
		json_kv_u64(w, s->memory_raw[i].name, s->memory_raw[i].value);
	json_object_end(w);
	json_object_end(w);
}

static void write_io(struct json_writer *w, const char *key, const struct cgroup_io_list *l)
{
	if (l->n == 0)
		return;
	json_key(w, key);
	json_array_begin(w);
	for (size_t i = 0; i < l->n; i++) {
		json_object_begin(w);
		json_kv_u64(w, "major", l->items[i].major);
		json_kv_u64(w, "minor", l->items[i].minor);
		json_kv_string(w, "op", l->items[i].op);
		json_kv_u64(w, "value", l->items[i].value);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_hugetlb(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "hugetlb");
	json_object_begin(w);
	for (size_t i = 0; i < s->n_hugetlb; i++) {
		const struct cgroup_hugetlb *h = &s->hugetlb[i];

		json_key(w, h->size);
		json_object_begin(w);
		if (h->usage > 0)
			json_kv_u64(w, "usage", h->usage);
		if (h->max > 0)
			json_kv_u64(w, "max", h->max);
		json_kv_u64(w, "failcnt", h->failcnt);
		json_object_end(w);
	}
	json_object_end(w);
}

static void write_stats(struct json_writer *w, const struct cgroup_stats *s)
{
	write_cpu(w, s);
	json_key(w, "cpuset");
	json_object_begin(w);
	write_list(w, "cpus", s->cpus);
	write_list(w, "mems", s->mems);
	json_object_end(w);
	write_memory(w, s);
	json_key(w, "pids");
	json_object_begin(w);
	json_kv_u64(w, "current", s->pids);
	if (s->pids_limit > 0)
		json_kv_u64(w, "limit", s->pids_limit);
	json_object_end(w);
	json_key(w, "blkio");
	json_object_begin(w);
	write_io(w, "ioServiceBytesRecursive", &s->bytes);
	write_io(w, "ioServicedRecursive", &s->operations);
	json_object_end(w);
	write_hugetlb(w, s);
	json_key(w, "intel_rdt");
	json_object_begin(w);
	json_object_end(w);
	json_key(w, "network_interfaces");
	json_null(w);
}

/* --- events ----------------------------------------------------------------------------------- */

static void write_both(struct json_writer *w, const struct cgroup_stats *s)
{
	json_key(w, "memory");
	json_object_begin(w);
	write_usage(w, "usage", &s->memory);
	write_usage(w, "swap", &s->swap);
	json_object_end(w);
}

static void write_before(struct json_writer *w, const struct container_event *ev)
{
	json_key(w, "before");
	json_object_begin(w);
	write_both(w, ev->before);
	json_key(w, "processes");
	json_array_begin(w);
	for (size_t i = 0; i < ev->n_processes; i++) {
		json_object_begin(w);
		json_kv_i64(w, "pid", ev->processes[i].pid);
		json_kv_string(w, "name", ev->processes[i].name);
		json_kv_u64(w, "memory", ev->processes[i].memory);
		json_object_end(w);
	}
	json_array_end(w);
	json_object_end(w);
}

/* runc's has no data. */
static void write_oom(struct json_writer *w, const struct container_event *ev)
{
	json_kv_u64(w, "oomKill", ev->oom.kills);
	json_kv_u64(w, "oomGroupKill", ev->oom.group_kills);
	write_both(w, &ev->stats);
	json_key(w, "pids");
	json_array_begin(w);
	for (size_t i = 0; i < ev->n_pids; i++)
		json_i64(w, ev->pids[i]);
	json_array_end(w);
	write_before(w, ev);
}

static int print(_unused_ void *data, const struct container_event *ev, struct err *e)
{
	struct json_writer w;
	struct arena a;
	int r;

	arena_init(&a, NULL, 0);
	json_writer_init(&w, &a, false);
	json_object_begin(&w);
	json_kv_string(&w, "type", ev->is_oom ? "oom" : "stats");
	json_kv_string(&w, "id", ev->id);
	json_key(&w, "data");
	json_object_begin(&w);
	if (ev->is_oom)
		write_oom(&w, ev);
	else
		write_stats(&w, &ev->stats);
	json_object_end(&w);
	json_object_end(&w);
	r = command_print_json(&w, e);
	arena_done(&a);
	return r;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct events_options *o = inv->options;
	uint32_t interval;

	if (value_to_duration(o->interval, &interval) < 0)
		return err_set(e, ERR_USAGE, -EINVAL,
			       "events: option --interval: expected a time like 5s, got \"%s\"",
			       o->interval);
	return container_events(&inv->rt, inv->args.items[0], o->stats, interval, print, NULL, e);
}

const struct command command_events = {
	.name = "events",
	.summary = "print what a container uses, and when it ran out of memory",
	.positionals = {POSITIONAL_ID},
	.options = OPTION_TABLE(options, struct events_options),
	.run = run,
};
