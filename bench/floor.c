/* floor ROOTFS [ID] — what the kernel is asked to do for `coracle run` of a static true with the
 * configuration of `coracle spec`, and nothing around it: no configuration, no plan, no state, no
 * second program, no conversation. One clone, everything inline, exec of /bin/true, wait. What it
 * takes is the least that a run can take; bench/run compares, and test_floor.py proves that nothing
 * is left out here that we do.
 *
 * The child runs in the parent's memory (CLONE_VFORK) in the new namespaces; the parent stands
 * still until the exec. Errors end both. */
#include <linux/bpf.h>
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/sys.h"

#define LENGTH(a)   (sizeof(a) / sizeof((a)[0]))
#define CHILD_STACK 16384

#define NOSUID  MOUNT_ATTR_NOSUID
#define NODEV   MOUNT_ATTR_NODEV
#define NOEXEC  MOUNT_ATTR_NOEXEC
#define RDONLY  MOUNT_ATTR_RDONLY
#define LOOKUP  (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define BY_FD   (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
#define CLONING (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)

/* --- the configuration ------------------------------------------------------------------------ */

struct option {
	const char *key, *value;
};

struct file_system {
	const char *target, *type, *source;
	struct option options[5]; /* up to one without a key; no value is a flag */
	unsigned attr;
	const char *inside[4]; /* directories that others are mounted on */
};

static const struct file_system file_systems[] = {
	{"proc", "proc", "proc", {{0}}, 0, {0}},
	{"dev",
	 "tmpfs",
	 "tmpfs",
	 {{"mode", "755"}, {"size", "65536k"}},
	 NOSUID | MOUNT_ATTR_STRICTATIME,
	 {"pts", "shm", "mqueue"}},
	{"dev/pts",
	 "devpts",
	 "devpts",
	 {{"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}},
	 NOSUID | NOEXEC,
	 {0}},
	{"dev/shm",
	 "tmpfs",
	 "shm",
	 {{"mode", "1777"}, {"size", "65536k"}},
	 NOSUID | NODEV | NOEXEC,
	 {0}},
	{"dev/mqueue", "mqueue", "mqueue", {{0}}, NOSUID | NODEV | NOEXEC, {0}},
	{"sys", "sysfs", "sysfs", {{0}}, NOSUID | NODEV | NOEXEC | RDONLY, {0}},
};

/* /sys/fs/cgroup where the host has cgroup2 there, and where it has a tmpfs with v1 and v2. */
static const struct file_system unified = {
	"sys/fs/cgroup", "cgroup2", "cgroup2", {{0}}, NOSUID | NODEV | NOEXEC | RDONLY, {0}};
static const struct file_system hybrid[] = {
	{"sys/fs/cgroup",
	 "tmpfs",
	 "cgroup",
	 {{"mode", "755"}},
	 NOSUID | NODEV | NOEXEC,
	 {"unified"}},
	{"sys/fs/cgroup/unified",
	 "cgroup2",
	 "cgroup2",
	 {{0}},
	 NOSUID | NODEV | NOEXEC | RDONLY,
	 {0}},
};

static const struct {
	const char *name;
	unsigned major, minor;
} devices[] = {
	{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
	{"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},         {"core", "/proc/kcore"},
};

static const char *const readonly_paths[] = {
	"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger",
};

static const char *const masked_paths[] = {
	"proc/acpi",          "proc/asound",     "proc/kcore",       "proc/keys",
	"proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
	"sys/firmware",       "proc/scsi",
};

/* CAP_KILL, CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE. */
static const uint64_t capabilities = 1ULL << 5 | 1ULL << 10 | 1ULL << 29;

static const char *const environment[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"TERM=xterm",
	"HOME=/root",
	NULL,
};

/* What our compiler makes of the default device rules: the build asks it. */
static const struct bpf_insn device_policy[] = {
#include "floor-policy.inc"
};

/* --- the child -------------------------------------------------------------------------------- */

struct run {
	const char *rootfs, *id;
	bool is_hybrid;
	char cgroup[128];    /* the container's directory */
	size_t cgroup_above; /* the length of its parent's path */
	int root;            /* the root file system's mount */
	int null, empty;     /* what masks are copied from */
	const char *what;    /* set by the child when it fails */
	int error;
};

static int fail(struct run *r, const char *what, long error)
{
	r->what = what;
	r->error = (int)error;
	return 127;
}

static int look_up(const struct run *r, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = LOOKUP};

	return sys_openat2(r->root, path, &how);
}

static int mount_one(const struct run *r, const struct file_system *f)
{
	int fs = sys_fsopen(f->type, FSOPEN_CLOEXEC), q, fd, target;

	if (fs < 0)
		return fs;
	q = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", f->source, 0);
	for (const struct option *o = f->options; q >= 0 && o->key; o++)
		q = sys_fsconfig(fs, o->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, o->key,
				 o->value, 0);
	if (q >= 0)
		q = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	fd = q < 0 ? q : sys_fsmount(fs, FSMOUNT_CLOEXEC, f->attr);
	if (fd < 0)
		return fd;
	for (size_t n = 0; f->inside[n]; n++)
		if ((q = sys_mkdirat(fd, f->inside[n], 0755)) < 0)
			return q;
	target = look_up(r, f->target, O_DIRECTORY);
	q = target < 0 ? target : sys_move_mount(fd, "", target, "", BY_FD);
	/* The lowest free numbers, in this order. */
	(void)sys_close_range((unsigned)fs, (unsigned)target, 0);
	return q;
}

static int set_readonly(int fd)
{
	struct mount_attr attr = {.attr_set = RDONLY};

	return sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr);
}

static int set_path_readonly(const struct run *r, const char *path)
{
	int fd = look_up(r, path, 0), q = fd < 0 ? fd : set_readonly(fd);

	(void)sys_close(fd);
	return q;
}

static int mount_all(struct run *r)
{
	int q = sys_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);

	if (q == 0)
		q = r->root = sys_open_tree(AT_FDCWD, r->rootfs,
					    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (q >= 0)
		q = sys_move_mount(r->root, "", AT_FDCWD, "/",
				   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
	for (size_t n = 0; n < LENGTH(file_systems) && q >= 0; n++)
		q = mount_one(r, &file_systems[n]);
	if (q >= 0 && !r->is_hybrid)
		return mount_one(r, &unified);
	for (size_t n = 0; n < LENGTH(hybrid) && q >= 0; n++)
		q = mount_one(r, &hybrid[n]);
	return q < 0 ? q : set_path_readonly(r, "sys/fs/cgroup");
}

static int fill_dev(const struct run *r)
{
	int dir = look_up(r, "dev", O_DIRECTORY), q = dir;

	for (size_t n = 0; n < LENGTH(devices) && q >= 0; n++)
		q = sys_mknodat(dir, devices[n].name, S_IFCHR | 0666,
				(unsigned)makedev(devices[n].major, devices[n].minor));
	for (size_t n = 0; n < LENGTH(links) && q >= 0; n++)
		q = sys_symlinkat(links[n].target, dir, links[n].name);
	(void)sys_close(dir);
	return q;
}

/* A copy of the mount behind @from on @target, which is closed. */
static int cover(int from, int target, unsigned recursive, bool readonly)
{
	int fd = sys_open_tree(from, "", CLONING | recursive), q = fd;

	if (q >= 0 && readonly)
		q = set_readonly(fd);
	if (q >= 0)
		q = sys_move_mount(fd, "", target, "", BY_FD);
	if (fd == target + 1) {
		(void)sys_close_range((unsigned)target, (unsigned)fd, 0);
		return q;
	}
	(void)sys_close(fd);
	(void)sys_close(target);
	return q;
}

/* The first masked directory gets an empty file system, the others copies of it. @target is closed.
 */
static int make_empty(struct run *r, int target)
{
	int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC), q = fs;

	if (q >= 0)
		q = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	if (q >= 0)
		q = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (q >= 0)
		q = r->empty = sys_fsmount(fs, FSMOUNT_CLOEXEC, RDONLY | NOSUID | NODEV | NOEXEC);
	(void)sys_close(fs);
	if (q >= 0)
		q = sys_move_mount(r->empty, "", target, "", BY_FD);
	(void)sys_close(target);
	return q;
}

static int mask(struct run *r, int target)
{
	struct stat st;
	int q = sys_fstat(target, &st);

	if (q < 0)
		return q;
	if (S_ISDIR(st.st_mode))
		return r->empty < 0 ? make_empty(r, target) : cover(r->empty, target, 0, false);
	if (r->null < 0)
		r->null = look_up(r, "dev/null", O_NOFOLLOW);
	return r->null < 0 ? r->null : cover(r->null, target, 0, false);
}

static int hide(struct run *r)
{
	int q = 0, fd;

	for (size_t n = 0; n < LENGTH(readonly_paths) && q >= 0; n++) {
		fd = look_up(r, readonly_paths[n], 0);
		if (fd < 0)
			continue; /* this kernel has none */
		q = cover(fd, fd, AT_RECURSIVE, true);
	}
	for (size_t n = 0; n < LENGTH(masked_paths) && q >= 0; n++) {
		fd = look_up(r, masked_paths[n], 0);
		if (fd < 0)
			continue;
		q = mask(r, fd);
	}
	return q;
}

static int name_and_network(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd, q = sys_sethostname("coracle", strlen("coracle"));

	if (q < 0)
		return q;
	fd = sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	q = fd < 0 ? fd : sys_ioctl(fd, SIOCSIFFLAGS, &up);
	(void)sys_close(fd);
	return q;
}

static int pivot(struct run *r)
{
	int q = set_readonly(r->root);

	if (q == 0)
		q = sys_fchdir(r->root);
	if (q == 0)
		q = sys_pivot_root(".", ".");
	return q < 0 ? q : sys_umount2(".", MNT_DETACH);
}

static int drop_privileges(void)
{
	struct sys_cap_header header = {.version = 0x20080522};
	uint32_t set = (uint32_t)capabilities;
	struct sys_cap_data data[2] = {{set, set, 0}, {0, 0, 0}};
	uint64_t files[2] = {1024, 1024};
	int q = sys_prlimit(0, RLIMIT_NOFILE, files, NULL);

	for (unsigned cap = 0; cap < 64 && q >= 0; cap++)
		if (!(capabilities & 1ULL << cap))
			q = sys_prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (q == 0 || q == -EINVAL) /* EINVAL: that was one more than the kernel has */
		q = sys_setgroups(0, NULL);
	if (q == 0)
		q = sys_setresgid(0, 0, 0);
	if (q == 0)
		q = sys_setresuid(0, 0, 0);
	(void)sys_umask(022);
	if (q == 0)
		q = sys_capset(&header, data);
	if (q == 0)
		q = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return q < 0 ? q : sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int child(void *arg)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct run *r = arg;
	uint64_t cpus[256]; /* as many as we reset */
	char keyring[64];
	int q;

	memset(cpus, 0xff, sizeof(cpus));
	(void)sys_sched_setaffinity(0, sizeof(cpus), cpus);
	(void)sys_umask(0);
	(void)snprintf(keyring, sizeof(keyring), "_ses.%s", r->id);
	q = sys_unshare(CLONE_NEWCGROUP);
	if (q == 0)
		q = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)(uintptr_t)keyring, 0,
			       0);
	if (q < 0)
		return fail(r, "enter namespaces", q);
	q = mount_all(r);
	if (q < 0)
		return fail(r, "mount", q);
	q = fill_dev(r);
	if (q >= 0)
		q = name_and_network();
	if (q >= 0)
		q = hide(r);
	if (q >= 0)
		q = pivot(r);
	if (q < 0)
		return fail(r, "prepare the root file system", q);
	q = drop_privileges();
	if (q < 0)
		return fail(r, "drop privileges", q);
	(void)sys_setsid();
	(void)sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	q = sys_execve(argv[0], (char *const *)(uintptr_t)argv,
		       (char *const *)(uintptr_t)environment);
	return fail(r, "exec /bin/true", q);
}

/* --- the parent ------------------------------------------------------------------------------- */

/* A directory of mode 755, whatever the umask. */
static int make_searchable(const char *path)
{
	int q = sys_mkdirat(AT_FDCWD, path, 0755);

	return q < 0 ? q : sys_fchmodat(AT_FDCWD, path, 0755);
}

/* Returns a descriptor or -errno. */
static int make_cgroup(struct run *r)
{
	struct sys_statfs fs;
	int q = sys_statfs("/sys/fs/cgroup", &fs);

	if (q < 0)
		return q;
	r->is_hybrid = fs.f_type != CGROUP2_SUPER_MAGIC_;
	r->cgroup_above = (size_t)snprintf(r->cgroup, sizeof(r->cgroup), "/sys/fs/cgroup%s/coracle",
					   r->is_hybrid ? "/unified" : "");
	(void)snprintf(r->cgroup + r->cgroup_above, sizeof(r->cgroup) - r->cgroup_above, "/%s",
		       r->id);
	q = make_searchable(r->cgroup);
	if (q == -ENOENT) {
		r->cgroup[r->cgroup_above] = '\0';
		q = make_searchable(r->cgroup);
		r->cgroup[r->cgroup_above] = '/';
		if (q == 0 || q == -EEXIST)
			q = make_searchable(r->cgroup);
	}
	if (q < 0)
		return q;
	return sys_openat(AT_FDCWD, r->cgroup, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

static int attach_policy(int cgroup)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uint64_t)(uintptr_t)device_policy,
		.insn_cnt = LENGTH(device_policy),
		.license = (uint64_t)(uintptr_t) "Apache-2.0",
		.prog_name = "coracle_devices",
	};
	int fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr)), q;

	if (fd < 0)
		return fd;
	attr = (union bpf_attr){
		.target_fd = (uint32_t)cgroup,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};
	q = sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
	(void)sys_close(fd);
	return q;
}

static int start(struct run *r, int cgroup, int *ret_pidfd)
{
	_Alignas(16) static char stack[CHILD_STACK];
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC |
			 CLONE_NEWUTS | CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup,
	};

	return sys_clone3_vfork(&args, stack, sizeof(stack), child, r);
}

static void remove_cgroup(struct run *r)
{
	(void)sys_unlinkat(AT_FDCWD, r->cgroup, AT_REMOVEDIR);
	r->cgroup[r->cgroup_above] = '\0';
	(void)sys_unlinkat(AT_FDCWD, r->cgroup, AT_REMOVEDIR);
}

int main(int argc, char **argv)
{
	static struct run r = {.root = -EBADF, .null = -EBADF, .empty = -EBADF};
	int cgroup, pidfd = -EBADF, q;
	siginfo_t info = {0};

	if (argc < 2 || argc > 3) {
		(void)fputs("usage: floor ROOTFS [ID]\n", stderr);
		return 2;
	}
	r.rootfs = argv[1];
	r.id = argc > 2 ? argv[2] : "floor";
	cgroup = make_cgroup(&r);
	if (cgroup < 0) {
		(void)fprintf(stderr, "floor: make the cgroup: %s\n", strerror(-cgroup));
		return 1;
	}
	q = attach_policy(cgroup);
	if (q < 0)
		(void)fail(&r, "attach the device policy", q);
	else if ((q = start(&r, cgroup, &pidfd)) < 0)
		(void)fail(&r, "clone", q);
	else
		(void)sys_wait_pidfd(pidfd, &info, WEXITED);
	remove_cgroup(&r);
	if (r.what) {
		(void)fprintf(stderr, "floor: %s: %s\n", r.what, strerror(-r.error));
		return 1;
	}
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
