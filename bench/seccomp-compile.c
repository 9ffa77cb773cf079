/* What a seccomp profile costs: to compile and to load, by us and by libseccomp (both of its
 * optimization levels), and per system call afterwards.
 *
 *	seccomp-compile CONFIG.json [RUNS]
 *
 * prints medians over RUNS (200). Each load happens in a child of its own. libseccomp is driven as
 * crun drives it. Build: cc -O2 -Isrc, with the sources of base/, oci/ and seccomp/compile/,
 * -lseccomp. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "seccomp/compile/compile.h"
#include "seccomp/compile/emit.h"
#include "seccomp/compile/test-simulator.h"
#include "seccomp/compile/verify.h"

#define PREFIX    "SCMP_ARCH_"
#define INSNS_MAX 65536
#define RUNS_MAX  10000
#define CALLS     20000
#define CALL_RUNS 9

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "seccomp-compile: %s\n", what);
	exit(1);
}

/* --- loading -----------------------------------------------------------------------------------
 */

struct load_cost {
	double load, call; /* µs, ns */
};

static double time_calls(void)
{
	double v[CALL_RUNS];

	for (unsigned r = 0; r < CALL_RUNS; r++) {
		double start = now();

		for (unsigned i = 0; i < CALLS; i++)
			(void)syscall(SYS_getppid);
		v[r] = (now() - start) * 1e3 / CALLS;
	}
	return median(v, CALL_RUNS);
}

/* In a child: load, then call. @n 0 loads nothing. */
static struct load_cost load_once(struct sock_filter *insns, size_t n, bool call)
{
	struct sock_fprog prog = {(unsigned short)n, insns};
	struct load_cost *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct load_cost result;
	pid_t pid = fork();
	int status;

	if (shared == MAP_FAILED || pid < 0)
		die("mmap or fork");
	if (pid == 0) {
		double start;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			_exit(1);
		start = now();
		if (n && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
			_exit(1);
		shared->load = now() - start;
		shared->call = call ? time_calls() : 0;
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("the filter cannot be loaded, or stops the child");
	result = *shared;
	(void)munmap(shared, sizeof(*shared));
	return result;
}

/* --- libseccomp ------------------------------------------------------------------------------- */

static uint32_t their_action(const char *name, bool has_errno, uint32_t errno_ret)
{
	if (str_eq(name, "SCMP_ACT_ALLOW"))
		return SCMP_ACT_ALLOW;
	if (str_eq(name, "SCMP_ACT_ERRNO"))
		return SCMP_ACT_ERRNO(has_errno ? errno_ret : EPERM);
	die("only ALLOW and ERRNO are translated here");
}

static enum scmp_compare their_op(const char *name)
{
	static const char *const names[] = {"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(name + strlen("SCMP_CMP_"), names[i]))
			return (enum scmp_compare)(SCMP_CMP_NE + i);
	die("an operator");
}

static uint32_t their_arch(const char *name)
{
	char lower[24] = "";

	name += strlen(PREFIX);
	for (size_t i = 0; i < sizeof(lower) - 1 && name[i]; i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
	return seccomp_arch_resolve_name(lower);
}

static size_t their_program(const struct spec_seccomp *p, uint32_t optimize, int fd,
			    struct sock_filter *insns)
{
	uint32_t default_action =
		their_action(p->default_action, p->has_default_errno_ret, p->default_errno_ret);
	scmp_filter_ctx ctx = seccomp_init(default_action);
	ssize_t size;

	for (size_t i = 0; i < p->architectures.n; i++)
		(void)seccomp_arch_add(ctx, their_arch(p->architectures.items[i]));
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
	for (size_t i = 0; i < p->n_syscalls; i++) {
		const struct spec_seccomp_syscall *s = &p->syscalls[i];
		uint32_t action = their_action(s->action, s->has_errno_ret, s->errno_ret);
		struct scmp_arg_cmp cmp[6];

		for (size_t k = 0; k < s->n_args && k < 6; k++)
			cmp[k] = (struct scmp_arg_cmp){s->args[k].index, their_op(s->args[k].op),
						       s->args[k].value, s->args[k].value_two};
		for (size_t k = 0; k < s->names.n && action != default_action; k++) {
			int nr = seccomp_syscall_resolve_name(s->names.items[k]);

			if (nr != __NR_SCMP_ERROR)
				(void)seccomp_rule_add_array(ctx, action, nr, (unsigned)s->n_args,
							     cmp);
		}
	}
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 || seccomp_export_bpf(ctx, fd) < 0)
		die("libseccomp's export");
	seccomp_release(ctx);
	size = pread(fd, insns, INSNS_MAX * sizeof(*insns), 0);
	return (size_t)size / sizeof(*insns);
}

/* --- rows ---------------------------------------------------------------------------------------
 */

static double mean_steps(const struct sock_filter *insns, size_t n)
{
	static const uint32_t archs[] = {0xc000003e, 0x40000003};
	static const uint64_t zeros[6];
	unsigned steps = 0, points = 0;

	for (size_t a = 0; a < ARRAY_SIZE(archs); a++) {
		for (uint32_t nr = 0; nr < 470; nr++) {
			struct sim_data d = sim_data(archs[a], nr, zeros, false);
			bool ok;

			(void)sim_run(insns, n, &d, &steps, &ok);
			points++;
		}
	}
	return (double)steps / points;
}

static void row(const char *what, double compile, struct sock_filter *insns, size_t n,
		unsigned runs)
{
	static double load[RUNS_MAX];
	double call;

	for (unsigned i = 0; i < runs; i++)
		load[i] = load_once(insns, n, false).load;
	call = load_once(insns, n, true).call;
	printf("%-34s %10.1f %10.1f %10.1f %8zu %8.1f %8.0f\n", what, compile, median(load, runs),
	       compile + median(load, runs), n, n ? mean_steps(insns, n) : 0, call);
}

static void ours(const struct spec_seccomp *spec, unsigned runs)
{
	static double policy_time[RUNS_MAX], emit_time[RUNS_MAX], verify_time[RUNS_MAX],
		all[RUNS_MAX];
	static struct sock_filter insns[INSNS_MAX];
	struct seccomp_options options = {.native = (enum seccomp_arch)seccomp_native_arch()};
	size_t n = 0;

	for (unsigned i = 0; i < runs; i++) {
		struct seccomp_program program = {0};
		const struct seccomp_warning *warnings;
		struct seccomp_policy policy;
		struct err e = {0};
		struct arena a;
		double t[4];
		int r;

		arena_init(&a, NULL, 0);
		t[0] = now();
		r = seccomp_policy_from_oci(&a, spec, &options, &policy, &warnings, &e);
		t[1] = now();
		if (r == 0)
			r = seccomp_emit(&a, &policy, &program, &e);
		t[2] = now();
		if (r == 0)
			r = seccomp_verify(&a, &policy, &program, SECCOMP_VERIFY_QUICK, NULL, &e);
		t[3] = now();
		if (r < 0)
			die(e.text);
		policy_time[i] = t[1] - t[0];
		emit_time[i] = t[2] - t[1];
		verify_time[i] = t[3] - t[2];
		all[i] = t[3] - t[0];
		n = program.n;
		memcpy(insns, program.insns, n * sizeof(*insns));
		arena_done(&a);
	}
	printf("# ours: policy %.1f, emit %.1f, verify %.1f; the first run %.1f µs\n",
	       median(policy_time, runs), median(emit_time, runs), median(verify_time, runs),
	       all[0]);
	row("coracle", median(all, runs), insns, n, runs);
}

static void theirs(const struct spec_seccomp *spec, uint32_t optimize, const char *what,
		   unsigned runs)
{
	static struct sock_filter insns[INSNS_MAX];
	static double all[RUNS_MAX];
	int fd = memfd_create("program", MFD_CLOEXEC);
	unsigned few = runs > 50 ? 50 : runs;
	size_t n = 0;

	for (unsigned i = 0; i < few; i++) {
		double start = now();

		n = their_program(spec, optimize, fd, insns);
		all[i] = now() - start;
	}
	row(what, median(all, few), insns, n, runs);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
	unsigned runs = argc > 2 ? (unsigned)atoi(argv[2]) : 200;
	struct err e = {0};
	struct stat st;
	struct spec spec;
	struct arena a;
	char *text;
	int fd;

	if (argc < 2 || runs < 1 || runs > RUNS_MAX)
		die("usage: seccomp-compile CONFIG.json [RUNS]");
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die("the configuration cannot be read");
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
		die("the configuration cannot be read");
	arena_init(&a, NULL, 0);
	if (spec_parse(&a, text, (size_t)st.st_size, &spec, &e) < 0)
		die(e.text);
	printf("# medians of %u runs, µs; mean steps over the numbers of x86_64 and x86; getppid in ns\n",
	       runs);
	printf("%-34s %10s %10s %10s %8s %8s %8s\n", "", "compile", "load", "both", "insns",
	       "steps", "getppid");
	row("no filter", 0, NULL, 0, runs);
	row("return ALLOW", 0, allow, 1, runs);
	ours(&spec.linux_.seccomp, runs);
	theirs(&spec.linux_.seccomp, 1, "libseccomp, optimization 1 (crun)", runs);
	theirs(&spec.linux_.seccomp, 2, "libseccomp, optimization 2 (runc)", runs);
	return 0;
}
