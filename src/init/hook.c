/* Hooks in the container's namespaces. createContainer: before the pivot, with paths of the host's
 * tree and all privileges of init. startContainer: inside, as the container's process will be. */
#include "base/child.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

int step_HOST_TURN(struct init *i, const struct plan_turn *o, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (o->network) {
		/* A socket belongs to the namespace that it was opened in, whoever uses it. */
		fd = sys_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0 /* NETLINK_ROUTE */);
		if (fd < 0)
			return err_sys(e, ERR_NAMESPACE, fd, "open a netlink socket");
	}
	r = sync_send(i, i->sync_fd, PLAN_MSG_HOST_TURN, 0, fd, e);
	return r < 0 ? r
		     : sync_expect_fds(i, PLAN_MSG_HOST_DONE, i->state_fds, PLAN_HOOK_STATES, e);
}

static int failed(const struct init *i, const struct plan_hook *o, const struct child_result *res,
		  int r, struct err *e)
{
	const char *kind = init_string(i, o->kind), *path = init_string(i, o->path);

	if (r == -ETIMEDOUT)
		return err_set(
			e, ERR_HOOK, r,
			"error running %s hook #%u: \"%s\" did not end within %u seconds%s%s", kind,
			o->index, path, o->timeout, res->output[0] ? ": " : "", res->output);
	if (r < 0)
		return err_sys(e, ERR_HOOK, r, "error running %s hook #%u: execute \"%s\"", kind,
			       o->index, path);
	return err_set(e, ERR_HOOK, -EIO, "error running %s hook #%u: \"%s\": exit status %d%s%s",
		       kind, o->index, path, res->status, res->output[0] ? ": " : "", res->output);
}

int step_HOOK(struct init *i, const struct plan_hook *o, struct err *e)
{
	int state = i->state_fds[o->state], r;
	struct child_result result = {0};
	struct child c = {
		.path = init_string(i, o->path),
		.cwd = "",
		.cwd_fd = o->in_rootfs ? i->root_fd : -EBADF,
		.in_fd = state,
		.out_fd = init_slot(i, o->output),
		.err_fd = init_slot(i, o->errors),
		.timeout_ms = o->timeout > 0 ? (int)o->timeout * 1000 : -1,
		.dies_with_us = true,
	};

	init_relocate(i, o->argv);
	c.argv = init_array(i, o->argv, sizeof(uint64_t));
	if (o->envp.n > 0)
		init_relocate(i, o->envp);
	c.envp = init_array(i, o->envp.n > 0 ? o->envp : i->block->envp, sizeof(uint64_t));
	r = (int)sys_lseek(state, 0, SEEK_SET);
	if (r == 0)
		r = child_run(&c, &result);
	return r < 0 || result.status != 0 ? failed(i, o, &result, r, e) : 0;
}
