/* A container in the making: what create, run and restore share. The order is fixed by what must be
 * undone: the state document names the cgroup before the cgroup exists, the cgroup exists before
 * the process, and every failure undoes in reverse. Host half. */
#include "container/creation.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/file.h>

#include "base/str.h"
#include "base/sys.h"
#include "base/time.h"
#include "container/exit.h"
#include "container/filter.h"
#include "container/hooks.h"
#include "container/image.h"
#include "host/notify.h"
#include "host/proc.h"
#include "host/supervise.h"
#include "host/systemd.h"

/* How long a dying container may keep its cgroup busy. */
#define REMOVE_TIMEOUT_MS 10000

void creation_release(struct creation *c)
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
void creation_undo(struct creation *c)
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
	creation_release(c);
}

int creation_write_state(struct creation *c, enum state_phase phase, struct err *e)
{
	c->state.phase = phase;
	return directory_write_state(c->rt->arena, &c->directory, &c->state, e);
}

static void note_pipes(struct state *s)
{
	struct stat st;

	for (int fd = 0; fd < STATE_PIPES; fd++)
		if (sys_fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
			s->pipes[fd] = st.st_ino;
}

int creation_record(struct creation *c, const char *id, struct err *e)
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
	note_pipes(&c->state);
	if (l->plan.shared.wanted)
		r = shared_examine(&l->plan.shared, l->rootfs, &c->state.root, e);
	if (r == 0 && l->has_notify)
		r = notify_make_folder(c->directory.fd, e);
	if (r == 0)
		r = cgroup_resolve(c->rt->arena, &l->plan.cgroup, &l->facts, &c->state.cgroup, e);
	if (r == 0)
		r = resctrl_resolve(c->rt->arena, &l->plan, &c->state.resctrl, e);
	if (r == 0)
		r = creation_write_state(c, PHASE_CREATING, e);
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
	r = creation_write_state(c, PHASE_CREATING, e);
	if (r == 0)
		r = cgroup_make_missing(&c->state.cgroup, e);
	if (r == 0)
		r = cgroup_open(&c->state.cgroup, &c->cgroup, e);
	if (r == 0)
		r = cgroup_write_early(&c->cgroup, plan, e);
	return r < 0 ? r : cgroup_delegate(c->rt->arena, &c->cgroup, plan, e);
}

int creation_place(void *data, pid_t pid, struct err *e)
{
	struct creation *c = data;
	int r = has_scope(c) ? take_scope(c, pid, e) : 0;

	return r < 0 ? r : resctrl_enter(c->rt->arena, &c->loaded.plan, pid, e);
}

int creation_make_cgroup(struct creation *c, struct err *e)
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

int creation_identify(struct creation *c, struct err *e)
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

/* The limits that init would not have fitted below, and a device policy that is not for it. */
int creation_limit_late(struct creation *c, struct err *e)
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

void creation_init(struct creation *c, struct runtime *rt, const struct create_options *o)
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
void creation_keep_status(struct creation *c)
{
	struct err problem;
	int r = exit_pin(&c->directory, c->launch.pidfd);

	if (r == 0 || !c->rt->warn)
		return;
	(void)err_sys(&problem, ERR_EXIT_UNKNOWN, r, "the exit status will not be kept");
	c->rt->warn(&problem);
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

int creation_stand_by(struct creation *c, int *ret_status, struct err *e)
{
	int status, r;

	/* Others may use the container while we stand by. */
	(void)sys_flock(c->directory.fd, LOCK_UN);
	trace_mark(c->rt->trace, "stand by the container");
	status = supervise(&c->launch, e);
	trace_mark(c->rt->trace, "delete");
	r = status < 0 ? status : clean_up(c, status, e);
	if (r == 0)
		*ret_status = status;
	return r;
}
