/* Steps for what a process can only set for itself: its execution domain and memory policy. */
#include "base/sys.h"
#include "init/init.h"

int step_PERSONALITY(struct init *i, const struct plan_personality *o, struct err *e)
{
	int r = sys_personality(o->persona);

	(void)i;
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "set the personality") : 0;
}

int step_MEMORY_POLICY(struct init *i, const struct plan_memory_policy *o, struct err *e)
{
	const uint64_t *nodes = init_array(i, o->nodes, sizeof(*nodes));
	/* The kernel takes one less than it is told. */
	unsigned long bits = o->nodes.n * 64UL + 1;
	int r = sys_set_mempolicy((int)o->mode, o->nodes.n > 0 ? nodes : NULL,
				  o->nodes.n > 0 ? bits : 0);

	return r < 0 ? err_sys(e, ERR_PROCESS, r, "set the memory policy") : 0;
}
