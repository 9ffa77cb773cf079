/* Loading the device policy and attaching it to the container's cgroup. Host half, in the host's
 * namespaces. On hybrid hosts, too, the v2 cgroup carries it: the program needs no controller.
 * Where there is v1 alone, its hierarchy of devices does. */
#include <errno.h>
#include <linux/bpf.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"
#include "cgroup/hierarchy.h"

#define LOAD_TRIES 5

/* How an update finds it again; as long as the kernel keeps names. */
#define PROGRAM_NAME "coracle_devices"

/* The kernel attaches at most so many to one cgroup (BPF_CGROUP_MAX_PROGS). */
#define ATTACHED_MAX 64

/* @log may be NULL; writing one makes the verifier several times slower. */
static int load(const struct plan_cgroup *plan, char *log, size_t log_size)
{
	union bpf_attr attr;
	int r = -EAGAIN;

	/* The kernel refuses bytes that it does not know unless they are 0, and an initializer need
	 * not clear those behind a union's member. */
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)plan->device_program;
	attr.insn_cnt = (uint32_t)plan->n_device_program;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	attr.log_buf = (uint64_t)(uintptr_t)log;
	attr.log_size = (uint32_t)(log ? log_size : 0);
	attr.log_level = log ? 1 : 0;
	(void)str_copy(attr.prog_name, sizeof(attr.prog_name), PROGRAM_NAME);

	/* The verifier gives up with EAGAIN when a signal is pending. */
	for (int i = 0; r == -EAGAIN && i < LOAD_TRIES; i++)
		r = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	return r;
}

/* Before 5.11 programs count against RLIMIT_MEMLOCK of the user who loads them, all containers
 * together, and going over it is EPERM. Raised for the call only: the container inherits nothing.
 */
static int load_unlimited(const struct plan_cgroup *plan)
{
	const uint64_t unlimited[2] = {UINT64_MAX, UINT64_MAX};
	uint64_t old[2];
	int fd;

	if (sys_prlimit(0, RLIMIT_MEMLOCK, unlimited, old) < 0)
		return -EPERM;
	fd = load(plan, NULL, 0);
	(void)sys_prlimit(0, RLIMIT_MEMLOCK, old, NULL);
	return fd;
}

/* The verifier's reason is at the end of its log. */
static const char *log_tail(char *log)
{
	size_t len = strlen(log);
	char *p;

	while (len > 0 && log[len - 1] == '\n')
		log[--len] = '\0';
	p = log + (len > 200 ? len - 200 : 0);
	for (char *c = p; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	return p;
}

static int load_failed(const struct plan_cgroup *plan, int r, struct err *e)
{
	char log[4096] = "";

	if (r != -EPERM && r != -ENOSYS) {
		_cleanup_close_ int fd = load(plan, log, sizeof(log));

		(void)fd;
	}
	err_sys(e, ERR_DEVICE_POLICY, r, "load the device policy%s%s", log[0] ? ": " : "",
		log_tail(log));
	if (r == -EPERM)
		err_hint(e, "it needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, on the host");
	return err_where(e, "linux.resources.devices");
}

/* Attach the program @fd: beside one of the caller's (systemd's DevicePolicy), not instead of it,
 * but instead of @old if that is a descriptor. */
static int attach(const struct cgroup *c, int fd, int old, struct err *e)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)c->unified_fd;
	attr.attach_bpf_fd = (uint32_t)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old;
	}
	r = sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
	if (r >= 0)
		return 0;
	err_sys(e, ERR_DEVICE_POLICY, r, "attach the device policy to \"%s\"", c->ref.unified_dir);
	return err_where(e, "linux.resources.devices");
}

static int load_policy(const struct plan_cgroup *plan, struct err *e)
{
	int fd = load(plan, NULL, 0);

	if (fd == -EPERM)
		fd = load_unlimited(plan);
	return fd < 0 ? load_failed(plan, fd, e) : fd;
}

/* One line of plan->device_list: "allow c 1:3 rwm". */
static int write_entry(int fd, const char *dir, const char *entry, struct err *e)
{
	bool allow = str_starts(entry, "allow ");
	const char *file = allow ? "devices.allow" : "devices.deny";
	const char *value = entry + strlen(allow ? "allow " : "deny ");
	int r = io_write_value_at(fd, file, value);

	if (r == 0)
		return 0;
	err_sys(e, ERR_DEVICE_POLICY, r, "write \"%s\" to \"%s/%s\"", value, dir, file);
	if (r == -EPERM)
		err_hint(e, "the cgroup above does not allow it");
	else if (r == -EINVAL)
		err_hint(e, "with cgroups below it this cgroup's policy cannot be replaced");
	return err_where(e, "linux.resources.devices");
}

static int write_list(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;

	for (size_t i = 0; i < c->ref.n_v1; i++) {
		const char *dir = c->ref.v1_dirs[i];
		int r = 0;

		fd = fd_close(fd);
		fd = cgroup_dir_open(dir);
		if (fd < 0)
			return err_sys(e, ERR_CGROUP, fd, "open the cgroup \"%s\"", dir);
		if (sys_faccessat(fd, "devices.allow", F_OK) < 0)
			continue;
		for (size_t n = 0; r == 0 && n < plan->device_list.n; n++)
			r = write_entry(fd, dir, plan->device_list.items[n], e);
		return r;
	}
	err_set(e, ERR_DEVICE_POLICY, -ENODEV, "the container has no cgroup of devices");
	return err_where(e, "linux.resources.devices");
}

int cgroup_attach_devices(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;

	if (plan->device_list.n > 0)
		return write_list(c, plan, e);
	if (plan->n_device_program == 0 || c->unified_fd < 0)
		return 0;
	fd = load_policy(plan, e);
	return fd < 0 ? fd : attach(c, fd, -EBADF, e);
}

/* A descriptor of program @id if it is one of ours, -ENOENT if it is another's. */
static int open_own(uint32_t id)
{
	_cleanup_close_ int fd = -EBADF;
	struct bpf_prog_info info;
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
	if (fd < 0)
		return fd;
	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	r = sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	if (r < 0)
		return r;
	return strncmp(info.name, PROGRAM_NAME, sizeof(info.name)) == 0 ? TAKE_FD(fd) : -ENOENT;
}

/* Our program on this very cgroup. Returns a descriptor or -errno, -ENOENT if there is none. */
static int find_attached(const struct cgroup *c)
{
	uint32_t ids[ATTACHED_MAX];
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)c->unified_fd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = ATTACHED_MAX;
	r = sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < attr.query.prog_cnt; i++) {
		int fd = open_own(ids[i]);

		if (fd != -ENOENT)
			return fd;
	}
	return -ENOENT;
}

static int detach(const struct cgroup *c, int fd, struct err *e)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)c->unified_fd;
	attr.attach_bpf_fd = (uint32_t)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	r = sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
	return r < 0 ? err_sys(e, ERR_DEVICE_POLICY, r, "detach the device policy from \"%s\"",
			       c->ref.unified_dir)
		     : 0;
}

int cgroup_replace_devices(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
{
	_cleanup_close_ int old = -EBADF, fd = -EBADF;

	if (plan->device_list.n > 0)
		return write_list(c, plan, e);
	if (c->unified_fd < 0)
		return err_set(e, ERR_DEVICE_POLICY, -ENODEV,
			       "the container has no cgroup of its own");
	old = find_attached(c);
	if (old < 0 && old != -ENOENT)
		return err_sys(e, ERR_DEVICE_POLICY, old, "find the device policy of \"%s\"",
			       c->ref.unified_dir);
	if (plan->n_device_program == 0)
		return old < 0 ? 0 : detach(c, old, e);
	fd = load_policy(plan, e);
	return fd < 0 ? fd : attach(c, fd, old, e);
}
