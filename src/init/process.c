/* Steps that make the process what config.json's "process" says. Order matters and is the plan's.
 */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <linux/prctl.h>

#define CAP_VERSION_3 0x20080522 /* linux/capability.h */
#define CAP_SETGID    6

int step_RLIMIT(struct init *i, const struct plan_rlimit *o, struct err *e)
{
	uint64_t limit[2] = {o->soft, o->hard};
	int r = sys_prlimit(0, (int)o->resource, limit, NULL);

	(void)i;
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "set soft %llu, hard %llu",
			       (unsigned long long)o->soft, (unsigned long long)o->hard)
		     : 0;
}

/* Enter the directory and prove that it is inside: with a descriptor of a host directory left open,
 * a path like /proc/self/fd/7 would lead out (CVE-2024-21626). */
static int enter(struct init *i, const struct plan_cwd *o)
{
	const char *path = init_string(i, o->path);
	char where[PATH_SIZE];
	_cleanup_close_ int fd =
		o->create ? path_make_dir_in_root(i->root_fd, path, 0755)
			  : path_open_in_root(i->root_fd, path, O_PATH | O_DIRECTORY, 0);
	int r;

	if (fd < 0)
		return fd;
	r = sys_fchdir(fd);
	if (r < 0)
		return r;
	r = sys_getcwd(where, sizeof(where));
	if (r >= 0 && where[0] != '/')
		r = -EXDEV;
	return r < 0 ? r : 0;
}

int step_CWD(struct init *i, const struct plan_cwd *o, struct err *e)
{
	int r;

	if (i->cwd_done)
		return 0;
	r = enter(i, o);
	/* A directory that only its owner may search, or that root may not (as on NFS), is tried
	 * again as the user. */
	if (r == -EACCES && !o->retry)
		return 0;
	if (r < 0)
		return err_sys(e, ERR_CWD, r, "enter \"%s\"", init_string(i, o->path));
	i->cwd_done = true;
	return 0;
}

int step_SIGNALS(struct init *i, const struct plan_signals *o, struct err *e)
{
	struct sys_sigaction reset = {0};
	uint64_t none = 0;
	int r = 0;

	(void)i;
	for (int sig = 1; sig <= 64 && r == 0; sig++)
		if (o->ignored & (1ULL << (sig - 1)))
			r = sys_sigaction(sig, &reset, NULL);
	if (r == 0)
		r = sys_sigprocmask(SIG_SETMASK, &none, NULL);
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "reset signals") : 0;
}

int step_BOUNDING(struct init *i, const struct plan_bounding *o, struct err *e)
{
	(void)i;
	for (unsigned cap = 0; cap <= o->last_cap; cap++) {
		int r;

		if (o->keep & (1ULL << cap))
			continue;
		r = sys_prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (r < 0 && r != -EINVAL) /* EINVAL: a capability of a later kernel */
			return err_sys(e, ERR_PROCESS, r, "drop capability %u", cap);
	}
	return 0;
}

/* Where a user namespace denies setgroups(2) its processes keep the groups that they have: nothing
 * is lost if none was asked for. Who lacks CAP_SETGID gets the same answer, and did ask. */
static bool may_keep_groups(const struct plan_user *o)
{
	struct sys_cap_header header = {.version = CAP_VERSION_3};
	struct sys_cap_data data[2] = {{0}};

	if (o->set_groups == PLAN_GROUPS_IF_ALLOWED)
		return true;
	return o->groups.n == 0 && sys_capget(&header, data) == 0 &&
	       (data[0].effective & (1U << CAP_SETGID));
}

int step_USER(struct init *i, const struct plan_user *o, struct err *e)
{
	const uint32_t *groups = init_array(i, o->groups, sizeof(*groups));
	int r;

	/* The permitted set must survive that we are root no more: CAPABILITIES comes after it. */
	r = o->uid != 0 ? sys_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) : 0;
	if (r < 0)
		return err_sys(e, ERR_PROCESS, r, "keep capabilities");
	r = o->set_groups ? sys_setgroups(o->groups.n, groups) : 0;
	if (r < 0 && !(r == -EPERM && may_keep_groups(o))) {
		(void)err_sys(e, ERR_PROCESS, r, "set the additional groups");
		return r == -EPERM ? err_hint(e, "the user namespace may deny setgroups") : r;
	}
	r = sys_setresgid(o->gid, o->gid, o->gid);
	if (r < 0)
		return err_sys(e, ERR_PROCESS, r, "become group %u", o->gid);
	r = sys_setresuid(o->uid, o->uid, o->uid);
	if (r < 0)
		return err_sys(e, ERR_PROCESS, r, "become user %u", o->uid);
	(void)sys_umask(o->umask);
	return o->same ? 0 : init_rearm(e);
}

static int raise_ambient(uint64_t ambient, struct err *e)
{
	int r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

	for (unsigned cap = 0; cap < 64 && r == 0; cap++)
		if (ambient & (1ULL << cap))
			r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "set the ambient capabilities") : 0;
}

int step_CAPABILITIES(struct init *i, const struct plan_capabilities *o, struct err *e)
{
	uint64_t effective = o->effective | o->until_exec;
	uint64_t permitted = o->permitted | o->until_exec;
	struct sys_cap_header header = {.version = CAP_VERSION_3};
	struct sys_cap_data data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)o->inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		 (uint32_t)(o->inheritable >> 32)},
	};
	int r = sys_capset(&header, data);

	(void)i;
	if (r < 0)
		return err_sys(e, ERR_PROCESS, r, "set the capability sets");
	/* Nothing to rearm: that takes other ids or more capabilities than there were. */
	return raise_ambient(o->ambient, e);
}

int step_NO_NEW_PRIVS(struct init *i, const struct plan_none *o, struct err *e)
{
	int r = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	(void)i;
	(void)o;
	return r < 0 ? err_sys(e, ERR_PROCESS, r, "set no_new_privs") : 0;
}
