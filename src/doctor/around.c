/* What is around us and in between: other containers, security modules, limits that are shared, the
 * clock. */
#include <errno.h>
#include <linux/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/trial.h"

/* --- surroundings ------------------------------------------------------------------------------
 */

/* The first namespaces have numbers that the kernel never gives away again (linux/proc_ns.h). */
static const struct {
	const char *name;
	uint32_t first;
} namespaces[] = {
	{"user", 0xeffffffd}, {"pid", 0xeffffffc}, {"cgroup", 0xeffffffb},
	{"ipc", 0xefffffff},  {"uts", 0xeffffffe}, {"time", 0xeffffffa},
};

static bool is_first(const struct doctor *d, size_t i)
{
	const char *path = arena_format(d->arena, "/proc/self/ns/%s", namespaces[i].name);
	const char *expected =
		arena_format(d->arena, "%s:[%u]", namespaces[i].name, namespaces[i].first);
	char link[40];
	ssize_t n = path ? sys_readlinkat(AT_FDCWD, path, link, sizeof(link) - 1) : -ENOMEM;

	if (n < 0 || !expected)
		return true; /* the kernel has none of the kind */
	link[n] = '\0';
	return str_eq(link, expected);
}

void check_surroundings(const struct doctor *d, struct finding *f)
{
	bool no_new_privs = sys_prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	const char *list = "", *separator = "";

	for (size_t i = 0; list && i < ARRAY_SIZE(namespaces); i++) {
		if (is_first(d, i))
			continue;
		list = arena_format(d->arena, "%s%s%s", list, separator, namespaces[i].name);
		separator = ", ";
	}
	if (!list)
		list = "";
	if (no_new_privs && (d->purposes & FOR_ROOTLESS)) {
		finding_set(f, VERDICT_FAIL,
			    "no_new_privs holds for us: newuidmap and newgidmap cannot give ids");
		f->afterwards = "run outside of this sandbox, or have it leave out no_new_privs "
				"(systemd: NoNewPrivileges=no; Podman: no-new-privileges)";
		return;
	}
	finding_set(f, VERDICT_OK, "%s%s%s%s",
		    *list ? "in a container, or the like, with namespaces of its own: "
			  : "no container is around us",
		    list, d->filtered ? "; a seccomp filter holds" : "",
		    no_new_privs ? "; no_new_privs holds" : "");
}

/* --- security-module ---------------------------------------------------------------------------
 */

#define ATTR_EXEC "/proc/self/attr/exec"

/* Ask for a label for our next program, as init does for a container's; there is none. */
static int set_label(void *arg, struct trial *t)
{
	return trial_step(t, "set a label", io_write_value_at(AT_FDCWD, ATTR_EXEC, arg));
}

void check_security_module(const struct doctor *d, struct finding *f)
{
	const char *own = doctor_read(d, "/proc/self/attr/current");
	bool apparmor = str_eq(doctor_read(d, "/sys/module/apparmor/parameters/enabled"), "Y");
	bool restricted = doctor_read_number(
				  d, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1;
	const char *module = apparmor ? "AppArmor" : "SELinux";
	const char *label = apparmor ? "exec unconfined" : own;
	struct trial t;
	char words[24];
	int r;

	if (own[0] == '\0') {
		finding_set(f, VERDICT_OK, "there is none that labels processes");
		return;
	}
	r = trial_run(0, -EBADF, set_label, NULL, (void *)(uintptr_t)label, &t);
	if (r == 0 && t.code == 0) {
		finding_set(f, VERDICT_OK, "%s: we are \"%s\", and may label containers%s", module,
			    own,
			    restricted ? "; user namespaces are for programs with a profile" : "");
		return;
	}
	finding_set(f, VERDICT_WARN, "%s: we are \"%s\", and may not label containers: %s", module,
		    own, errno_words(r < 0 ? r : t.code, words));
	f->afterwards = apparmor ? "run outside of this profile; or leave apparmorProfile out"
				 : "see `ausearch -m avc`; or leave selinuxLabel out";
}

/* --- landlock ----------------------------------------------------------------------------------
 */

#define READ_FILE (1ULL << 2) /* LANDLOCK_ACCESS_FS_READ_FILE */

static int restrict_self(void *arg, struct trial *t)
{
	const uint64_t handled[] = {READ_FILE};
	int ruleset = sys_landlock_create_ruleset(handled, sizeof(handled)), fd;

	(void)arg;
	if (trial_step(t, "make a ruleset", ruleset) < 0 ||
	    trial_step(t, "set no_new_privs", sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0 ||
	    trial_step(t, "restrict ourselves", sys_landlock_restrict_self(ruleset)) < 0)
		return t->code;
	fd = sys_openat(AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
	return trial_step(t, "be refused a file", fd == -EACCES ? 0 : -EPROTO);
}

void check_landlock(const struct doctor *d, struct finding *f)
{
	const char *modules = doctor_read(d, "/sys/kernel/security/lsm");
	struct trial t;
	int r = trial_run(0, -EBADF, restrict_self, NULL, NULL, &t);
	char words[24];

	if (r == 0 && t.code == 0) {
		finding_set(f, VERDICT_OK, "rules hold, of version %d", sys_landlock_version());
		return;
	}
	finding_set(f, VERDICT_WARN, "cannot %s: %s", r < 0 ? "make a process" : t.what,
		    errno_words(r < 0 ? r : t.code, words));
	if (r == 0 && t.code == -EOPNOTSUPP && *modules) {
		doctor_cure_boot(d, f, arena_format(d->arena, "lsm=landlock,%s", modules));
	} else if (d->filtered) {
		f->afterwards = "a seccomp filter around us refuses it: run outside of this "
				"container or sandbox";
	} else {
		f->afterwards = "boot Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK, and "
				"landlock in the list of lsm= on its command line";
	}
}

/* --- ptrace ------------------------------------------------------------------------------------
 */

static int live(void *arg, struct trial *t)
{
	(void)arg;
	(void)t;
	return 0;
}

/* What ptrace(2), process_vm_readv(2) and the files of /proc ask for is one permission. */
static int open_memory(void *arg, pid_t pid)
{
	char path[40];
	int fd;

	(void)arg;
	(void)str_format(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd >= 0)
		(void)sys_close(fd);
	return fd < 0 ? fd : 0;
}

void check_ptrace(const struct doctor *d, struct finding *f)
{
	int64_t scope = doctor_read_number(d, "/proc/sys/kernel/yama/ptrace_scope");
	struct trial t;
	int r = trial_run(0, -EBADF, live, open_memory, NULL, &t);
	char words[24];

	if (r == 0 && t.code == 0) {
		finding_set(f, VERDICT_OK, "we may read the memory of our processes");
		return;
	}
	finding_set(f, VERDICT_FAIL, "cannot read the memory of a child: %s",
		    errno_words(r < 0 ? r : t.code, words));
	if (scope == 2)
		doctor_cure_sysctl(d, f, "kernel.yama.ptrace_scope", "1");
	else if (scope == 3)
		f->afterwards =
			"kernel.yama.ptrace_scope is 3, and stays so until a reboot: take it "
			"out of /etc/sysctl.d";
	else
		f->afterwards =
			"coracle-doctor must be readable by whoever runs it (chmod a+r), and "
			"no security module around us may forbid it";
}

/* --- inotify -----------------------------------------------------------------------------------
 */

#define WATCHERS_WANTED 32

static int count_watchers(void *arg, struct trial *t)
{
	unsigned n = 0;

	(void)arg;
	while (n < WATCHERS_WANTED && sys_inotify_init() >= 0)
		n++;
	(void)t;
	return (int)n;
}

void check_inotify(const struct doctor *d, struct finding *f)
{
	const char *name =
		d->nested ? "user.max_inotify_instances" : "fs.inotify.max_user_instances";
	int64_t files = doctor_read_number(d, "/proc/sys/fs/inotify/max_user_watches");
	struct trial t;
	int r = trial_run(0, -EBADF, count_watchers, NULL, NULL, &t);

	if (r < 0) {
		finding_set(f, VERDICT_SKIP, "there is no process to try it in");
	} else if (t.code < WATCHERS_WANTED) {
		finding_set(f, VERDICT_WARN, "only %d more programs of ours can watch files",
			    t.code);
		doctor_cure_sysctl(d, f, name, "1024");
	} else {
		finding_set(f, VERDICT_OK, "room for %d more, and %jd watched files",
			    WATCHERS_WANTED, (intmax_t)files);
	}
}

/* --- clock -------------------------------------------------------------------------------------
 */

void check_clock(const struct doctor *d, struct finding *f)
{
	_cleanup_close_ int self = sys_openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
	_cleanup_close_ int random =
		sys_openat(AT_FDCWD, "/dev/random", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	struct timespec now = {0};
	struct stat st = {0};
	char byte;

	(void)sys_clock_gettime(CLOCK_REALTIME, &now);
	if (random >= 0 && sys_read(random, &byte, 1) == -EAGAIN) {
		finding_set(f, VERDICT_WARN, "the kernel has no random bytes yet");
		f->afterwards = "wait, or give the machine a source: virtio-rng, rng-tools";
	} else if (self >= 0 && sys_fstat(self, &st) == 0 && now.tv_sec < st.st_mtim.tv_sec) {
		finding_set(f, VERDICT_WARN, "the clock is behind: coracle was made %jd days later",
			    (intmax_t)(st.st_mtim.tv_sec - now.tv_sec) / 86400);
		if (d->has_systemd)
			finding_cure(d, f, CURE_ROOT, "timedatectl set-ntp true");
		else
			f->afterwards = "set it: date -s 'YYYY-MM-DD hh:mm'";
	} else {
		finding_set(f, VERDICT_OK, "the clock is not behind, random bytes are there");
	}
}
