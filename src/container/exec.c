/* exec: a further process in a running container. Only this command reads the saved configuration.
 */
#include <errno.h>

#include "base/str.h"
#include "base/sys.h"
#include "container/attach.h"
#include "container/exec-cgroup.h"
#include "container/filter.h"
#include "container/live.h"
#include "container/load.h"
#include "container/process.h"
#include "host/proc.h"
#include "host/schedule.h"
#include "host/supervise.h"

static int check_status(const struct live *l, const struct exec_options *o, struct err *e)
{
	if (l->status == CONTAINER_PAUSED && !o->ignore_paused) {
		(void)err_set(e, ERR_CONTAINER_STATE, -EBUSY,
			      "container \"%s\": cannot exec in a paused container", l->state.id);
		return err_hint(e, "resume it first, or use --ignore-paused to wait");
	}
	if (l->status == CONTAINER_STOPPED || l->status == CONTAINER_CREATING)
		return live_not_running(l, e);
	return 0;
}

struct execution {
	struct runtime *rt;
	const struct exec_options *o;
	struct live live;
	bool waits; /* the container is paused, and that is all right */
	struct spec spec;
	struct spec_process process;
	struct facts facts;
	struct plan plan;
	struct cgroup cgroup;
	struct launch launch;
};

/* An ordinary user's container may be in a user namespace that was there before it, as those of
 * `coracle image run` are: who is not in there joins that as well. */
static int find_user_namespace(const struct live *l, struct plan_parameters *p, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	char path[32], own[64] = "", theirs[64] = "", word[8] = "";
	int proc_fd;

	if ((p->target_namespaces & CLONE_NEWUSER) || sys_geteuid() == 0)
		return 0;
	proc_fd = proc_root(e);
	if (proc_fd < 0)
		return proc_fd;
	(void)str_format(path, sizeof(path), "%d/ns/user", (int)l->state.pid);
	if (sys_readlinkat(proc_fd, "self/ns/user", own, sizeof(own) - 1) < 0 ||
	    sys_readlinkat(proc_fd, path, theirs, sizeof(theirs) - 1) < 0 || str_eq(own, theirs))
		return 0;
	p->target_namespaces |= CLONE_NEWUSER;
	(void)str_format(path, sizeof(path), "%d/setgroups", (int)l->state.pid);
	fd = proc_open_at(proc_fd, path, O_RDONLY);
	if (fd >= 0 && sys_read(fd, word, sizeof(word) - 1) > 0)
		p->target_denies_groups = str_starts(word, "deny");
	return 0;
}

static int prepare(struct execution *x, struct err *e)
{
	struct plan_parameters parameters = {
		.purpose = PURPOSE_EXEC,
		.id = x->live.state.id,
		.bundle = x->live.state.bundle,
		.rootfs = x->live.state.rootfs,
		.preserve_fds = x->o->preserve_fds,
		.target_namespaces = x->live.state.namespaces,
		.target_shares_mounts = x->live.state.root.namespace_inode != 0,
	};
	struct seccomp_saved filter;
	size_t len;
	char *text;
	int r = directory_read_config(x->rt->arena, &x->live.directory, &text, &len, e);

	if (r == 0)
		r = find_user_namespace(&x->live, &parameters, e);
	if (r == 0)
		r = spec_parse(x->rt->arena, text, len, &x->spec, e);
	if (r == 0)
		r = process_build(x->rt, &x->spec, x->o, &x->process, e);
	if (r == 0)
		r = attach_check_terminal(x->process.terminal, x->o->console_socket, !x->o->detach,
					  e);
	if (r == 0)
		r = load_exec_facts(x->rt, &x->spec, &x->facts, e);
	if (r == 0)
		r = attach_check_fds(x->o->preserve_fds, e);
	if (r == 0)
		r = attach_listen_fds(x->o->preserve_fds, &parameters.listen_fds,
				      &parameters.listen_names, e);
	/* The container's, to the byte, and not compiled again. */
	if (r == 0 && plan_has_filter(&x->spec)) {
		r = filter_load(x->rt, &x->live.directory, &filter, e);
		parameters.filter = &filter;
	}
	if (r == 0)
		r = plan_build_exec(x->rt->arena, &x->spec, &x->process, &x->facts, &parameters,
				    &x->plan, e);
	if (r == 0)
		r = filter_check_agent(&x->plan, e);
	if (r == 0)
		load_warn(x->rt, &x->plan);
	return r;
}

static int open_cgroup(struct execution *x, struct err *e)
{
	const struct cgroup_ref *ref = &x->live.state.cgroup;
	int r = exec_cgroup_select(x->rt->arena, &x->o->cgroups, &x->live.state.cgroup, e);

	if (r < 0)
		return r;
	if (ref->unified_dir[0] == '\0' && ref->n_v1 == 0)
		return 0;
	r = cgroup_open(ref, &x->cgroup, e);
	/* The process still lives, so this is somebody else's removal. */
	return r == -ENOENT ? err_set(e, ERR_CGROUP, r, "the container's cgroup is gone") : r;
}

static int hand_over_listener(void *data, pid_t pid, int fd, struct err *e)
{
	struct execution *x = data;

	return filter_hand_over(x->rt, &x->live.state, &x->plan.filter, pid, true, fd, e);
}

/* Since 5.7 a cgroup whose children have controllers takes no processes: an init that is a service
 * manager moved into a child before. So does this process, unless --cgroup chose. */
static int follow_init(struct execution *x, struct err *e)
{
	int r;

	cgroup_close(&x->cgroup);
	r = exec_cgroup_of_init(x->rt->arena, x->live.state.pid, &x->live.state.cgroup, e);
	return r < 0 ? r : cgroup_open(&x->live.state.cgroup, &x->cgroup, e);
}

static int place(void *data, pid_t pid, struct err *e)
{
	struct execution *x = data;

	int r = resctrl_enter(x->rt->arena, &x->plan, pid, e);

	/* The group that an update made, which the configuration does not know. */
	return r < 0 || x->plan.resctrl.wanted
		       ? r
		       : resctrl_enter_own(x->rt->arena, &x->live.state.resctrl, pid, e);
}

static int run(struct execution *x, struct err *e)
{
	struct launch_request request = {
		.arena = x->rt->arena,
		.trace = x->rt->trace,
		.plan = &x->plan,
		.cgroup = &x->cgroup,
		.seal_mode = attach_seal_mode(x->rt->init_mode),
		.target_fd = x->live.pidfd,
		.listener_fd = -EBADF,
		.listener = {hand_over_listener, x},
		.no_deadline = x->waits,
		.root_fd = -EBADF,
		.place = place,
		.place_data = x,
	};
	bool ahead;
	int r;

	trace_mark(x->rt->trace, "open the cgroup");
	r = open_cgroup(x, e);

	if (r == 0)
		r = schedule_own_cpus(&x->plan.schedule, e);
	if (r == 0)
		r = launch_start(&request, &x->launch, e);
	if (r == -EBUSY && x->cgroup.unified_fd >= 0 && x->o->cgroups.n == 0) {
		r = follow_init(x, e);
		if (r == 0)
			r = launch_start(&request, &x->launch, e);
	}
	if (r < 0)
		return r;
	/* Nothing has to reach the caller first: the process need not wait for us. */
	ahead = !x->waits && !x->plan.terminal && !x->plan.schedule.late &&
		x->o->pidfd_socket[0] == '\0' && x->o->pid_file[0] == '\0';
	if (ahead)
		r = launch_go_ahead(&x->launch, e);
	if (r == 0)
		r = launch_await_ready(&x->launch, e);
	/* Until here a signal ends us, and the frozen process with us. */
	if (r == 0 && x->waits && !x->o->detach)
		r = supervise_block_signals(e);
	if (r == 0)
		r = attach_hand_over(&x->launch, x->o->console_socket, x->o->pidfd_socket, e);
	if (r == 0)
		r = attach_write_pid_file(x->o->pid_file, x->launch.pid, e);
	if (r == 0 && !ahead)
		r = launch_go(&x->launch, e);
	if (r == 0)
		r = launch_await_release(&x->launch, e);
	if (r < 0)
		launch_kill(&x->launch);
	return r;
}

static int execute(struct execution *x, const char *id, int *ret_status, struct err *e)
{
	int r;

	trace_mark(x->rt->trace, "find the container");
	r = live_open(x->rt, id, false, &x->live, e);
	trace_mark(x->rt->trace, "plan");
	if (r == 0)
		r = check_status(&x->live, x->o, e);
	if (r == 0)
		r = prepare(x, e);
	x->waits = x->live.status == CONTAINER_PAUSED;
	if (r == 0 && !x->o->detach && !x->waits)
		r = supervise_block_signals(e);
	if (r == 0)
		r = run(x, e);
	if (r < 0 || x->o->detach)
		return r;
	trace_mark(x->rt->trace, "stand by the process");
	r = supervise(&x->launch, e);
	if (r < 0)
		return r;
	*ret_status = r;
	return 0;
}

int container_exec(struct runtime *rt, const char *id, const struct exec_options *o,
		   int *ret_status, struct err *e)
{
	static struct execution x;
	int r;

	x = (struct execution){
		.rt = rt,
		.o = o,
		.live = LIVE_INIT,
		.cgroup = CGROUP_INIT,
		.launch = LAUNCH_INIT,
	};
	*ret_status = 0;
	r = execute(&x, id, ret_status, e);
	launch_close(&x.launch);
	cgroup_close(&x.cgroup);
	live_close(&x.live);
	return r;
}
