/* Real cgroups: made, entered, frozen, killed and removed, as found on this machine and once more
 * with cgroup2 alone on /sys/fs/cgroup in a mount namespace of our own. Needs root; skipped
 * without. Everything stays below cgroups named after our pid, and only our children are signalled.
 */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroup/hierarchy.h"
#include "cgroup/probe.h"

#define PATIENCE_MS 5000

static char memory[1 << 18];
static struct arena arena;
static struct facts facts;
static struct err err;
static char path[64], leftover[512];

#define ok(call)                                                                                   \
	do {                                                                                       \
		int ok_ = (call);                                                                  \
		if (ok_ < 0)                                                                       \
			fail_msg("%s: %d: %s: %s", #call, ok_, err.where, err.text);               \
	} while (0)

/* --- scaffolding -------------------------------------------------------------------------------
 */

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, memory, sizeof(memory));
	err = (struct err){0};
	facts = (struct facts){.may_bpf = true};
	(void)snprintf(path, sizeof(path), "/coracle/test-%d", (int)getpid());
	return cgroup_probe(&arena, false, true, &facts.cgroup, &err);
}

/* What a test that failed half-way left. */
static int tear_down(void **state)
{
	struct plan_cgroup plan = {.path = path, .unified = true};
	struct cgroup_ref ref;

	(void)state;
	for (size_t i = 0; i < facts.cgroup.n_v1; i++) {
		(void)snprintf(leftover, sizeof(leftover), "%s%s", facts.cgroup.v1[i].mount_point,
			       path);
		(void)rmdir(leftover);
	}
	arena_init(&arena, memory, sizeof(memory));
	if (cgroup_probe(&arena, false, true, &facts.cgroup, &err) < 0)
		return -1;
	if (facts.cgroup.unified_mount_point[0] == '\0' || geteuid() != 0)
		return 0;
	if (cgroup_resolve(&arena, &plan, &facts, &ref, &err) < 0)
		return -1;
	return cgroup_remove(&ref, PATIENCE_MS, &err);
}

static void need_cgroups(void)
{
	struct clone_args nonsense = {.flags = CLONE_SIGHAND};

	/* What runs another processor's programs (qemu-user) knows neither clone3 nor bpf. */
	if (sys_clone3(&nonsense) == -ENOSYS)
		skip();
	if (geteuid() != 0 || facts.cgroup.unified_mount_point[0] == '\0' ||
	    access(facts.cgroup.unified_mount_point, W_OK) < 0)
		skip();
}

static struct plan_cgroup simple_plan(void)
{
	return (struct plan_cgroup){.path = path, .unified = true};
}

static struct cgroup make(const struct plan_cgroup *plan)
{
	struct cgroup c = CGROUP_INIT;
	struct cgroup_ref ref;

	ok(cgroup_resolve(&arena, plan, &facts, &ref, &err));
	ok(cgroup_make(&arena, plan, &ref, &c, &err));
	return c;
}

static void expect_gone(const struct cgroup_ref *ref)
{
	char parent[256];

	assert_int_equal(access(ref->unified_dir, F_OK), -1);
	for (size_t i = 0; i < ref->n_v1; i++)
		assert_int_equal(access(ref->v1_dirs[i], F_OK), -1);
	(void)snprintf(parent, sizeof(parent), "%s/coracle", facts.cgroup.unified_mount_point);
	/* Unless a real container runs here at the same time. */
	if (rmdir(parent) == 0)
		fail_msg("%s was left behind", parent);
}

static void finish(struct cgroup *c)
{
	ok(cgroup_remove(&c->ref, PATIENCE_MS, &err));
	cgroup_close(c);
	expect_gone(&c->ref);
}

/* A child that sleeps, born in the cgroup. */
static pid_t spawn_in(int cgroup_fd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};
	pid_t pid = sys_clone3(&args);

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void reap(pid_t pid, int signal)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal);
}

static void read_value(const char *dir, const char *file, char buf[static 64])
{
	char name[512];
	ssize_t n;
	int fd;

	(void)snprintf(name, sizeof(name), "%s/%s", dir, file);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, buf, 63);
	assert_true(n >= 0);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	close(fd);
}

/* --- tests --------------------------------------------------------------------------------------
 */

static void test_make_and_remove(void **state)
{
	struct plan_cgroup plan = simple_plan();
	struct cgroup c;
	pid_t pid, *pids;
	size_t n;

	(void)state;
	need_cgroups();
	c = make(&plan);
	assert_true(c.created_unified);
	pid = spawn_in(c.unified_fd);
	assert_true(pid > 0);
	ok(cgroup_pids(&arena, &c, &pids, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], pid);
	finish(&c);
	reap(pid, SIGKILL);
	/* Removing what is gone is success; opening it is not. */
	ok(cgroup_remove(&c.ref, PATIENCE_MS, &err));
	assert_int_equal(cgroup_open(&c.ref, &c, &err), -ENOENT);
}

static void test_take_over(void **state)
{
	struct plan_cgroup plan = simple_plan();
	struct cgroup c, again = CGROUP_INIT;
	pid_t pid;

	(void)state;
	need_cgroups();
	c = make(&plan);
	again = make(&plan);
	assert_false(again.created_unified);
	cgroup_close(&again);
	pid = spawn_in(c.unified_fd);
	assert_int_equal(cgroup_make(&arena, &plan, &c.ref, &again, &err), -EBUSY);
	assert_int_equal(err.id, ERR_CGROUP);
	ok(cgroup_signal_all(&c, SIGKILL, &err));
	reap(pid, SIGKILL);
	ok(cgroup_freeze(&c, true, &err));
	assert_int_equal(cgroup_make(&arena, &plan, &c.ref, &again, &err), -EBUSY);
	assert_non_null(strstr(err.text, "frozen"));
	finish(&c);
}

static void test_freeze(void **state)
{
	struct plan_cgroup plan = simple_plan();
	struct cgroup c;
	pid_t pid;

	(void)state;
	need_cgroups();
	c = make(&plan);
	pid = spawn_in(c.unified_fd);
	assert_int_equal(cgroup_is_frozen(&c), 0);
	assert_int_equal(cgroup_ref_is_frozen(&c.ref), 0);
	ok(cgroup_freeze(&c, true, &err));
	assert_int_equal(cgroup_is_frozen(&c), 1);
	assert_int_equal(cgroup_ref_is_frozen(&c.ref), 1);
	ok(cgroup_freeze(&c, true, &err));
	ok(cgroup_freeze(&c, false, &err));
	assert_int_equal(cgroup_is_frozen(&c), 0);
	ok(cgroup_freeze(&c, true, &err));
	finish(&c); /* also while frozen */
	reap(pid, SIGKILL);
	assert_int_equal(cgroup_ref_is_frozen(&c.ref), -ENOENT);
}

static volatile sig_atomic_t got;

static void count_signal(int signal)
{
	(void)signal;
	got++;
}

/* A child that reports how often it got SIGUSR1 once SIGUSR2 arrives. */
static pid_t spawn_counter(int cgroup_fd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};
	sigset_t set, old;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	pid = sys_clone3(&args);
	if (pid == 0) {
		int signal = 0;

		got = 0;
		while (sigwait(&set, &signal) == 0 && signal != SIGUSR2)
			count_signal(signal);
		_exit((int)got);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

static void test_signal_all(void **state)
{
	struct plan_cgroup plan = simple_plan();
	struct cgroup c;
	pid_t pids[4], *found;
	int child, status;
	size_t n;

	(void)state;
	need_cgroups();
	c = make(&plan);
	assert_int_equal(mkdirat(c.unified_fd, "sub", 0755), 0);
	child = openat(c.unified_fd, "sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 4; i++)
		pids[i] = spawn_counter(i & 1 ? child : c.unified_fd);
	ok(cgroup_pids(&arena, &c, &found, &n, &err));
	assert_int_equal(n, 4);
	ok(cgroup_signal_all(&c, SIGUSR1, &err));
	assert_int_equal(cgroup_is_frozen(&c), 0);
	/* A container that is paused stays so. */
	ok(cgroup_freeze(&c, true, &err));
	ok(cgroup_signal_all(&c, SIGUSR2, &err));
	assert_int_equal(cgroup_is_frozen(&c), 1);
	ok(cgroup_freeze(&c, false, &err));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
	}
	close(child);
	finish(&c);
}

/* What kernels before 5.14 get. */
static void test_kill_without_cgroup_kill(void **state)
{
	struct plan_cgroup plan = simple_plan();
	struct cgroup c;
	pid_t pid;

	(void)state;
	need_cgroups();
	c = make(&plan);
	pid = spawn_in(c.unified_fd);
	ok(v2_freeze(c.unified_fd, true, PATIENCE_MS));
	ok(cgroup_dir_signal(c.unified_fd, SIGKILL));
	reap(pid, SIGKILL);
	finish(&c);
}

/* The root of the hierarchy has no cgroup.kill, which must not lead to killing everything by hand:
 * crun 1.28 does just that for cgroupsPath "/". Signal 0 harms nobody if this fails. */
static void test_root_is_refused(void **state)
{
	struct plan_cgroup plan = {.path = "/", .unified = true};
	struct cgroup c = CGROUP_INIT;
	struct cgroup_ref ref;

	(void)state;
	need_cgroups();
	ok(cgroup_resolve(&arena, &plan, &facts, &ref, &err));
	assert_int_equal(cgroup_make(&arena, &plan, &ref, &c, &err), -EBUSY);
	ok(cgroup_open(&ref, &c, &err));
	assert_int_equal(cgroup_dir_check_not_root(c.unified_fd), -EINVAL);
	assert_int_equal(cgroup_signal_all(&c, 0, &err), -EINVAL);
	cgroup_close(&c);
}

static void test_remove_nested(void **state)
{
	struct plan_cgroup plan = simple_plan();
	pid_t pids[3];
	struct cgroup c;
	int fd, n = 0;

	(void)state;
	need_cgroups();
	c = make(&plan);
	fd = dup(c.unified_fd);
	for (int depth = 0; depth < 60; depth++) {
		char name[32];
		int next;

		for (int k = 0; k < 3; k++) {
			(void)snprintf(name, sizeof(name), "level-%d", k);
			assert_int_equal(mkdirat(fd, name, 0755), 0);
		}
		next = openat(fd, "level-1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		if (depth % 20 == 10)
			pids[n++] = spawn_in(next);
		close(fd);
		fd = next;
	}
	close(fd);
	finish(&c);
	for (int i = 0; i < n; i++)
		reap(pids[i], SIGKILL);
}

/* What is in use cannot be emptied, and that is noticed rather than tried for ever. */
static void test_empty_in_use(void **state)
{
	struct plan_cgroup plan = simple_plan();
	struct cgroup c;
	pid_t pid;
	int fd;

	(void)state;
	need_cgroups();
	c = make(&plan);
	assert_int_equal(mkdirat(c.unified_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(c.unified_fd, "a/b", 0755), 0);
	assert_int_equal(mkdirat(c.unified_fd, "a/c", 0755), 0);
	fd = openat(c.unified_fd, "a/b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid = spawn_in(fd);
	close(fd);
	assert_int_equal(cgroup_dir_empty(c.unified_fd), -EBUSY);
	finish(&c);
	reap(pid, SIGKILL);
}

static void test_failure_is_undone(void **state)
{
	struct plan_cgroup_write write = {.controller = "",
					  .file = "cgroup.max.depth",
					  .value = "nonsense",
					  .origin = "linux.resources.x"};
	struct plan_cgroup plan = {.unified = true, .writes = &write, .n_writes = 1};
	struct cgroup c = CGROUP_INIT;
	struct cgroup_ref ref;
	char deep[96], top[256];

	(void)state;
	need_cgroups();
	(void)snprintf(deep, sizeof(deep), "/coracle-test-%d/a/b/c", (int)getpid());
	plan.path = deep;
	ok(cgroup_resolve(&arena, &plan, &facts, &ref, &err));
	assert_int_equal(cgroup_make(&arena, &plan, &ref, &c, &err), -EINVAL);
	assert_int_equal(err.id, ERR_CGROUP_LIMIT);
	assert_string_equal(err.where, "linux.resources.x");
	(void)snprintf(top, sizeof(top), "%s/coracle-test-%d", facts.cgroup.unified_mount_point,
		       (int)getpid());
	assert_int_equal(access(top, F_OK), -1);
	/* A file that no kernel has, without and with a controller. */
	write.file = "cgroup.nonsense";
	assert_int_equal(cgroup_make(&arena, &plan, &ref, &c, &err), -ENOENT);
	write.controller = "nonsense";
	assert_int_equal(cgroup_make(&arena, &plan, &ref, &c, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"nonsense\" is not available"));
	assert_int_equal(access(top, F_OK), -1);
}

static bool root_has(const char *file, const char *controller)
{
	char text[64];

	read_value(facts.cgroup.unified_mount_point, file, text);
	return strstr(text, controller) != NULL;
}

/* Best effort: while another container (or another run of this test) is in /coracle, it stays on.
 */
static void disable_hugetlb(void)
{
	static const char *const dirs[] = {"/coracle", ""};
	char file[256];
	int r = -EBUSY;

	for (int tries = 0; r == -EBUSY && tries < 20; tries++) {
		if (tries > 0)
			usleep(50000);
		for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
			(void)snprintf(file, sizeof(file), "%s%s/cgroup.subtree_control",
				       facts.cgroup.unified_mount_point, dirs[i]);
			r = io_write_value_at(AT_FDCWD, file, "-hugetlb");
		}
	}
	if (r < 0)
		print_message("%s: error %d\n", file, -r);
}

/* hugetlb, because it is the one that v2 has on hybrid machines too. */
static void test_enable_controller(void **state)
{
	struct plan_cgroup_write write = {.controller = "hugetlb",
					  .file = "hugetlb.2MB.max",
					  .value = "2097152",
					  .origin = "x"};
	struct plan_cgroup plan = {.unified = true, .writes = &write, .n_writes = 1};
	bool enabled;
	struct cgroup c;
	char deep[96], value[64];

	(void)state;
	need_cgroups();
	if (!root_has("cgroup.controllers", "hugetlb"))
		skip();
	enabled = root_has("cgroup.subtree_control", "hugetlb");
	(void)snprintf(deep, sizeof(deep), "%s/a/b", path);
	plan.path = deep;
	c = make(&plan);
	read_value(c.ref.unified_dir, "hugetlb.2MB.max", value);
	assert_string_equal(value, "2097152");
	cgroup_close(&c);
	plan.path = path;
	ok(cgroup_resolve(&arena, &plan, &facts, &c.ref, &err));
	finish(&c);
	if (!enabled)
		disable_hugetlb();
}

static void test_inner_node_with_processes(void **state)
{
	struct plan_cgroup_write write = {
		.controller = "hugetlb", .file = "hugetlb.2MB.max", .value = "0", .origin = "x"};
	struct plan_cgroup outer = simple_plan();
	struct plan_cgroup plan = {.unified = true, .writes = &write, .n_writes = 1};
	struct cgroup c, inner = CGROUP_INIT;
	struct cgroup_ref ref;
	bool enabled;
	pid_t pid;

	(void)state;
	need_cgroups();
	if (!root_has("cgroup.controllers", "hugetlb"))
		skip();
	enabled = root_has("cgroup.subtree_control", "hugetlb");
	c = make(&outer);
	pid = spawn_in(c.unified_fd);
	plan.path = arena_format(&arena, "%s/inner", path);
	ok(cgroup_resolve(&arena, &plan, &facts, &ref, &err));
	assert_int_equal(cgroup_make(&arena, &plan, &ref, &inner, &err), -EBUSY);
	assert_int_equal(err.id, ERR_CGROUP_LIMIT);
	assert_non_null(strstr(err.hint, "holds processes"));
	finish(&c);
	reap(pid, SIGKILL);
	if (!enabled)
		disable_hugetlb();
}

static void test_pids_limit(void **state)
{
	struct plan_cgroup_write write = {.controller = "pids",
					  .file = "pids.max",
					  .value = "2",
					  .origin = "linux.resources.pids.limit"};
	struct plan_cgroup plan = {.path = path, .unified = true, .writes = &write, .n_writes = 1};
	const struct cgroup_hierarchy *v1[1];
	struct cgroup c;
	int pipes[2], status;
	char value[64];
	pid_t pid;

	(void)state;
	need_cgroups();
	plan.v1 = v1;
	for (size_t i = 0; i < facts.cgroup.n_v1; i++) {
		if (cgroup_hierarchy_has(&facts.cgroup.v1[i], "pids"))
			v1[plan.n_v1++] = &facts.cgroup.v1[i];
	}
	if (plan.n_v1 == 0 && !root_has("cgroup.controllers", "pids")) {
		struct cgroup_ref ref;

		ok(cgroup_resolve(&arena, &plan, &facts, &ref, &err));
		assert_int_equal(cgroup_make(&arena, &plan, &ref, &c, &err), -ENODEV);
		assert_int_equal(err.id, ERR_CGROUP_LIMIT);
		assert_non_null(strstr(err.text, "\"pids\" is not available"));
		expect_gone(&ref);
		return;
	}
	c = make(&plan);
	read_value(plan.n_v1 ? c.ref.v1_dirs[0] : c.ref.unified_dir, "pids.max", value);
	assert_string_equal(value, "2");
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		char go;

		close(pipes[1]);
		if (read(pipes[0], &go, 1) != 0)
			_exit(9);
		if (fork() == 0)
			pause();
		_exit(fork() < 0 && errno == EAGAIN ? 0 : 1);
	}
	ok(cgroup_enter(&c, pid, true, &err));
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	finish(&c);
}

/* Making and removing at the same time: the common parent comes and goes. */
static void test_racing(void **state)
{
	pid_t pids[3];
	int status;

	(void)state;
	need_cgroups();
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		for (int k = 0; k < 300; k++) {
			struct plan_cgroup plan = simple_plan();
			struct cgroup c = CGROUP_INIT;
			struct cgroup_ref ref;

			arena_init(&arena, memory, sizeof(memory));
			(void)snprintf(path, sizeof(path), "/coracle/test-%d", (int)getpid());
			facts.cgroup.unified_mount_point =
				arena_strdup(&arena, facts.cgroup.unified_mount_point);
			if (cgroup_resolve(&arena, &plan, &facts, &ref, &err) < 0 ||
			    cgroup_make(&arena, &plan, &ref, &c, &err) < 0 ||
			    cgroup_remove(&ref, PATIENCE_MS, &err) < 0) {
				print_error("%s %d\n", err.text, err.code);
				_exit(1);
			}
			cgroup_close(&c);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static void test_optional(void **state)
{
	struct plan_cgroup plan = {.path = "/x", .unified = true, .optional = true};
	struct cgroup c = CGROUP_INIT;
	struct cgroup_ref ref;

	(void)state;
	/* Nobody may make directories in there. */
	facts.cgroup.unified_mount_point = "/proc/self";
	ok(cgroup_resolve(&arena, &plan, &facts, &ref, &err));
	assert_int_equal(cgroup_make(&arena, &plan, &ref, &c, &err), 1);
	assert_string_equal(c.ref.unified_dir, "");
	assert_int_equal(c.unified_fd, -EBADF);
	plan.optional = false;
	assert_true(cgroup_make(&arena, &plan, &ref, &c, &err) < 0);
	/* No cgroup: nothing to do, and said so. */
	plan.path = "";
	ok(cgroup_resolve(&arena, &plan, &facts, &ref, &err));
	ok(cgroup_make(&arena, &plan, &ref, &c, &err));
	ok(cgroup_enter(&c, getpid(), true, &err));
	ok(cgroup_remove(&ref, PATIENCE_MS, &err));
	assert_int_equal(cgroup_freeze(&c, true, &err), -ENODEV);
}

/* --- devices ------------------------------------------------------------------------------------
 */

static int open_in(int cgroup_fd, int flags, unsigned dev)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_NEWNS,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};
	pid_t pid = sys_clone3(&args);
	int status;

	if (pid == 0) {
		int r = 0;

		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", "/tmp", "tmpfs", 0, NULL) < 0)
			r = 100 + errno;
		if (r == 0)
			r = -sys_mknodat(AT_FDCWD, "/tmp/node", S_IFCHR | 0600, dev);
		if (r == 0)
			r = -MIN(sys_openat(AT_FDCWD, "/tmp/node", flags, 0), 0);
		_exit(r);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_devices(void **state)
{
	static const struct spec_device_rule rules[] = {
		{false, "", "rwm", false, false, 0, 0},
		{true, "c", "r", true, true, 511, 7},
	};
	struct plan_cgroup plan = simple_plan();
	struct cgroup c;

	(void)state;
	need_cgroups();
	ok(plan_device_program(&arena, rules, 2, true, &plan.device_program, &plan.n_device_program,
			       &err));
	c = make(&plan);
	ok(cgroup_attach_devices(&c, &plan, &err));
	assert_int_equal(open_in(c.unified_fd, O_RDWR, makedev(1, 3)), 0);
	/* Where the policy lets it pass, there is no such device. */
	assert_int_equal(open_in(c.unified_fd, O_RDONLY, makedev(511, 7)), ENXIO);
	assert_int_equal(open_in(c.unified_fd, O_WRONLY, makedev(511, 7)), EPERM);
	assert_int_equal(open_in(c.unified_fd, O_RDWR, makedev(511, 7)), EPERM);
	assert_int_equal(open_in(c.unified_fd, O_RDONLY, makedev(10, 229)), EPERM);
	finish(&c);
}

static void test_device_program_refused(void **state)
{
	struct bpf_insn bad[] = {{.code = BPF_JMP | BPF_EXIT}};
	struct plan_cgroup plan = simple_plan();
	struct cgroup c;
	int r;

	(void)state;
	need_cgroups();
	c = make(&plan);
	plan.device_program = bad;
	plan.n_device_program = 1;
	r = cgroup_attach_devices(&c, &plan, &err);
	assert_true(r == -EACCES || r == -EPERM);
	assert_int_equal(err.id, ERR_DEVICE_POLICY);
	if (r == -EACCES)
		assert_non_null(strstr(err.text, "R0"));
	finish(&c);
}

static uint32_t seed = 7;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* The verifier takes every program: no unreachable instruction, no jump that misses. */
static void test_verifier(void **state)
{
	static const char *const types[] = {"", "c", "b"};
	static const char *const accesses[] = {"rwm", "r", "w", "m", "rw", "wm"};
	struct plan_cgroup plan = simple_plan();
	struct spec_device_rule rules[10];
	struct cgroup c;

	(void)state;
	need_cgroups();
	c = make(&plan);
	for (int i = 0; i < 60; i++) {
		char room[1 << 15];
		struct arena a;
		size_t n = pick(ARRAY_SIZE(rules) + 1);

		arena_init(&a, room, sizeof(room));
		for (size_t k = 0; k < n; k++)
			rules[k] = (struct spec_device_rule){
				pick(2),     types[pick(3)],       accesses[pick(6)],   pick(4) > 0,
				pick(3) > 0, (int64_t)pick(4) - 1, (int64_t)pick(4) - 1};
		ok(plan_device_program(&a, rules, n, true, &plan.device_program,
				       &plan.n_device_program, &err));
		ok(cgroup_attach_devices(&c, &plan, &err));
	}
	finish(&c);
}

/* --- both worlds --------------------------------------------------------------------------------
 */

static void test_unified_world(void **state)
{
	(void)state;
	need_cgroups();
	if (facts.cgroup.arrangement == CGROUP_UNIFIED)
		return;
	if (sys_unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		skip();
	assert_int_equal(set_up(NULL), 0);
	assert_int_equal(facts.cgroup.arrangement, CGROUP_UNIFIED);
}

#define TEST(world, f)                                                                             \
	{                                                                                          \
#f " (" world ")", f, set_up, tear_down, NULL                                      \
	}
#define TESTS(world)                                                                               \
	TEST(world, test_make_and_remove), TEST(world, test_take_over), TEST(world, test_freeze),  \
		TEST(world, test_signal_all), TEST(world, test_kill_without_cgroup_kill),          \
		TEST(world, test_root_is_refused), TEST(world, test_remove_nested),                \
		TEST(world, test_empty_in_use), TEST(world, test_failure_is_undone),               \
		TEST(world, test_enable_controller), TEST(world, test_inner_node_with_processes),  \
		TEST(world, test_pids_limit), TEST(world, test_racing),                            \
		TEST(world, test_optional), TEST(world, test_devices),                             \
		TEST(world, test_device_program_refused), TEST(world, test_verifier)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS("as found"),
		TEST("unified", test_unified_world),
		TESTS("unified"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
