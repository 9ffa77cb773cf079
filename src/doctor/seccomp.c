/* Filters, and listeners for what they hand out. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "doctor/doctor.h"
#include "doctor/trial.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif

/* --- seccomp-filter ----------------------------------------------------------------------------
 */

static int load_filter(void *arg, struct trial *t)
{
	struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog program = {.len = 1, .filter = allow};

	(void)arg;
	if (trial_step(t, "set no_new_privs", sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0)
		return t->code;
	return trial_step(t, "load a filter", sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program));
}

/* The names of the actions that the kernel lacks. */
static const char *missing_actions(const struct doctor *d)
{
	static const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{"kill", SECCOMP_RET_KILL_THREAD},  {"kill process", SECCOMP_RET_KILL_PROCESS},
		{"trap", SECCOMP_RET_TRAP},         {"errno", SECCOMP_RET_ERRNO},
		{"notify", SECCOMP_RET_USER_NOTIF}, {"trace", SECCOMP_RET_TRACE},
		{"log", SECCOMP_RET_LOG},           {"allow", SECCOMP_RET_ALLOW},
	};
	const char *missing = "";

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		uint32_t action = actions[i].action;

		if (missing && sys_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
			missing = arena_format(d->arena, "%s%s%s", missing, *missing ? ", " : "",
					       actions[i].name);
	}
	return missing ? missing : "";
}

void check_seccomp_filter(const struct doctor *d, struct finding *f)
{
	const char *missing = missing_actions(d);
	struct trial t;
	int r = trial_run(0, -EBADF, load_filter, NULL, NULL, &t);
	char words[24];

	if (r < 0 || t.code < 0) {
		finding_set(f, VERDICT_FAIL, "cannot %s: %s", r < 0 ? "make a process" : t.what,
			    errno_words(r < 0 ? r : t.code, words));
		f->afterwards =
			d->filtered ? "the filter around us refuses it: run outside of this sandbox"
				    : "boot a kernel with CONFIG_SECCOMP_FILTER";
	} else if (*missing) {
		finding_set(f, VERDICT_WARN, "works, but not these actions: %s", missing);
		f->afterwards = "boot a newer kernel; profiles without them work";
	} else {
		finding_set(f, VERDICT_OK, "filters and all eight actions%s",
			    d->filtered ? "; one holds for us already, and for containers too"
					: "");
	}
}

/* --- seccomp-notify ----------------------------------------------------------------------------
 */

/* Load a filter that hands out getppid(), and return its listener. */
static int load_listener(struct trial *t, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0 /* nr */),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	return trial_step(t, "load a filter with a listener",
			  sys_seccomp(SECCOMP_SET_MODE_FILTER,
				      SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &program));
}

/* What the agent's half does, in a process that was there before the filter and shares the table
 * of descriptors: answer one call with -EXDEV. */
static int answer(int listener)
{
	struct seccomp_notif request = {0};
	struct seccomp_notif_resp response = {0};
	int r = sys_ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request);

	if (r < 0)
		return r;
	response.id = request.id;
	response.error = -EXDEV;
	return sys_ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

struct listening {
	unsigned flags;
};

static int be_notified(void *arg, struct trial *t)
{
	const struct listening *l = arg;
	struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
	int ready[2], listener;
	char byte = 0;
	pid_t agent;

	if (trial_step(t, "make a pipe", sys_pipe2(ready, 0)) < 0 ||
	    trial_step(t, "set no_new_privs", sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) < 0)
		return t->code;
	agent = sys_clone3(&args);
	if (agent == 0) {
		(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (sys_read(ready[0], &byte, 1) == 1)
			(void)answer(byte);
		sys_exit(0);
	}
	if (trial_step(t, "make a process", agent) < 0)
		return t->code;
	listener = load_listener(t, l->flags);
	if (listener < 0) {
		(void)sys_kill(agent, SIGKILL);
		return listener;
	}
	byte = (char)listener;
	if (trial_step(t, "tell the agent", (int)sys_write(ready[1], &byte, 1)) < 0)
		return t->code;
	return trial_step(t, "be answered", sys_getppid() == -EXDEV ? 0 : -EPROTO);
}

void check_seccomp_notify(const struct doctor *d, struct finding *f)
{
	struct listening l = {.flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};
	struct trial t;
	bool killable = true;
	char words[24];
	int r = trial_run(0, -EBADF, be_notified, NULL, &l, &t);

	if (r == 0 && t.code == -EINVAL) {
		killable = false;
		l.flags = 0;
		r = trial_run(0, -EBADF, be_notified, NULL, &l, &t);
	}
	if (r < 0 || t.code < 0) {
		finding_set(f, VERDICT_FAIL, "cannot %s: %s", r < 0 ? "end" : t.what,
			    errno_words(r < 0 ? r : t.code, words));
		f->afterwards =
			t.code == -EBUSY
				? "a filter around us has a listener, and there can be only one: "
				  "run outside of this sandbox"
				: "boot Linux 5.10 or newer, and run outside of other sandboxes";
		(void)d;
		return;
	}
	finding_set(
		f, killable ? VERDICT_OK : VERDICT_WARN, "a call was answered%s",
		killable ? ""
			 : "; but not WAIT_KILLABLE_RECV (5.19): signals make calls happen twice");
	if (!killable)
		f->afterwards = "boot Linux 5.19 or newer";
}
