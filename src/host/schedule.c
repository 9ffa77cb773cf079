/* Scheduling from outside: a process in a user namespace could not give itself what the caller may
 * give it. What is set before the first clone is inherited by the container's process. */
#include "host/schedule.h"

#include <errno.h>

#include "base/str.h"
#include "base/sys.h"

static int set_policy(const struct plan_schedule *s, pid_t pid, struct err *e)
{
	struct sys_sched_attr a = {
		.size = sizeof(a),
		.policy = s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};
	int r = sys_sched_setattr(pid, &a);

	if (r >= 0)
		return 0;
	(void)err_sys(e, ERR_PROCESS, r, "set the scheduling policy");
	if (r == -EPERM)
		(void)err_hint(e,
			       "it needs CAP_SYS_NICE, a cgroup with real-time bandwidth (cgroup "
			       "v1), and for SCHED_DEADLINE all processors");
	if (r == -EBUSY)
		(void)err_hint(e, "the kernel cannot guarantee that much: see the sysctl "
				  "kernel.sched_rt_runtime_us");
	return err_where(e, "process.scheduler");
}

int schedule_apply(const struct plan_schedule *s, pid_t pid, bool late, struct err *e)
{
	int r;

	if (s->has_scheduler && s->late == late) {
		r = set_policy(s, pid, e);
		if (r < 0)
			return r;
	}
	if (!s->has_io_priority || late)
		return 0;
	r = sys_ioprio_set(1 /* IOPRIO_WHO_PROCESS */, pid, (int)s->io_priority);
	if (r >= 0)
		return 0;
	(void)err_sys(e, ERR_PROCESS, r, "set the I/O priority");
	return err_where(e, "process.ioPriority");
}

int schedule_cpus(const struct plan_schedule *s, pid_t pid, struct err *e)
{
	uint64_t all[PLAN_CPUS_MAX / 64];
	int r = 0;

	if (s->n_final_cpus > 0) {
		r = sys_sched_setaffinity(pid, s->n_final_cpus * sizeof(uint64_t), s->final_cpus);
		if (r < 0) {
			(void)err_sys(e, ERR_PROCESS, r, "set the processors");
			return err_where(e, "process.execCPUAffinity.final");
		}
	} else if (s->all_cpus) {
		/* The kernel cuts it to what the cpuset allows. */
		memset(all, 0xff, sizeof(all));
		r = sys_sched_setaffinity(pid, sizeof(all), all);
	}
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "reset the processors") : 0;
}

int schedule_own_cpus(const struct plan_schedule *s, struct err *e)
{
	int r;

	if (s->n_initial_cpus == 0)
		return 0;
	r = sys_sched_setaffinity(0, s->n_initial_cpus * sizeof(uint64_t), s->initial_cpus);
	if (r >= 0)
		return 0;
	(void)err_sys(e, ERR_PROCESS, r, "set the processors");
	return err_where(e, "process.execCPUAffinity.initial");
}
