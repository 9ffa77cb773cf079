/* What the kernel can do for everybody: its calls, executable memory, namespaces, limits. */
#include <errno.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/trial.h"

/* --- kernel ------------------------------------------------------------------------------------
 */

/* What the kernel says to a call with arguments that do nothing: anything but ENOSYS. */
struct call {
	const char *name;
	int answer;
};

static void close_answer(struct call *c)
{
	if (c->answer >= 0)
		(void)sys_close(c->answer);
}

/* The names of those that are missing, into @buf; returns how many. */
static size_t list_missing(const struct call *calls, size_t n, char *buf, size_t size)
{
	size_t missing = 0, len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (calls[i].answer != -ENOSYS)
			continue;
		len += str_format(buf + len, size - len, "%s%s", missing ? ", " : "",
				  calls[i].name);
		missing++;
	}
	return missing;
}

/* Is the release at least 5.10? What comes later than that is looked for by its answer. */
static bool is_old(const char *release)
{
	char *rest;
	unsigned long major = strtoul(release, &rest, 10);
	unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;

	return major < 5 || (major == 5 && minor < 10);
}

void check_kernel_calls(const struct doctor *d, struct finding *f)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC};
	struct clone_args nothing = {.flags = CLONE_SIGHAND}; /* not without CLONE_VM */
	struct call calls[] = {
		{"clone3", sys_clone3(&nothing)},
		{"openat2", sys_openat2(AT_FDCWD, "/", &how)},
		{"pidfd_open", sys_pidfd_open(getpid(), 0)},
		{"memfd_create", sys_memfd_create("doctor", MFD_CLOEXEC)},
		{"open_tree", sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLOEXEC)},
		{"fsopen", sys_fsopen("tmpfs", 1 /* FSOPEN_CLOEXEC */)},
		{"close_range", sys_close_range(~0U, ~0U, 0)},
	};
	/* 5.12: there is another way, but read-only mounts are not recursive then. */
	bool attributes = sys_mount_setattr(-1, "", 0, NULL) != -ENOSYS;
	struct utsname name;
	char missing[120];

	if (uname(&name) < 0)
		name.release[0] = '\0';
	for (size_t i = 1; i < ARRAY_SIZE(calls); i++)
		if (!str_eq(calls[i].name, "close_range"))
			close_answer(&calls[i]);
	if (list_missing(calls, ARRAY_SIZE(calls), missing, sizeof(missing)) == 0) {
		if (attributes)
			finding_set(f, VERDICT_OK, "Linux %s has all that is needed", name.release);
		else
			finding_set(
				f, VERDICT_WARN,
				"Linux %s works, but has no mount_setattr (5.12): recursive mount "
				"attributes and id-mapped mounts are refused",
				name.release);
		return;
	}
	finding_set(f, VERDICT_FAIL, "Linux %s does not answer to %s", name.release, missing);
	if (is_old(name.release))
		f->afterwards = "boot Linux 5.10 or newer";
	else if (d->filtered)
		f->afterwards =
			"a seccomp filter around us refuses them: run outside of this container or "
			"sandbox, or give it a profile that knows these calls";
	else
		f->afterwards = "boot a kernel that was built with them";
}

/* --- sealed-init -------------------------------------------------------------------------------
 */

/* Execute a sealed copy of ourselves, which ends at once. */
static int execute_sealed(void *arg, struct trial *t)
{
	char *const argv[] = {(char[]){"coracle-doctor"}, (char[]){"--nothing"}, NULL};
	char *const envp[] = {NULL};
	int64_t offset = 0;
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int self = sys_openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
	int fd = sys_memfd_create("coracle-doctor", flags | MFD_EXEC);
	struct stat st;

	(void)arg;
	if (fd == -EINVAL) /* before 6.3 every one may be executed */
		fd = sys_memfd_create("coracle-doctor", flags);
	if (trial_step(t, "make an executable memfd", fd) < 0)
		return fd;
	if (trial_step(t, "read ourselves", self < 0 ? self : sys_fstat(self, &st)) < 0)
		return t->code;
	while (offset < st.st_size) {
		ssize_t n = sys_sendfile(fd, self, &offset, (size_t)(st.st_size - offset));

		if (trial_step(t, "fill a memfd", n > 0 ? 0 : n < 0 ? (int)n : -EIO) < 0)
			return t->code;
	}
	if (trial_step(t, "seal a memfd",
		       sys_fcntl(fd, F_ADD_SEALS,
				 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) < 0)
		return t->code;
	return trial_step(t, "execute a memfd", sys_execveat(fd, "", argv, envp, AT_EMPTY_PATH));
}

void check_sealed_init(const struct doctor *d, struct finding *f)
{
	struct trial t;
	int r = trial_run(0, -EBADF, execute_sealed, NULL, NULL, &t);
	int64_t noexec = doctor_read_number(d, "/proc/sys/vm/memfd_noexec");
	char words[24];

	if (r == 0 && t.code == 0) {
		finding_set(f, VERDICT_OK, "a sealed memory file can be executed");
		return;
	}
	finding_set(f, VERDICT_FAIL, "cannot %s: %s", r < 0 ? "make a process" : t.what,
		    errno_words(r < 0 ? r : t.code, words));
	if (noexec == 2) {
		finding_cure(d, f, CURE_ROOT, "sysctl -w vm.memfd_noexec=1");
		f->afterwards =
			"a line vm.memfd_noexec=1 in /etc/sysctl.d/ keeps it; 2 stays in force for "
			"pid namespaces that exist";
	}
}

/* --- namespaces --------------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	uint64_t flag;
} kinds[] = {
	{"mount", CLONE_NEWNS},  {"pid", CLONE_NEWPID}, {"network", CLONE_NEWNET},
	{"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP},
	{"time", CLONE_NEWTIME},
};

static int make_each(void *arg, struct trial *t)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (trial_step(t, kinds[i].name, sys_unshare((unsigned)kinds[i].flag)) < 0)
			return t->code;
	if (trial_step(t, "private mounts", sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) <
	    0)
		return t->code;
	return trial_step(t, "tmpfs", sys_mount("tmpfs", "/proc", "tmpfs", 0, NULL));
}

void check_namespaces(const struct doctor *d, struct finding *f)
{
	struct trial t;
	int r = trial_run(0, -EBADF, make_each, NULL, NULL, &t);
	char words[24];

	if (r == 0 && t.code == 0) {
		finding_set(f, VERDICT_OK, "all seven kinds can be made");
		return;
	}
	finding_set(f, VERDICT_FAIL, "%s: %s", r < 0 ? "a process" : t.what,
		    errno_words(r < 0 ? r : t.code, words));
	if (t.code == -ENOSPC) {
		finding_cure(d, f, CURE_ROOT,
			     "sysctl -w user.max_mnt_namespaces=65536 "
			     "user.max_pid_namespaces=65536 user.max_net_namespaces=65536");
		f->afterwards = "compare with the other lines of `sysctl user`";
	} else if (d->filtered || t.code == -EPERM) {
		f->afterwards =
			"we lack privileges, or a sandbox refuses it: run outside of this container, "
			"or give it CAP_SYS_ADMIN";
	}
}

/* --- procfs ------------------------------------------------------------------------------------
 */

static int mount_proc(void *arg, struct trial *t)
{
	const struct doctor *d = arg;

	if (trial_map_self(t, d->uid, d->gid) < 0)
		return t->code;
	if (trial_step(t, "private mounts", sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) <
	    0)
		return t->code;
	return trial_step(t, "mount a procfs", sys_mount("proc", "/proc", "proc", 0, NULL));
}

void check_procfs(const struct doctor *d, struct finding *f)
{
	const uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID;
	struct trial t;
	int r = trial_run(flags, -EBADF, mount_proc, NULL, (void *)(uintptr_t)d, &t);
	char words[24];

	if (r < 0 || (t.code < 0 && !str_eq(t.what, "mount a procfs"))) {
		finding_set(f, VERDICT_SKIP, "there is no user namespace to try it in");
		return;
	}
	if (t.code == 0) {
		finding_set(f, VERDICT_OK, "a procfs can be mounted");
		return;
	}
	finding_set(f, VERDICT_WARN,
		    "a procfs cannot be mounted (%s): parts of /proc are covered here, as in "
		    "a container",
		    errno_words(t.code, words));
	f->afterwards =
		"give the container around us an uncovered /proc (Podman: --security-opt unmask=/proc)";
}

/* --- limits ------------------------------------------------------------------------------------
 */

#define FILES_WANTED     4096
#define PROCESSES_WANTED 512

/* Our keys, "UID: USAGE NKEYS/NIKEYS QNKEYS/MAXKEYS …" in /proc/key-users: how many more there may
 * be, or -1. */
static int64_t keys_left(const struct doctor *d)
{
	char *text, *line;
	const char *id = arena_format(d->arena, "%u:", d->uid);
	size_t len;

	if (!id || io_read_file_at(d->arena, AT_FDCWD, "/proc/key-users", 1 << 20, &text, &len) < 0)
		return -1;
	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + strspn(line, " ");
		char *rest;
		unsigned long used;

		if (!str_starts(at, id))
			continue;
		at = strchr(at, '/');
		at = at ? strchr(at, ' ') : NULL;
		if (!at)
			return -1;
		used = strtoul(at, &rest, 10);
		return *rest == '/' ? (int64_t)strtoul(rest + 1, NULL, 10) - (int64_t)used : -1;
	}
	return -1;
}

void check_limits(const struct doctor *d, struct finding *f)
{
	uint64_t files[2] = {0}, processes[2] = {0};
	int64_t keys = keys_left(d);

	(void)sys_prlimit(0, RLIMIT_NOFILE, NULL, files);
	(void)sys_prlimit(0, RLIMIT_NPROC, NULL, processes);
	if (files[1] < FILES_WANTED) {
		finding_set(f, VERDICT_WARN, "at most %ju open files a process",
			    (uintmax_t)files[1]);
		finding_cure(
			d, f, CURE_ROOT,
			"echo '%s hard nofile 524288' >>/etc/security/limits.d/containers.conf",
			d->user);
		f->afterwards = "then log in again";
	} else if (d->uid != 0 && processes[0] < PROCESSES_WANTED) {
		finding_set(f, VERDICT_WARN, "at most %ju processes, those of containers included",
			    (uintmax_t)processes[0]);
		finding_cure(d, f, CURE_ROOT,
			     "echo '%s - nproc 16384' >>/etc/security/limits.d/containers.conf",
			     d->user);
		f->afterwards = "then log in again";
	} else if (keys >= 0 && keys < 16) {
		finding_set(f, VERDICT_WARN, "room for %jd more keys: each container takes one",
			    (intmax_t)keys);
		finding_cure(d, f, CURE_ROOT, "sysctl -w kernel.keys.%smaxkeys=20000",
			     d->uid == 0 ? "root_" : "");
	} else {
		finding_set(f, VERDICT_OK, "%ju open files, enough processes and keys",
			    (uintmax_t)files[1]);
	}
}
