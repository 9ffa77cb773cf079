/* The cgroup part of the plan: the place, the values, the device policy. Pure. */
#include "plan/cgroup.h"

#include <errno.h>

#include "base/str.h"
#include "plan/cgroup-internal.h"

static int no_memory(struct err *e)
{
	return err_sys(e, ERR_INTERNAL, -ENOMEM, "plan the cgroup");
}

/* --- the place ------------------------------------------------------------------------------- */

/* Unprivileged as far as the host's cgroups go: root in a user namespace, too, may write only where
 * somebody delegated. */
static bool is_delegate(const struct facts *f)
{
	return f->euid != 0 || !f->may_bpf;
}

bool plan_cgroup_needs_v1(const struct spec *spec)
{
	const struct spec_resources *r = &spec->linux_.resources;

	return spec_annotation(spec, CGROUP_ANNOTATION_OOM_GROUP) || r->has_memory || r->has_cpu ||
	       r->has_pids || r->has_block_io || r->has_network || r->n_hugepage_limits > 0 ||
	       r->n_rdma > 0 || r->unified.n > 0;
}

bool plan_cgroup_late(const struct plan_cgroup *plan)
{
	for (size_t i = 0; i < plan->n_writes; i++) {
		if (plan->writes[i].late)
			return true;
	}
	return false;
}

/* Its own, or where none can be made the caller's, at a path of the host's. */
static bool shows_cgroup(const struct spec *spec)
{
	for (size_t n = 0; n < spec->n_mounts && !spec_namespace_find(spec, NS_CGROUP); n++)
		if (str_eq(spec->mounts[n].type, "cgroup"))
			return true;
	return false;
}

bool plan_cgroup_needs_self(const struct spec *spec, const struct facts *facts,
			    enum cgroup_manager manager)
{
	return manager == CGROUP_MANAGER_CGROUPFS && spec->linux_.cgroups_path[0] == '\0' &&
	       (is_delegate(facts) || shows_cgroup(spec));
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
	bool beside;

	if (spec->linux_.cgroups_path[0] != '\0')
		return normalize_path(a, spec->linux_.cgroups_path, &plan->path, e);
	/* A controller may be needed later, too: by an update. */
	beside = facts->cgroup.parent_writable;
	for (size_t i = 0; i < plan->n_writes; i++)
		beside |= plan->writes[i].controller[0] != '\0';
	if (is_delegate(facts)) {
		plan->path = delegated_path(a, facts->cgroup.unified_self_path, beside, id);
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

const struct cgroup_hierarchy *cgroup_find_v1(const struct facts_cgroup *f, const char *controller)
{
	if (f->arrangement == CGROUP_UNIFIED || controller[0] == '\0')
		return NULL;
	for (size_t i = 0; i < f->n_v1; i++) {
		if (cgroup_hierarchy_has(&f->v1[i], controller))
			return &f->v1[i];
	}
	return NULL;
}

static int refuse_limits(const struct plan_cgroup *plan, size_t i, const char *text,
			 const char *hint, struct err *e)
{
	if (plan->n_writes == 0)
		return 0;
	err_set(e, ERR_CGROUP_LIMIT, -EOPNOTSUPP, "%s", text);
	err_hint(e, "%s", hint);
	return err_where(e, "%s", plan->writes[i].origin);
}

static void add_v1(struct plan_cgroup *plan, const struct cgroup_hierarchy *h)
{
	for (size_t k = 0; k < plan->n_v1; k++) {
		if (plan->v1[k] == h)
			return;
	}
	if (h)
		plan->v1[plan->n_v1++] = h;
}

/* A v1 hierarchy joins in only where a limit needs it: each costs a tenth of a millisecond, and
 * freezing and killing are done by the v2 one. Where there is none, the first is the freezer, or
 * any that tells which processes there are; and the devices', for rules that an update may bring.
 */
int plan_cgroup_use_v1(struct arena *a, const struct facts *facts, struct plan_cgroup *plan,
		       struct err *e)
{
	const struct facts_cgroup *f = &facts->cgroup;

	plan->v1 = arena_newn(a, const struct cgroup_hierarchy *, f->n_v1 + 1);
	if (!plan->v1)
		return no_memory(e);
	if (!plan->unified && f->n_v1 > 0)
		add_v1(plan, cgroup_find_v1(f, "freezer") ?: &f->v1[0]);
	if (!plan->unified)
		add_v1(plan, cgroup_find_v1(f, "devices"));
	for (size_t i = 0; i < plan->n_writes; i++) {
		const struct cgroup_hierarchy *h = cgroup_find_v1(f, plan->writes[i].controller);

		if (h && facts->euid != 0)
			return refuse_limits(plan, i, "limits of ordinary users need cgroup v2",
					     "the controllers are bound to cgroup v1 hierarchies "
					     "here, and those cannot be delegated",
					     e);
		add_v1(plan, h);
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
	case CGROUP_HYBRID:
		return 0;
	case CGROUP_V1:
		if (!is_delegate(facts))
			return 0;
		if (!asked)
			return 1;
		err_set(e, ERR_CGROUP_LIMIT, -EOPNOTSUPP,
			"limits of ordinary users need cgroup v2");
		return err_hint(e, "cgroup v1 hierarchies cannot be delegated");
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
	plan->unified = facts->cgroup.arrangement != CGROUP_V1;
	if (facts->cgroup.arrangement != CGROUP_UNIFIED)
		r = plan_cgroup_use_v1(a, facts, plan, e);
	return r < 0 ? r : choose_path(a, spec, facts, id, plan, e);
}

int plan_cgroup_devices(struct arena *a, const struct spec_resources *res,
			const struct facts *facts, bool builtin, struct plan_cgroup *plan,
			struct err *e)
{
	if (res->n_devices == 0 || !facts->may_bpf)
		return 0;
	if (facts->cgroup.arrangement != CGROUP_V1)
		return plan_device_program(a, res->devices, res->n_devices, builtin,
					   &plan->device_program, &plan->n_device_program, e);
	if (!cgroup_find_v1(&facts->cgroup, "devices")) {
		err_set(e, ERR_DEVICE_POLICY, -ENODEV,
			"no cgroup hierarchy has the controller \"devices\"");
		return err_where(e, "linux.resources.devices");
	}
	return plan_device_list(a, res->devices, res->n_devices, builtin, &plan->device_list, e);
}

int plan_cgroup_build(struct arena *a, const struct spec *spec, const struct facts *facts,
		      enum cgroup_manager manager, const char *id, struct plan_cgroup *ret,
		      struct err *e)
{
	const struct spec_resources *res = &spec->linux_.resources;
	struct plan_cgroup plan = {.manager = manager, .path = ""};
	bool oom_group = false, builtin = true;
	int r = plan_cgroup_limits(a, res, res, &facts->cgroup, &plan, e);

	if (r == 0)
		r = spec_annotation_flag(&spec->annotations, CGROUP_ANNOTATION_OOM_GROUP,
					 &oom_group, e);
	if (r == 0)
		r = spec_annotation_flag(&spec->annotations, CGROUP_ANNOTATION_DEVICES, &builtin,
					 e);
	if (r == 0 && oom_group)
		r = plan_cgroup_oom_group(a, &facts->cgroup, &plan, e);
	if (r < 0)
		return r;
	switch (manager) {
	case CGROUP_MANAGER_CGROUPFS:
		r = plan_cgroupfs(a, spec, facts, id, &plan, e);
		break;
	case CGROUP_MANAGER_SYSTEMD:
		r = plan_cgroup_scope(a, spec, facts, id, &plan, e);
		break;
	case CGROUP_MANAGER_DISABLED:
		/* Engines send device rules all the same; they are without effect then. */
		r = refuse_limits(&plan, 0, "a limit needs a cgroup, and cgroups are disabled",
				  "leave out --cgroup-manager=disabled", e);
		break;
	}
	if (r < 0)
		return r;
	if (plan.path[0] != '\0')
		r = plan_cgroup_devices(a, res, facts, builtin, &plan, e);
	if (r < 0)
		return r;
	plan.devices_late = (plan.n_device_program > 0 || plan.device_list.n > 0) && !builtin;
	plan.optional = manager == CGROUP_MANAGER_CGROUPFS &&
			spec->linux_.cgroups_path[0] == '\0' && plan.path[0] != '\0' &&
			plan.n_writes == 0 && plan.n_device_program == 0 && plan.device_list.n == 0;
	/* Known already to be refused: then what shows the container its cgroup must not expect
	 * one. */
	if (plan.optional && !facts->cgroup.self_writable && !facts->cgroup.parent_writable &&
	    plan_cgroup_needs_self(spec, facts, manager))
		plan = (struct plan_cgroup){.manager = manager, .path = ""};
	*ret = plan;
	return 0;
}
