/* coracle seccomp trace: a policy from what a program does.
 *
 * The program runs under a filter that notifies of every call, and each is let go on as soon as it
 * is written down: no ptrace, so that debuggers and crash handlers in it work, and all threads and
 * children are seen. The child that becomes the program shares our descriptors until its exec, so
 * that the listener is ours, too, without a call of its that would have to wait for us. */
#include "seccomp/tools/command.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "seccomp/tools/record.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif

enum {
	OPTION_ARGUMENTS = CLI_OWN,
	OPTION_DENY,
};

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
					     {"arguments", no_argument, NULL, OPTION_ARGUMENTS},
					     {"deny", required_argument, NULL, OPTION_DENY},
					     CLI_LONG_OPTIONS};

/* What child and parent share: memory, for a child under its filter can say nothing else. */
struct shared {
	volatile int listener; /* 0 until there is one; then its number, or -errno */
	volatile int exec_error;
};

static volatile sig_atomic_t program; /* for the handler */

/* --- the child -------------------------------------------------------------------------------- */

static int load_filter(void)
{
	struct sock_filter insns[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
	struct sock_fprog filter = {.len = 1, .filter = insns};
	long fd;

	for (int tries = 0; tries < 3; tries++) {
		unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;

		/* Without it a signal, as Go's runtime sends many, starts the call anew. */
		if (tries == 0)
			flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
		if (fd >= 0 || errno == EBUSY)
			break;
		if (errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

static _noreturn_ void run_program(struct shared *shared, char **argv)
{
	int listener = load_filter();

	shared->listener = listener;
	if (listener >= 0) {
		execvp(argv[0], argv);
		shared->exec_error = errno;
	}
	_exit(127);
}

/* --- the parent ------------------------------------------------------------------------------- */

static void pass_on(int signal)
{
	if (program > 0)
		(void)kill(program, signal);
}

static void nothing(int signal)
{
	(void)signal;
}

/* Those that end us end the program, which lets us write what we have; SIGCHLD interrupts what
 * waits for a notification that went with its process. */
static void catch_signals(void)
{
	static const int passed[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
	struct sigaction act = {.sa_handler = pass_on};

	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		(void)sigaction(passed[i], &act, NULL);
	act.sa_handler = nothing;
	(void)sigaction(SIGCHLD, &act, NULL);
	/* Orphans of the program are ours: their end, too, is told. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* The listener, once the child has one. */
static int wait_for_listener(const struct shared *shared, pid_t child)
{
	const struct timespec pause = {.tv_nsec = 200000};

	while (shared->listener == 0) {
		siginfo_t info = {0};

		if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == child && shared->listener == 0)
			return -ECHILD;
		(void)nanosleep(&pause, NULL);
	}
	return shared->listener;
}

/* Write down one call and let it go on. Returns false when no process is left. */
static bool serve(int listener, struct record *record)
{
	struct pollfd poll_fd = {.fd = listener, .events = POLLIN};
	struct seccomp_notif notif;
	struct seccomp_notif_resp resp;
	uint64_t args[6];

	if (poll(&poll_fd, 1, -1) < 0)
		return errno == EINTR;
	if (!(poll_fd.revents & POLLIN))
		return !(poll_fd.revents & (POLLHUP | POLLERR));
	memset(&notif, 0, sizeof(notif));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0)
		return errno == EINTR || errno == ENOENT;
	for (unsigned i = 0; i < ARRAY_SIZE(args); i++)
		args[i] = notif.data.args[i];
	record_call(record, notif.data.arch, (uint32_t)notif.data.nr, args);
	memset(&resp, 0, sizeof(resp));
	resp.id = notif.id;
	resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* -ENOENT: a signal ended the call meanwhile. */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	return true;
}

/* Collect the ends of children; the program's status. */
static int reap(pid_t child)
{
	int status, result = EXIT_FAILED;
	pid_t pid;

	while ((pid = waitpid(-1, &status, 0)) > 0 || (pid < 0 && errno == EINTR)) {
		if (pid != child)
			continue;
		result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return result;
}

static int fail(struct cli *c, int code, const char *what)
{
	struct err e = {0};

	(void)err_sys(&e, code == -ENOMEM ? ERR_INTERNAL : ERR_SECCOMP, code, "%s", what);
	if (code == -EBUSY)
		(void)err_hint(&e, "this process is under a filter that notifies already");
	return cli_fail(c, &e);
}

static int trace(struct cli *c, char **argv, struct record *record, int *ret_status)
{
	struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct err e = {0};
	int listener;
	pid_t child;

	if (shared == MAP_FAILED)
		return fail(c, -errno, "share memory with the program");
	catch_signals();
	child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (child < 0)
		return fail(c, -errno, "make a process");
	if (child == 0)
		run_program(shared, argv);
	program = child;
	listener = wait_for_listener(shared, child);
	if (listener < 0) {
		(void)reap(child);
		return fail(c, listener, "load a filter that notifies");
	}
	while (serve(listener, record))
		;
	*ret_status = reap(child);
	(void)close(listener);
	if (!shared->exec_error)
		return 0;
	(void)err_sys(&e, ERR_EXEC_FAILED, -shared->exec_error, "execute %s", argv[0]);
	return cli_fail(c, &e);
}

/* The command line on one line, for a comment. */
static const char *join(struct arena *a, char **argv)
{
	const char *text = "";

	for (size_t i = 0; argv[i] && text; i++)
		text = arena_format(a, "%s%s%s", text, i ? " " : "", argv[i]);
	for (char *p = (char *)text; p && *p; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	return text;
}

/* Is it an action, and nothing more? */
static bool is_action(struct cli *c, const char *deny)
{
	struct policy_log log = {.arena = c->arena};
	char *text = arena_format(c->arena, "=> %s;", deny);
	struct policy_rules rules;

	return text &&
	       policy_parse(c->arena, "--deny", text, strlen(text), &c->options, &rules, &log) ==
		       0 &&
	       rules.n == 1;
}

int command_trace(struct cli *c, int argc, char **argv)
{
	const char *output = NULL, *deny = "ERRNO(EPERM)", *text, *command;
	struct record *record;
	bool arguments = false;
	int opt, status, code;

	while ((opt = getopt_long(argc, argv, "+ho:", long_options, NULL)) != -1) {
		if (opt == 'o')
			output = optarg;
		else if (opt == OPTION_ARGUMENTS)
			arguments = true;
		else if (opt == OPTION_DENY)
			deny = optarg;
		else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc == optind)
		return cli_usage(c, "expected a PROGRAM");
	if (!is_action(c, deny))
		return cli_usage(c, "option --deny: '%s' is no action", deny);
	record = record_new(c->arena, arguments);
	command = join(c->arena, argv + optind);
	if (!record || !command)
		return fail(c, -ENOMEM, "trace the program");
	status = trace(c, argv + optind, record, &code);
	if (status)
		return status;
	text = record_policy(c->arena, record, command, deny, c->options.native);
	if (!text)
		return fail(c, -ENOMEM, "write the policy");
	status = cli_write(c, output ? output : "/dev/stderr", text, strlen(text), true);
	return status ? status : code;
}
