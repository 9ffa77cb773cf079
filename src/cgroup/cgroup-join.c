/* The container's place in v1 hierarchies: finding again which of its directories is in which, and
 * joining one that it had no need of until an update asked for a limit. Host half, in the host's
 * namespaces. */
#include <errno.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

/* How often the list of processes is read until all of them are inside. */
#define MOVE_TRIES 100

static bool is_below(const char *dir, const char *mount_point)
{
	size_t n = strlen(mount_point);

	return n > 0 && strncmp(dir, mount_point, n) == 0 && dir[n] == '/';
}

static int match_known(const struct cgroup_ref *ref, const struct facts_cgroup *facts,
		       struct plan_cgroup *plan, struct err *e)
{
	for (size_t i = 0; i < ref->n_v1; i++) {
		plan->v1[i] = NULL;
		for (size_t k = 0; k < facts->n_v1 && !plan->v1[i]; k++) {
			if (is_below(ref->v1_dirs[i], facts->v1[k].mount_point))
				plan->v1[i] = &facts->v1[k];
		}
		if (!plan->v1[i])
			return err_set(e, ERR_CGROUP, -ENODEV,
				       "the cgroup hierarchy of \"%s\" is not mounted any more",
				       ref->v1_dirs[i]);
	}
	plan->n_v1 = ref->n_v1;
	return 0;
}

/* The container's path from the root of every hierarchy. */
static const char *common_path(const struct cgroup_ref *ref, const struct facts_cgroup *facts,
			       const struct plan_cgroup *plan)
{
	if (is_below(ref->unified_dir, facts->unified_mount_point))
		return ref->unified_dir + strlen(facts->unified_mount_point);
	return ref->n_v1 > 0 ? ref->v1_dirs[0] + strlen(plan->v1[0]->mount_point) : "";
}

int cgroup_match(struct arena *a, struct cgroup_ref *ref, const struct facts_cgroup *facts,
		 struct plan_cgroup *plan, struct err *e)
{
	const char *path;
	int r, added = 0;

	plan->unified = ref->unified_dir[0] != '\0';
	plan->v1 = arena_newn(a, const struct cgroup_hierarchy *, CGROUP_V1_MAX + 1);
	if (!plan->v1)
		return err_sys(e, ERR_INTERNAL, -ENOMEM, "find the container's cgroups");
	r = match_known(ref, facts, plan, e);
	if (r < 0)
		return r;
	path = common_path(ref, facts, plan);
	if (ref->manager == CGROUP_MANAGER_SYSTEMD && path[0] != '\0')
		path = arena_format(a, CGROUP_V1_SCOPES "%s", strrchr(path, '/') + 1) ?: "";
	for (size_t i = 0; i < plan->n_writes; i++) {
		const struct cgroup_hierarchy *h =
			cgroup_find_v1(facts, plan->writes[i].controller);
		bool known = !h;

		for (size_t k = 0; k < plan->n_v1; k++)
			known |= plan->v1[k] == h;
		if (known)
			continue;
		if (path[0] == '\0' || ref->n_v1 == CGROUP_V1_MAX)
			return err_set(e, ERR_CGROUP_LIMIT, -ENODEV,
				       "the container has no cgroup with the controller \"%s\"",
				       plan->writes[i].controller);
		ref->v1_dirs[ref->n_v1] = arena_format(a, "%s%s", h->mount_point, path);
		if (!ref->v1_dirs[ref->n_v1])
			return err_sys(e, ERR_INTERNAL, -ENOMEM, "name the cgroup");
		ref->n_v1++;
		plan->v1[plan->n_v1++] = h;
		added++;
	}
	return added;
}

/* Move every process of the container that is not in @dir yet. Frozen, none of them forks; those
 * that we could not freeze are caught by looking again. */
static int move_all(int from, const char *dir, struct err *e)
{
	struct arena a;
	bool again = true;
	int r = 0;

	for (int tries = 0; r == 0 && again && tries < MOVE_TRIES; tries++) {
		pid_t *pids, *inside;
		size_t n, n_inside;
		_cleanup_close_ int fd = cgroup_dir_open(dir);

		arena_init(&a, NULL, 0);
		again = false;
		r = fd < 0 ? fd : cgroup_dir_pids(&a, from, &pids, &n);
		if (r == 0)
			r = cgroup_dir_pids(&a, fd, &inside, &n_inside);
		for (size_t i = 0; r == 0 && i < n; i++) {
			bool there = false;

			for (size_t k = 0; k < n_inside && !there; k++)
				there = inside[k] == pids[i];
			if (there)
				continue;
			again = true;
			r = cgroup_dir_enter(fd, dir, pids[i], e);
			if (r == -ESRCH)
				r = 0;
			else if (r < 0)
				break;
		}
		arena_done(&a);
	}
	if (r < 0 && e->id == ERR_NONE)
		return err_sys(e, ERR_CGROUP, r, "move the container into \"%s\"", dir);
	return r;
}

int cgroup_join(const struct cgroup_ref *ref, size_t n_new, struct err *e)
{
	struct cgroup c = CGROUP_INIT;
	size_t first = ref->n_v1 - n_new, top;
	int r = cgroup_open(ref, &c, e), frozen = r < 0 ? 0 : cgroup_is_frozen(&c);
	struct err ignored;

	for (size_t i = first; r >= 0 && i < ref->n_v1; i++) {
		r = cgroup_dir_make(ref->v1_dirs[i], &top);
		if (r < 0)
			err_sys(e, ERR_CGROUP, r, "make the cgroup \"%s\"", ref->v1_dirs[i]);
		else
			r = hierarchy_v1.prepare(ref->v1_dirs[i], e);
	}
	if (r == 0) {
		*e = (struct err){0};
		if (frozen == 0)
			(void)cgroup_freeze(&c, true, &ignored);
		for (size_t i = first; r == 0 && i < ref->n_v1; i++)
			r = move_all(c.unified_fd >= 0 ? c.unified_fd : c.v1_fd, ref->v1_dirs[i],
				     e);
		if (frozen == 0) {
			int thawed = cgroup_freeze(&c, false, r < 0 ? &ignored : e);

			/* Without a freezer nothing was frozen. */
			if (r == 0 && thawed != -ENOENT)
				r = thawed;
		}
	}
	cgroup_close(&c);
	return r;
}
