/* Makes system calls that an agent answers: CALL [ARGUMENT]... [, CALL [ARGUMENT]...]... Arguments
 * that begin with a digit are numbers, others strings. For each a line "CALL ok", or what the call
 * has written to "@", or "CALL NUMBER", the errno. "wait" waits for SIGUSR1. "hostile SECONDS" does
 * what an agent must survive: see below. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name;
	long nr;
} calls[] = {
	{"getppid", SYS_getppid},     {"setuid", SYS_setuid},
	{"setgroups", SYS_setgroups}, {"setresuid", SYS_setresuid},
	{"setresgid", SYS_setresgid}, {"setxattr", SYS_setxattr},
	{"lsetxattr", SYS_lsetxattr}, {"removexattr", SYS_removexattr},
	{"fchownat", SYS_fchownat},   {"mknodat", SYS_mknodat},
	{"mount", SYS_mount},         {"fsopen", SYS_fsopen},
	{"umount2", SYS_umount2},     {"getxattr", SYS_getxattr},
	{"lgetxattr", SYS_lgetxattr}, {"listxattr", SYS_listxattr},
	{"sysinfo", SYS_sysinfo},
};

static void on_signal(int sig)
{
	(void)sig;
}

static int wait_for_signal(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t one, old;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, &old);
	sigaction(SIGUSR1, &sa, NULL);
	puts("waiting");
	fflush(stdout);
	sigsuspend(&old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return 0;
}

/* "@" stands for memory that the call writes to. */
static char written[256];

static long take_argument(char *word)
{
	if (word[0] >= '0' && word[0] <= '9')
		return strtol(word, NULL, 0);
	return strcmp(word, "@") == 0 ? (long)written : (long)word;
}

static int make_call(int n, char **words)
{
	long args[6] = {0}, nr = -1, r;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (strcmp(calls[i].name, words[0]) == 0)
			nr = calls[i].nr;
	for (int i = 1; i < n && i <= 6; i++)
		args[i - 1] = take_argument(words[i]);
	memset(written, 0, sizeof(written));
	r = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (r < 0)
		printf("%s %d\n", words[0], errno);
	else if (written[0] == '\0')
		printf("%s ok\n", words[0]);
	for (long i = 0; r > 0 && i < r && written[0]; i++)
		putchar(written[i] ? written[i] : i + 1 < r ? ' ' : '\n');
	if (r > 0 && written[0] && written[r - 1])
		putchar('\n');
	fflush(stdout);
	return 0;
}

/* --- a hostile container --------------------------------------------------------------------- */

static char path[64], type[16];
static char results[70000]; /* what calls write, so that it is not over what we need ourselves */
static volatile bool ends;

/* Change arguments while they are read: between names inside and outside, links and devices. */
static void *race(void *unused)
{
	static const char *const paths[] = {"/tmp/a",   "/tmp/b/../../../etc/passwd",
					    "/tmp/l/x", "/proc/1/root/tmp/x",
					    "/tmp/n",   ""};
	static const char *const types[] = {"tmpfs", "ext4", "proc", "bpf", ""};

	(void)unused;
	for (unsigned i = 0; !ends; i++) {
		snprintf(path, sizeof(path), "%s", paths[i % ARRAY_SIZE(paths)]);
		snprintf(type, sizeof(type), "%s", types[i % ARRAY_SIZE(types)]);
	}
	return NULL;
}

/* Exchange a link for a folder, and the other way round, over and over. */
static void *turn(void *unused)
{
	(void)unused;
	while (!ends) {
		(void)unlink("/tmp/l");
		(void)symlink("/", "/tmp/l");
		(void)rename("/tmp/l", "/tmp/m");
		(void)mkdir("/tmp/l", 0755);
		(void)rename("/tmp/a", "/tmp/l/a");
		(void)rmdir("/tmp/l");
	}
	return NULL;
}

static void one_call(unsigned i)
{
	long bad_result = i % 3 ? (long)results : (long)0x7ffffffff000 - (long)(i % 4096);
	long bad = i % 3 ? (long)path : (long)0x7ffffffff000 - (long)(i % 4096);

	switch (i % 13) {
	case 0:
		(void)syscall(SYS_fchownat, AT_FDCWD, path, 70001, 70002, i % 5 ? 0 : 0x100);
		break;
	case 1:
		(void)syscall(SYS_mknodat, AT_FDCWD, path, S_IFCHR | 0666, makedev(1, i % 9));
		break;
	case 2:
		(void)syscall(SYS_mount, "none", path, type, i & 0x1fff, bad);
		break;
	case 3:
		(void)syscall(SYS_setxattr, path, "trusted.overlay.opaque", bad, i % 5000, 0);
		break;
	case 4:
		(void)syscall(SYS_setgroups, i % 70000, bad);
		break;
	case 5:
		(void)syscall(SYS_mknodat, (int)(i % 7) - 1, bad, S_IFCHR, makedev(1, 3));
		break;
	case 6:
		(void)syscall(SYS_fchownat, (int)(i % 7), bad, -1, 70002, 0x1000);
		break;
	case 7:
		(void)syscall(SYS_fchownat, AT_FDCWD, "/etc/passwd", 70001, -1, 0);
		break;
	case 8:
		(void)syscall(SYS_umount2, path, i % 16);
		break;
	case 9:
		(void)syscall(SYS_getxattr, path, "trusted.overlay.opaque", bad_result, i % 5000);
		break;
	case 10:
		(void)syscall(SYS_listxattr, path, bad_result, i % 70000);
		break;
	case 11:
		(void)syscall(SYS_sysinfo, bad_result);
		break;
	default:
		(void)unlink("/tmp/n");
		(void)unlink("/tmp/a");
		break;
	}
}

static void *flood(void *seed)
{
	for (unsigned i = (unsigned)(long)seed; !ends; i += 7)
		one_call(i);
	return NULL;
}

/* A process that makes calls from many threads and is killed in the middle of them. */
static void die_asking(unsigned seed)
{
	struct timespec t = {.tv_nsec = 100000 + seed % 50 * 400000};
	pid_t pid = fork();
	pthread_t thread;

	if (pid == 0) {
		for (unsigned i = 0; i < 6; i++)
			(void)pthread_create(&thread, NULL, flood, (void *)(long)(seed + i));
		for (;;)
			one_call(seed++);
	}
	nanosleep(&t, NULL);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static int be_hostile(int seconds)
{
	time_t end = time(NULL) + seconds;
	unsigned rounds = 0;
	pthread_t thread;

	(void)mkdir("/tmp/b", 0755);
	(void)pthread_create(&thread, NULL, race, NULL);
	(void)pthread_create(&thread, NULL, turn, NULL);
	for (long i = 0; i < 4; i++)
		(void)pthread_create(&thread, NULL, flood, (void *)i);
	while (time(NULL) < end)
		die_asking(rounds++);
	ends = true;
	printf("rounds %u\n", rounds);
	return 0;
}

int main(int argc, char **argv)
{
	int first = 1;

	if (argc == 3 && strcmp(argv[1], "hostile") == 0)
		return be_hostile(atoi(argv[2]));
	for (int i = 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], ",") != 0)
			continue;
		if (strcmp(argv[first], "wait") == 0)
			wait_for_signal();
		else
			make_call(i - first, argv + first);
		first = i + 1;
	}
	return 0;
}
