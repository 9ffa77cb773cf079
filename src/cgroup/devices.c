/* Loading the device policy and attaching it to the container's cgroup. Host half, in the host's
 * namespaces. On hybrid hosts, too, the v2 cgroup carries it: the program needs no controller. */
#include <errno.h>
#include <linux/bpf.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/cgroup.h"

#define LOAD_TRIES 5

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
	(void)str_copy(attr.prog_name, sizeof(attr.prog_name), "coracle_devices");

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

int cgroup_attach_devices(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	union bpf_attr attr;
	int r;

	if (plan->n_device_program == 0 || c->unified_fd < 0)
		return 0;
	fd = load(plan, NULL, 0);
	if (fd == -EPERM)
		fd = load_unlimited(plan);
	if (fd < 0)
		return load_failed(plan, fd, e);
	/* Beside a program of the caller's (systemd's DevicePolicy), not instead of it. */
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)c->unified_fd;
	attr.attach_bpf_fd = (uint32_t)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	r = sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
	if (r < 0) {
		err_sys(e, ERR_DEVICE_POLICY, r, "attach the device policy to \"%s\"",
			c->ref.unified_dir);
		return err_where(e, "linux.resources.devices");
	}
	return 0;
}
