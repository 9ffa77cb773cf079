/* state: what is to be told about a container. Without locks: hooks ask while create holds one. */
#include "container/info.h"

#include "container/exit.h"

void info_fill(const struct live *l, struct container_info *ret)
{
	int status;

	*ret = (struct container_info){
		.id = l->state.id,
		.bundle = l->state.bundle,
		.rootfs = l->state.rootfs,
		.created = l->state.created,
		.oci_version = l->state.oci_version,
		.status = l->status,
		.pid = l->status == CONTAINER_STOPPED ? 0 : l->state.pid,
		.owner = l->state.owner,
		.annotations = l->state.annotations,
	};
	if (l->status == CONTAINER_STOPPED &&
	    exit_learn(&l->directory, &l->state, -EBADF, &status) == 0) {
		ret->has_exit_status = true;
		ret->exit_status = (uint32_t)status;
	}
}

int container_info(struct runtime *rt, const char *id, struct container_info *ret, struct err *e)
{
	_cleanup_live_ struct live l = LIVE_INIT;
	int r = live_open(rt, id, false, &l, e);

	if (r == 0)
		info_fill(&l, ret);
	return r;
}
