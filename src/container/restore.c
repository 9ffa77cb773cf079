/* restore: a container from a checkpoint. CRIU makes its processes, namespaces and mounts, without
 * init of ours; what is around them is made as for create. Host half.
 *
 * coracle-criu is put into the container's new cgroup, and CRIU with it, so that all that it makes
 * is born there; and so that nothing stays when we are killed: `delete --force` ends the cgroup. */
#include <errno.h>
#include <linux/prctl.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "container/attach.h"
#include "container/creation.h"
#include "container/criu-mounts.h"
#include "container/criu.h"
#include "container/filter.h"
#include "container/hooks.h"
#include "container/image.h"
#include "host/notify.h"
#include "host/proc.h"
#include "host/supervise.h"

#define DESCRIPTORS_MAX 65536

struct restoration {
	struct creation creation;
	const struct restore_options *o;
	struct criu criu;
	int proc_fd; /* of proc_root() */
};

/* --- what comes from the host ----------------------------------------------------------------- */

/* The checkpoint's keys for our first descriptors. */
static int read_keys(struct restoration *x, const char *keys[static STATE_PIPES], struct err *e)
{
	struct json json;
	struct json_value v;
	size_t len, n = 0;
	char *text;
	int r = io_read_file_at(x->creation.rt->arena, x->criu.images_fd, CRIU_DESCRIPTORS,
				DESCRIPTORS_MAX, &text, &len);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(e, ERR_CRIU, r, "read \"%s\"", CRIU_DESCRIPTORS);
	json_init(&json, text, len);
	r = json_read(&json, &v, e);
	if (r == 0 && v.type == JSON_ARRAY) {
		while ((r = json_next_item(&json, n == 0, e)) > 0) {
			r = json_read(&json, &v, e);
			if (r == 0)
				r = json_skip(&json, &v, e);
			if (r < 0)
				break;
			if (n < STATE_PIPES && v.type == JSON_STRING)
				keys[n] = v.text;
			n++;
		}
	}
	return r < 0 ? err_wrap(e, "%s", CRIU_DESCRIPTORS) : 0;
}

/* What was its standard input, output and errors is ours now. One pipe may be two of them. */
static int say_descriptors(struct restoration *x, struct err *e)
{
	const char *keys[STATE_PIPES] = {"", "", ""};
	int r = read_keys(x, keys, e);

	for (int n = 0; n < STATE_PIPES && r == 0; n++) {
		bool seen = false;

		for (int i = 0; i < n; i++)
			seen |= str_eq(keys[i], keys[n]);
		if (!seen && (str_starts(keys[n], "pipe:") || str_starts(keys[n], "file[")))
			criu_say(&x->criu, "inherit", keys[n], NULL, n);
	}
	if (x->o->criu.shell_job)
		criu_say(&x->criu, "stdin", NULL, NULL, 0);
	return r;
}

/* Namespaces that the configuration names: those that CRIU left alone are handed over, others it
 * joins. */
static int say_namespaces(struct restoration *x, struct err *e)
{
	static const char *const joined[NS_MAX] = {
		[NS_IPC] = "ipc", [NS_UTS] = "uts", [NS_TIME] = "time", [NS_USER] = "user"};

	for (enum ns_type t = 0; t < NS_MAX; t++) {
		const struct spec_namespace *ns = spec_namespace_find(&x->creation.loaded.spec, t);
		const char *key = criu_external_namespace(t);
		_cleanup_close_ int fd = -EBADF;

		if (!ns || ns->path[0] == '\0')
			continue;
		if (!key && !joined[t])
			return err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
				       "restore: a %s namespace cannot be joined", ns->type);
		if (key) {
			fd = sys_openat(AT_FDCWD, ns->path, O_RDONLY | O_CLOEXEC, 0);
			if (fd < 0)
				return err_sys(e, ERR_NAMESPACE, fd, "open \"%s\"", ns->path);
			criu_say(&x->criu, "inherit", key, NULL, fd);
		} else {
			criu_say(&x->criu, "join-namespace", joined[t], ns->path, -EBADF);
		}
	}
	return 0;
}

/* A mount of the root filesystem that is attached nowhere: a copy, or the image's. */
static int open_root(struct creation *c, struct err *e)
{
	c->root_fd = image_open_root(c->rt, c->state.id, &c->loaded.spec.annotations, e);
	if (c->root_fd == -EBADF)
		c->root_fd = sys_open_tree(AT_FDCWD, c->loaded.rootfs,
					   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	else if (c->root_fd < 0)
		return c->root_fd;
	return c->root_fd < 0 ? err_sys(e, ERR_ROOTFS, c->root_fd, "open \"%s\"", c->loaded.rootfs)
			      : 0;
}

static int say_root(struct restoration *x, struct err *e)
{
	struct creation *c = &x->creation;
	int r = open_root(c, e);

	if (r == 0)
		r = criu_make_targets(&c->loaded.spec, c->loaded.bundle, c->root_fd, e);
	if (r < 0)
		return r;
	criu_say(&x->criu, "root", NULL, NULL, c->root_fd);
	return criu_say_sources(&x->criu, &c->loaded.spec, c->loaded.bundle, x->proc_fd, e);
}

/* --- the cgroup ------------------------------------------------------------------------------- */

/* What the checkpoint calls the container's cgroup is the new one: CRIU knows paths from the root
 * of a hierarchy, which is what the kernel tells about the companion. */
static int say_cgroup(struct restoration *x, struct err *e)
{
	struct creation *c = &x->creation;
	_cleanup_close_ int fd = -EBADF;
	char path[32], *text, *line, *end;
	size_t len;
	int r;

	if (c->state.cgroup.unified_dir[0] == '\0' && c->state.cgroup.n_v1 == 0)
		return 0;
	(void)str_format(path, sizeof(path), "%d/cgroup", x->criu.process.pid);
	fd = r = proc_open_at(x->proc_fd, path, O_RDONLY);
	if (r >= 0)
		r = io_read_fd(c->rt->arena, fd, 65536, &text, &len);
	if (r < 0)
		return err_sys(e, ERR_CGROUP, r, "read \"/proc/%s\"", path);
	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		char *controllers = strchr(line, ':'), *place;

		*end = '\0';
		place = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!place)
			continue;
		*place++ = '\0';
		/* Of v2 it has no name, and CRIU takes it for all that have none here. */
		criu_say(&x->criu, "cgroup-root", controllers + 1, place, -EBADF);
	}
	return 0;
}

/* The device policy holds before anything runs, unless it denies what CRIU needs. */
static int enter_cgroup(struct restoration *x, struct err *e)
{
	struct creation *c = &x->creation;
	const struct plan_cgroup *plan = &c->loaded.plan.cgroup;
	int r;

	r = creation_place(c, x->criu.process.pid, e);
	/* A scope of systemd's has it already, which does no harm. */
	if (r == 0)
		r = cgroup_enter(&c->cgroup, x->criu.process.pid, true, e);
	if (r == 0 && !plan->devices_late)
		r = cgroup_attach_devices(&c->cgroup, plan, e);
	return r < 0 ? r : say_cgroup(x, e);
}

/* --- while CRIU waits ------------------------------------------------------------------------- */

/* Its namespaces are there: hooks give the network what CRIU cannot. */
static int run_hooks(struct restoration *x, struct err *e)
{
	struct creation *c = &x->creation;
	int r = creation_write_state(c, PHASE_CREATING, e);

	if (r < 0)
		return r;
	c->has_run_hooks = true;
	r = hooks_run(c->rt, &c->loaded.spec, &c->state, HOOK_PRESTART, CONTAINER_CREATING, e);
	if (r == 0)
		r = hooks_run(c->rt, &c->loaded.spec, &c->state, HOOK_CREATE_RUNTIME,
			      CONTAINER_CREATING, e);
	return r;
}

/* All is there, and nothing runs yet. */
static int finish(struct restoration *x, struct err *e)
{
	struct creation *c = &x->creation;
	int r = creation_limit_late(c, e);

	if (r == 0)
		r = attach_hand_over(&c->launch, c->o->console_socket, c->o->pidfd_socket, e);
	if (r == 0)
		r = creation_write_state(c, PHASE_RUNNING, e);
	return r < 0 ? r : attach_write_pid_file(c->o->pid_file, c->launch.pid, e);
}

/* The pid is held before we look who it is: it cannot become another's. */
static int meet(struct creation *c, pid_t pid, struct err *e)
{
	if (c->has_process)
		return 0;
	c->launch.pid = pid;
	c->launch.pidfd = sys_pidfd_open(pid, 0);
	if (c->launch.pidfd < 0)
		return err_sys(e, ERR_CRIU, c->launch.pidfd, "open process %d", pid);
	c->has_process = true;
	return creation_identify(c, e);
}

static int take_turn(void *data, const char *action, pid_t pid, struct err *e)
{
	struct restoration *x = data;
	int r = meet(&x->creation, pid, e);

	if (r == 0)
		r = str_eq(action, "post-restore") ? finish(x, e) : run_hooks(x, e);
	return r;
}

static int take_console(void *data, int fd, struct err *e)
{
	struct restoration *x = data;
	struct launch *l = &x->creation.launch;

	(void)fd_close(l->console_fd);
	l->console_fd = sys_fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return l->console_fd < 0 ? err_sys(e, ERR_CONSOLE, l->console_fd, "keep the terminal") : 0;
}

/* --- the verb --------------------------------------------------------------------------------- */

static int prepare(struct restoration *x, const char *id, struct err *e)
{
	struct creation *c = &x->creation;
	struct load_options options = {
		.id = id,
		.bundle = c->o->bundle,
		.config_file = c->o->config,
		.purpose = PURPOSE_RUN,
		.no_pivot = c->o->no_pivot,
		.no_new_keyring = c->o->no_new_keyring,
		.seccomp_receiver = getenv("RUN_OCI_SECCOMP_RECEIVER"),
		.seccomp_store = filter_store(true),
	};
	int r = directory_check_id(id, e);

	if (r == 0)
		r = load(c->rt, &options, &c->loaded, e);
	if (r == 0)
		r = attach_check_terminal(c->loaded.plan.terminal, c->o->console_socket,
					  !c->o->detach, e);
	if (r == 0 && c->loaded.plan.shared.wanted)
		r = err_set(e, ERR_UNSUPPORTED, -EOPNOTSUPP,
			    "restore: the container has no mount namespace of its own");
	if (r == 0)
		x->proc_fd = r = proc_root(e);
	if (r < 0)
		return r;
	/* What CRIU makes is its child, then its companion's, and then ours to wait for. */
	r = sys_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return r < 0 ? err_sys(e, ERR_CRIU, r, "become the parent of the container") : 0;
}

static int say_options(struct restoration *x, struct err *e)
{
	struct creation *c = &x->creation;
	int r = criu_say_common(&x->criu, &x->o->criu, false, &c->state, e);

	criu_flag(&x->criu, "orphan-pts-master", c->loaded.plan.terminal);
	if (x->o->lsm_profile[0] != '\0')
		criu_say(&x->criu, "lsm-profile", x->o->lsm_profile, NULL, -EBADF);
	if (x->o->lsm_mount_context[0] != '\0')
		criu_say(&x->criu, "lsm-mount-context", x->o->lsm_mount_context, NULL, -EBADF);
	if (r == 0)
		r = say_descriptors(x, e);
	return r < 0 ? r : say_namespaces(x, e);
}

static int restore(struct restoration *x, struct err *e)
{
	const struct criu_turns turns = {take_turn, take_console, x};
	struct creation *c = &x->creation;
	int r = criu_start(&x->criu, c->rt, "restore", e);

	if (r == 0)
		r = say_options(x, e);
	if (r == 0)
		r = enter_cgroup(x, e);
	if (r == 0)
		r = say_root(x, e);
	if (r == 0)
		r = criu_go(&x->criu, &turns, e);
	criu_end(&x->criu);
	if (r < 0)
		return criu_explain(&x->o->criu, "restore.log", e);
	return hooks_run(c->rt, &c->loaded.spec, &c->state, HOOK_POSTSTART, CONTAINER_RUNNING, e);
}

static int make(struct restoration *x, const char *id, struct err *e)
{
	struct creation *c = &x->creation;
	int r = c->o->detach ? 0 : supervise_block_signals(e);

	if (r == 0)
		r = prepare(x, id, e);
	if (r == 0)
		r = creation_record(c, id, e);
	if (r == 0)
		r = creation_make_cgroup(c, e);
	return r < 0 ? r : restore(x, e);
}

int container_restore(struct runtime *rt, const char *id, const struct restore_options *o,
		      int *ret_status, struct err *e)
{
	static struct restoration x;
	int status = 0, r;

	x = (struct restoration){.o = o, .criu = CRIU_INIT, .proc_fd = -EBADF};
	creation_init(&x.creation, rt, &o->create);
	r = make(&x, id, e);
	if (r < 0) {
		creation_undo(&x.creation);
		return r;
	}
	if (o->create.detach)
		creation_keep_status(&x.creation);
	else
		r = creation_stand_by(&x.creation, &status, e);
	creation_release(&x.creation);
	if (r == 0)
		*ret_status = status;
	return r;
}
