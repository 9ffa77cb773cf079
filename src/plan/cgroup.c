/* The cgroup part of the plan: the place, the values, the device policy. Pure. */
#include "plan/cgroup.h"

#include <errno.h>

#include "base/str.h"

/* pids.max takes no number from the kernel's PID_MAX_LIMIT + 1 on; there is no way to have so many
 * tasks. */
#define PIDS_UNREACHABLE 4194304

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
}

/* --- limits ---------------------------------------------------------------------------------- */

/* Engines write -1 and 0 for "no limit"; a new cgroup has none. */
static bool limited(bool has, int64_t v)
{
	return has && v != 0 && v != -1;
}

struct wish {
	bool asked;
	const char *key;
};

static int refuse_unsupported(const struct wish *wishes, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (!wishes[i].asked)
			continue;
		err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP, "this limit is not implemented yet");
		return err_where(e, "linux.resources.%s", wishes[i].key);
	}
	return 0;
}

/* memory.checkBeforeUpdate and useHierarchy say how limits apply, cpu.period what a quota is a part
 * of: alone they ask for nothing. cpu.shares 1024 is what the kernel gives every cgroup. */
static int refuse_unsupported_resources(const struct spec_resources *r, struct err *e)
{
	const struct spec_memory *m = &r->memory;
	const struct spec_cpu *c = &r->cpu;
	const struct spec_block_io *b = &r->block_io;
	const struct wish wishes[] = {
		{limited(m->has_limit, m->limit), "memory.limit"},
		{limited(m->has_reservation, m->reservation), "memory.reservation"},
		{limited(m->has_swap, m->swap), "memory.swap"},
		{limited(m->has_kernel, m->kernel), "memory.kernel"},
		{limited(m->has_kernel_tcp, m->kernel_tcp), "memory.kernelTCP"},
		{m->has_swappiness, "memory.swappiness"},
		{m->has_disable_oom_killer && m->disable_oom_killer, "memory.disableOOMKiller"},
		{c->has_shares && c->shares != 0 && c->shares != 1024, "cpu.shares"},
		{c->has_quota && c->quota > 0, "cpu.quota"},
		{c->has_burst && c->burst != 0, "cpu.burst"},
		{limited(c->has_realtime_runtime, c->realtime_runtime), "cpu.realtimeRuntime"},
		{c->has_realtime_period && c->realtime_period != 0, "cpu.realtimePeriod"},
		{c->has_idle && c->idle != 0, "cpu.idle"},
		{c->cpus[0] != '\0', "cpu.cpus"},
		{c->mems[0] != '\0', "cpu.mems"},
		{b->has_weight && b->weight != 0, "blockIO.weight"},
		{b->has_leaf_weight && b->leaf_weight != 0, "blockIO.leafWeight"},
		{b->n_weight_device > 0, "blockIO.weightDevice"},
		{b->read_bps.n > 0, "blockIO.throttleReadBpsDevice"},
		{b->write_bps.n > 0, "blockIO.throttleWriteBpsDevice"},
		{b->read_iops.n > 0, "blockIO.throttleReadIOPSDevice"},
		{b->write_iops.n > 0, "blockIO.throttleWriteIOPSDevice"},
		{r->n_hugepage_limits > 0, "hugepageLimits"},
		{r->network.has_class_id && r->network.class_id != 0, "network.classID"},
		{r->network.n_priorities > 0, "network.priorities"},
		{r->n_rdma > 0, "rdma"},
	};

	return refuse_unsupported(wishes, ARRAY_SIZE(wishes), e);
}

static int limit_pids(struct arena *a, const struct spec_resources *r, bool v1,
		      struct plan_cgroup *plan, struct err *e)
{
	static const char origin[] = "linux.resources.pids.limit";
	int64_t limit = r->pids_limit;
	char *value;

	if (!r->has_pids_limit || limit == -1 || limit >= PIDS_UNREACHABLE)
		return 0;
	if (limit < -1) {
		err_set(e, ERR_CONFIG_INVALID, -EINVAL, "expected -1 or more, got %lld",
			(long long)limit);
		return err_where(e, "%s", origin);
	}
	/* In v2 the container's process is born in its cgroup, which counts against the limit
	 * (where entering an existing one would not). With it inside, 0 and 1 are the same. */
	if (limit == 0 && !v1)
		limit = 1;
	value = arena_format(a, "%lld", (long long)limit);
	if (!value)
		return no_memory(e);
	plan->writes[plan->n_writes++] =
		(struct plan_cgroup_write){"pids", "pids.max", value, origin};
	return 0;
}

/* A file of linux.resources.unified is named CONTROLLER.REST; "cgroup" is no controller. */
static int unified_controller(struct arena *a, const char *key, const char **ret, struct err *e)
{
	const char *dot = strchr(key, '.');

	if (!dot || dot == key || strchr(key, '/')) {
		err_set(e, ERR_CONFIG_INVALID, -EINVAL, "this is not the name of a cgroup file");
		return err_where(e, "linux.resources.unified[\"%s\"]", key);
	}
	*ret = arena_strndup(a, key, (size_t)(dot - key));
	if (!*ret)
		return no_memory(e);
	if (str_eq(*ret, "cgroup"))
		*ret = "";
	return 0;
}

/* Files like io.max take one line at a write. */
static int limit_unified(struct arena *a, const struct str_pair *pair, struct plan_cgroup *plan,
			 struct err *e)
{
	const char *controller, *line = pair->value;
	char *origin, *value;
	int r = unified_controller(a, pair->key, &controller, e);

	if (r < 0)
		return r;
	origin = arena_format(a, "linux.resources.unified[\"%s\"]", pair->key);
	if (!origin)
		return no_memory(e);
	for (;;) {
		size_t len = strcspn(line, "\n");
		bool last = line[len] == '\0' || line[len + 1] == '\0';

		value = arena_strndup(a, line, len);
		if (!value)
			return no_memory(e);
		plan->writes[plan->n_writes++] =
			(struct plan_cgroup_write){controller, pair->key, value, origin};
		if (last)
			return 0;
		line += len + 1;
	}
}

/* No more lines than characters, and one for each value without any. */
static size_t count_writes(const struct spec_resources *r)
{
	size_t n = 1 + r->unified.n;

	for (size_t i = 0; i < r->unified.n; i++) {
		for (const char *p = r->unified.items[i].value; *p; p++)
			n += *p == '\n';
	}
	return n;
}

static int plan_limits(struct arena *a, const struct spec_resources *r, bool v1_pids,
		       struct plan_cgroup *plan, struct err *e)
{
	int ret = refuse_unsupported_resources(r, e);

	if (ret < 0)
		return ret;
	plan->writes = arena_newn(a, struct plan_cgroup_write, count_writes(r));
	if (!plan->writes)
		return no_memory(e);
	ret = limit_pids(a, r, v1_pids, plan, e);
	for (size_t i = 0; ret == 0 && i < r->unified.n; i++)
		ret = limit_unified(a, &r->unified.items[i], plan, e);
	return ret;
}

/* --- the place ------------------------------------------------------------------------------- */

/* Unprivileged as far as the host's cgroups go: root in a user namespace, too, may write only where
 * somebody delegated. */
static bool is_delegate(const struct facts *f)
{
	return f->euid != 0 || !f->may_bpf;
}

bool plan_cgroup_needs_self(const struct spec *spec, const struct facts *facts,
			    enum cgroup_manager manager)
{
	return manager == CGROUP_MANAGER_CGROUPFS && spec->linux_.cgroups_path[0] == '\0' &&
	       is_delegate(facts);
}

static int path_invalid(struct err *e, const char *text)
{
	err_set(e, ERR_CONFIG_INVALID, -EINVAL, "%s", text);
	return err_where(e, "linux.cgroupsPath");
}

/* One leading slash, none at the end, none doubled, no dots. */
static int normalize_path(struct arena *a, const char *path, const char **ret, struct err *e)
{
	char *out = arena_alloc(a, strlen(path) + 2);
	size_t n = 0;

	if (!out)
		return no_memory(e);
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.')
			return path_invalid(e, "a cgroup path cannot hold \"..\"");
		if (len > 0 && !(len == 1 && path[0] == '.')) {
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len + (path[len] == '/');
	}
	/* Everything on the machine lives below the root: a container "there" would take it along
	 * when it is stopped or deleted. */
	if (n == 0)
		return path_invalid(e, "the root cgroup cannot be a container's");
	out[n] = '\0';
	*ret = out;
	return 0;
}

static const char *delegated_path(struct arena *a, const char *self, bool beside, const char *id)
{
	size_t len = strlen(self);

	if (beside) {
		while (len > 0 && self[len - 1] != '/')
			len--;
	}
	while (len > 0 && self[len - 1] == '/')
		len--;
	return arena_format(a, "%.*s/coracle-%s", (int)len, self, id);
}

static int choose_path(struct arena *a, const struct spec *spec, const struct facts *facts,
		       const char *id, struct plan_cgroup *plan, struct err *e)
{
	bool controllers = false;

	if (spec->linux_.cgroups_path[0] != '\0')
		return normalize_path(a, spec->linux_.cgroups_path, &plan->path, e);
	for (size_t i = 0; i < plan->n_writes; i++)
		controllers |= plan->writes[i].controller[0] != '\0';
	if (is_delegate(facts)) {
		plan->path = delegated_path(a, facts->cgroup.unified_self_path, controllers, id);
	} else {
		plan->path = arena_format(a, "/coracle/%s", id);
	}
	return plan->path ? 0 : no_memory(e);
}

/* --- arrangements ---------------------------------------------------------------------------- */

bool cgroup_hierarchy_has(const struct cgroup_hierarchy *h, const char *controller)
{
	size_t len = strlen(controller);

	for (const char *p = h->controllers; *p; p += strcspn(p, ",")) {
		p += *p == ',';
		if (strncmp(p, controller, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

static const struct cgroup_hierarchy *find_v1(const struct facts_cgroup *f, const char *controller)
{
	for (size_t i = 0; i < f->n_v1; i++) {
		if (cgroup_hierarchy_has(&f->v1[i], controller))
			return &f->v1[i];
	}
	return NULL;
}

static int refuse_limits(const struct plan_cgroup *plan, const char *text, const char *hint,
			 struct err *e)
{
	if (plan->n_writes == 0)
		return 0;
	err_set(e, ERR_CGROUP_LIMIT, -EOPNOTSUPP, "%s", text);
	err_hint(e, "%s", hint);
	return err_where(e, "%s", plan->writes[0].origin);
}

/* A v1 hierarchy joins in only where a limit needs it: each costs a tenth of a millisecond, and
 * freezing and killing are done by the v2 one. */
static int use_v1(struct arena *a, const struct facts *facts, struct plan_cgroup *plan,
		  struct err *e)
{
	const struct cgroup_hierarchy *h;

	if (facts->euid != 0)
		return refuse_limits(plan, "limits of ordinary users need cgroup v2",
				     "the controllers are bound to cgroup v1 hierarchies here, and "
				     "those cannot be delegated",
				     e);
	plan->v1 = arena_newn(a, const struct cgroup_hierarchy *, facts->cgroup.n_v1 + 1);
	if (!plan->v1)
		return no_memory(e);
	for (size_t i = 0; i < plan->n_writes; i++) {
		bool known = false;

		h = find_v1(&facts->cgroup, plan->writes[i].controller);
		for (size_t k = 0; k < plan->n_v1; k++)
			known |= plan->v1[k] == h;
		if (h && !known)
			plan->v1[plan->n_v1++] = h;
	}
	return 0;
}

/* Returns 1 when the container goes without a cgroup of its own. */
static int check_arrangement(const struct spec *spec, const struct facts *facts,
			     const struct plan_cgroup *plan, struct err *e)
{
	bool asked = spec->linux_.cgroups_path[0] != '\0' || plan->n_writes > 0;

	switch (facts->cgroup.arrangement) {
	case CGROUP_UNIFIED:
		return 0;
	case CGROUP_HYBRID:
		if (spec->linux_.resources.unified.n == 0)
			return 0;
		err_set(e, ERR_CGROUP_LIMIT, -EOPNOTSUPP,
			"cgroup v2 files need a host with cgroup v2 alone");
		err_hint(e, "the controllers are bound to cgroup v1 hierarchies here");
		return err_where(e, "linux.resources.unified");
	case CGROUP_V1:
		if (is_delegate(facts) && !asked)
			return 1;
		return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			       "hosts with cgroup v1 alone are not supported yet");
	case CGROUP_NONE:
		break;
	}
	if (is_delegate(facts) && !asked)
		return 1;
	err_set(e, ERR_CGROUP, -ENODEV, "no cgroup hierarchy is mounted on /sys/fs/cgroup");
	return err_hint(e, "to run without a cgroup use --cgroup-manager=disabled");
}

static int plan_cgroupfs(struct arena *a, const struct spec *spec, const struct facts *facts,
			 const char *id, struct plan_cgroup *plan, struct err *e)
{
	int r = check_arrangement(spec, facts, plan, e);

	if (r != 0)
		return MIN(r, 0);
	plan->unified = true;
	if (facts->cgroup.arrangement == CGROUP_HYBRID)
		r = use_v1(a, facts, plan, e);
	return r < 0 ? r : choose_path(a, spec, facts, id, plan, e);
}

int plan_cgroup_build(struct arena *a, const struct spec *spec, const struct facts *facts,
		      enum cgroup_manager manager, const char *id, struct plan_cgroup *ret,
		      struct err *e)
{
	const struct spec_resources *res = &spec->linux_.resources;
	bool v1_pids =
		facts->cgroup.arrangement == CGROUP_HYBRID && find_v1(&facts->cgroup, "pids");
	struct plan_cgroup plan = {.manager = manager, .path = ""};
	int r = plan_limits(a, res, v1_pids, &plan, e);

	if (r < 0)
		return r;
	switch (manager) {
	case CGROUP_MANAGER_CGROUPFS:
		r = plan_cgroupfs(a, spec, facts, id, &plan, e);
		break;
	case CGROUP_MANAGER_SYSTEMD:
		err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			"the systemd cgroup manager is not implemented yet");
		r = err_hint(e, "leave out --systemd-cgroup");
		break;
	case CGROUP_MANAGER_DISABLED:
		/* Engines send device rules all the same; they are without effect then. */
		r = refuse_limits(&plan, "a limit needs a cgroup, and cgroups are disabled",
				  "leave out --cgroup-manager=disabled", e);
		break;
	}
	if (r < 0)
		return r;
	if (res->n_devices > 0 && plan.path[0] != '\0' && facts->may_bpf)
		r = plan_device_program(a, res->devices, res->n_devices, &plan.device_program,
					&plan.n_device_program, e);
	if (r < 0)
		return r;
	plan.optional = spec->linux_.cgroups_path[0] == '\0' && plan.path[0] != '\0' &&
			plan.n_writes == 0 && plan.n_device_program == 0;
	/* Known already to be refused: then what shows the container its cgroup must not expect
	 * one. */
	if (plan.optional && !facts->cgroup.self_writable &&
	    plan_cgroup_needs_self(spec, facts, manager))
		plan = (struct plan_cgroup){.manager = manager, .path = ""};
	*ret = plan;
	return 0;
}
