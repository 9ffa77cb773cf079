/* The unified hierarchy. Host half, in the host's namespaces.
 *
 * cgroup.events is read and then polled: the kernel answers a poll at once when the file changed
 * since this descriptor read it, so no change is missed in between. */
#include <errno.h>
#include <limits.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

#define SIGNAL_FREEZE_MS 2000

/* systemd removes an empty scope at once, unless it has much to do. */
#define RELEASE_MS 5000

/* --- cgroup.events ---------------------------------------------------------------------------- */

/* The value of a line "KEY 0" or "KEY 1" of the open cgroup.events, or -errno. */
static int events_read(int events, const char *key)
{
	size_t len = strlen(key);
	char text[256];
	ssize_t n = sys_pread(events, text, sizeof(text) - 1, 0);

	if (n < 0)
		return (int)n;
	text[n] = '\0';
	for (const char *line = text; *line; line += line[0] == '\n') {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return line[len + 1] == '1';
		line += strcspn(line, "\n");
	}
	return -ENODATA;
}

static int events_open(int fd)
{
	return sys_openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC, 0);
}

static int events_get(int fd, const char *key)
{
	_cleanup_close_ int events = events_open(fd);

	return events < 0 ? events : events_read(events, key);
}

/* Returns 0, -ETIMEDOUT, or -ENODEV when the cgroup is removed meanwhile. */
static int events_wait(int fd, const char *key, bool value, uint64_t deadline)
{
	_cleanup_close_ int events = events_open(fd);

	if (events < 0)
		return events;
	for (;;) {
		struct sys_pollfd p = {.fd = events, .events = POLLPRI};
		int r = events_read(events, key);
		uint64_t now;

		if (r < 0 || r == value)
			return MIN(r, 0);
		now = sys_now_ms();
		if (now >= deadline)
			return -ETIMEDOUT;
		r = sys_poll(&p, 1, (int)MIN(deadline - now, (uint64_t)INT32_MAX));
		if (r < 0 && r != -EINTR)
			return r;
	}
}

/* --- freezing and killing ----------------------------------------------------------------------
 */

int v2_is_frozen(int fd)
{
	return events_get(fd, "frozen");
}

static size_t parent_length(const char *dir, size_t len)
{
	while (len > 0 && dir[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

int v2_dir_is_frozen(const char *dir)
{
	_cleanup_close_ int events = -EBADF;
	char path[PATH_MAX];

	if (str_format(path, sizeof(path), "%s/cgroup.events", dir) >= sizeof(path))
		return -ENAMETOOLONG;
	events = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	return events < 0 ? events : events_read(events, "frozen");
}

int v2_freeze(int fd, bool freeze, int timeout_ms)
{
	uint64_t deadline = sys_now_ms() + (uint64_t)timeout_ms;
	int r = io_write_value_at(fd, "cgroup.freeze", freeze ? "1" : "0");

	return r < 0 ? r : events_wait(fd, "frozen", freeze, deadline);
}

/* Frozen processes cannot fork, so that the list is complete and each is signalled once. A process
 * in an uninterruptible sleep delays freezing; the signal goes out all the same then. */
static int signal_frozen(int fd, int signal)
{
	int frozen = v2_is_frozen(fd);
	int r;

	if (frozen < 0)
		return frozen;
	if (!frozen) {
		r = v2_freeze(fd, true, SIGNAL_FREEZE_MS);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
	r = cgroup_dir_signal(fd, signal);
	if (!frozen) {
		int thawed = io_write_value_at(fd, "cgroup.freeze", "0");

		if (r == 0 && thawed != -ENOENT)
			r = thawed;
	}
	return r;
}

int v2_signal_all(int fd, int signal)
{
	int r;

	if (signal == SIGKILL) {
		r = io_write_value_at(fd, "cgroup.kill", "1"); /* 5.14 */
		if (r != -ENOENT)
			return r;
	}
	/* The root has no cgroup.kill either. */
	r = cgroup_dir_check_not_root(fd);
	return r < 0 ? r : signal_frozen(fd, signal);
}

/* --- making ------------------------------------------------------------------------------------
 */

static int v2_check_free(int fd, const char *dir, struct err *e)
{
	_cleanup_close_ int events = events_open(fd);
	int populated = events < 0 ? events : events_read(events, "populated");
	int frozen = events < 0 ? events : events_read(events, "frozen");

	if (events == -ENOENT)
		return err_set(e, ERR_CGROUP, -EBUSY, "\"%s\" is the root of its hierarchy", dir);
	if (populated < 0 || frozen < 0)
		return err_sys(e, ERR_CGROUP, MIN(populated, frozen), "read \"%s/cgroup.events\"",
			       dir);
	if (populated) {
		err_set(e, ERR_CGROUP, -EBUSY,
			"the container's cgroup is not empty: \"%s\" holds processes", dir);
		return err_hint(e, "is another container using the same linux.cgroupsPath?");
	}
	if (frozen)
		return err_set(e, ERR_CGROUP, -EBUSY,
			       "the container's cgroup unexpectedly frozen: \"%s\"", dir);
	return 0;
}

/* Write @list to the cgroup.subtree_control of the first @len characters of @dir. -ENODEV: no
 * cgroup. */
static int subtree_enable(const char *dir, size_t len, const char *list)
{
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_MAX];
	ssize_t n;

	if (str_format(path, sizeof(path), "%.*s/cgroup.subtree_control", (int)len, dir) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd == -ENOENT ? -ENODEV : fd;
	n = sys_write(fd, list, strlen(list));
	return (int)MIN(n, 0);
}

/* Enable @list for @dir in all cgroups above it that lack it, from the top down. The kernel says
 * ENOENT where the cgroup above has to be first. -ENODEV: the root of the hierarchy lacks it. */
static int enable_above(const char *dir, const char *list)
{
	size_t whole = strlen(dir), len = parent_length(dir, whole);
	int r;

	while ((r = subtree_enable(dir, len, list)) == -ENOENT && len > 0)
		len = parent_length(dir, len);
	while (r == 0) {
		len += 1 + strcspn(dir + len + 1, "/");
		if (len >= whole)
			break;
		r = subtree_enable(dir, len, list);
	}
	return r;
}

static int v2_enable(const char *dir, const struct plan_cgroup_write *w, const char *all,
		     struct err *e)
{
	char one[64];
	int r;

	if (w->controller[0] == '\0')
		return 0;
	r = enable_above(dir, all);
	if (r == 0)
		return 0;
	/* All at once is one answer for all. */
	(void)str_format(one, sizeof(one), "+%s", w->controller);
	r = enable_above(dir, one);
	if (r == 0)
		return 0;
	if (r == -ENODEV || r == -ENOENT || r == -EINVAL) {
		err_set(e, ERR_CGROUP_LIMIT, r, "the cgroup controller \"%s\" is not available",
			w->controller);
		return err_hint(e, "cgroup.controllers at the top lists what the kernel has; a "
				   "cgroup v1 hierarchy may hold it, or cgroup_disable= at boot");
	}
	if (r == -EACCES || r == -EPERM || r == -EROFS) {
		err_sys(e, ERR_CGROUP_LIMIT, r, "the cgroup controller \"%s\" is not delegated",
			w->controller);
		return err_hint(e, "create /etc/systemd/system/user@.service.d/delegate.conf with "
				   "\"[Service]\" and \"Delegate=cpu cpuset io memory pids\"");
	}
	err_sys(e, ERR_CGROUP_LIMIT, r, "enable the cgroup controller \"%s\"", w->controller);
	if (r == -EBUSY)
		err_hint(e, "a cgroup above \"%s\" holds processes itself", dir);
	return r;
}

/* --- removing ----------------------------------------------------------------------------------
 */

static int remove_in_use(int fd, const char *dir, uint64_t deadline)
{
	int r = cgroup_dir_check_not_root(fd);

	if (r == 0)
		r = v2_signal_all(fd, SIGKILL);
	if (r == 0)
		r = events_wait(fd, "populated", false, deadline);
	if (r == 0)
		r = cgroup_dir_empty(fd);
	return r < 0 ? r : sys_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
}

static int v2_remove(const char *dir, uint64_t deadline, struct err *e)
{
	_cleanup_close_ int fd = cgroup_dir_open(dir);
	int r = fd;

	/* Somebody may put a process or a cgroup in there until it is gone. */
	while (r >= 0 || r == -EBUSY) {
		r = remove_in_use(fd, dir, deadline);
		if (r == 0 || sys_now_ms() >= deadline)
			break;
	}
	if (r == 0 || r == -ENOENT || r == -ENODEV)
		return 0;
	if (r == -ETIMEDOUT || r == -EBUSY)
		return err_set(e, ERR_TIMEOUT, -ETIMEDOUT,
			       "processes in the cgroup \"%s\" do not end", dir);
	return err_sys(e, ERR_CGROUP, r, "remove the cgroup \"%s\"", dir);
}

/* Wait until somebody else has removed @dir: a change in the directory above. */
static void await_removal(const char *dir, uint64_t deadline)
{
	_cleanup_close_ int fd = sys_inotify_init();
	char above[PATH_MAX], events[4096];
	int r = fd;

	(void)str_format(above, sizeof(above), "%.*s", (int)parent_length(dir, strlen(dir)), dir);
	if (r >= 0)
		r = sys_inotify_add_watch(fd, above, 0x200 /* IN_DELETE */);
	while (r >= 0 && sys_faccessat(AT_FDCWD, dir, 0 /* F_OK */) == 0) {
		struct sys_pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = sys_now_ms();

		if (now >= deadline || sys_poll(&p, 1, (int)(deadline - now)) == 0)
			return;
		(void)sys_read(fd, events, sizeof(events));
	}
}

int v2_release(const char *dir, uint64_t deadline, struct err *e)
{
	_cleanup_close_ int fd = cgroup_dir_open(dir);
	int r = fd < 0 ? fd : cgroup_dir_check_not_root(fd);

	if (r == 0)
		r = v2_signal_all(fd, SIGKILL);
	if (r == 0)
		r = events_wait(fd, "populated", false, deadline);
	if (r == 0)
		r = cgroup_dir_empty(fd);
	fd = fd_close(fd);
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return r == -ETIMEDOUT ? err_set(e, ERR_TIMEOUT, r,
						 "processes in the cgroup \"%s\" do not end", dir)
				       : err_sys(e, ERR_CGROUP, r, "empty the cgroup \"%s\"", dir);
	await_removal(dir, MIN(deadline, sys_now_ms() + RELEASE_MS));
	/* A manager that is gone removes nothing. */
	r = sys_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
	return r == 0 || r == -ENOENT ? 0
				      : err_sys(e, ERR_CGROUP, r, "remove the cgroup \"%s\"", dir);
}

const struct hierarchy_ops hierarchy_v2 = {
	.check_free = v2_check_free,
	.enable = v2_enable,
	.parent_cpus = "cpuset.cpus.effective",
	.parent_mems = "cpuset.mems.effective",
	.remove = v2_remove,
};
