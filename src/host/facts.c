/* Probing the host. Runs in the caller's namespaces with the caller's credentials. */
#include "host/facts.h"

#include <linux/prctl.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "base/str.h"
#include "base/sys.h"
#include "cgroup/probe.h"
#include "host/proc.h"
#include "host/subids.h"
#include "oci/names.h"

#define CAP_SETGID    6
#define CAP_SETUID    7
#define CAP_NET_ADMIN 12
#define CAP_SYS_ADMIN 21
#define CAP_BPF       39

#define STATUS_SIZE 65536

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

/* The mask in the line that @key, "\nCapEff:\t", begins; 0 if there is none. */
static uint64_t status_mask(const char *status, const char *key)
{
	const char *p = strstr(status, key);
	uint64_t mask = 0;

	for (p = p ? p + strlen(key) : ""; *p != '\n' && *p != '\0'; p++)
		mask = mask << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return mask;
}

/* The kernel's highest capability: our bounding set nearly always has it, and one question proves
 * that there is none above. */
static unsigned last_capability(uint64_t bounding)
{
	unsigned last = bounding != 0 ? 63 - (unsigned)__builtin_clzll(bounding) : 0;

	while (last < 63 && sys_prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0)
		last++;
	return last;
}

/* Lines of our status: one read instead of 64 questions about ignored signals, and others about
 * capabilities. */
static int probe_status(int proc_fd, struct facts *f, struct err *e)
{
	static char status[STATUS_SIZE];
	ssize_t r = proc_read(proc_fd, "self/status", status, sizeof(status));
	uint64_t effective;

	if (r < 0)
		return err_sys(e, ERR_INTERNAL, (int)r, "read our status");
	f->cpus_limited = probe_cpus(status);
	f->ignored_signals = status_mask(status, "\nSigIgn:\t");
	f->capabilities = status_mask(status, "\nCapPrm:\t");
	f->last_cap = last_capability(status_mask(status, "\nCapBnd:\t"));
	effective = status_mask(status, "\nCapEff:\t");
	f->admin = effective & (1ULL << CAP_SYS_ADMIN);
	f->may_map_ids = (effective & (1ULL << CAP_SETUID)) && (effective & (1ULL << CAP_SETGID));
	/* A device program is one for network administrators too (kernel/bpf/syscall.c). */
	f->may_bpf = f->admin ||
		     ((effective & (1ULL << CAP_BPF)) && (effective & (1ULL << CAP_NET_ADMIN)));
	return 0;
}

/* Are we in the first user namespace, which maps everything to itself (user_namespaces(7))? */
static bool in_first_userns(int proc_fd)
{
	char map[128];

	return proc_read(proc_fd, "self/uid_map", map, sizeof(map)) > 0 &&
	       strstr(map, " 4294967295");
}

bool facts_is_for_user(void)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
	struct err ignored;
	int proc_fd;

	if (getauxval(AT_EUID) != 0)
		return true;
	if (!xdg || xdg[0] != '/' || (user && str_eq(user, "root")))
		return false;
	proc_fd = proc_root(&ignored);
	return proc_fd < 0 || !in_first_userns(proc_fd);
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
		.architecture = seccomp_native_arch(),
	};
	int proc_fd = proc_root(e), r;

	if (proc_fd < 0)
		return proc_fd;
	r = probe_status(proc_fd, &f, e);
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
		f.nested = !in_first_userns(proc_fd);
	f.may_bpf = f.may_bpf && !f.nested;
	if (needs.manager)
		f.user_manager = facts_is_for_user();
	*ret = f;
	return 0;
}
