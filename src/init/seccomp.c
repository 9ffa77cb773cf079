/* The filter for system calls: the last step but the exec. What comes after it must not need a
 * system call: an error goes to the step page, and the listener is handed out by a thread that the
 * filter does not hold, while the first one waits without a system call. Both share descriptors and
 * memory; the thread is gone before the exec. */
#include "base/sys.h"
#include "init/init.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#define STACK_SIZE 16384

/* Between the two threads. A filter may ask the agent about any call of the first one, and as long
 * as nobody else has the listener, nobody answers. */
struct handover {
	struct init *i;
	int loaded; /* by the first: the listener's number plus one, or -errno; 0: not yet */
	int done;   /* by the second */
};

/* End this thread, and no other. */
_noreturn_ static void exit_thread(void)
{
	(void)sys_call_raw(SYS_exit, 0, 0, 0, 0, 0, 0);
	__builtin_trap();
}

/* Not counted by the fault seam: how often it is called is chance. */
static void yield(void)
{
	(void)sys_call_raw(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* Give up a real-time policy; always allowed. */
static void be_ordinary(void)
{
	int priority = 0;

	(void)SYS3(sched_setscheduler, 0, 0 /* SCHED_OTHER */, &priority);
}

/* Within a loop that waits for another processor. */
static void pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#else
	__asm__ volatile("" ::: "memory");
#endif
}

static void fail(struct init *i, const struct err *e)
{
	sync_say_failure(i, e);
	sys_exit(1);
}

/* The second thread. It has no filter, so it may end all. */
static int hand_over(void *arg)
{
	struct handover *h = arg;
	struct err e;
	int fd;

	/* The first thread uses its processor until we are done. It must not keep us from ours with
	 * a real-time policy that we inherited from it. */
	be_ordinary();
	while ((fd = __atomic_load_n(&h->loaded, __ATOMIC_ACQUIRE)) == 0)
		yield();
	if (fd > 0) {
		fd--;
		if (sync_send(h->i, h->i->sync_fd, PLAN_MSG_LISTENER, 0, fd, &e) < 0 ||
		    sync_expect(h->i, PLAN_MSG_LISTENER_SENT, &e) < 0)
			fail(h->i, &e);
		/* Ours must not keep the listener open when the agent ends: then calls that it
		 * should answer fail instead of waiting. */
		(void)sys_close(fd);
	}
	__atomic_store_n(&h->done, 1, __ATOMIC_RELEASE);
	exit_thread();
}

static int load(struct init *i, const struct plan_seccomp *o)
{
	struct sock_fprog program = {
		.len = (unsigned short)o->program.n,
		.filter = (struct sock_filter *)(uintptr_t)init_array(i, o->program,
								      sizeof(struct sock_filter)),
	};

	return sys_seccomp(SECCOMP_SET_MODE_FILTER, o->flags, &program);
}

/* Load a filter with a listener. */
static int load_and_hand_over(struct init *i, const struct plan_seccomp *o)
{
	_Alignas(16) static char stack[STACK_SIZE];
	static struct handover h;
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	};
	int r;

	h.i = i;
	r = (int)sys_clone3_stack(&args, stack, sizeof(stack), hand_over, &h);
	if (r < 0)
		return r;
	r = load(i, o);
	__atomic_store_n(&h.loaded, r < 0 ? r : r + 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&h.done, __ATOMIC_ACQUIRE))
		pause_processor();
	return r;
}

int step_SECCOMP(struct init *i, const struct plan_seccomp *o, struct err *e)
{
	int r = o->notify ? load_and_hand_over(i, o) : load(i, o);

	if (r < 0)
		return err_sys(e, ERR_SECCOMP, r, "load the seccomp filter");
	i->filtered = true;
	return 0;
}
