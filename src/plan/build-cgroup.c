/* Who owns the container's cgroup. Pure. */
#include "base/str.h"
#include "plan/build.h"

/* The user of the container's process as we see it. */
static bool host_user(const struct builder *b, uint32_t *ret)
{
	const struct spec_id_mappings *maps = &b->plan->idmap.uid;
	uint32_t uid = b->process->user.uid;

	*ret = uid;
	if (!b->new_user_ns)
		return !b->joined_user_ns;
	for (size_t i = 0; i < maps->n; i++) {
		const struct spec_id_mapping *m = &maps->items[i];

		if (uid < m->container_id || uid - m->container_id >= m->size)
			continue;
		*ret = m->host_id + (uid - m->container_id);
		return true;
	}
	return false;
}

void plan_delegate_cgroup(struct builder *b, const char *target)
{
	const struct spec_namespace *ns = spec_namespace_find(b->spec, NS_CGROUP);
	uint32_t uid;

	if (!ns || ns->path[0] != '\0' || !str_eq(target, "/sys/fs/cgroup") ||
	    b->plan->cgroup.path[0] == '\0')
		return;
	/* What is ours is there already, and nobody but root can give anything away. */
	if (!host_user(b, &uid) || b->facts->euid != 0 || uid == b->facts->euid)
		return;
	b->plan->cgroup.delegated = true;
	b->plan->cgroup.owner = uid;
}
