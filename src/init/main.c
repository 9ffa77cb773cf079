/* Entry and the walk over the plan. Runs first in the host's namespaces (as bridge) or in fresh
 * ones, then inside the container; see ARCHITECTURE.md for the two shapes. */
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <linux/prctl.h>
#include <stdlib.h>

/* A plan comes from our own planner in a memfd nobody else has; an offset outside it is a defect
 * there, and going on would be worse than stopping. */
_noreturn_ static void corrupt(void)
{
	sys_exit(70);
}

const char *init_string(const struct init *i, plan_str offset)
{
	if (offset == 0)
		return "";
	if (offset >= i->block->size)
		corrupt();
	return (const char *)i->block + offset;
}

const void *init_array(const struct init *i, struct plan_array a, size_t size)
{
	if (a.offset % 8 || a.offset > i->block->size || a.n > (i->block->size - a.offset) / size)
		corrupt();
	return (const char *)i->block + a.offset;
}

int init_slot(const struct init *i, plan_slot slot)
{
	if (slot == PLAN_NO_SLOT)
		return -EBADF;
	/* The number of an own slot wraps where it is none. */
	if (slot < 0 ||
	    ((uint32_t)slot >= i->n_slots && (uint32_t)slot - PLAN_OWN_SLOTS >= i->n_own_slots))
		corrupt();
	return i->slots[slot];
}

int init_rearm(struct err *e)
{
	int r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	if (r == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "protect init") : 0;
}

void init_relocate(struct init *i, struct plan_array a)
{
	uint64_t *v = (uint64_t *)(uintptr_t)init_array(i, a, sizeof(uint64_t));

	/* Not over the header, whose size bounds everything. */
	if (a.n > 0 && a.offset < sizeof(struct plan_block))
		corrupt();
	for (uint32_t n = 0; n < a.n; n++) {
		if (v[n] >= i->block->size)
			corrupt();
		if (v[n] != 0)
			v[n] += (uint64_t)(uintptr_t)i->block;
	}
}

/* Operand structures are found by offset; their size is known by the operation. */
static const void *operand_of(const struct init *i, const struct plan_step *s, size_t size)
{
	return init_array(i, (struct plan_array){.offset = s->operand, .n = 1}, size);
}

static int step_run(struct init *i, const struct plan_step *s, struct err *e)
{
	static const uint16_t sizes[] = {
#define X(op, operand, name, text) sizeof(struct plan_##operand),
		PLAN_STEPS(X)
#undef X
	};
	const void *o;

	if (s->op >= ARRAY_SIZE(sizes))
		corrupt();
	/* Once and not in every case, which is then no more than a jump. */
	o = operand_of(i, s, sizes[s->op]);
	switch ((enum plan_op)s->op) {
#define X(op, operand, name, text)                                                                 \
	case PLAN_##op:                                                                            \
		return step_##op(i, o, e);
		PLAN_STEPS(X)
#undef X
	case PLAN_OP_MAX:
	default:
		corrupt();
	}
}

static int walk(struct init *i, struct err *e)
{
	const struct plan_step *steps = init_array(i, i->block->steps, sizeof(*steps));

	for (i->step = 0; i->step < i->block->steps.n; i->step++) {
		const struct plan_step *s = &steps[i->step];
		int r;

		i->page->step = i->step + 1;
		if (i->page->traced && i->step < PLAN_TRACED_MAX)
			i->page->begun[i->step] = sys_now_ns();
		r = step_run(i, s, e);
		if (r < 0) {
			if (s->origin != 0)
				(void)err_where(e, "%s", init_string(i, s->origin));
			return r;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct init i;
	static struct err e;
	uint32_t fd;

	/* The only argument is the number of the sync socket. Whoever executes us by another way
	 * (the memfd is reachable as /proc/self/exe of an init) gets nothing. */
	if (argc != 2 || str_to_u32(argv[1], 1 << 20, &fd) < 0)
		sys_exit(70);
	/* Not by an initializer, which would put a page of zeros into the image. */
	i.root_fd = i.terminal_fd = i.empty_fd = i.null_fd = -EBADF;
	i.host_proc_fd = i.proc_fd = i.plan_fd = -EBADF;
	for (size_t n = 0; n < ARRAY_SIZE(i.state_fds); n++)
		i.state_fds[n] = -EBADF;
	i.sync_fd = i.report_fd = (int)fd;
#ifdef CORACLE_FAULT
	sys_fault_init("init", getenv("CORACLE_FAULT"));
#endif
	/* The kernel's name for an executed memfd differs from version to version. */
	if (sys_prctl(PR_SET_NAME, (unsigned long)(uintptr_t)PLAN_INIT_NAME, 0, 0, 0) < 0)
		sys_exit(70);
	(void)sys_umask(0);
	if (sys_fcntl(i.sync_fd, F_SETFD, FD_CLOEXEC) < 0)
		sys_exit(70);
	if (sync_receive_setup(&i, &e) < 0 || init_rearm(&e) < 0) {
		sync_send_failure(&i, &e);
		sys_exit(1);
	}
	init_relocate(&i, i.block->argv);
	init_relocate(&i, i.block->envp);
	if (walk(&i, &e) < 0)
		sync_send_failure(&i, &e);
	sys_exit(1);
}
