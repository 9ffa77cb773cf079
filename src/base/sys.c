/* The few system calls that need more than an inline wrapper. Runs in every process of ours. */
#include "base/sys.h"

#include <time.h>

int sys_poll(struct sys_pollfd *fds, unsigned n, int timeout_ms)
{
	struct timespec ts = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = (long)(timeout_ms % 1000) * 1000000,
	};

	return (int)SYS5(ppoll, fds, n, timeout_ms < 0 ? NULL : &ts, 0, SYS_SIGSET_SIZE);
}

int sys_await_end(int pidfd, int timeout_ms)
{
	struct sys_pollfd p = {.fd = pidfd, .events = POLLIN};
	uint64_t deadline = timeout_ms > 0 ? sys_now_ms() + (uint64_t)timeout_ms : 0, now;
	int left = timeout_ms, r;

	while ((r = sys_poll(&p, 1, left)) == -EINTR) {
		if (timeout_ms <= 0)
			continue;
		now = sys_now_ms();
		left = now < deadline ? (int)(deadline - now) : 0;
	}
	return r == 0 ? -ETIMEDOUT : MIN(r, 0);
}

uint64_t sys_now_ns(void)
{
	struct timespec ts = {0};

	(void)sys_clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t sys_now_ms(void)
{
	return sys_now_ns() / 1000000;
}

/* The child of a CLONE_VM clone must not return through frames that it shares with its parent, so
 * the call, the switch of stacks and the call of fn are one piece of assembler. */
#if defined(__x86_64__) && defined(__LP64__)
#define HAVE_CLONE3_STACK 1
static long clone3_call(struct clone_args *args, size_t size, int (*fn)(void *), void *arg)
{
	register int (*r8)(void *) __asm__("r8") = fn;
	register void *r9 __asm__("r9") = arg;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "call *%%r8\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"((long)SYS_clone3), "D"(args), "S"(size), "r"(r8),
			   "r"(r9), [exit] "i"(SYS_exit_group)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
#define HAVE_CLONE3_STACK 1
static long clone3_call(struct clone_args *args, size_t size, int (*fn)(void *), void *arg)
{
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)size;
	register long x8 __asm__("x8") = SYS_clone3;
	register int (*x9)(void *) __asm__("x9") = fn;
	register void *x10 __asm__("x10") = arg;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x10\n\t"
			 "blr x9\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc 0\n\t"
			 "brk #1\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x8), "r"(x9), "r"(x10), [exit] "i"(SYS_exit_group)
			 : "memory");
	return x0;
}
#endif

pid_t sys_clone3_stack(struct clone_args *args, void *stack, size_t stack_size,
		       int (*fn)(void *arg), void *arg)
{
#ifdef HAVE_CLONE3_STACK
	args->stack = (uint64_t)(uintptr_t)stack;
	args->stack_size = stack_size;
#ifdef CORACLE_FAULT
	long refused = sys_call_fault(-SYS_clone3, 0, 0, 0, 0, 0, 0);

	if (refused < 0)
		return (pid_t)refused;
#endif
	return (pid_t)clone3_call(args, sizeof(*args), fn, arg);
#else
	(void)args;
	(void)stack;
	(void)stack_size;
	(void)fn;
	(void)arg;
	return -EOPNOTSUPP;
#endif
}

pid_t sys_clone3_vfork(struct clone_args *args, void *stack, size_t stack_size,
		       int (*fn)(void *arg), void *arg)
{
#ifdef HAVE_CLONE3_STACK
	args->flags |= CLONE_VM | CLONE_VFORK;
	return sys_clone3_stack(args, stack, stack_size, fn, arg);
#else
	(void)stack;
	(void)stack_size;
	pid_t pid = sys_clone3(args);

	if (pid == 0)
		sys_exit(fn(arg));
	return pid;
#endif
}
