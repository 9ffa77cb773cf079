/* One hierarchy of cgroup v1, as hybrid hosts have them beside the unified one. Host half, in the
 * host's namespaces. */
#include <errno.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

#define RETRY_MS 2

static int v1_check_free(int fd, const char *dir, struct err *e)
{
	_cleanup_close_ int procs = sys_openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0);
	char first;
	ssize_t n = procs < 0 ? procs : sys_read(procs, &first, 1);

	if (n < 0)
		return err_sys(e, ERR_CGROUP, (int)n, "read \"%s/cgroup.procs\"", dir);
	if (n > 0) {
		err_set(e, ERR_CGROUP, -EBUSY, "the cgroup \"%s\" holds processes already", dir);
		return err_hint(e, "is another container using the same linux.cgroupsPath?");
	}
	return 0;
}

/* Controllers of a v1 hierarchy are everywhere in it. */
static int v1_enable(const char *dir, const struct plan_cgroup_write *w, _unused_ const char *all,
		     struct err *e)
{
	return err_sys(e, ERR_CGROUP_LIMIT, -ENOENT, "open \"%s/%s\"", dir, w->file);
}

static int v1_remove(const char *dir, uint64_t deadline, struct err *e)
{
	_cleanup_close_ int fd = cgroup_dir_open(dir);
	int r = fd < 0 ? fd : cgroup_dir_check_not_root(fd);

	/* v1 has neither an event for the last process leaving nor a way to kill all. The
	 * container's processes are dead when this is called, as they are in its v2 cgroup too, and
	 * those still on their way out leave within moments: waiting a little is all there is to
	 * do. */
	while (r == 0) {
		r = cgroup_dir_signal(fd, SIGKILL);
		if (r == 0)
			r = cgroup_dir_empty(fd);
		if (r == 0)
			r = sys_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
		if (r != -EBUSY || sys_now_ms() >= deadline)
			break;
		(void)sys_poll(NULL, 0, RETRY_MS);
		r = 0;
	}
	if (r == 0 || r == -ENOENT || r == -ENODEV)
		return 0;
	if (r == -EBUSY)
		return err_set(e, ERR_TIMEOUT, -ETIMEDOUT,
			       "processes in the cgroup \"%s\" do not end", dir);
	return err_sys(e, ERR_CGROUP, r, "remove the cgroup \"%s\"", dir);
}

const struct hierarchy_ops hierarchy_v1 = {
	.check_free = v1_check_free,
	.enable = v1_enable,
	.remove = v1_remove,
};
