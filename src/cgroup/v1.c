/* One hierarchy of cgroup v1, as hybrid hosts have them beside the unified one, and old hosts have
 * nothing else. Host half, in the host's namespaces.
 *
 * v1 has neither events nor a way to kill all: what is waited for is looked at again and again. */
#include <errno.h>
#include <limits.h>

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
		err_set(e, ERR_CGROUP, -EBUSY,
			"the container's cgroup is not empty: \"%s\" holds processes", dir);
		return err_hint(e, "is another container using the same linux.cgroupsPath?");
	}
	return 0;
}

/* The first line of @dir/@file. */
static int read_line(const char *dir, size_t len, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_MAX];
	ssize_t n;

	if (str_format(path, sizeof(path), "%.*s/%s", (int)len, dir, file) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	n = sys_read(fd, buf, size - 1);
	if (n < 0)
		return (int)n;
	if (n == (ssize_t)size - 1)
		return -E2BIG;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

/* Fill the empty @file of the cgroup named by the first @len characters of @dir with what the
 * nearest cgroup above has that is not empty. */
static int inherit(const char *dir, size_t len, const char *file)
{
	size_t above = len;
	char value[4096], path[PATH_MAX];
	int r = read_line(dir, len, file, value, sizeof(value));

	if (r < 0 || value[0] != '\0')
		return r;
	while (above > 0 && dir[--above] != '/')
		;
	if (above == 0)
		return -ENOENT;
	r = inherit(dir, above, file);
	if (r == 0)
		r = read_line(dir, above, file, value, sizeof(value));
	if (r < 0)
		return r;
	(void)str_format(path, sizeof(path), "%.*s/%s", (int)len, dir, file);
	return io_write_value_at(AT_FDCWD, path, value);
}

/* A new cpuset is empty, and an empty one takes no process. Those above it that were made with it,
 * too. */
static int v1_prepare(const char *dir, struct err *e)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = inherit(dir, strlen(dir), files[i]);

		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return err_sys(e, ERR_CGROUP, r, "fill \"%s/%s\" from the cgroup above",
				       dir, files[i]);
	}
	return 0;
}

/* --- freezing and killing ----------------------------------------------------------------------
 */

static int read_state(int fd, char buf[static 16])
{
	_cleanup_close_ int file = sys_openat(fd, "freezer.state", O_RDONLY | O_CLOEXEC, 0);
	ssize_t n = file < 0 ? file : sys_read(file, buf, 15);

	buf[MAX(n, 0)] = '\0';
	return (int)MIN(n, 0);
}

/* "FREEZING" is neither. */
static int state_is(int fd, const char *wanted)
{
	char state[16];
	int r = read_state(fd, state);

	return r < 0 ? r : str_starts(state, wanted);
}

/* Also while it is "FREEZING", which it is again for a moment when a process joins a frozen cgroup.
 */
int v1_is_frozen(int fd)
{
	int r = state_is(fd, "THAWED");

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : !r;
}

int v1_freeze(int fd, bool freeze, int timeout_ms)
{
	uint64_t deadline = sys_now_ms() + (uint64_t)timeout_ms;
	const char *wanted = freeze ? "FROZEN" : "THAWED";
	int r = io_write_value_at(fd, "freezer.state", wanted);

	while (r == 0) {
		r = state_is(fd, wanted);
		if (r != 0)
			break;
		if (sys_now_ms() >= deadline)
			return -ETIMEDOUT;
		(void)sys_poll(NULL, 0, RETRY_MS);
		/* One that forked meanwhile is frozen by being asked for again. */
		r = io_write_value_at(fd, "freezer.state", wanted);
	}
	return MIN(r, 0);
}

/* What is frozen takes no signal before it is thawed, and SIGKILL is not to wait for that. */
int v1_signal_all(int fd, int signal)
{
	int frozen = v1_is_frozen(fd), r, q;

	if (frozen < 0)
		return frozen;
	r = v1_freeze(fd, true, CGROUP_FREEZE_MS);
	if (r < 0 && r != -ENOENT && r != -ETIMEDOUT)
		return r;
	r = cgroup_dir_signal(fd, signal);
	if (frozen && signal != SIGKILL)
		return r;
	q = io_write_value_at(fd, "freezer.state", "THAWED");
	return r == 0 && q != -ENOENT ? q : r;
}

/* --- removing ----------------------------------------------------------------------------------
 */

static int v1_remove(const char *dir, uint64_t deadline, struct err *e)
{
	_cleanup_close_ int fd = cgroup_dir_open(dir);
	int r = fd < 0 ? fd : cgroup_dir_check_not_root(fd);

	/* The container's processes are dead when this is called where there is a v2 cgroup, and
	 * after the first of the hierarchies; those still on their way out leave within moments. */
	while (r == 0) {
		r = v1_signal_all(fd, SIGKILL);
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
	.prepare = v1_prepare,
	.parent_cpus = "cpuset.cpus",
	.parent_mems = "cpuset.mems",
	.remove = v1_remove,
};
