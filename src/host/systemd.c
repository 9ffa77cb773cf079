/* Asking systemd for a scope, and telling it when limits change. Runs on the host's side; for a new
 * container with the process waiting for its first message: a scope needs a process, and the
 * process a cgroup before it makes its namespaces. */
#include "host/systemd.h"

#include <errno.h>

#include "base/child.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/probe.h"
#include "host/companion.h"

#define TIMEOUT_MS 30000
#define CGROUP_MAX (64U << 10)

/* What coracle-systemd reads. @pid: the first process of a new scope, else 0. */
static int make_request(const struct plan_cgroup *plan, pid_t pid, struct err *e)
{
	_cleanup_close_ int fd = sys_memfd_create("coracle-scope", MFD_CLOEXEC);
	char line[1024];
	int r = fd;

	if (r >= 0) {
		(void)str_format(line, sizeof(line), "unit %s\n", plan->unit);
		r = io_write_all(fd, line, strlen(line));
	}
	if (r >= 0 && pid > 0) {
		(void)str_format(line, sizeof(line), "pid %d\n", (int)pid);
		r = io_write_all(fd, line, strlen(line));
	}
	for (size_t i = 0; r >= 0 && i < plan->n_properties; i++) {
		if (str_format(line, sizeof(line), "%s\n", plan->properties[i]) >= sizeof(line))
			r = -E2BIG;
		else
			r = io_write_all(fd, line, strlen(line));
	}
	if (r >= 0)
		r = (int)sys_lseek(fd, 0, 0 /* SEEK_SET */);
	return r < 0 ? err_sys(e, ERR_CGROUP, r, "write the request to systemd") : TAKE_FD(fd);
}

/* @failure: what is said of the unit when systemd refuses. */
static int ask(const struct plan_cgroup *plan, const char *verb, int request, const char *failure,
	       struct err *e)
{
	const char *argv[] = {"coracle-systemd", plan->user_manager ? "user" : "system", verb,
			      NULL};
	struct child_result result;
	int r = companion_run("systemd", argv, request, -EBADF, TIMEOUT_MS, &result, e);

	if (r == -ETIMEDOUT)
		return err_set(e, ERR_TIMEOUT, r, "systemd does not answer");
	if (r < 0 || result.status == 0)
		return r;
	return err_set(e, ERR_CGROUP, -EIO, "%s \"%s\": %s", failure, plan->unit, result.output);
}

static int start_scope(const struct plan_cgroup *plan, pid_t pid, struct err *e)
{
	_cleanup_close_ int request = make_request(plan, pid, e);
	int r = request < 0 ? request : ask(plan, "start", request, "systemd makes no scope", e);

	if (r >= 0 || e->id != ERR_CGROUP)
		return r;
	return err_hint(e, plan->user_manager ? "is there a user session (loginctl enable-linger)? "
						"--cgroup-manager=cgroupfs does without systemd"
					      : "--cgroup-manager=cgroupfs does without systemd");
}

int systemd_set_properties(const struct plan_cgroup *plan, struct err *e)
{
	_cleanup_close_ int request = -EBADF;

	if (plan->n_properties == 0)
		return 0;
	request = make_request(plan, 0, e);
	return request < 0 ? request
			   : ask(plan, "set", request, "systemd does not change the scope", e);
}

static bool is_unit(const char *path, const char *unit)
{
	size_t len = strlen(path), n = strlen(unit);

	return len > n && path[len - n - 1] == '/' && str_eq(path + len - n, unit);
}

/* The scope's directory in the v1 hierarchy @h: systemd's where it has put the process into one of
 * its own, else one of ours. */
static const char *v1_directory(struct arena *a, const struct cgroup_hierarchy *h, const char *unit,
				const struct facts_cgroup *self)
{
	for (size_t i = 0; i < self->n_v1; i++) {
		if (str_eq(self->v1[i].controllers, h->controllers) &&
		    is_unit(self->v1[i].self_path, unit))
			return arena_format(a, "%s%s", h->mount_point, self->v1[i].self_path);
	}
	return arena_format(a, "%s" CGROUP_V1_SCOPES "%s", h->mount_point, unit);
}

int systemd_start_scope(struct arena *a, const struct plan_cgroup *plan, const char *mount_point,
			pid_t pid, struct cgroup_ref *ref, struct err *e)
{
	struct facts_cgroup f = {.unified_self_path = ""};
	char path[32], *text;
	size_t len;
	int r = start_scope(plan, pid, e);
	bool ok;

	if (r < 0)
		return r;
	(void)str_format(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	r = io_read_file_at(a, AT_FDCWD, path, CGROUP_MAX, &text, &len);
	if (r == 0)
		r = cgroup_parse_self(a, text, &f);
	if (r < 0)
		return err_sys(e, ERR_CGROUP, r, "read \"%s\"", path);
	/* Never a cgroup that others are in: it will be killed as a whole. */
	if (!is_unit(f.unified_self_path, plan->unit))
		return err_set(e, ERR_CGROUP, -EIO, "systemd did not move the process into \"%s\"",
			       plan->unit);
	ref->unified_dir = arena_format(a, "%s%s", mount_point, f.unified_self_path);
	ok = ref->unified_dir != NULL;
	for (size_t i = 0; i < plan->n_v1 && i < CGROUP_V1_MAX; i++) {
		ref->v1_dirs[i] = v1_directory(a, plan->v1[i], plan->unit, &f);
		ok &= ref->v1_dirs[i] != NULL;
		ref->n_v1++;
	}
	return ok ? 0 : err_set(e, ERR_INTERNAL, -ENOMEM, "out of memory");
}
