/* Every system call of ours passes here: thin inline wrappers that return the kernel's own answer
 * (a value or -errno), so errno is never read. One funnel, sys_call(), which the fault seam
 * (-Dfault=true) replaces to make the n-th call fail.
 *
 * Wrappers exist for what we use, named after the system call, with the kernel's arguments. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/attr.h"
#include "base/sys-abi.h"

/* --- the funnel ------------------------------------------------------------------------------ */

#ifdef CORACLE_FAULT
long sys_call_fault(long nr, long a, long b, long c, long d, long e, long f);
/* Read the fault plan "who:n:errno-number|kill:report-fd" from @text; see sys-fault.c. */
void sys_fault_init(const char *who, const char *text);
#endif

/* The real thing, also under the fault seam. */
static inline long sys_call_raw(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__) && defined(__LP64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
#else
	extern long syscall(long, ...);
	long ret = syscall(nr, a, b, c, d, e, f);

	return ret == -1 ? -errno : ret;
#endif
}

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
#ifdef CORACLE_FAULT
	return sys_call_fault(nr, a, b, c, d, e, f);
#else
	return sys_call_raw(nr, a, b, c, d, e, f);
#endif
}

#define SYS0(n)             sys_call(SYS_##n, 0, 0, 0, 0, 0, 0)
#define SYS1(n, a)          sys_call(SYS_##n, (long)(a), 0, 0, 0, 0, 0)
#define SYS2(n, a, b)       sys_call(SYS_##n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS3(n, a, b, c)    sys_call(SYS_##n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS4(n, a, b, c, d) sys_call(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS5(n, a, b, c, d, e)                                                                     \
	sys_call(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS6(n, a, b, c, d, e, f)                                                                  \
	sys_call(SYS_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* --- files ----------------------------------------------------------------------------------- */

static inline int sys_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return (int)SYS4(openat, dirfd, path, flags, mode);
}

static inline int sys_openat2(int dirfd, const char *path, const struct open_how *how)
{
	return (int)SYS4(openat2, dirfd, path, how, sizeof(*how));
}

static inline int sys_close(int fd)
{
	return (int)SYS1(close, fd);
}

static inline int sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)SYS3(close_range, first, last, flags);
}

static inline ssize_t sys_read(int fd, void *buf, size_t n)
{
	return SYS3(read, fd, buf, n);
}

static inline ssize_t sys_write(int fd, const void *buf, size_t n)
{
	return SYS3(write, fd, buf, n);
}

static inline int64_t sys_lseek(int fd, int64_t offset, int whence)
{
	return SYS3(lseek, fd, offset, whence);
}

static inline ssize_t sys_pread(int fd, void *buf, size_t n, uint64_t off)
{
	return SYS4(pread64, fd, buf, n, off);
}

static inline int sys_mkdirat(int dirfd, const char *path, mode_t mode)
{
	return (int)SYS3(mkdirat, dirfd, path, mode);
}

static inline int sys_mknodat(int dirfd, const char *path, mode_t mode, unsigned dev)
{
	return (int)SYS4(mknodat, dirfd, path, mode, dev);
}

static inline int sys_symlinkat(const char *target, int dirfd, const char *path)
{
	return (int)SYS3(symlinkat, target, dirfd, path);
}

static inline int sys_unlinkat(int dirfd, const char *path, int flags)
{
	return (int)SYS3(unlinkat, dirfd, path, flags);
}

static inline int sys_renameat2(int from_fd, const char *from, int to_fd, const char *to,
				unsigned flags)
{
	return (int)SYS5(renameat2, from_fd, from, to_fd, to, flags);
}

static inline ssize_t sys_readlinkat(int dirfd, const char *path, char *buf, size_t size)
{
	return SYS4(readlinkat, dirfd, path, buf, size);
}

static inline int sys_fstat(int fd, struct stat *st)
{
#if defined(__x86_64__) || defined(__aarch64__)
	return (int)SYS2(fstat, fd, st);
#else
	return fstat(fd, st) < 0 ? -errno : 0;
#endif
}

static inline int sys_statx(int dirfd, const char *path, int flags, unsigned mask,
			    struct sys_statx *stx)
{
	return (int)SYS5(statx, dirfd, path, flags, mask, stx);
}

static inline int sys_fstatfs(int fd, struct sys_statfs *st)
{
	return (int)SYS2(fstatfs, fd, st);
}

static inline int sys_statfs(const char *path, struct sys_statfs *st)
{
	return (int)SYS2(statfs, path, st);
}

static inline int sys_fchmodat(int dirfd, const char *path, mode_t mode)
{
	return (int)SYS3(fchmodat, dirfd, path, mode);
}

static inline int sys_fchmod(int fd, mode_t mode)
{
	return (int)SYS2(fchmod, fd, mode);
}

static inline int sys_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
	return (int)SYS5(fchownat, dirfd, path, uid, gid, flags);
}

static inline int sys_fchown(int fd, uid_t uid, gid_t gid)
{
	return (int)SYS3(fchown, fd, uid, gid);
}

/* By what the caller may do now: faccessat(2) looks at the real user's ids, and leaves out the
 * capabilities of whoever is not root. */
static inline int sys_faccessat(int dirfd, const char *path, int mode)
{
	return (int)SYS4(faccessat2, dirfd, path, mode, 0x200 /* AT_EACCESS */);
}

static inline int sys_ftruncate(int fd, uint64_t size)
{
	return (int)SYS2(ftruncate, fd, size);
}

/* Copies inside the kernel from *@off on, and moves it. */
static inline ssize_t sys_sendfile(int to, int from, int64_t *off, size_t n)
{
	return SYS4(sendfile, to, from, off, n);
}

static inline int sys_setxattr(const char *path, const char *name, const void *value, size_t size)
{
	return (int)SYS5(setxattr, path, name, value, size, 0);
}

static inline ssize_t sys_flistxattr(int fd, char *names, size_t size)
{
	return SYS3(flistxattr, fd, names, size);
}

static inline ssize_t sys_fgetxattr(int fd, const char *name, void *value, size_t size)
{
	return SYS4(fgetxattr, fd, name, value, size);
}

static inline int sys_fsetxattr(int fd, const char *name, const void *value, size_t size)
{
	return (int)SYS5(fsetxattr, fd, name, value, size, 0);
}

static inline int sys_fcntl(int fd, int cmd, long arg)
{
	return (int)SYS3(fcntl, fd, cmd, arg);
}

static inline int sys_flock(int fd, int op)
{
	return (int)SYS2(flock, fd, op);
}

static inline int sys_dup3(int from, int to, int flags)
{
	return (int)SYS3(dup3, from, to, flags);
}

static inline int sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	return (int)SYS3(ioctl, fd, cmd, arg);
}

static inline int sys_chdir(const char *path)
{
	return (int)SYS1(chdir, path);
}

static inline int sys_fchdir(int fd)
{
	return (int)SYS1(fchdir, fd);
}

static inline int sys_chroot(const char *path)
{
	return (int)SYS1(chroot, path);
}

/* Returns the length with the NUL, or -errno; "(unreachable)…" for a directory outside the root. */
static inline int sys_getcwd(char *buf, size_t size)
{
	return (int)SYS2(getcwd, buf, size);
}

static inline mode_t sys_umask(mode_t mask)
{
	return (mode_t)SYS1(umask, mask);
}

static inline ssize_t sys_getdents64(int fd, void *buf, size_t size)
{
	return SYS3(getdents64, fd, buf, size);
}

static inline int sys_memfd_create(const char *name, unsigned flags)
{
	return (int)SYS2(memfd_create, name, flags);
}

static inline void *sys_mmap(void *addr, size_t len, int prot, int flags, int fd, uint64_t off)
{
	return (void *)SYS6(mmap, addr, len, prot, flags, fd, off);
}

static inline bool sys_mmap_failed(const void *p)
{
	return (unsigned long)p > -4096UL;
}

static inline int sys_munmap(void *p, size_t len)
{
	return (int)SYS2(munmap, p, len);
}

static inline int sys_pipe2(int fds[2], int flags)
{
	return (int)SYS2(pipe2, fds, flags);
}

/* --- mounts ---------------------------------------------------------------------------------- */

static inline int sys_fsopen(const char *fstype, unsigned flags)
{
	return (int)SYS2(fsopen, fstype, flags);
}

static inline int sys_fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux)
{
	return (int)SYS5(fsconfig, fd, cmd, key, value, aux);
}

static inline int sys_fsmount(int fd, unsigned flags, unsigned attr)
{
	return (int)SYS3(fsmount, fd, flags, attr);
}

static inline int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)SYS3(open_tree, dirfd, path, flags);
}

static inline int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to,
				 unsigned flags)
{
	return (int)SYS5(move_mount, from_fd, from, to_fd, to, flags);
}

static inline int sys_mount_setattr(int dirfd, const char *path, unsigned flags,
				    const struct mount_attr *attr)
{
	return (int)SYS5(mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

/* @data must be NULL when there is none: an empty string costs the kernel a page copy. */
static inline int sys_mount(const char *source, const char *target, const char *type,
			    unsigned long flags, const void *data)
{
	return (int)SYS5(mount, source, target, type, flags, data);
}

static inline int sys_umount2(const char *path, int flags)
{
	return (int)SYS2(umount2, path, flags);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)SYS2(pivot_root, new_root, put_old);
}

/* --- processes ------------------------------------------------------------------------------- */

static inline pid_t sys_getpid(void)
{
	return (pid_t)SYS0(getpid);
}

static inline pid_t sys_getppid(void)
{
	return (pid_t)SYS0(getppid);
}

static inline uid_t sys_getuid(void)
{
	return (uid_t)SYS0(getuid);
}

static inline uid_t sys_geteuid(void)
{
	return (uid_t)SYS0(geteuid);
}

static inline gid_t sys_getegid(void)
{
	return (gid_t)SYS0(getegid);
}

static inline int sys_setresuid(uid_t r, uid_t e, uid_t s)
{
	return (int)SYS3(setresuid, r, e, s);
}

static inline int sys_setresgid(gid_t r, gid_t e, gid_t s)
{
	return (int)SYS3(setresgid, r, e, s);
}

static inline int sys_setgroups(size_t n, const uint32_t *groups)
{
	return (int)SYS2(setgroups, n, groups);
}

static inline int sys_setpgid(pid_t pid, pid_t pgid)
{
	return (int)SYS2(setpgid, pid, pgid);
}

static inline pid_t sys_setsid(void)
{
	return (pid_t)SYS0(setsid);
}

static inline int sys_prctl(int op, unsigned long a, unsigned long b, unsigned long c,
			    unsigned long d)
{
	return (int)SYS5(prctl, op, a, b, c, d);
}

static inline int sys_capget(struct sys_cap_header *h, struct sys_cap_data data[2])
{
	return (int)SYS2(capget, h, data);
}

static inline int sys_capset(struct sys_cap_header *h, const struct sys_cap_data data[2])
{
	return (int)SYS2(capset, h, data);
}

static inline int sys_prlimit(pid_t pid, int resource, const uint64_t new_limit[2],
			      uint64_t old_limit[2])
{
	return (int)SYS4(prlimit64, pid, resource, new_limit, old_limit);
}

/* @attr: landlock_ruleset_attr, or its beginning. */
static inline int sys_landlock_create_ruleset(const void *attr, size_t size)
{
	return (int)SYS3(landlock_create_ruleset, attr, size, 0);
}

/* The version of the kernel's Landlock, from 1 on. */
static inline int sys_landlock_version(void)
{
	return (int)SYS3(landlock_create_ruleset, 0, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
}

static inline int sys_landlock_add_rule(int fd, int type, const void *rule)
{
	return (int)SYS4(landlock_add_rule, fd, type, rule, 0);
}

static inline int sys_landlock_restrict_self(int fd)
{
	return (int)SYS2(landlock_restrict_self, fd, 0);
}

static inline int sys_unshare(unsigned flags)
{
	return (int)SYS1(unshare, flags);
}

static inline int sys_setns(int fd, unsigned flags)
{
	return (int)SYS2(setns, fd, flags);
}

static inline int sys_sethostname(const char *name, size_t len)
{
	return (int)SYS2(sethostname, name, len);
}

static inline int sys_setdomainname(const char *name, size_t len)
{
	return (int)SYS2(setdomainname, name, len);
}

static inline int sys_execveat(int dirfd, const char *path, char *const argv[], char *const envp[],
			       int flags)
{
	return (int)SYS5(execveat, dirfd, path, argv, envp, flags);
}

static inline int sys_execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)SYS3(execve, path, argv, envp);
}

static inline int sys_seccomp(unsigned operation, unsigned flags, void *args)
{
	return (int)SYS3(seccomp, operation, flags, args);
}

static inline int sys_pidfd_open(pid_t pid, unsigned flags)
{
	return (int)SYS2(pidfd_open, pid, flags);
}

static inline int sys_pidfd_send_signal(int pidfd, int sig)
{
	return (int)SYS4(pidfd_send_signal, pidfd, sig, 0, 0);
}

static inline int sys_kill(pid_t pid, int sig)
{
	return (int)SYS2(kill, pid, sig);
}

/* Wait for the process behind @pidfd, through interruptions. @info may be NULL. */
static inline int sys_wait_pidfd(int pidfd, siginfo_t *info, int options)
{
	const int by_pidfd = 3; /* P_PIDFD, which older headers lack */
	int r;

	do
		r = (int)SYS5(waitid, by_pidfd, pidfd, info, options, 0);
	while (r == -EINTR);
	return r;
}

/* The same of a child by its pid, which nobody else can have before it is waited for. */
static inline int sys_wait_pid(pid_t pid, siginfo_t *info, int options)
{
	const int by_pid = 1; /* P_PID */
	int r;

	do
		r = (int)SYS5(waitid, by_pid, pid, info, options, 0);
	while (r == -EINTR);
	return r;
}

static inline int sys_sched_setattr(pid_t pid, const struct sys_sched_attr *a)
{
	return (int)SYS3(sched_setattr, pid, a, 0);
}

static inline int sys_sched_setaffinity(pid_t pid, size_t size, const void *mask)
{
	return (int)SYS3(sched_setaffinity, pid, size, mask);
}

static inline int sys_ioprio_set(int which, int who, int priority)
{
	return (int)SYS3(ioprio_set, which, who, priority);
}

static inline int sys_personality(unsigned long persona)
{
	return (int)SYS1(personality, persona);
}

static inline int sys_set_mempolicy(int mode, const uint64_t *nodes, unsigned long max)
{
	return (int)SYS3(set_mempolicy, mode, nodes, max);
}

static inline int sys_lsm_set_self_attr(unsigned attribute, const struct sys_lsm_ctx *ctx,
					uint32_t size, uint32_t flags)
{
	return (int)SYS4(lsm_set_self_attr, attribute, ctx, size, flags);
}

static inline int sys_keyctl(int op, unsigned long a, unsigned long b, unsigned long c)
{
	return (int)SYS4(keyctl, op, a, b, c);
}

static inline int sys_bpf(int cmd, void *attr, unsigned size)
{
	return (int)SYS3(bpf, cmd, attr, size);
}

/* Where a filter answers this call with an error only the processor can end us. */
_noreturn_ static inline void sys_exit(int status)
{
	(void)sys_call_raw(SYS_exit_group, status, 0, 0, 0, 0, 0);
	__builtin_trap();
}

/* --- signals, time, sockets, polling ---------------------------------------------------------- */

static inline int sys_sigprocmask(int how, const uint64_t *set, uint64_t *old)
{
	return (int)SYS4(rt_sigprocmask, how, set, old, SYS_SIGSET_SIZE);
}

static inline int sys_sigaction(int sig, const struct sys_sigaction *act, struct sys_sigaction *old)
{
	return (int)SYS4(rt_sigaction, sig, act, old, SYS_SIGSET_SIZE);
}

static inline int sys_signalfd(uint64_t mask, int flags)
{
	return (int)SYS4(signalfd4, -1, &mask, SYS_SIGSET_SIZE, flags);
}

static inline int sys_clock_gettime(int clock, struct timespec *ts)
{
	return (int)SYS2(clock_gettime, clock, ts);
}

static inline int sys_socket(int domain, int type, int protocol)
{
	return (int)SYS3(socket, domain, type, protocol);
}

static inline int sys_socketpair(int domain, int type, int fds[2])
{
	return (int)SYS4(socketpair, domain, type, 0, fds);
}

static inline int sys_bind(int fd, const void *addr, unsigned len)
{
	return (int)SYS3(bind, fd, addr, len);
}

static inline int sys_listen(int fd, int backlog)
{
	return (int)SYS2(listen, fd, backlog);
}

static inline int sys_accept4(int fd, int flags)
{
	return (int)SYS4(accept4, fd, 0, 0, flags);
}

static inline int sys_connect(int fd, const void *addr, unsigned len)
{
	return (int)SYS3(connect, fd, addr, len);
}

static inline ssize_t sys_sendmsg(int fd, const struct msghdr *m, int flags)
{
	return SYS3(sendmsg, fd, m, flags);
}

static inline ssize_t sys_recvmsg(int fd, struct msghdr *m, int flags)
{
	return SYS3(recvmsg, fd, m, flags);
}

static inline int sys_inotify_init(void)
{
	return (int)SYS1(inotify_init1, O_CLOEXEC);
}

static inline int sys_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	return (int)SYS3(inotify_add_watch, fd, path, mask);
}

static inline int sys_eventfd(unsigned initial)
{
	return (int)SYS2(eventfd2, initial, O_CLOEXEC | O_NONBLOCK);
}

struct sys_pollfd {
	int fd;
	short events, revents;
};

/* @timeout_ms < 0 waits for ever. */
int sys_poll(struct sys_pollfd *fds, unsigned n, int timeout_ms);

/* Wait for the process of @pidfd to end; it is not waited for in the sense of wait(2).
 * @timeout_ms < 0 waits for ever, 0 asks only. Interruptions restart it. Returns 0, -ETIMEDOUT or
 * what ppoll(2) says. */
int sys_await_end(int pidfd, int timeout_ms);

/* The monotonic clock in nanoseconds; in milliseconds, for deadlines. */
uint64_t sys_now_ns(void);
uint64_t sys_now_ms(void);

/* --- clone ----------------------------------------------------------------------------------- */

/* clone3 with the kernel's plain semantics (the child is a copy that returns 0 here). */
static inline pid_t sys_clone3(struct clone_args *args)
{
	return (pid_t)SYS2(clone3, args, sizeof(*args));
}

/* clone3 with CLONE_VM in @args: what is made runs @fn(@arg) on @stack in our memory. -EOPNOTSUPP
 * on architectures for which nobody has written this yet. */
pid_t sys_clone3_stack(struct clone_args *args, void *stack, size_t stack_size,
		       int (*fn)(void *arg), void *arg);

/* clone3(CLONE_VM | CLONE_VFORK): the child runs @fn(@arg) on @stack in our memory while we sleep,
 * and must leave by execve or sys_exit(). Spares the copy of our page tables. @stack_size is in
 * bytes; args->stack and args->stack_size are filled in here. Where no assembler exists for the
 * architecture, the child is an ordinary copy. Returns the child's pid or -errno. */
pid_t sys_clone3_vfork(struct clone_args *args, void *stack, size_t stack_size,
		       int (*fn)(void *arg), void *arg);
