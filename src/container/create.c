/* create and run. The order is fixed by what must be undone: the state document names the cgroup
 * before the cgroup exists, the cgroup exists before the process, and every failure undoes in
 * reverse. */
#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "base/str.h"
#include "base/sys.h"
#include "base/time.h"
#include "container/attach.h"
#include "container/container.h"
#include "container/directory.h"
#include "container/exit.h"
#include "container/filter.h"
#include "container/hooks.h"
#include "container/image.h"
#include "container/load.h"
#include "host/notify.h"
#include "host/proc.h"
#include "host/supervise.h"
#include "host/systemd.h"

/* How long a dying container may keep its cgroup busy. */
#define REMOVE_TIMEOUT_MS 10000

/* Everything that a half-made container owns; undo() gives it back in reverse. */
struct creation {
	struct runtime *rt;
	const struct create_options *o;
	struct loaded loaded;
	struct directory directory;
	struct state state;
	struct cgroup cgroup;
	struct launch launch;
	struct netns_maker network;
	int listener_fd, notify_fd, root_fd;
	bool has_directory, has_cgroup, has_process;
	bool has_run_hooks; /* so poststop hooks are due, even if it fails */
};

static void release(struct creation *c)
{
	launch_close(&c->launch);
	cgroup_close(&c->cgroup);
	c->listener_fd = fd_close(c->listener_fd);
	c->notify_fd = fd_close(c->notify_fd);
	c->root_fd = fd_close(c->root_fd);
	netns_end(&c->network);
	directory_close(&c->directory);
}

static void run_poststop(struct creation *c)
{
	struct err problem;
	int r = hooks_run(c->rt, &c->loaded.spec, &c->state, HOOK_POSTSTOP, CONTAINER_STOPPED,
			  &problem);

	if (r < 0 && c->rt->warn)
		c->rt->warn(&problem);
}

/* Errors while undoing would hide the one that matters. */
static void undo(struct creation *c)
{
	struct err ignored;

	if (c->has_process)
		launch_kill(&c->launch);
	if (c->has_directory)
		(void)shared_detach(&c->state.root, c->loaded.rootfs, &ignored);
	if (c->has_cgroup)
		(void)cgroup_remove(&c->cgroup.ref, REMOVE_TIMEOUT_MS, &ignored);
	if (c->has_directory)
		(void)resctrl_remove(&c->state.resctrl, &ignored);
	if (c->has_run_hooks)
		run_poststop(c);
	if (c->has_directory) {
		(void)directory_remove(&c->directory, &ignored);
		image_release_root(c->rt, c->state.id, &c->loaded.spec.annotations);
	}
	release(c);
}

static int write_state(struct creation *c, enum state_phase phase, struct err *e)
{
	c->state.phase = phase;
	return directory_write_state(c->rt->arena, &c->directory, &c->state, e);
}

static int record(struct creation *c, const char *id, struct err *e)
{
	const struct loaded *l = &c->loaded;
	char *created = arena_alloc(c->rt->arena, TIME_UTC_SIZE);
	struct timespec now = {0};
	int r;

	trace_mark(c->rt->trace, "make the state directory");
	r = directory_create(c->rt, id, &c->directory, e);
	if (r < 0)
		return r;
	c->has_directory = true;
	if (!created)
		return err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
	(void)sys_clock_gettime(CLOCK_REALTIME, &now);
	(void)time_format_utc(&now, created);
	c->state = (struct state){
		.id = id,
		.oci_version = l->spec.oci_version,
		.bundle = l->bundle,
		.rootfs = l->rootfs,
		.created = created,
		.owner = (uint32_t)getauxval(AT_EUID),
		.namespaces = l->plan.namespaces,
		.hooks = hooks_for_later(&l->spec),
		.annotations = l->spec.annotations,
	};
	if (l->plan.shared.wanted)
		r = shared_examine(&l->plan.shared, l->rootfs, &c->state.root, e);
	if (r == 0 && l->has_notify)
		r = notify_make_folder(c->directory.fd, e);
	if (r == 0)
		r = cgroup_resolve(c->rt->arena, &l->plan.cgroup, &l->facts, &c->state.cgroup, e);
	if (r == 0)
		r = resctrl_resolve(c->rt->arena, &l->plan, &c->state.resctrl, e);
	if (r == 0)
		r = write_state(c, PHASE_CREATING, e);
	if (r == 0)
		r = directory_write_config(&c->directory, l->config, l->config_len, e);
	if (r == 0)
		r = filter_save(c->rt, &c->directory, &l->plan, e);
	return r;
}

static bool has_scope(const struct creation *c)
{
	return c->loaded.plan.cgroup.manager == CGROUP_MANAGER_SYSTEMD;
}

/* systemd makes the cgroup around the process; then it is like one of ours. */
static int take_scope(struct creation *c, pid_t pid, struct err *e)
{
	const struct plan_cgroup *plan = &c->loaded.plan.cgroup;
	int r = systemd_start_scope(c->rt->arena, plan, c->loaded.facts.cgroup.unified_mount_point,
				    pid, &c->state.cgroup, e);

	if (r < 0)
		return r;
	c->has_cgroup = true;
	c->cgroup.ref = c->state.cgroup;
	r = write_state(c, PHASE_CREATING, e);
	if (r == 0)
		r = cgroup_make_missing(&c->state.cgroup, e);
	if (r == 0)
		r = cgroup_open(&c->state.cgroup, &c->cgroup, e);
	if (r == 0)
		r = cgroup_write_early(&c->cgroup, plan, e);
	return r < 0 ? r : cgroup_delegate(c->rt->arena, &c->cgroup, plan, e);
}

/* Before the process is told anything: what it starts is where it is. */
static int place(void *data, pid_t pid, struct err *e)
{
	struct creation *c = data;
	int r = has_scope(c) ? take_scope(c, pid, e) : 0;

	return r < 0 ? r : resctrl_enter(c->rt->arena, &c->loaded.plan, pid, e);
}

static int make_cgroup(struct creation *c, struct err *e)
{
	int r = resctrl_make(c->rt->arena, &c->loaded.plan, &c->state.resctrl, e);

	if (r < 0 || has_scope(c))
		return r;
	trace_mark(c->rt->trace, "make the cgroup");
	r = cgroup_make(c->rt->arena, &c->loaded.plan.cgroup, &c->state.cgroup, &c->cgroup, e);
	if (r < 0)
		return r;
	c->has_cgroup = true;
	/* An optional cgroup that may not be made is none. */
	if (r > 0)
		c->state.cgroup = c->cgroup.ref;
	return cgroup_delegate(c->rt->arena, &c->cgroup, &c->loaded.plan.cgroup, e);
}

/* With the process running its steps beside us: what does not depend on them. */
static int work_beside(struct creation *c, struct err *e)
{
	const struct plan_cgroup *plan = &c->loaded.plan.cgroup;

	trace_mark(c->rt->trace, "attach the device policy");
	return plan->devices_late ? 0 : cgroup_attach_devices(&c->cgroup, plan, e);
}

static int identify(struct creation *c, struct err *e)
{
	struct proc_identity id = {0};
	int proc_fd = proc_root(e), r;

	if (proc_fd < 0)
		return proc_fd;
	c->state.pid = c->launch.pid;
	r = proc_identify(proc_fd, c->launch.pid, &id);
	c->state.start_time = id.start_time;
	return r < 0 ? err_sys(e, ERR_INIT_DIED, r, "identify init") : 0;
}

/* Init waits before its pivot: the hooks of the runtime's namespaces, and the documents for those
 * that init will run itself. */
static int take_turn(void *data, pid_t pid, int ret_fds[static PLAN_HOOK_STATES], struct err *e)
{
	static const enum container_status status[PLAN_HOOK_STATES] = {
		[PLAN_HOOK_CREATING] = CONTAINER_CREATING,
		[PLAN_HOOK_CREATED] = CONTAINER_CREATED,
	};
	struct creation *c = data;
	int r;

	c->launch.pid = pid;
	r = identify(c, e);
	/* `coracle state` in a hook tells the pid. */
	if (r == 0)
		r = write_state(c, PHASE_CREATING, e);
	if (r < 0)
		return r;
	c->has_run_hooks = true;
	r = hooks_run(c->rt, &c->loaded.spec, &c->state, HOOK_PRESTART, CONTAINER_CREATING, e);
	if (r == 0)
		r = hooks_run(c->rt, &c->loaded.spec, &c->state, HOOK_CREATE_RUNTIME,
			      CONTAINER_CREATING, e);
	for (size_t n = 0; n < PLAN_HOOK_STATES && r == 0; n++) {
		ret_fds[n] = hooks_make_state(c->rt->arena, &c->state, status[n], e);
		if (ret_fds[n] < 0) {
			r = ret_fds[n];
			while (n-- > 0)
				(void)fd_close(ret_fds[n]);
			break;
		}
	}
	return r;
}

/* The filter is loaded, its listener came. */
static int hand_over_listener(void *data, pid_t pid, int fd, struct err *e)
{
	struct creation *c = data;

	return filter_hand_over(c->rt, &c->state, &c->loaded.plan.filter, pid, false, fd, e);
}

static int launch(struct creation *c, struct err *e)
{
	struct launch_request request = {
		.arena = c->rt->arena,
		.trace = c->rt->trace,
		.plan = &c->loaded.plan,
		.cgroup = &c->cgroup,
		.seal_mode = attach_seal_mode(c->rt->init_mode),
		.target_fd = -EBADF,
		.network = &c->network,
		.turn = {take_turn, c},
		.listener = {hand_over_listener, c},
		.place = place,
		.place_data = c,
	};
	int r;

	if (c->loaded.plan.purpose == PURPOSE_CREATE) {
		c->listener_fd = directory_listen(&c->directory, e);
		if (c->listener_fd < 0)
			return c->listener_fd;
	}
	request.listener_fd = c->listener_fd;
	if (c->loaded.plan.shared.wanted) {
		c->root_fd = shared_attach(&c->state.root, c->loaded.rootfs, e);
		if (c->root_fd < 0)
			return c->root_fd;
	} else {
		c->root_fd = image_open_root(c->rt, c->state.id, &c->loaded.spec.annotations, e);
		if (c->root_fd < 0 && c->root_fd != -EBADF)
			return c->root_fd;
	}
	request.root_fd = c->root_fd;
	if (c->loaded.has_notify && c->loaded.plan.purpose == PURPOSE_RUN) {
		c->notify_fd = notify_listen(c->directory.fd, e);
		if (c->notify_fd < 0)
			return c->notify_fd;
	}
	r = launch_start(&request, &c->launch, e);
	if (r < 0)
		return r;
	c->has_process = true;
	netns_end(&c->network);
	/* Only init may hold the listener: that nobody does tells that the container was started.
	 */
	c->listener_fd = fd_close(c->listener_fd);
	return work_beside(c, e);
}

/* Who wants init's pidfd: an option, or an annotation of crun's. */
static const char *pidfd_socket(const struct creation *c)
{
	const char *wanted = spec_annotation(&c->loaded.spec, "run.oci.pidfd_receiver");

	return c->o->pidfd_socket[0] != '\0' || !wanted ? c->o->pidfd_socket : wanted;
}

/* May init go on by itself when it is ready? Then nobody waits for us. Not where something must
 * have reached the caller before the program runs, or is still to be done to it, or may still fail.
 */
static bool may_go_ahead(const struct creation *c)
{
	const struct plan *p = &c->loaded.plan;

	return p->purpose == PURPOSE_RUN && !p->terminal && !p->host_turn && !p->time_offsets &&
	       !p->schedule.late && !plan_cgroup_late(&p->cgroup) && !p->cgroup.devices_late &&
	       pidfd_socket(c)[0] == '\0' && c->o->pid_file[0] == '\0' &&
	       !(c->state.hooks & STATE_HOOK_START_CONTAINER);
}

/* Write down who init is; then nothing keeps it from going on. */
static int record_process(struct creation *c, enum state_phase phase, struct err *e)
{
	int r;

	trace_mark(c->rt->trace, "write down who init is");
	r = identify(c, e);
	return r < 0 ? r : write_state(c, phase, e);
}

/* The document says "running" before the program runs; until it does, the lock that we hold and
 * init's name tell others better (container/live.c). */
static int go_ahead(struct creation *c, struct err *e)
{
	int r = launch_await_init(&c->launch, e);

	if (r == 0)
		r = record_process(c, PHASE_RUNNING, e);
	if (r == 0)
		r = launch_go_ahead(&c->launch, e);
	return r < 0 ? r : launch_await_ready(&c->launch, e);
}

/* The limits that init would not have fitted below, and a device policy that is not for it. */
static int limit_late(struct creation *c, struct err *e)
{
	struct plan_cgroup *plan = &c->loaded.plan.cgroup;
	int r = 0;

	if (plan->devices_late)
		r = cgroup_attach_devices(&c->cgroup, plan, e);
	if (r < 0 || !plan_cgroup_late(plan))
		return r;
	if (has_scope(c)) {
		r = plan_cgroup_properties(c->rt->arena, plan, true, e);
		if (r == 0)
			r = systemd_set_properties(plan, e);
	}
	return r < 0 ? r : cgroup_write_late(&c->cgroup, plan, e);
}

/* Every word in its order: init waits until all is handed over and written. */
static int go_in_turn(struct creation *c, enum state_phase phase, struct err *e)
{
	int r = launch_await_ready(&c->launch, e);

	if (r == 0)
		r = limit_late(c, e);
	if (r == 0)
		r = attach_hand_over(&c->launch, c->o->console_socket, pidfd_socket(c), e);
	if (r == 0)
		r = record_process(c, phase, e);
	if (r == 0)
		r = attach_write_pid_file(c->o->pid_file, c->launch.pid, e);
	return r < 0 ? r : launch_go(&c->launch, e);
}

/* From the launched process to one that has done its part. */
static int complete(struct creation *c, struct err *e)
{
	enum plan_purpose purpose = c->loaded.plan.purpose;
	bool start_hooks = c->state.hooks & STATE_HOOK_START_CONTAINER;
	bool created = purpose == PURPOSE_CREATE || start_hooks;
	int r;

	if (may_go_ahead(c))
		r = go_ahead(c, e);
	else
		r = go_in_turn(c, created ? PHASE_CREATED : PHASE_RUNNING, e);
	if (r == 0)
		r = launch_await_release(&c->launch, e);
	if (r < 0 || purpose == PURPOSE_CREATE)
		return r;
	c->has_run_hooks = true;
	if (start_hooks)
		r = write_state(c, PHASE_RUNNING, e);
	return r < 0 ? r
		     : hooks_run(c->rt, &c->loaded.spec, &c->state, HOOK_POSTSTART,
				 CONTAINER_RUNNING, e);
}

static int make(struct creation *c, const char *id, enum plan_purpose purpose, struct err *e)
{
	struct load_options options = {
		.id = id,
		.bundle = c->o->bundle,
		.config_file = c->o->config,
		.purpose = purpose,
		.no_pivot = c->o->no_pivot,
		.no_new_keyring = c->o->no_new_keyring,
		.preserve_fds = c->o->preserve_fds,
		.seccomp_receiver = getenv("RUN_OCI_SECCOMP_RECEIVER"),
		.seccomp_store = filter_store(true),
		.compile_policy = filter_compile_policy,
		.network = &c->network,
	};
	bool attached = purpose == PURPOSE_RUN && !c->o->detach;
	int r = directory_check_id(id, e);

	if (r == 0)
		r = attach_check_fds(c->o->preserve_fds, e);
	if (r == 0)
		r = attach_listen_fds(c->o->preserve_fds, &options.listen_fds,
				      &options.listen_names, e);
	if (r == 0 && notify_wanted())
		options.notify_folder = directory_path(c->rt, id, NOTIFY_FOLDER);
	if (r == 0)
		r = load(c->rt, &options, &c->loaded, e);
	if (r == 0)
		r = filter_check_agent(&c->loaded.plan, e);
	if (r == 0)
		r = attach_check_terminal(c->loaded.plan.terminal, c->o->console_socket, attached,
					  e);
	if (r == 0)
		r = record(c, id, e);
	if (r == 0)
		r = make_cgroup(c, e);
	if (r == 0)
		r = launch(c, e);
	if (r == 0)
		r = complete(c, e);
	return r;
}

static void creation_init(struct creation *c, struct runtime *rt, const struct create_options *o)
{
	*c = (struct creation){
		.rt = rt,
		.o = o,
		.directory = DIRECTORY_INIT,
		.cgroup = CGROUP_INIT,
		.launch = LAUNCH_INIT,
		.network = NETNS_MAKER_INIT,
		.listener_fd = -EBADF,
		.notify_fd = -EBADF,
		.root_fd = -EBADF,
	};
}

/* Where the kernel can, let it keep how the process will end: nobody of ours waits for it. */
static void keep_status(struct creation *c)
{
	struct err problem;
	int r = exit_pin(&c->directory, c->launch.pidfd);

	if (r == 0 || !c->rt->warn)
		return;
	(void)err_sys(&problem, ERR_EXIT_UNKNOWN, r, "the exit status will not be kept");
	c->rt->warn(&problem);
}

int container_create(struct runtime *rt, const char *id, const struct create_options *o,
		     struct err *e)
{
	static struct creation c;
	int r;

	creation_init(&c, rt, o);
	r = make(&c, id, PURPOSE_CREATE, e);
	if (r < 0) {
		undo(&c);
		return r;
	}
	if (o->keep_status)
		keep_status(&c);
	release(&c);
	return 0;
}

/* The process ended: remove what it left. */
static int clean_up(struct creation *c, int status, struct err *e)
{
	int r;

	if (c->o->keep) {
		exit_record(c->rt->arena, &c->directory, status);
		return 0;
	}
	r = shared_detach(&c->state.root, c->loaded.rootfs, e);
	if (r == 0)
		r = cgroup_remove(&c->cgroup.ref, REMOVE_TIMEOUT_MS, e);
	if (r == 0)
		r = resctrl_remove(&c->state.resctrl, e);
	if (r < 0)
		return r;
	systemd_forget(&c->cgroup.ref);
	run_poststop(c);
	r = directory_remove(&c->directory, e);
	if (r == 0)
		image_release_root(c->rt, c->state.id, &c->loaded.spec.annotations);
	return r;
}

int container_run(struct runtime *rt, const char *id, const struct create_options *o,
		  int *ret_status, struct err *e)
{
	static struct creation c;
	int status = 0, r = 0;

	creation_init(&c, rt, o);
	if (!o->detach)
		r = supervise_block_signals(e);
	if (r == 0)
		r = make(&c, id, PURPOSE_RUN, e);
	if (r < 0) {
		undo(&c);
		return r;
	}
	if (o->detach)
		keep_status(&c);
	c.launch.notify_fd = TAKE_FD(c.notify_fd);
	if (o->detach && c.launch.notify_fd >= 0) {
		(void)sys_flock(c.directory.fd, 8 /* LOCK_UN */);
		notify_await(c.launch.notify_fd, c.launch.pidfd, c.launch.pid);
	}
	if (!o->detach) {
		/* Others may use the container while we stand by. */
		(void)sys_flock(c.directory.fd, 8 /* LOCK_UN */);
		trace_mark(rt->trace, "stand by the container");
		status = supervise(&c.launch, e);
		trace_mark(rt->trace, "delete");
		r = status < 0 ? status : clean_up(&c, status, e);
	}
	release(&c);
	if (r == 0)
		*ret_status = status;
	return r;
}
