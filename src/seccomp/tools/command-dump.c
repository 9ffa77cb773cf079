/* coracle seccomp dump: the filters that a process is under, by PTRACE_SECCOMP_GET_FILTER (4.4).
 * The kernel wants CAP_SYS_ADMIN for that, and no filter on us. The process is stopped meanwhile.
 */
#include "seccomp/tools/command.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/str.h"
#include "seccomp/policy/text.h"
#include "seccomp/tools/disasm.h"

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

enum {
	OPTION_INDEX = CLI_OWN
};

static const struct option long_options[] = {{"format", required_argument, NULL, 'f'},
					     {"index", required_argument, NULL, OPTION_INDEX},
					     {"output", required_argument, NULL, 'o'},
					     CLI_LONG_OPTIONS};

struct wish {
	pid_t pid;
	bool raw;
	uint32_t index; /* UINT32_MAX: all */
	const char *output;
};

/* The filter at @index, 0 being the last one that was loaded. Returns its length, or -errno. */
static long get_filter(pid_t pid, uint32_t index, struct sock_filter *insns)
{
	long n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)(uintptr_t)index, insns);

	return n < 0 ? -errno : n;
}

static int attach(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
		return -errno;
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSTOPPED(status) ? 0 : -ESRCH;
}

static int fail(struct cli *c, int code, const char *what, pid_t pid)
{
	struct err e = {0};

	/* EINVAL is what the kernel says of a process without any. */
	if (code == -EINVAL)
		(void)err_set(&e, ERR_SECCOMP, code, "process %d is under no filter", pid);
	else if (code == -ENOENT)
		(void)err_set(&e, ERR_SECCOMP, code, "process %d has no such filter", pid);
	else
		(void)err_sys(&e, code == -EACCES || code == -EPERM ? ERR_PERMISSION : ERR_SECCOMP,
			      code, "%s %d", what, pid);
	if (code == -EACCES || code == -EPERM)
		(void)err_hint(&e, "the kernel wants CAP_SYS_ADMIN, and no filter on who asks");
	return cli_fail(c, &e);
}

/* All that is wished, as text. */
static int collect_text(struct cli *c, const struct wish *w, struct sock_filter *insns,
			struct policy_text *t)
{
	uint32_t first = w->index == UINT32_MAX ? 0 : w->index;
	long n = 0;

	for (uint32_t i = first; w->index == UINT32_MAX || i == first; i++) {
		const char *text;

		n = get_filter(w->pid, i, insns);
		if (n <= 0)
			break;
		text = disasm_text(c->arena, insns, (size_t)n);
		if (!text)
			return -ENOMEM;
		policy_text_add(t, "filter %u, %ld instructions:\n", i, n);
		for (size_t at = 0, len = strlen(text); at < len; at += 400)
			policy_text_add(t, "%.400s", text + at);
	}
	if (n < 0 && !(n == -ENOENT && t->len))
		return (int)n;
	return t->failed ? -ENOMEM : 0;
}

static int dump(struct cli *c, const struct wish *w)
{
	struct sock_filter *insns = arena_newn(c->arena, struct sock_filter, BPF_MAXINSNS);
	struct policy_text t;
	long n = 0;
	int r = insns ? attach(w->pid) : -ENOMEM;

	if (r < 0)
		return fail(c, r, "stop process", w->pid);
	policy_text_init(&t, c->arena);
	if (w->raw)
		n = get_filter(w->pid, w->index, insns);
	else
		r = collect_text(c, w, insns, &t);
	(void)ptrace(PTRACE_DETACH, w->pid, NULL, NULL);
	if (n < 0 || r < 0)
		return fail(c, n < 0 ? (int)n : r, "read the filters of process", w->pid);
	if (w->raw)
		return cli_write(c, w->output, insns, (size_t)n * sizeof(*insns), false);
	return cli_write(c, w->output, t.text, t.len, true);
}

int command_dump(struct cli *c, int argc, char **argv)
{
	struct wish w = {.index = UINT32_MAX};
	uint32_t pid;
	int opt;

	while ((opt = getopt_long(argc, argv, "hf:o:", long_options, NULL)) != -1) {
		if (opt == 'f' && (str_eq(optarg, "raw") || str_eq(optarg, "text")))
			w.raw = str_eq(optarg, "raw");
		else if (opt == 'o')
			w.output = optarg;
		else if (opt == OPTION_INDEX) {
			if (str_to_u32(optarg, 100000, &w.index) < 0)
				return cli_usage(c, "option --index: '%s' is no number", optarg);
		} else if (!cli_option(c, opt))
			return cli_usage(c, "bad option: '%s'", argv[optind - 1]);
	}
	if (argc - optind != 1 || str_to_u32(argv[optind], INT32_MAX, &pid) < 0 || pid == 0)
		return cli_usage(c, "expected one PID");
	if (w.raw && w.index == UINT32_MAX)
		w.index = 0;
	w.pid = (pid_t)pid;
	return dump(c, &w);
}
