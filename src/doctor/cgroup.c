/* Cgroups: how this host has them, and whether one can be made where coracle would. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/trial.h"

#define TOP     "/sys/fs/cgroup"
#define UNIFIED TOP "/unified"

#define FREEZE_MS 500
#define KILL_MS   1000

/* What engines set limits with. */
static const char *const wanted[] = {"cpu", "memory", "pids"};

static long magic(const char *path)
{
	struct sys_statfs st;

	return sys_statfs(path, &st) < 0 ? 0 : st.f_type;
}

/* Where cgroup v2 is mounted; NULL if it is not. */
static const char *unified_top(void)
{
	if (magic(TOP) == CGROUP2_SUPER_MAGIC_)
		return TOP;
	return magic(UNIFIED) == CGROUP2_SUPER_MAGIC_ ? UNIFIED : NULL;
}

/* Our own cgroup's directory; NULL if there is none that we see. */
static const char *own_cgroup(const struct doctor *d)
{
	const char *top = unified_top();
	char *text, *line;
	size_t len;

	if (!top ||
	    io_read_file_at(d->arena, AT_FDCWD, "/proc/self/cgroup", 1 << 16, &text, &len) < 0)
		return NULL;
	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (str_starts(line, "0::/") && !str_starts(line, "0::/.."))
			return arena_format(d->arena, "%s%.*s", top, (int)strcspn(line + 3, "\n"),
					    line + 3);
	return NULL;
}

/* The commands that leave v2 alone, for good and at once. */
static void cure_layout(const struct doctor *d, struct finding *f)
{
	if (!d->has_systemd) {
		finding_cure(d, f, CURE_ROOT, "umount -R " TOP);
		finding_cure(d, f, CURE_ROOT, "mount -t cgroup2 cgroup2 " TOP);
		f->afterwards =
			"and the same where this machine mounts it when it starts; controllers that v1 "
			"still uses come back with a reboot";
		return;
	}
	doctor_cure_boot(d, f, "systemd.unified_cgroup_hierarchy=1");
}

void check_cgroup_layout(const struct doctor *d, struct finding *f)
{
	bool rootless = d->purposes & FOR_ROOTLESS;
	long type = magic(TOP);

	if (type == CGROUP2_SUPER_MAGIC_) {
		finding_set(f, VERDICT_OK, "cgroup v2 alone");
		return;
	}
	if (type == TMPFS_MAGIC_)
		finding_set(f, rootless ? VERDICT_FAIL : VERDICT_WARN, "%s",
			    unified_top() ? "hybrid: v1 controllers, and v2 on " UNIFIED
					  : "cgroup v1 alone");
	else
		finding_set(f, VERDICT_FAIL, "nothing that we know is mounted on " TOP);
	cure_layout(d, f);
}

/* --- making one --------------------------------------------------------------------------------
 */

static int wait_for_signal(void *arg, struct trial *t)
{
	(void)arg;
	return trial_step(t, "be killed by its cgroup", sys_poll(NULL, 0, KILL_MS));
}

struct attempt {
	const struct doctor *d;
	const char *dir;       /* the new cgroup */
	const char *what;      /* what failed */
	char controllers[160]; /* of the new cgroup */
};

/* Write into a file of the new cgroup. */
static int tell(struct attempt *a, const char *file, const char *value, const char *what)
{
	const char *path = arena_format(a->d->arena, "%s/%s", a->dir, file);
	int r = path ? io_write_value_at(AT_FDCWD, path, value) : -ENOMEM;

	if (r < 0)
		a->what = what;
	return r;
}

/* Wait until the new cgroup's processes stand still. */
static int await_frozen(struct attempt *a)
{
	const char *path = arena_format(a->d->arena, "%s/cgroup.events", a->dir);
	uint64_t end = sys_now_ms() + FREEZE_MS;
	char *text;
	size_t len;

	a->what = "see a cgroup frozen";
	do {
		int r = path ? io_read_file_at(a->d->arena, AT_FDCWD, path, 4096, &text, &len)
			     : -ENOMEM;

		if (r < 0)
			return r;
		if (strstr(text, "frozen 1"))
			return 0;
		(void)sys_poll(NULL, 0, 1);
	} while (sys_now_ms() < end);
	return -ETIMEDOUT;
}

/* With a process in the new cgroup, which is then killed at once. */
static int freeze_and_kill(void *arg, pid_t pid)
{
	struct attempt *a = arg;
	int r = tell(a, "cgroup.freeze", "1", "freeze a cgroup");

	if (r == 0)
		r = await_frozen(a);
	if (r == 0)
		r = tell(a, "cgroup.freeze", "0", "thaw a cgroup");
	if (r < 0)
		return r;
	r = tell(a, "cgroup.kill", "1", "kill all of a cgroup");
	if (r == -ENOENT) /* before 5.14 each process is signalled */
		r = sys_kill(pid, SIGKILL);
	return r < 0 ? r : 1; /* it need not begin */
}

/* Make the cgroup a->dir with a process in it, freeze and kill that, and remove it. 0 or -errno
 * with a->what. */
static int try_cgroup(struct attempt *a)
{
	const struct doctor *d = a->d;
	_cleanup_close_ int fd = -EBADF;
	struct trial t = {0};
	int r = sys_mkdirat(AT_FDCWD, a->dir, 0755);

	a->what = "make a cgroup";
	if (r < 0)
		return r;
	fd = sys_openat(AT_FDCWD, a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	a->what = "start a process in a new cgroup";
	r = fd < 0 ? fd : trial_run(0, fd, wait_for_signal, freeze_and_kill, a, &t);
	/* Killed is what it should be. */
	if (r == 0 && t.code != -EINTR) {
		r = t.code < 0 ? t.code : -ETIMEDOUT;
		if (t.code == 0)
			a->what = "kill all of a cgroup";
	}
	(void)str_copy(a->controllers, sizeof(a->controllers),
		       doctor_read(d, arena_format(d->arena, "%s/cgroup.controllers", a->dir)));
	(void)sys_unlinkat(AT_FDCWD, a->dir, AT_REMOVEDIR);
	return r;
}

/* Is @word in the list with blanks between? */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ')
		if (strncmp(p, word, len) == 0 && (p[len] == ' ' || p[len] == '\0'))
			return true;
	return false;
}

/* The names of the controllers that are not in @list. */
static const char *missing_controllers(const struct doctor *d, const char *list)
{
	const char *missing = "";

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!has_word(list, wanted[i]) && missing)
			missing = arena_format(d->arena, "%s%s%s", missing, *missing ? ", " : "",
					       wanted[i]);
	return missing ? missing : "";
}

void check_cgroup(const struct doctor *d, struct finding *f)
{
	const char *top = unified_top(), *missing;
	struct attempt a = {.d = d,
			    .dir = arena_format(d->arena, "%s/%s", top ? top : "", d->name)};
	char words[24];
	int r;

	if (!top || !a.dir) {
		finding_set(f, VERDICT_SKIP,
			    "there is no cgroup v2 to try it in; v1 hierarchies are used");
		return;
	}
	r = try_cgroup(&a);
	/* Not every v1 or threaded arrangement takes a process at its birth: it is moved then. */
	if (r < 0) {
		finding_set(f, VERDICT_FAIL, "cannot %s in %s: %s", a.what, top,
			    errno_words(r, words));
		if (r == -EROFS)
			finding_cure(d, f, CURE_ROOT, "mount -o remount,rw %s", top);
		else
			f->afterwards =
				d->uid == 0
					? "run outside of this container, or give it cgroups that it may write"
					: "only root may: look as root";
		return;
	}
	missing = missing_controllers(d, doctor_read(d, TOP "/cgroup.controllers"));
	if (magic(TOP) == CGROUP2_SUPER_MAGIC_ && *missing) {
		finding_set(f, VERDICT_WARN, "works, but without: %s", missing);
		f->afterwards =
			"boot without cgroup_disable=, and with cgroup_enable=memory where the kernel "
			"leaves memory out; or a v1 hierarchy holds them";
		return;
	}
	finding_set(f, VERDICT_OK, "made %s; a process in it was frozen and killed", a.dir);
}

/* --- delegation --------------------------------------------------------------------------------
 */

/* "+cpu +memory", of what is wanted and can be had; "" if it is nothing. */
static const char *available_controllers(const struct doctor *d)
{
	const char *there = doctor_read(d, TOP "/cgroup.controllers"), *list = "";

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (list && has_word(there, wanted[i]))
			list = arena_format(d->arena, "%s%s+%s", list, *list ? " " : "", wanted[i]);
	return list ? list : "";
}

/* What gives a user a cgroup where there is no systemd: one with the user's shell in it. */
static void cure_by_hand(const struct doctor *d, struct finding *f)
{
	const char *dir = arena_format(d->arena, TOP "/user-%u", d->uid);
	const char *list = available_controllers(d);

	if (!dir)
		return;
	finding_cure(d, f, CURE_ROOT, "mkdir -p %s/shell", dir);
	if (*list) {
		finding_cure(d, f, CURE_ROOT, "echo '%s' >" TOP "/cgroup.subtree_control", list);
		finding_cure(d, f, CURE_ROOT, "echo '%s' >%s/cgroup.subtree_control", list, dir);
	}
	finding_cure(
		d, f, CURE_ROOT,
		"(cd %s && chown %u . cgroup.procs cgroup.subtree_control shell shell/cgroup.procs)",
		dir, d->uid);
	finding_cure(d, f, CURE_ROOT, "echo %d >%s/shell/cgroup.procs", (int)getppid(), dir);
	f->afterwards =
		"the last line moves this shell; controllers that a v1 hierarchy holds cannot be had";
}

static void cure_delegation(const struct doctor *d, struct finding *f)
{
	if (!d->has_systemd) {
		cure_by_hand(d, f);
		return;
	}
	finding_cure(d, f, CURE_USER, "systemd-run --user --scope --property Delegate=yes $SHELL");
	f->afterwards = "gives you a shell in a cgroup of its own; or have coracle ask systemd: "
			"--cgroup-manager systemd";
}

/* The drop-in that hands down what systemd keeps to itself. */
static void cure_controllers(const struct doctor *d, struct finding *f)
{
	if (!d->has_systemd) {
		cure_by_hand(d, f);
		return;
	}
	finding_cure(d, f, CURE_ROOT, "mkdir -p /etc/systemd/system/user@.service.d");
	finding_cure(d, f, CURE_ROOT,
		     "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' "
		     ">/etc/systemd/system/user@.service.d/delegate.conf");
	finding_cure(d, f, CURE_ROOT, "systemctl daemon-reload");
	f->afterwards = "then log out of every session, and in again";
}

/* Where coracle would put the container's: beside our own where it may (a cgroup with processes can
 * have no children with limits), else below it. */
static int try_delegated(const struct doctor *d, const char *own, struct attempt *a)
{
	size_t len = strlen(own);
	bool beside = false;

	while (len > 0 && own[len - 1] != '/')
		len--;
	if (len > strlen(TOP "/")) {
		const char *procs = arena_format(d->arena, "%.*scgroup.procs", (int)len, own);

		beside = procs && sys_faccessat(AT_FDCWD, procs, W_OK) == 0;
	}
	a->dir = beside ? arena_format(d->arena, "%.*s%s", (int)len, own, d->name)
			: arena_format(d->arena, "%s/%s", own, d->name);
	return a->dir ? try_cgroup(a) : -ENOMEM;
}

void check_delegation(const struct doctor *d, struct finding *f)
{
	const char *own = own_cgroup(d), *missing;
	struct attempt a = {.d = d};
	char words[24];
	int r;

	if (magic(TOP) != CGROUP2_SUPER_MAGIC_) {
		finding_set(f, VERDICT_SKIP, "not without cgroup v2 alone");
		return;
	}
	if (!own) {
		finding_set(f, VERDICT_FAIL, "our own cgroup is outside of what we see");
		f->afterwards =
			"run outside of this container, or give it a cgroup namespace of its own";
		return;
	}
	r = try_delegated(d, own, &a);
	if (r < 0) {
		finding_set(f, VERDICT_FAIL, "cannot %s for %s: %s", a.what, own,
			    errno_words(r, words));
		cure_delegation(d, f);
		return;
	}
	missing = missing_controllers(d, a.controllers);
	if (*missing) {
		finding_set(f, VERDICT_WARN, "works, but without limits of: %s", missing);
		cure_controllers(d, f);
		return;
	}
	finding_set(f, VERDICT_OK,
		    "made %s, with controllers %s; a process in it was frozen and killed", a.dir,
		    a.controllers);
}

/* --- device-policy -----------------------------------------------------------------------------
 */

void check_device_policy(const struct doctor *d, struct finding *f)
{
	/* r0 = 1; exit: everything is allowed. */
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	char words[24];
	int fd;

	(void)d;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	fd = sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd >= 0) {
		(void)sys_close(fd);
		finding_set(f, VERDICT_OK, "the kernel takes device programs");
		return;
	}
	finding_set(f, VERDICT_FAIL, "the kernel refuses a device program: %s",
		    errno_words(fd, words));
	if (fd == -EPERM)
		f->afterwards =
			"only root of the machine may; coracle leaves the policy out in a user "
			"namespace";
	else
		f->afterwards = "boot a kernel with CONFIG_CGROUP_BPF";
}

/* --- user-manager ------------------------------------------------------------------------------
 */

void check_user_manager(const struct doctor *d, struct finding *f)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR"), *linger;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!d->has_systemd) {
		finding_set(f, VERDICT_SKIP, "systemd does not run this machine");
		return;
	}
	(void)str_format(address.sun_path, sizeof(address.sun_path), "%s/systemd/private",
			 xdg && *xdg == '/' ? xdg : "/nowhere");
	fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = fd < 0 ? fd : sys_connect(fd, &address, sizeof(address));
	linger = arena_format(d->arena, "/var/lib/systemd/linger/%s", d->user);
	if (r < 0) {
		finding_set(f, VERDICT_WARN, "no systemd of %s's runs", d->user);
		finding_cure(d, f, CURE_ROOT, "loginctl enable-linger %s", d->user);
		finding_cure(d, f, CURE_ROOT, "systemctl start user@%u.service", d->uid);
		f->afterwards = "su and sudo make no session: `machinectl shell USER@` does";
	} else if (!linger || sys_faccessat(AT_FDCWD, linger, F_OK) < 0) {
		finding_set(f, VERDICT_WARN,
			    "it runs, and ends with the last session: so do containers");
		finding_cure(d, f, CURE_ROOT, "loginctl enable-linger %s", d->user);
	} else {
		finding_set(f, VERDICT_OK, "it runs, and stays after a logout");
	}
}
