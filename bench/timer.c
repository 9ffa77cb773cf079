/* timer [--rounds N] [--seconds S] [--warmup N] [--pause US] [--peak 1] :: STEP [, STEP]… [:: …]…
 *
 * Runs two or more sides in turn and prints what each round of each side took, as JSON:
 *   {"sides": [{"ns": […], "maxrss": […]}, …]}
 * Wall time is from before the posix_spawn to after the wait4, summed over the timed steps of a
 * round; maxrss is the kernel's idea of the memory of their processes, in KiB. Every round runs all
 * sides, and another one first each time, so that what slows the machine slows all of them. Ends
 * after N rounds or S seconds.
 *
 * With --peak 1 the timed processes are stopped at their end, and maxrss is what their page tables
 * hold then, or held at most: the kernel counts by processor, and what it says of a small process
 * can be off by all that the process has. Their times mean nothing.
 *
 * A step is one of these words and what belongs to it:
 *   + PROGRAM ARGUMENT…   run it, timed
 *   - PROGRAM ARGUMENT…   run it, not timed
 *   wait FILE             reap the process whose pid is in FILE: of a container, whose processes
 *                         become ours when the runtime has ended
 *
 * Small and static, since a child starts with its parent's peak memory, and since what surrounds a
 * measurement should be nothing. A step that fails ends all with its words and status 1. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIDES_MAX 8
#define STEPS_MAX 8

struct step {
	char **argv; /* NULL-terminated */
	bool timed, wait;
};

struct side {
	struct step steps[STEPS_MAX];
	size_t n;
	uint64_t *ns;
	long *maxrss;
};

struct options {
	size_t rounds, warmup;
	double seconds;
	unsigned pause_us;
};

static int stderr_fd; /* what the step that runs now says */
static bool peak;     /* --peak */

static uint64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static _Noreturn void fail(const struct step *s, const char *what, int n)
{
	char text[4096];
	ssize_t len;

	(void)fprintf(stderr, "timer: %s %d:", what, n);
	for (char **a = s->argv; *a; a++)
		(void)fprintf(stderr, " %s", *a);
	(void)fputc('\n', stderr);
	len = pread(stderr_fd, text, sizeof(text), 0);
	if (len > 0)
		(void)fwrite(text, 1, (size_t)len, stderr);
	exit(1);
}

/* --- steps ------------------------------------------------------------------------------------ */

/* The number behind @key in a file of /proc/PID, 0 when there is none. */
static long proc_number(pid_t pid, const char *file, const char *key)
{
	char path[64], line[256];
	long value = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "re");
	while (f && value == 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key), NULL, 10);
	if (f)
		(void)fclose(f);
	return value;
}

/* Run it traced, up to its end. Threads and children are not. */
static void run_to_peak(const struct step *s, long *maxrss)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), status;
	pid_t pid = null < 0 ? -1 : fork();
	long rss, most;

	if (pid == 0) {
		(void)dup2(null, 0);
		(void)dup2(null, 1);
		(void)dup2(stderr_fd, 2);
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)execve(s->argv[0], s->argv, environ);
		_exit(127);
	}
	/* The exec stops it; then signals do, and its end, and when it executes another program. */
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   (void *)(PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC)) != 0)
		fail(s, "cannot trace, error", errno);
	(void)close(null);
	for (long signal = 0;; signal = status >> 16 ? 0 : WSTOPSIG(status)) {
		(void)ptrace(PTRACE_CONT, pid, NULL, (void *)signal);
		if (waitpid(pid, &status, 0) != pid)
			fail(s, "cannot wait, error", errno);
		if (!WIFSTOPPED(status))
			break;
		if (status >> 16 != PTRACE_EVENT_EXIT)
			continue;
		rss = proc_number(pid, "smaps_rollup", "Rss:");
		most = proc_number(pid, "status", "VmHWM:");
		*maxrss = rss > *maxrss ? rss : *maxrss;
		*maxrss = most > *maxrss ? most : *maxrss;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail(s, "status", status);
}

static void run(const struct step *s, posix_spawn_file_actions_t *actions, uint64_t *ns,
		long *maxrss)
{
	struct rusage usage = {0};
	uint64_t begin;
	int status = 0, r;
	pid_t pid;

	(void)ftruncate(stderr_fd, 0);
	if (peak && s->timed) {
		run_to_peak(s, maxrss);
		return;
	}
	begin = now();
	r = posix_spawn(&pid, s->argv[0], actions, NULL, s->argv, environ);
	if (r != 0)
		fail(s, "cannot start, error", r);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			fail(s, "cannot wait, error", errno);
	*ns += now() - begin;
	if (usage.ru_maxrss > *maxrss)
		*maxrss = usage.ru_maxrss;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail(s, "status", status);
}

static void reap(const struct step *s)
{
	FILE *f = fopen(s->argv[0], "re");
	int pid = 0;

	if (!f || fscanf(f, "%d", &pid) != 1)
		fail(s, "no pid, error", errno);
	(void)fclose(f);
	if (waitpid(pid, NULL, 0) != pid)
		fail(s, "no such child, error", errno);
}

static void run_side(struct side *s, posix_spawn_file_actions_t *actions, size_t round)
{
	uint64_t ignored_ns;
	long ignored;

	s->ns[round] = 0;
	s->maxrss[round] = 0;
	for (size_t n = 0; n < s->n; n++) {
		const struct step *step = &s->steps[n];

		if (step->wait)
			reap(step);
		else
			run(step, actions, step->timed ? &s->ns[round] : &ignored_ns,
			    step->timed ? &s->maxrss[round] : &ignored);
	}
	/* What the round left: processes of containers that were killed. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

/* Returns the number of rounds. */
static size_t run_all(struct side *sides, size_t n, const struct options *o)
{
	posix_spawn_file_actions_t actions;
	uint64_t begin = 0;
	size_t round = 0;

	if (posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, stderr_fd, 2) != 0)
		exit(1);
	for (size_t total = 0; round < o->rounds; total++) {
		if (total == o->warmup)
			begin = now();
		else if (total > o->warmup && (double)(now() - begin) > o->seconds * 1e9)
			break;
		for (size_t k = 0; k < n; k++) {
			if (o->pause_us > 0)
				(void)usleep(o->pause_us);
			run_side(&sides[(total + k) % n], &actions, round);
		}
		/* Until the warm-up is over, the first row is written over. */
		if (total >= o->warmup)
			round++;
	}
	return round;
}

/* --- arguments and result --------------------------------------------------------------------- */

static _Noreturn void usage(void)
{
	(void)fputs("usage: timer [--rounds N] [--seconds S] [--warmup N] [--pause US] "
		    ":: + PROGRAM ARGUMENT… [, - PROGRAM ARGUMENT… | , wait FILE]… [:: …]…\n",
		    stderr);
	exit(2);
}

static char **parse_options(char **argv, struct options *o)
{
	for (; *argv && strcmp(*argv, "::") != 0; argv += 2) {
		if (!argv[1])
			usage();
		if (strcmp(*argv, "--rounds") == 0)
			o->rounds = strtoul(argv[1], NULL, 10);
		else if (strcmp(*argv, "--warmup") == 0)
			o->warmup = strtoul(argv[1], NULL, 10);
		else if (strcmp(*argv, "--pause") == 0)
			o->pause_us = (unsigned)strtoul(argv[1], NULL, 10);
		else if (strcmp(*argv, "--peak") == 0)
			peak = strcmp(argv[1], "1") == 0;
		else if (strcmp(*argv, "--seconds") == 0)
			o->seconds = strtod(argv[1], NULL);
		else
			usage();
	}
	return argv;
}

/* One side, from behind its "::". Separators become the NULLs that end argument lists. Returns
 * where the next one begins. */
static char **parse_side(char **argv, struct side *s)
{
	while (*argv && strcmp(*argv, "::") != 0) {
		struct step *step = &s->steps[s->n++];

		if (s->n > STEPS_MAX)
			usage();
		step->timed = strcmp(*argv, "+") == 0;
		step->wait = strcmp(*argv, "wait") == 0;
		if ((!step->timed && !step->wait && strcmp(*argv, "-") != 0) || !argv[1])
			usage();
		step->argv = ++argv;
		while (*argv && strcmp(*argv, "::") != 0 && strcmp(*argv, ",") != 0)
			argv++;
		if (*argv && strcmp(*argv, ",") == 0)
			*argv++ = NULL;
	}
	return argv;
}

static void print(const struct side *s, size_t rounds)
{
	(void)printf("{\"ns\": [");
	for (size_t n = 0; n < rounds; n++)
		(void)printf("%s%" PRIu64, n ? ", " : "", s->ns[n]);
	(void)printf("], \"maxrss\": [");
	for (size_t n = 0; n < rounds; n++)
		(void)printf("%s%ld", n ? ", " : "", s->maxrss[n]);
	(void)printf("]}");
}

int main(int argc, char **argv)
{
	struct options o = {.rounds = 100, .warmup = 3, .seconds = 3600};
	struct side sides[SIDES_MAX] = {0};
	size_t n = 0, rounds;

	(void)argc;
	argv = parse_options(argv + 1, &o);
	while (*argv && n < SIDES_MAX) {
		*argv++ = NULL; /* the "::", which ends the side before */
		argv = parse_side(argv, &sides[n]);
		sides[n].ns = calloc(o.rounds + 1, sizeof(uint64_t));
		sides[n].maxrss = calloc(o.rounds + 1, sizeof(long));
		if (sides[n].n == 0 || !sides[n].ns || !sides[n].maxrss)
			usage();
		n++;
	}
	stderr_fd = memfd_create("stderr", MFD_CLOEXEC);
	if (n == 0 || *argv || stderr_fd < 0)
		usage();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	rounds = run_all(sides, n, &o);
	(void)printf("{\"sides\": [");
	for (size_t k = 0; k < n; k++) {
		(void)printf("%s", k ? ",\n" : "\n");
		print(&sides[k], rounds);
	}
	(void)printf("\n]}\n");
	return fflush(stdout) == 0 ? 0 : 1;
}
