/* linux.resources to values of cgroup files. Pure; cgroup/limits.c writes them, in this order.
 *
 * The files of a controller are those of the hierarchy that it is bound to: on hybrid hosts that
 * is decided for each. What means "no limit" in what engines send asks for nothing of a new cgroup;
 * an update writes it, since there may be a limit to lift. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"
#include "plan/cgroup-internal.h"

/* pids.max takes no number from the kernel's PID_MAX_LIMIT + 1 on; there is no way to have so many
 * tasks. */
#define PIDS_UNREACHABLE 4194304

/* Below this many tasks the helpers that init needs on its way do not fit. */
#define PIDS_EARLY 2

#define CPU_PERIOD_DEFAULT 100000

static int no_memory(const struct limits *l)
{
	return err_sys(l->e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
}

/* --- writes ---------------------------------------------------------------------------------- */

static bool grow(struct limits *l)
{
	struct plan_cgroup *p = l->plan;
	size_t cap = l->cap ? l->cap * 2 : 16;
	struct plan_cgroup_write *grown = arena_newn(l->arena, struct plan_cgroup_write, cap);

	if (!grown)
		return false;
	if (p->n_writes > 0)
		memcpy(grown, p->writes, p->n_writes * sizeof(*grown));
	p->writes = grown;
	l->cap = cap;
	return true;
}

struct plan_cgroup_write *limits_add(struct limits *l, const char *controller, const char *file,
				     const char *key, const char *fmt, ...)
{
	struct plan_cgroup_write *w;
	char value[160];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (l->plan->n_writes == l->cap && !grow(l))
		n = -1;
	w = &l->plan->writes[l->plan->n_writes];
	if (n >= 0 && n < (int)sizeof(value))
		*w = (struct plan_cgroup_write){
			.controller = controller,
			.file = file,
			.value = arena_strdup(l->arena, value),
			.origin = arena_format(l->arena, "linux.resources.%s", key),
		};
	if (n < 0 || n >= (int)sizeof(value) || !w->value || !w->origin) {
		(void)no_memory(l);
		return NULL;
	}
	l->plan->n_writes++;
	return w;
}

/* limits_add() for those that have nothing to add to it. */
#define ADD(...) (limits_add(__VA_ARGS__) ? 0 : -ENOMEM)

bool limits_on_v1(const struct limits *l, const char *controller)
{
	return cgroup_find_v1(l->facts, controller) != NULL;
}

int limits_refuse(const struct limits *l, const char *key, const char *hint, const char *text)
{
	err_set(l->e, ERR_CGROUP_LIMIT, -EOPNOTSUPP, "%s", text);
	if (hint)
		err_hint(l->e, "%s", hint);
	return err_where(l->e, "linux.resources.%s", key);
}

int limits_invalid(const struct limits *l, const char *key, const char *text)
{
	err_set(l->e, ERR_CONFIG_INVALID, -EINVAL, "%s", text);
	return err_where(l->e, "linux.resources.%s", key);
}

/* An amount of which -1 means "no limit", and 0 "nothing said" as engines write it. Returns 1 if
 * there is something to write. */
static int is_amount(const struct limits *l, bool has, int64_t v, const char *key)
{
	if (!has || v == 0)
		return 0;
	if (v < -1) {
		err_set(l->e, ERR_CONFIG_INVALID, -EINVAL, "expected -1 or more, got %lld",
			(long long)v);
		return err_where(l->e, "linux.resources.%s", key);
	}
	return v != -1 || l->update;
}

static int add_amount(struct limits *l, const char *controller, const char *file, const char *key,
		      int64_t v)
{
	if (v == -1 && !limits_on_v1(l, controller))
		return ADD(l, controller, file, key, "max");
	return ADD(l, controller, file, key, "%lld", (long long)v);
}

/* --- cpu --------------------------------------------------------------------------------------
 */

uint64_t plan_cpu_weight(uint64_t shares)
{
	double l;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0));
}

/* An idle group has no weight: the kernel refuses to set one, and forgets it when it becomes idle.
 */
static int limit_weight(struct limits *l)
{
	const struct spec_cpu *all = &l->all->cpu, *c = &l->asked->cpu;
	bool idle = all->has_idle && all->idle != 0;
	bool again = l->update && c->has_idle && !idle;
	uint64_t shares = all->has_shares ? all->shares : 0;

	if (c->has_idle && (idle || l->update) &&
	    !limits_add(l, "cpu", "cpu.idle", "cpu.idle", "%lld", (long long)c->idle))
		return -ENOMEM;
	if (idle || shares == 0 || !(c->has_shares || again))
		return 0;
	/* What every cgroup begins with. */
	if (shares == 1024 && !l->update)
		return 0;
	if (limits_on_v1(l, "cpu"))
		return ADD(l, "cpu", "cpu.shares", "cpu.shares", "%llu",
			   (unsigned long long)shares);
	return ADD(l, "cpu", "cpu.weight", "cpu.shares", "%llu",
		   (unsigned long long)plan_cpu_weight(shares));
}

static int limit_quota_v2(struct limits *l, bool has_quota)
{
	const struct spec_cpu *c = &l->all->cpu;
	uint64_t period = c->period ? c->period : CPU_PERIOD_DEFAULT;

	if (has_quota)
		return ADD(l, "cpu", "cpu.max", "cpu.quota", "%lld %llu", (long long)c->quota,
			   (unsigned long long)period);
	return ADD(l, "cpu", "cpu.max", "cpu.quota", "max %llu", (unsigned long long)period);
}

static int limit_quota_v1(struct limits *l, bool has_quota)
{
	const struct spec_cpu *c = &l->all->cpu;

	if (c->period && !limits_add(l, "cpu", "cpu.cfs_period_us", "cpu.period", "%llu",
				     (unsigned long long)c->period))
		return -ENOMEM;
	return ADD(l, "cpu", "cpu.cfs_quota_us", "cpu.quota", "%lld",
		   has_quota ? (long long)c->quota : -1LL);
}

/* A period says what a quota is a part of. Alone, the usual one asks for nothing: engines say it of
 * containers without a limit, also where the controller is missing. */
static int limit_quota(struct limits *l)
{
	const struct spec_cpu *c = &l->asked->cpu;
	bool has_period = c->has_period && c->period != 0;
	bool asked = (c->has_quota && c->quota != 0) || has_period;
	bool has_quota = l->all->cpu.has_quota && l->all->cpu.quota > 0;
	bool v1 = limits_on_v1(l, "cpu");
	int r = 0;

	if (asked && (has_quota || l->update || (has_period && c->period != CPU_PERIOD_DEFAULT)))
		r = v1 ? limit_quota_v1(l, has_quota) : limit_quota_v2(l, has_quota);
	if (r < 0 || !c->has_burst || (c->burst == 0 && !l->update))
		return r;
	return ADD(l, "cpu", v1 ? "cpu.cfs_burst_us" : "cpu.max.burst", "cpu.burst", "%llu",
		   (unsigned long long)c->burst);
}

static int limit_realtime(struct limits *l)
{
	static const char hint[] =
		"process.scheduler makes a single process real-time, which cgroup v2 allows to all";
	const struct spec_cpu *c = &l->asked->cpu;
	bool runtime =
		c->has_realtime_runtime && c->realtime_runtime != 0 && c->realtime_runtime != -1;
	bool period = c->has_realtime_period && c->realtime_period != 0;

	if ((runtime || period) && !limits_on_v1(l, "cpu"))
		return limits_refuse(l, runtime ? "cpu.realtimeRuntime" : "cpu.realtimePeriod",
				     hint, "cgroup v2 has no limits for real-time processes");
	if (period && !limits_add(l, "cpu", "cpu.rt_period_us", "cpu.realtimePeriod", "%llu",
				  (unsigned long long)c->realtime_period))
		return -ENOMEM;
	if (!runtime)
		return 0;
	return ADD(l, "cpu", "cpu.rt_runtime_us", "cpu.realtimeRuntime", "%lld",
		   (long long)c->realtime_runtime);
}

static int limit_cpu(struct limits *l)
{
	const struct spec_cpu *c = &l->asked->cpu;
	int r = limit_weight(l);

	if (r == 0)
		r = limit_quota(l);
	if (r == 0)
		r = limit_realtime(l);
	if (r == 0 && c->cpus[0] != '\0')
		r = ADD(l, "cpuset", "cpuset.cpus", "cpu.cpus", "%s", c->cpus);
	if (r == 0 && c->mems[0] != '\0')
		r = ADD(l, "cpuset", "cpuset.mems", "cpu.mems", "%s", c->mems);
	return r;
}

/* --- memory -----------------------------------------------------------------------------------
 */

/* memory.swap of the specification counts memory and swap together, as cgroup v1 did; v2 counts
 * swap alone. */
static int limit_swap(struct limits *l, bool v1)
{
	const struct spec_memory *all = &l->all->memory, *m = &l->asked->memory;
	static const char key[] = "memory.swap";
	bool has_limit = all->has_limit && all->limit > 0;
	int64_t swap = all->has_swap ? all->swap : 0;
	struct plan_cgroup_write *w;
	int r;

	/* No memory limit and one for the sum cannot be. */
	if (swap == 0 && l->update && m->has_limit && m->limit == -1)
		swap = -1;
	r = is_amount(l, true, swap, key);
	if (r <= 0 || !(m->has_swap || m->has_limit))
		return r;
	if (swap > 0 && !has_limit)
		return limits_invalid(l, key,
				      "it counts memory and swap together, so that it needs a "
				      "memory limit");
	if (swap > 0 && swap < all->limit)
		return limits_invalid(l, key,
				      "it counts memory and swap together, and is below the memory "
				      "limit");
	if (v1) {
		w = limits_add(l, "memory", "memory.memsw.limit_in_bytes", key, "%lld",
			       (long long)swap);
	} else if (swap == -1) {
		w = limits_add(l, "memory", "memory.swap.max", key, "max");
	} else {
		swap -= all->limit;
		w = limits_add(l, "memory", "memory.swap.max", key, "%lld", (long long)swap);
	}
	if (!w)
		return -ENOMEM;
	/* Without swap accounting the file is missing. Nothing is lost then by these. */
	w->if_there = swap == -1 || (swap == 0 && !v1);
	return 0;
}

static int limit_memory_v1(struct limits *l)
{
	const struct spec_memory *m = &l->asked->memory;
	const struct {
		bool has;
		int64_t value;
		const char *file, *key;
	} rows[] = {
		{m->has_kernel, m->kernel, "memory.kmem.limit_in_bytes", "memory.kernel"},
		{m->has_kernel_tcp, m->kernel_tcp, "memory.kmem.tcp.limit_in_bytes",
		 "memory.kernelTCP"},
	};

	if (m->use_hierarchy &&
	    !limits_add(l, "memory", "memory.use_hierarchy", "memory.useHierarchy", "1"))
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = is_amount(l, rows[i].has, rows[i].value, rows[i].key);

		if (r > 0)
			r = add_amount(l, "memory", rows[i].file, rows[i].key, rows[i].value);
		if (r < 0)
			return r;
	}
	if (m->has_swappiness && !limits_add(l, "memory", "memory.swappiness", "memory.swappiness",
					     "%llu", (unsigned long long)m->swappiness))
		return -ENOMEM;
	if (!m->has_disable_oom_killer || !(m->disable_oom_killer || l->update))
		return 0;
	return ADD(l, "memory", "memory.oom_control", "memory.disableOOMKiller", "%d",
		   m->disable_oom_killer);
}

static int refuse_memory_v2(struct limits *l)
{
	const struct spec_memory *m = &l->asked->memory;

	if (m->has_kernel && m->kernel > 0)
		return limits_refuse(l, "memory.kernel",
				     "memory.limit counts the kernel's memory too",
				     "cgroup v2 has no limit of its own for the kernel's memory");
	if (m->has_kernel_tcp && m->kernel_tcp > 0)
		return limits_refuse(l, "memory.kernelTCP",
				     "memory.limit counts the buffers of TCP too",
				     "cgroup v2 has no limit of its own for the buffers of TCP");
	if (m->has_swappiness)
		return limits_refuse(l, "memory.swappiness",
				     "memory.swap limits how much is swapped out",
				     "cgroup v2 has no swappiness of a cgroup");
	if (m->disable_oom_killer)
		return limits_refuse(l, "memory.disableOOMKiller",
				     "memory.high (linux.resources.unified) throttles and never "
				     "kills",
				     "cgroup v2 cannot disable the OOM killer");
	return 0;
}

static int limit_memory(struct limits *l)
{
	const struct spec_memory *m = &l->asked->memory;
	bool v1 = limits_on_v1(l, "memory");
	int r;

	r = is_amount(l, m->has_limit, m->limit, "memory.limit");
	if (r > 0)
		r = add_amount(l, "memory", v1 ? "memory.limit_in_bytes" : "memory.max",
			       "memory.limit", m->limit);
	if (r == 0 && l->update && l->all->memory.check_before_update && m->has_limit &&
	    m->limit > 0)
		l->plan->writes[l->plan->n_writes - 1].usage_file =
			v1 ? "memory.usage_in_bytes" : "memory.current";
	if (r >= 0)
		r = limit_swap(l, v1);
	if (r >= 0)
		r = is_amount(l, m->has_reservation, m->reservation, "memory.reservation");
	if (r > 0)
		r = add_amount(l, "memory", v1 ? "memory.soft_limit_in_bytes" : "memory.low",
			       "memory.reservation", m->reservation);
	if (r < 0)
		return r;
	return v1 ? limit_memory_v1(l) : refuse_memory_v2(l);
}

/* --- pids -------------------------------------------------------------------------------------
 */

static int limit_pids(struct limits *l)
{
	int64_t limit = l->asked->pids_limit;
	struct plan_cgroup_write *w;

	if (!l->asked->has_pids_limit)
		return 0;
	if (limit < -1)
		return is_amount(l, true, limit, "pids.limit");
	if (limit == -1 || limit >= PIDS_UNREACHABLE)
		return l->update ? ADD(l, "pids", "pids.max", "pids.limit", "max") : 0;
	w = limits_add(l, "pids", "pids.max", "pids.limit", "%lld", (long long)limit);
	if (!w)
		return -ENOMEM;
	w->late = limit < PIDS_EARLY && !l->update;
	return 0;
}

/* --- the rest ---------------------------------------------------------------------------------
 */

/* Zero is a limit here: kubelet forbids with it what a pod did not ask for. */
static int limit_hugepages(struct limits *l)
{
	const char *what = limits_on_v1(l, "hugetlb") ? "limit_in_bytes" : "max";

	for (size_t i = 0; i < l->asked->n_hugepage_limits; i++) {
		const struct spec_hugepage_limit *h = &l->asked->hugepage_limits[i];
		char *file = arena_format(l->arena, "hugetlb.%s.%s", h->page_size, what);
		char *reserved = arena_format(l->arena, "hugetlb.%s.rsvd.%s", h->page_size, what);
		char key[48];
		struct plan_cgroup_write *w;

		(void)str_format(key, sizeof(key), "hugepageLimits[%zu].limit", i);
		if (!file || !reserved)
			return no_memory(l);
		if (!limits_add(l, "hugetlb", file, key, "%llu", (unsigned long long)h->limit))
			return -ENOMEM;
		w = limits_add(l, "hugetlb", reserved, key, "%llu", (unsigned long long)h->limit);
		if (!w)
			return -ENOMEM;
		/* Since 5.7. */
		w->if_there = true;
	}
	return 0;
}

static int limit_rdma(struct limits *l)
{
	for (size_t i = 0; i < l->asked->n_rdma; i++) {
		const struct spec_rdma *d = &l->asked->rdma[i];
		char key[96], handles[32] = "", objects[32] = "";

		if (!d->has_hca_handles && !d->has_hca_objects)
			continue;
		(void)str_format(key, sizeof(key), "rdma[\"%.64s\"]", d->device);
		if (d->has_hca_handles)
			(void)str_format(handles, sizeof(handles), " hca_handle=%u",
					 d->hca_handles);
		if (d->has_hca_objects)
			(void)str_format(objects, sizeof(objects), " hca_object=%u",
					 d->hca_objects);
		if (!limits_add(l, "rdma", "rdma.max", key, "%s%s%s", d->device, handles, objects))
			return -ENOMEM;
	}
	return 0;
}

static int limit_network(struct limits *l)
{
	static const char hint[] = "firewalls match by cgroup v2 path, or mount a cgroup v1 "
				   "hierarchy with net_cls and net_prio";
	const struct spec_network *n = &l->asked->network;
	bool class_id = n->has_class_id && n->class_id != 0;

	if (class_id && !limits_on_v1(l, "net_cls"))
		return limits_refuse(l, "network.classID", hint,
				     "it needs the cgroup v1 controller \"net_cls\"");
	if (n->n_priorities > 0 && !limits_on_v1(l, "net_prio"))
		return limits_refuse(l, "network.priorities", hint,
				     "it needs the cgroup v1 controller \"net_prio\"");
	if (class_id &&
	    !limits_add(l, "net_cls", "net_cls.classid", "network.classID", "%u", n->class_id))
		return -ENOMEM;
	for (size_t i = 0; i < n->n_priorities; i++) {
		char key[48];

		(void)str_format(key, sizeof(key), "network.priorities[%zu]", i);
		if (!limits_add(l, "net_prio", "net_prio.ifpriomap", key, "%s %u",
				n->priorities[i].name, n->priorities[i].priority))
			return -ENOMEM;
	}
	return 0;
}

/* --- unified ----------------------------------------------------------------------------------
 */

/* A file of linux.resources.unified is named CONTROLLER.REST; "cgroup" is no controller. */
static int unified_controller(struct limits *l, const char *key, const char **ret)
{
	const char *dot = strchr(key, '.');
	const char *v1;

	if (!dot || dot == key || strchr(key, '/'))
		return err_set(l->e, ERR_CONFIG_INVALID, -EINVAL,
			       "this is not the name of a cgroup file");
	*ret = arena_strndup(l->arena, key, (size_t)(dot - key));
	if (!*ret)
		return no_memory(l);
	if (str_eq(*ret, "cgroup"))
		*ret = "";
	v1 = str_eq(*ret, "io") ? "blkio" : *ret;
	if (l->facts->arrangement == CGROUP_V1 || (*v1 && limits_on_v1(l, v1))) {
		err_set(l->e, ERR_CGROUP_LIMIT, -EOPNOTSUPP,
			"cgroup v2 files need a host where cgroup v2 has the controller");
		return err_hint(l->e, "here a cgroup v1 hierarchy has it");
	}
	return 0;
}

/* Files like io.max take one line at a write. */
static int limit_unified(struct limits *l, const struct str_pair *pair)
{
	const char *controller = "", *line = pair->value;
	const char *key = arena_format(l->arena, "unified[\"%s\"]", pair->key);
	int r;

	if (!key)
		return no_memory(l);
	r = unified_controller(l, pair->key, &controller);
	if (r < 0)
		return err_where(l->e, "linux.resources.%s", key);
	for (;;) {
		size_t len = strcspn(line, "\n");
		bool last = line[len] == '\0' || line[len + 1] == '\0';
		struct plan_cgroup_write *w = limits_add(l, controller, pair->key, key, "%s", "");

		if (!w)
			return -ENOMEM;
		w->value = arena_strndup(l->arena, line, len);
		if (!w->value)
			return no_memory(l);
		if (last)
			return 0;
		line += len + 1;
	}
}

int plan_cgroup_oom_group(struct arena *a, const struct facts_cgroup *facts,
			  struct plan_cgroup *plan, struct err *e)
{
	static const char origin[] = "annotations[\"" CGROUP_ANNOTATION_OOM_GROUP "\"]";
	struct limits l = {.arena = a, .facts = facts, .plan = plan, .cap = plan->n_writes, .e = e};
	struct plan_cgroup_write *w;

	if (facts->arrangement == CGROUP_V1 || limits_on_v1(&l, "memory")) {
		err_set(e, ERR_CGROUP_LIMIT, -EOPNOTSUPP,
			"cgroup v1 cannot kill a container as a whole");
		err_hint(e, "here a cgroup v1 hierarchy has the controller \"memory\"");
		return err_where(e, "%s", origin);
	}
	w = limits_add(&l, "memory", "memory.oom.group", "", "1");
	if (!w)
		return -ENOMEM;
	w->origin = origin;
	return 0;
}

/* --- all --------------------------------------------------------------------------------------
 */

int plan_cgroup_limits(struct arena *a, const struct spec_resources *all,
		       const struct spec_resources *asked, const struct facts_cgroup *facts,
		       struct plan_cgroup *plan, struct err *e)
{
	struct limits l = {
		.arena = a,
		.facts = facts,
		.all = all,
		.asked = asked,
		.update = all != asked,
		.plan = plan,
		.e = e,
	};
	int (*const parts[])(struct limits *) = {
		limit_cpu,       limit_memory, limit_pids,    limits_block_io,
		limit_hugepages, limit_rdma,   limit_network,
	};
	int r = 0;

	plan->writes = NULL;
	plan->n_writes = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		r = parts[i](&l);
	for (size_t i = 0; r == 0 && i < asked->unified.n; i++)
		r = limit_unified(&l, &asked->unified.items[i]);
	return r;
}
