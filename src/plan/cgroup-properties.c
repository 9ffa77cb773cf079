/* Limits as properties of a systemd unit. Pure.
 *
 * systemd writes its own idea of every file that it knows whenever it reloads, into a delegated
 * cgroup too. So it is told what was written; that it holds is still ours to prove, by writing it.
 * Which properties there are depends on systemd's version: each of these is marked with a dash, for
 * one that may be left out (systemd/main.c). */
#include <errno.h>

#include "base/str.h"
#include "plan/cgroup-internal.h"

#define PROPERTIES_MAX 256

#define UNLIMITED UINT64_MAX

/* systemd's number for a unit that runs only when nobody else wants to. */
#define WEIGHT_IDLE 0

/* systemd writes a quota down as whole percents of a processor. */
#define PERCENT_US 10000

int scope_add(struct scope *s, const char *type, const char *name, const char *value)
{
	struct plan_cgroup *p = s->plan;

	if (p->n_properties == PROPERTIES_MAX)
		return err_set(s->e, ERR_CONFIG_INVALID, -E2BIG, "too many systemd properties");
	if (!p->properties)
		p->properties = arena_newn(s->arena, const char *, PROPERTIES_MAX);
	if (p->properties)
		p->properties[p->n_properties] =
			arena_format(s->arena, "%s %s %s", type, name, value);
	if (!p->properties || !p->properties[p->n_properties])
		return err_sys(s->e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
	p->n_properties++;
	return 0;
}

int scope_add_u64(struct scope *s, const char *type, const char *name, uint64_t v)
{
	char text[24];

	(void)str_format(text, sizeof(text), "%llu", (unsigned long long)v);
	return scope_add(s, type, name, text);
}

static int add_number(struct scope *s, const char *name, uint64_t v)
{
	return scope_add_u64(s, "-u64", name, v);
}

/* "max", or a number. Others are no value that systemd could be told. */
static bool to_number(const char *text, uint64_t *ret)
{
	*ret = UNLIMITED;
	return str_eq(text, "max") || str_eq(text, "-1") || str_to_u64(text, ret) == 0;
}

/* systemd's quota is by the second, in whole percents, and never less than it should be. */
static int add_share(struct scope *s, uint64_t quota, uint64_t period)
{
	int r;

	if (period == 0 || (quota != UNLIMITED && quota > UINT64_MAX / 2000000))
		return 0;
	if (quota != UNLIMITED) {
		quota = (quota * 1000000 + period - 1) / period;
		quota = (quota + PERCENT_US - 1) / PERCENT_US * PERCENT_US;
	}
	r = add_number(s, "CPUQuotaPerSecUSec", quota);
	return r < 0 ? r : add_number(s, "CPUQuotaPeriodUSec", period);
}

/* cpu.max is "QUOTA PERIOD". */
static int add_quota(struct scope *s, const char *value)
{
	size_t n = strcspn(value, " ");
	uint64_t quota, period = 100000;
	const char *word = arena_strndup(s->arena, value, n);

	if (!word)
		return err_sys(s->e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
	if (!to_number(word, &quota) || (value[n] && str_to_u64(value + n + 1, &period) < 0))
		return 0;
	return add_share(s, quota, period);
}

/* v1 has a file for each. */
static int add_quota_v1(struct scope *s, const char *value)
{
	uint64_t quota, period = 100000;

	for (size_t i = 0; i < s->plan->n_writes; i++) {
		const struct plan_cgroup_write *w = &s->plan->writes[i];

		if (str_eq(w->file, "cpu.cfs_period_us") && str_to_u64(w->value, &period) < 0)
			return 0;
	}
	return to_number(value, &quota) ? add_share(s, quota, period) : 0;
}

/* A weight that is set again behind it takes its place. */
static int add_idle(struct scope *s, const char *value)
{
	return add_number(s, "CPUWeight", str_eq(value, "1") ? WEIGHT_IDLE : UNLIMITED);
}

static int add_list(struct scope *s, const char *name, const char *value)
{
	/* The kernel knows more ways to say it. */
	if (value[0] == '\0' || value[strspn(value, "0123456789,-")] != '\0')
		return 0;
	return scope_add(s, "-bits", name, value);
}

static int add_cpus(struct scope *s, const char *value)
{
	return add_list(s, "AllowedCPUs", value);
}

static int add_mems(struct scope *s, const char *value)
{
	return add_list(s, "AllowedMemoryNodes", value);
}

static int add_oom_group(struct scope *s, const char *value)
{
	return scope_add(s, "-string", "OOMPolicy", str_eq(value, "1") ? "kill" : "continue");
}

/* "MAJOR:MINOR" in front of @value, as the path of a node that need not be there; *@ret_rest is
 * what follows. NULL where there is none. */
static const char *disk_path(struct scope *s, const char *value, const char **ret_rest)
{
	size_t n = strcspn(value, " ");

	if (!memchr(value, ':', n) || value[n] == '\0')
		return NULL;
	*ret_rest = value + n + 1;
	return arena_format(s->arena, "/dev/block/%.*s", (int)n, value);
}

static int add_disk(struct scope *s, const char *name, const char *disk, const char *number)
{
	uint64_t v;
	const char *value;

	if (!to_number(number, &v))
		return 0;
	value = arena_format(s->arena, "%s %llu", disk, (unsigned long long)v);
	return value ? scope_add(s, "-disk", name, value)
		     : err_sys(s->e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
}

/* "MAJOR:MINOR KEY=RATE…". */
static int add_throttles(struct scope *s, const char *value)
{
	static const char *const names[][2] = {
		{"rbps=", "IOReadBandwidthMax"},
		{"wbps=", "IOWriteBandwidthMax"},
		{"riops=", "IOReadIOPSMax"},
		{"wiops=", "IOWriteIOPSMax"},
	};
	const char *rest = NULL, *disk = disk_path(s, value, &rest);
	int r = 0;

	while (disk && r == 0 && *rest) {
		size_t n = strcspn(rest, " ");
		const char *word = arena_strndup(s->arena, rest, n);

		for (size_t i = 0; word && r == 0 && i < ARRAY_SIZE(names); i++) {
			if (str_starts(word, names[i][0]))
				r = add_disk(s, names[i][1], disk, word + strlen(names[i][0]));
		}
		rest += n + (rest[n] == ' ');
	}
	return r;
}

/* "[default ]WEIGHT", or "MAJOR:MINOR WEIGHT". */
static int add_io_weight(struct scope *s, const char *value)
{
	const char *rest = NULL, *disk = disk_path(s, value, &rest);
	uint64_t v;

	if (disk)
		return add_disk(s, "IODeviceWeight", disk, rest);
	if (str_starts(value, "default "))
		value += strlen("default ");
	return str_to_u64(value, &v) == 0 ? add_number(s, "IOWeight", v) : 0;
}

static const struct {
	const char *file;
	const char *name;                                   /* of a number, */
	int (*special)(struct scope *s, const char *value); /* or what makes others of it */
} properties[] = {
	{"cpu.weight", "CPUWeight", NULL},
	{"cpu.idle", NULL, add_idle},
	{"cpu.max", NULL, add_quota},
	{"cpu.shares", "CPUShares", NULL},
	{"cpu.cfs_quota_us", NULL, add_quota_v1},
	{"cpuset.cpus", NULL, add_cpus},
	{"cpuset.mems", NULL, add_mems},
	{"memory.max", "MemoryMax", NULL},
	{"memory.limit_in_bytes", "MemoryMax", NULL},
	{"memory.high", "MemoryHigh", NULL},
	{"memory.low", "MemoryLow", NULL},
	{"memory.min", "MemoryMin", NULL},
	{"memory.swap.max", "MemorySwapMax", NULL},
	{"memory.zswap.max", "MemoryZSwapMax", NULL},
	{"memory.oom.group", NULL, add_oom_group},
	{"pids.max", "TasksMax", NULL},
	{"io.max", NULL, add_throttles},
	{"io.weight", NULL, add_io_weight},
};

static int add_property(struct scope *s, const char *file, const char *value)
{
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (!str_eq(file, properties[i].file))
			continue;
		if (properties[i].special)
			return properties[i].special(s, value);
		if (!to_number(value, &v))
			return 0;
		/* systemd has no limit of 0 tasks. With a process that lives 1 means the same. */
		if (str_eq(file, "pids.max"))
			v = MAX(v, 1);
		return add_number(s, properties[i].name, v);
	}
	return 0;
}

int scope_add_limits(struct scope *s, bool late)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->plan->n_writes; i++) {
		const struct plan_cgroup_write *w = &s->plan->writes[i];

		if (w->late != late)
			continue;
		r = add_property(s, w->file, w->value);
		if (r == 0 && w->else_file)
			r = add_property(s, w->else_file, w->else_value);
	}
	return r;
}

int plan_cgroup_properties(struct arena *a, struct plan_cgroup *plan, bool late, struct err *e)
{
	struct scope s = {a, plan, e};

	plan->n_properties = 0;
	return scope_add_limits(&s, late);
}
