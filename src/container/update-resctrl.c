/* update: other schemata for the group of resctrl that a container is in. Its configuration tells
 * which one that is; a container without linux.intelRdt gets one of its own, which goes with it. */
#include "container/update-resctrl.h"

#include <errno.h>

#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "host/resctrl.h"

static int read_config(struct arena *a, const struct live *l, struct spec_intel_rdt *ret,
		       struct err *e)
{
	struct spec spec;
	size_t len;
	char *text;
	int r = directory_read_config(a, &l->directory, &text, &len, e);

	if (r == 0)
		r = spec_parse(a, text, len, &spec, e);
	if (r == 0)
		*ret = spec.linux_.intel_rdt;
	return r;
}

/* Children of those that are in it are in it, too. */
static int enter_all(struct arena *a, struct live *l, struct err *e)
{
	struct cgroup c = CGROUP_INIT;
	pid_t *pids;
	size_t n = 0;
	int r = live_open_cgroup(l, &c, e);

	if (r == 0)
		r = cgroup_pids(a, &c, &pids, &n, e);
	cgroup_close(&c);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = resctrl_enter_own(a, &l->state.resctrl, pids[i], e);
	return r;
}

int update_resctrl(struct arena *a, struct live *l, const char *l3, const char *bandwidth,
		   struct err *e)
{
	struct spec_intel_rdt rdt;
	struct resctrl_ref ref;
	struct plan plan = {.id = l->state.id};
	int r;

	if (l3[0] == '\0' && bandwidth[0] == '\0')
		return 0;
	r = read_config(a, l, &rdt, e);
	if (r < 0)
		return r;
	rdt.l3_cache_schema = l3;
	rdt.mem_bw_schema = bandwidth;
	rdt.schemata.n = 0;
	/* It has one already if it wants one. */
	rdt.enable_cmt = rdt.enable_mbm = rdt.enable_monitoring = false;
	r = spec_intel_rdt_check(&rdt, e);
	if (r == 0 && plan_resctrl_group(a, &rdt, l->state.id, &plan.resctrl) < 0)
		r = err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	if (r == 0)
		r = resctrl_resolve(a, &plan, &ref, e);
	if (r < 0)
		return r;
	/* Written down before it is made, so that delete finds it. */
	if (ref.group[0] != '\0') {
		l->state.resctrl.group = ref.group;
		r = directory_write_state(a, &l->directory, &l->state, e);
	}
	if (r == 0)
		r = resctrl_update(a, &plan.resctrl, &ref, e);
	return r < 0 || ref.group[0] == '\0' ? r : enter_all(a, l, e);
}
