/* Probing the host. Runs in the caller's namespaces with the caller's credentials. */
#include "host/facts.h"

#include <linux/prctl.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/probe.h"
#include "host/proc.h"
#include "host/subids.h"
#include "oci/names.h"

#define CAP_VERSION_3 0x20080522
#define CAP_SETGID    6
#define CAP_SETUID    7
#define CAP_NET_ADMIN 12
#define CAP_SYS_ADMIN 21
#define CAP_BPF       39

static int probe_capabilities(struct facts *f, struct err *e)
{
	struct sys_cap_header header = {.version = CAP_VERSION_3};
	struct sys_cap_data data[2] = {{0}};
	int r = sys_capget(&header, data);
	uint64_t effective;

	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "read our capabilities");
	effective = data[0].effective | (uint64_t)data[1].effective << 32;
	f->capabilities = data[0].permitted | (uint64_t)data[1].permitted << 32;
	f->admin = effective & (1ULL << CAP_SYS_ADMIN);
	f->may_map_ids = (effective & (1ULL << CAP_SETUID)) && (effective & (1ULL << CAP_SETGID));
	/* A device program is one for network administrators too (kernel/bpf/syscall.c). */
	f->may_bpf = f->admin ||
		     ((effective & (1ULL << CAP_BPF)) && (effective & (1ULL << CAP_NET_ADMIN)));
	/* The last capability is found by asking: nearly always the first question answers it. */
	f->architecture = seccomp_native_arch();
	f->last_cap = CAPABILITY_MAX - 1;
	while (f->last_cap > 0 && sys_prctl(PR_CAPBSET_READ, f->last_cap, 0, 0, 0) < 0)
		f->last_cap--;
	while (f->last_cap < 63 && sys_prctl(PR_CAPBSET_READ, f->last_cap + 1, 0, 0, 0) >= 0)
		f->last_cap++;
	return 0;
}

/* Are there zeros in the mask of our processors? The line says nothing of how many the leading
 * digit stands for: three of four look like two of two, which costs one needless system call later.
 */
static bool probe_cpus(const char *status)
{
	const char *p = strstr(status, "\nCpus_allowed:\t");

	if (!p)
		return true;
	for (p += strlen("\nCpus_allowed:\t"); *p == 'f' || *p == ',';)
		p++;
	return *p != '\n';
}

/* Lines of our status: one read instead of 64 questions about ignored signals. */
static int probe_status(struct arena *a, int proc_fd, struct facts *f, struct err *e)
{
	char *text, *p;
	size_t len;
	int fd = proc_open_at(proc_fd, "self/status", O_RDONLY), r;

	r = fd < 0 ? fd : io_read_fd(a, fd, 65536, &text, &len);
	if (fd >= 0)
		(void)sys_close(fd);
	if (r < 0)
		return err_sys(e, ERR_INTERNAL, r, "read our status");
	f->cpus_limited = probe_cpus(text);
	p = strstr(text, "\nSigIgn:\t");
	for (p = p ? p + 9 : text + len; *p != '\n' && *p != '\0'; p++)
		f->ignored_signals =
			f->ignored_signals << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return 0;
}

/* Is @fd, which is closed, the map of the first user namespace, which maps everything to itself
 * (user_namespaces(7))? */
static bool is_first_map(int fd)
{
	char text[128];
	ssize_t n = fd < 0 ? fd : sys_read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)sys_close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, " 4294967295") != NULL;
}

bool facts_is_for_user(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");

	if (getauxval(AT_EUID) != 0)
		return true;
	if (!xdg || xdg[0] != '/' || (user && str_eq(user, "root")))
		return false;
	return !is_first_map(sys_openat(AT_FDCWD, "/proc/self/uid_map", O_RDONLY | O_CLOEXEC, 0));
}

static int probe_limits(struct facts *f, struct err *e)
{
	for (int n = 0; n < RLIMIT_MAX; n++) {
		uint64_t limit[2];
		int r = sys_prlimit(0, n, NULL, limit);

		if (r < 0)
			return err_sys(e, ERR_INTERNAL, r, "read our limits");
		f->rlimits[n].soft = limit[0];
		f->rlimits[n].hard = limit[1];
	}
	return 0;
}

/* Flags are looked at first, then the privilege, then the descriptor, which is none. */
static bool probe_tree_namespaces(void)
{
	return sys_open_tree(-1, "", OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH) ==
	       -EBADF;
}

int facts_probe(struct arena *a, struct facts_needs needs, struct facts *ret, struct err *e)
{
	struct facts f = {
		/* From the auxiliary vector: no system call. */
		.euid = (uint32_t)getauxval(AT_EUID),
		.egid = (uint32_t)getauxval(AT_EGID),
	};
	_cleanup_close_ int proc_fd = proc_open(e);
	int r;

	if (proc_fd < 0)
		return proc_fd;
	r = probe_capabilities(&f, e);
	if (r == 0)
		r = probe_status(a, proc_fd, &f, e);
	if (r == 0 && needs.limits)
		r = probe_limits(&f, e);
	if (r == 0 && needs.sub_ids)
		subids_find(a, f.euid, &f);
	if (r == 0 && needs.cgroup)
		r = cgroup_probe(a, needs.cgroup_self, needs.cgroup_v1, &f.cgroup, e);
	if (r < 0)
		return r;
	f.tree_namespaces = needs.tree_namespaces && f.admin && probe_tree_namespaces();
	if (needs.nested || f.tree_namespaces || (needs.devices && f.may_bpf))
		f.nested = !is_first_map(proc_open_at(proc_fd, "self/uid_map", O_RDONLY));
	f.may_bpf = f.may_bpf && !f.nested;
	if (needs.manager)
		f.user_manager = facts_is_for_user();
	*ret = f;
	return 0;
}
