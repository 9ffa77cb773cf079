/* create and run: a container from nothing to init's last step. */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/str.h"
#include "base/sys.h"
#include "container/attach.h"
#include "container/creation.h"
#include "container/filter.h"
#include "container/hooks.h"
#include "container/image.h"
#include "host/notify.h"
#include "host/supervise.h"

/* Put the device policy in force now? A program is attached in one step, while the process makes
 * what it needs; a list of v1 is written line by line, and the first denies everything, also to
 * init. */
static int attach_devices(struct creation *c, bool before_process, struct err *e)
{
	const struct plan_cgroup *plan = &c->loaded.plan.cgroup;

	if (plan->devices_late || before_process != (plan->device_list.n > 0))
		return 0;
	trace_mark(c->rt->trace, "attach the device policy");
	return cgroup_attach_devices(&c->cgroup, plan, e);
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
	r = creation_identify(c, e);
	/* `coracle state` in a hook tells the pid. */
	if (r == 0)
		r = creation_write_state(c, PHASE_CREATING, e);
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
		.place = creation_place,
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
	r = attach_devices(c, true, e);
	if (r == 0)
		r = launch_start(&request, &c->launch, e);
	if (r < 0)
		return r;
	c->has_process = true;
	netns_end(&c->network);
	/* Only init may hold the listener: that nobody does tells that the container was started.
	 */
	c->listener_fd = fd_close(c->listener_fd);
	return attach_devices(c, false, e);
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
	r = creation_identify(c, e);
	return r < 0 ? r : creation_write_state(c, phase, e);
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

/* Every word in its order: init waits until all is handed over and written. */
static int go_in_turn(struct creation *c, enum state_phase phase, struct err *e)
{
	int r = launch_await_ready(&c->launch, e);

	if (r == 0)
		r = creation_limit_late(c, e);
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
		r = creation_write_state(c, PHASE_RUNNING, e);
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
		r = creation_record(c, id, e);
	if (r == 0)
		r = creation_make_cgroup(c, e);
	if (r == 0)
		r = launch(c, e);
	if (r == 0)
		r = complete(c, e);
	return r;
}

int container_create(struct runtime *rt, const char *id, const struct create_options *o,
		     struct err *e)
{
	static struct creation c;
	int r;

	creation_init(&c, rt, o);
	r = make(&c, id, PURPOSE_CREATE, e);
	if (r < 0) {
		creation_undo(&c);
		return r;
	}
	if (o->keep_status)
		creation_keep_status(&c);
	creation_release(&c);
	return 0;
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
		creation_undo(&c);
		return r;
	}
	if (o->detach)
		creation_keep_status(&c);
	c.launch.notify_fd = TAKE_FD(c.notify_fd);
	if (o->detach && c.launch.notify_fd >= 0) {
		(void)sys_flock(c.directory.fd, LOCK_UN);
		notify_await(c.launch.notify_fd, c.launch.pidfd, c.launch.pid);
	}
	if (!o->detach)
		r = creation_stand_by(&c, &status, e);
	creation_release(&c);
	if (r == 0)
		*ret_status = status;
	return r;
}
