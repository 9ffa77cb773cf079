/* Writing the plan's limits into the container's cgroup. Host half, in the host's namespaces.
 *
 * A limit holds or the command fails: what the kernel does not take is told with file, reason and,
 * where one is known, cure. */
#include <errno.h>
#include <limits.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"

#define VALUE_MAX (64U << 10)

/* --- directories ------------------------------------------------------------------------------ */

static int open_dir(struct cgroup_dirs *d, const struct hierarchy_ops *ops, const char *dir,
		    struct err *e)
{
	int fd = cgroup_dir_open(dir);

	if (fd < 0)
		return err_sys(e, ERR_CGROUP, fd, "open the cgroup \"%s\"", dir);
	d->dirs[d->n++] = (struct cgroup_at){.ops = ops, .dir = dir, .fd = fd};
	return 0;
}

int cgroup_dirs_open(const struct plan_cgroup *plan, const struct cgroup_ref *ref,
		     struct cgroup_dirs *ret, struct err *e)
{
	int r = 0;

	*ret = (struct cgroup_dirs){.plan = plan};
	if (ref->unified_dir[0] != '\0')
		r = open_dir(ret, &hierarchy_v2, ref->unified_dir, e);
	for (size_t i = 0; r == 0 && i < ref->n_v1; i++)
		r = open_dir(ret, &hierarchy_v1, ref->v1_dirs[i], e);
	if (r < 0)
		cgroup_dirs_close(ret);
	return r;
}

void cgroup_dirs_close(struct cgroup_dirs *d)
{
	for (size_t i = 0; i < d->n; i++)
		d->dirs[i].fd = fd_close(d->dirs[i].fd);
	d->n = 0;
}

/* All controllers that the v2 cgroup needs: those that no v1 hierarchy of the plan has. */
static void list_controllers(struct cgroup_dirs *d)
{
	const struct plan_cgroup *plan = d->plan;
	size_t len = 0;

	for (size_t i = 0; i < plan->n_writes; i++) {
		const char *c = plan->writes[i].controller;
		bool skip = c[0] == '\0' || len + strlen(c) + 3 > sizeof(d->controllers);

		for (size_t k = 0; k < i && !skip; k++)
			skip = str_eq(plan->writes[k].controller, c);
		for (size_t k = 0; k < plan->n_v1 && !skip; k++)
			skip = cgroup_hierarchy_has(plan->v1[k], c);
		if (!skip)
			len += str_format(d->controllers + len, sizeof(d->controllers) - len,
					  "%s+%s", len ? " " : "", c);
	}
}

/* Where the file of @w is: the v1 hierarchy with its controller, or the v2 one, which is first. */
static const struct cgroup_at *find_dir(const struct cgroup_dirs *d,
					const struct plan_cgroup_write *w)
{
	size_t first_v1 = d->plan->unified;

	for (size_t i = 0; i < d->plan->n_v1; i++) {
		if (cgroup_hierarchy_has(d->plan->v1[i], w->controller))
			return &d->dirs[first_v1 + i];
	}
	return d->plan->unified ? &d->dirs[0] : NULL;
}

/* --- what went wrong --------------------------------------------------------------------------
 */

/* The kernel's answers, by file, that have a reason which can be told. A file name that ends with a
 * dot stands for all that begin so. */
static const struct {
	const char *file;
	int error;
	const char *hint;
} hints[] = {
	{"memory.swap.max", ENOENT, "the kernel counts no swap: boot it with swapaccount=1"},
	{"memory.memsw.limit_in_bytes", ENOENT,
	 "the kernel counts no swap: boot it with swapaccount=1"},
	{"memory.kmem.", EOPNOTSUPP, "kernels from 5.16 on have no such limit: leave it out"},
	{"memory.kmem.", ENOENT, "this kernel has no such limit: leave it out"},
	{"memory.limit_in_bytes", EBUSY, "the container uses more, and it cannot be reclaimed"},
	{"memory.limit_in_bytes", EINVAL, "the limit of memory and swap together is lower"},
	{"memory.memsw.limit_in_bytes", EINVAL, "it cannot be lower than the memory limit"},
	{"io.weight", ENOENT, "weights need the scheduler bfq, or a kernel with BLK_CGROUP_IOCOST"},
	{"blkio.weight", ENOENT, "weights need the scheduler bfq (modprobe bfq)"},
	{"blkio.weight_device", ENOENT, "weights need the scheduler bfq (modprobe bfq)"},
	{"blkio.leaf_weight", ENOENT, "kernels from 5.0 on have no leaf weights: leave it out"},
	{"blkio.leaf_weight_device", ENOENT,
	 "kernels from 5.0 on have no leaf weights: leave it out"},
	{"io.", ENODEV, "no disk has these numbers; a partition cannot be limited, its disk can"},
	{"blkio.", ENODEV,
	 "no disk has these numbers; a partition cannot be limited, its disk can"},
	{"cpu.max", EINVAL,
	 "a period is 1000 to 1000000 microseconds, a quota at least 1000 of them"},
	{"cpu.cfs_", EINVAL,
	 "a period is 1000 to 1000000 microseconds, a quota at least 1000 of them; the cgroups above "
	 "may have less"},
	{"cpu.max.burst", EINVAL, "a burst is at most the quota"},
	{"cpu.rt_", EINVAL,
	 "the cgroups above must have as much real-time bandwidth: theirs is 0 "
	 "unless somebody set it"},
	{"cpu.rt_", ENOENT, "the kernel was built without RT_GROUP_SCHED"},
	{"rdma.max", EINVAL, "is there an RDMA device of this name?"},
	{"rdma.max", ENODEV, "there is no RDMA device of this name"},
	{"hugetlb.", ENOENT,
	 "the kernel has no huge pages of this size: see "
	 "/sys/kernel/mm/hugepages"},
	{"net_prio.ifpriomap", EINVAL, "is there an interface of this name?"},
	{"cgroup.", ENOENT, "this kernel has no such file"},
};

static bool names_file(const char *pattern, const char *file)
{
	size_t n = strlen(pattern);

	return pattern[n - 1] == '.' || pattern[n - 1] == '_' ? str_starts(file, pattern)
							      : str_eq(file, pattern);
}

/* Which processors or nodes may be asked for. */
static void hint_cpuset(const struct cgroup_at *at, bool cpus, struct err *e)
{
	char path[64], text[128];
	ssize_t n;
	int fd;

	(void)str_format(path, sizeof(path), "../%s",
			 cpus ? at->ops->parent_cpus : at->ops->parent_mems);
	fd = sys_openat(at->fd, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	n = sys_read(fd, text, sizeof(text) - 1);
	(void)sys_close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	err_hint(e, "the cgroup above has %s %s", cpus ? "processors" : "memory nodes", text);
}

static int explain(const struct cgroup_at *at, const char *file, const char *value, int r,
		   struct err *e)
{
	err_sys(e, ERR_CGROUP_LIMIT, r, "write \"%s\" to \"%s/%s\"", value, at->dir, file);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (hints[i].error == -r && names_file(hints[i].file, file))
			return err_hint(e, "%s", hints[i].hint);
	}
	if (str_eq(file, "cpuset.cpus") || str_eq(file, "cpuset.mems"))
		hint_cpuset(at, str_eq(file, "cpuset.cpus"), e);
	return r;
}

/* --- writing ----------------------------------------------------------------------------------
 */

static int write_to(const struct cgroup_at *at, const struct plan_cgroup_write *w,
		    const char **ret_file, const char **ret_value)
{
	int r = io_write_value_at(at->fd, w->file, w->value);

	*ret_file = w->file;
	*ret_value = w->value;
	if (r == -ENOENT && w->else_file) {
		*ret_file = w->else_file;
		*ret_value = w->else_value;
		r = io_write_value_at(at->fd, w->else_file, w->else_value);
	}
	return r;
}

/* Would the new value be below what is in use? The kernel would take it all the same, and kill. */
static int check_usage(const struct cgroup_at *at, const struct plan_cgroup_write *w, struct err *e)
{
	uint64_t usage, wanted;
	struct arena a;
	char *text;
	size_t len;
	int r;

	arena_init(&a, NULL, 0);
	r = io_read_file_at(&a, at->fd, w->usage_file, VALUE_MAX, &text, &len);
	if (r == 0) {
		text[strcspn(text, "\n")] = '\0';
		r = str_to_u64(text, &usage);
	}
	arena_done(&a);
	if (r < 0)
		return err_sys(e, ERR_CGROUP_LIMIT, r, "read \"%s/%s\"", at->dir, w->usage_file);
	if (str_to_u64(w->value, &wanted) < 0 || usage <= wanted)
		return 0;
	err_set(e, ERR_CGROUP_LIMIT, -EBUSY, "the container uses %llu bytes already",
		(unsigned long long)usage);
	return err_hint(e, "linux.resources.memory.checkBeforeUpdate asks to look first");
}

/* Does the file of @w say so already? */
static bool holds(const struct cgroup_at *at, const struct plan_cgroup_write *w)
{
	_cleanup_close_ int fd = sys_openat(at->fd, w->file, O_RDONLY | O_CLOEXEC, 0);
	char text[256];
	ssize_t n = fd < 0 ? fd : sys_read(fd, text, sizeof(text) - 1);

	text[MAX(n, 0)] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return n > 0 && str_eq(text, w->value);
}

/* @maybe: a refusal that another write may cure is returned without words. */
static int write_limit(struct cgroup_dirs *d, const struct plan_cgroup_write *w, bool maybe,
		       struct err *e)
{
	const struct cgroup_at *at = find_dir(d, w);
	const char *file, *value;
	int r;

	if (!at)
		return err_set(e, ERR_CGROUP_LIMIT, -ENODEV,
			       "no cgroup hierarchy has the controller \"%s\"", w->controller);
	if (w->usage_file) {
		r = check_usage(at, w, e);
		if (r < 0)
			return r;
	}
	if (d->shared && holds(at, w))
		return 0;
	r = write_to(at, w, &file, &value);
	if (r == -ENOENT && at->ops->enable) {
		if (d->controllers[0] == '\0')
			list_controllers(d);
		r = at->ops->enable(at->dir, w, d->controllers, e);
		if (r < 0)
			return r;
		r = write_to(at, w, &file, &value);
	}
	if (r == 0 || (r == -ENOENT && w->if_there))
		return 0;
	return maybe && r == -EINVAL ? r : explain(at, file, value, r, e);
}

static bool is_due(const struct plan_cgroup_write *w, enum cgroup_write_when when)
{
	return when == CGROUP_WRITE_UPDATE || w->late == (when == CGROUP_WRITE_LATE);
}

/* What depends on another value may be refused until that one is written: a burst above the old
 * quota, memory above the old limit of memory and swap. */
int cgroup_dirs_write(struct cgroup_dirs *d, enum cgroup_write_when when, struct err *e)
{
	const struct plan_cgroup *plan = d->plan;
	bool update = when == CGROUP_WRITE_UPDATE;
	uint64_t again = 0;
	int r = 0;

	for (int pass = 0; pass < 1 + update; pass++) {
		for (size_t i = 0; i < plan->n_writes; i++) {
			bool maybe = update && pass == 0 && i < 64;

			if (!is_due(&plan->writes[i], when) ||
			    (pass > 0 && !(i < 64 && again >> i & 1)))
				continue;
			r = write_limit(d, &plan->writes[i], maybe, e);
			if (r == -EINVAL && maybe)
				again |= 1ULL << i;
			else if (r < 0)
				return err_where(e, "%s", plan->writes[i].origin);
		}
	}
	return 0;
}

static int write_open(const struct cgroup_ref *ref, const struct plan_cgroup *plan,
		      enum cgroup_write_when when, struct err *e)
{
	struct cgroup_dirs d;
	int r = cgroup_dirs_open(plan, ref, &d, e);

	if (r < 0)
		return r;
	d.shared = ref->manager == CGROUP_MANAGER_SYSTEMD;
	r = cgroup_dirs_write(&d, when, e);
	cgroup_dirs_close(&d);
	return r;
}

int cgroup_write_early(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
{
	return plan->n_writes > 0 ? write_open(&c->ref, plan, CGROUP_WRITE_EARLY, e) : 0;
}

int cgroup_write_late(const struct cgroup *c, const struct plan_cgroup *plan, struct err *e)
{
	return plan_cgroup_late(plan) ? write_open(&c->ref, plan, CGROUP_WRITE_LATE, e) : 0;
}

int cgroup_update(const struct cgroup_ref *ref, const struct plan_cgroup *plan, struct err *e)
{
	return write_open(ref, plan, CGROUP_WRITE_UPDATE, e);
}
