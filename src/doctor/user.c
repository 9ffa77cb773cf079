/* What an ordinary user needs: a user namespace, and ids to map into it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/ranges.h"
#include "doctor/trial.h"

#define IDS_WANTED        65536
#define MAPPER_TIMEOUT_MS 2000

/* --- user-namespace ----------------------------------------------------------------------------
 */

static const struct {
	const char *name, *sysctl;
	unsigned flag;
} kinds[] = {
	{"mount", "mnt", CLONE_NEWNS},    {"pid", "pid", CLONE_NEWPID},
	{"network", "net", CLONE_NEWNET}, {"ipc", "ipc", CLONE_NEWIPC},
	{"uts", "uts", CLONE_NEWUTS},     {"cgroup", "cgroup", CLONE_NEWCGROUP},
};

#define MAKE_USER_NAMESPACE "make a user namespace"

static int make_all(void *arg, struct trial *t)
{
	const struct doctor *d = arg;
	static char what[60];

	if (trial_step(t, MAKE_USER_NAMESPACE, sys_unshare(CLONE_NEWUSER)) < 0)
		return t->code;
	if (trial_map_self(t, d->uid, d->gid) < 0)
		return t->code;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		(void)str_format(what, sizeof(what), "make a %s namespace in it", kinds[i].name);
		if (trial_step(t, what, sys_unshare(kinds[i].flag)) < 0)
			return t->code;
	}
	if (trial_step(t, "make its mounts private",
		       sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) < 0)
		return t->code;
	return trial_step(t, "mount a tmpfs in it", sys_mount("tmpfs", "/proc", "tmpfs", 0, NULL));
}

/* The sysctl of the kernel's that is 0, or has run out, for @code; NULL if there is none. */
static const char *exhausted(const struct doctor *d, const struct trial *t)
{
	const char *path;

	if (t->code != -ENOSPC && t->code != -EUSERS)
		return NULL;
	if (str_eq(t->what, MAKE_USER_NAMESPACE))
		return "user.max_user_namespaces";
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		path = arena_format(d->arena, "user.max_%s_namespaces", kinds[i].sysctl);
		if (strstr(t->what, kinds[i].name))
			return path;
	}
	return NULL;
}

static void explain_namespace(const struct doctor *d, const struct trial *t, struct finding *f)
{
	const char *sysctl = exhausted(d, t);

	if (sysctl) {
		doctor_cure_sysctl(d, f, sysctl, "65536");
		f->afterwards =
			d->nested ? "if it was not 0 here, it is in the namespace around us" : NULL;
	} else if (doctor_read_number(d, "/proc/sys/kernel/unprivileged_userns_clone") == 0) {
		doctor_cure_sysctl(d, f, "kernel.unprivileged_userns_clone", "1");
	} else if (doctor_read_number(
			   d, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1) {
		finding_cure(d, f, CURE_ROOT, "apparmor_parser -r /etc/apparmor.d/coracle");
		f->afterwards =
			"if that file is missing, it is in contrib/apparmor/ of the sources";
	} else if (d->filtered) {
		f->afterwards =
			"a seccomp filter around us refuses it: run outside of this container or "
			"sandbox, or give it a profile that allows user namespaces";
	} else if (t->code == -EINVAL || t->code == -ENOSYS) {
		f->afterwards = "boot a kernel with CONFIG_USER_NS and the other namespaces";
	} else {
		f->afterwards =
			"the kernel also refuses them in a chroot, where ids are not mapped, and when a "
			"security module says so: see `dmesg`";
	}
}

void check_user_namespace(const struct doctor *d, struct finding *f)
{
	struct trial t;
	int r = trial_run(0, -EBADF, make_all, NULL, (void *)(uintptr_t)d, &t);
	char words[24];

	if (r < 0)
		t = (struct trial){.code = r, .what = "make a process"};
	if (t.code == 0) {
		finding_set(f, VERDICT_OK, "a user namespace has what a container needs");
		return;
	}
	finding_set(f, VERDICT_FAIL, "cannot %s: %s", t.what, errno_words(t.code, words));
	explain_namespace(d, &t, f);
}

/* --- subordinate-ids ---------------------------------------------------------------------------
 */

struct mapping {
	const struct doctor *d;
	const struct id_range *uids, *gids;
	const char *failed;             /* the program that did */
	char output[CHILD_OUTPUT_SIZE]; /* what it said */
};

static int run_mapper(struct mapping *m, const char *program, pid_t pid, uint32_t own,
		      const struct id_range *range)
{
	struct arena *a = m->d->arena;
	const char *const argv[] = {
		program,
		arena_format(a, "%d", (int)pid),
		"0",
		arena_format(a, "%u", own),
		"1",
		"1",
		arena_format(a, "%u", range->first),
		arena_format(a, "%u", range->count),
		NULL,
	};
	struct child_result result;
	int r = doctor_run(doctor_find_program(m->d, program), argv, MAPPER_TIMEOUT_MS, &result);

	if (r == 0 && result.status == 0)
		return 0;
	m->failed = program;
	(void)str_copy(m->output, sizeof(m->output), r == 0 ? result.output : "");
	return r < 0 ? r : -EPERM;
}

static int map_child(void *arg, pid_t pid)
{
	struct mapping *m = arg;
	int r = run_mapper(m, "newuidmap", pid, m->d->uid, m->uids);

	return r < 0 ? r : run_mapper(m, "newgidmap", pid, m->d->gid, m->gids);
}

/* In the namespace with the maps: the last of the ids is ours to take. */
static int become_last(void *arg, struct trial *t)
{
	const struct mapping *m = arg;
	uid_t uid = m->uids->count;
	gid_t gid = m->gids->count;

	if (trial_step(t, "become root in it", sys_setresuid(0, 0, 0)) < 0 ||
	    trial_step(t, "take the last group id", sys_setresgid(gid, gid, gid)) < 0)
		return t->code;
	return trial_step(t, "take the last user id", sys_setresuid(uid, uid, uid));
}

static void cure_missing_range(const struct doctor *d, struct finding *f)
{
	uint32_t first;

	if (ranges_find_free(d, IDS_WANTED, &first) < 0) {
		f->afterwards = "no 65536 ids are free: ask whoever hands them out";
		return;
	}
	if (d->user[0] == '#') { /* usermod knows names alone */
		finding_cure(d, f, CURE_ROOT, "echo %u:%u:%u | tee -a /etc/subuid /etc/subgid",
			     d->uid, first, IDS_WANTED);
		return;
	}
	finding_cure(d, f, CURE_ROOT, "usermod --add-subuids %u-%u --add-subgids %u-%u %s", first,
		     first + IDS_WANTED - 1, first, first + IDS_WANTED - 1, d->user);
}

static void explain_mapper(const struct mapping *m, int code, struct finding *f)
{
	static const struct package_names names = {"uidmap", "shadow-utils", "shadow-uidmap",
						   "shadow", "shadow"};
	const struct doctor *d = m->d;
	const char *path = doctor_find_program(d, m->failed);
	const char *install = doctor_install_command(d, &names);
	struct stat st;
	int fd;

	if (!path) {
		finding_set(f, VERDICT_FAIL, "%s is not installed", m->failed);
		if (install)
			finding_cure(d, f, CURE_ROOT, "%s", install);
		return;
	}
	finding_set(f, VERDICT_FAIL, "%s: %s", m->failed,
		    m->output[0]     ? m->output
		    : code == -EPERM ? "it failed"
				     : "it did not run");
	fd = sys_openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
	if (fd >= 0 && sys_fstat(fd, &st) == 0 && !(st.st_mode & S_ISUID) &&
	    sys_fgetxattr(fd, "security.capability", NULL, 0) < 0)
		finding_cure(d, f, CURE_ROOT, "chmod u+s %s", path);
	if (fd >= 0)
		(void)sys_close(fd);
}

void check_subordinate_ids(const struct doctor *d, struct finding *f)
{
	struct mapping m = {.d = d};
	struct trial t;
	int r;

	if (d->uid == 0 && !d->nested) {
		finding_set(f, VERDICT_SKIP, "root maps whatever it wants");
		return;
	}
	m.uids = ranges_of_user(d, "/etc/subuid");
	m.gids = ranges_of_user(d, "/etc/subgid");
	if (!m.uids || !m.gids) {
		finding_set(f, VERDICT_FAIL, "%s has no range for %s",
			    !m.uids ? "/etc/subuid" : "/etc/subgid", d->user);
		cure_missing_range(d, f);
		return;
	}
	r = trial_run(CLONE_NEWUSER, -EBADF, become_last, map_child, &m, &t);
	if (r < 0) {
		finding_set(f, VERDICT_SKIP, "there is no user namespace to try it in");
	} else if (m.failed) {
		explain_mapper(&m, t.code, f);
	} else if (t.code < 0) {
		finding_set(f, VERDICT_FAIL, "cannot %s", t.what);
	} else if (m.uids->count < IDS_WANTED || m.gids->count < IDS_WANTED) {
		finding_set(f, VERDICT_WARN, "%u user and %u group ids: images expect 65536",
			    m.uids->count, m.gids->count);
		cure_missing_range(d, f);
	} else {
		finding_set(f, VERDICT_OK, "%u ids from %u on, and our own", m.uids->count,
			    m.uids->first);
	}
}
