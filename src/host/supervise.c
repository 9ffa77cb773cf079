/* The loop of an attached run or exec. Runs in the host half, single-threaded: signals come by
 * descriptor, the process's end by its pidfd, the terminal by two small buffers. */
#include "host/supervise.h"

#include "host/notify.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/console.h"

/* Bytes on their way in one direction. */
struct pump {
	int from, to;
	size_t start, end; /* what waits in buf */
	bool open;         /* from may still give something */
	char buf[8192];
};

struct supervisor {
	struct launch *launch;
	int signal_fd;
	bool terminal, raw;
	struct termios saved;
	struct pump in, out;
};

static uint64_t forwarded(void)
{
	/* Those that report a fault of our own must act on us; KILL and STOP cannot be blocked. */
	static const int excluded[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
	uint64_t mask = ~0ULL;

	for (size_t n = 0; n < ARRAY_SIZE(excluded); n++)
		mask &= ~(1ULL << (excluded[n] - 1));
	return mask;
}

int supervise_block_signals(struct err *e)
{
	uint64_t mask = forwarded();
	int r = sys_sigprocmask(SIG_BLOCK, &mask, NULL);

	return r < 0 ? err_sys(e, ERR_INTERNAL, r, "block signals") : 0;
}

/* --- the terminal ------------------------------------------------------------------------------
 */

static void terminal_begin(struct supervisor *s)
{
	struct termios raw;

	s->terminal = s->launch->console_fd >= 0;
	if (!s->terminal)
		return;
	s->in = (struct pump){.from = 0, .to = s->launch->console_fd, .open = true};
	s->out = (struct pump){.from = s->launch->console_fd, .to = 1, .open = true};
	if (sys_ioctl(0, TCGETS, &s->saved) < 0)
		return; /* our stdin is no terminal: bytes are carried as they are */
	raw = s->saved;
	raw.c_iflag &=
		~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_oflag &= ~(unsigned)OPOST;
	raw.c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag &= ~(unsigned)(CSIZE | PARENB);
	raw.c_cflag |= CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	s->raw = sys_ioctl(0, TCSETSW, &raw) == 0;
}

static void terminal_end(struct supervisor *s)
{
	if (s->raw)
		(void)sys_ioctl(0, TCSETSW, &s->saved);
	s->raw = false;
}

static void pump_read(struct pump *p)
{
	ssize_t n = sys_read(p->from, p->buf, sizeof(p->buf));

	if (n > 0) {
		p->start = 0;
		p->end = (size_t)n;
	} else if (n != -EINTR && n != -EAGAIN) {
		/* EIO: the last process closed the terminal. */
		p->open = false;
	}
}

static void pump_write(struct pump *p)
{
	ssize_t n = sys_write(p->to, p->buf + p->start, p->end - p->start);

	if (n > 0)
		p->start += (size_t)n;
	else if (n != -EINTR && n != -EAGAIN) {
		/* Nobody reads any more. */
		p->start = p->end;
		p->open = false;
	}
}

/* Poll for reading while the buffer is empty, for writing while it is not. */
static struct sys_pollfd pump_poll(const struct pump *p)
{
	if (p->start < p->end)
		return (struct sys_pollfd){.fd = p->to, .events = POLLOUT};
	if (p->open)
		return (struct sys_pollfd){.fd = p->from, .events = POLLIN};
	return (struct sys_pollfd){.fd = -1};
}

static void pump_step(struct pump *p, short revents)
{
	if (revents == 0)
		return;
	if (p->start < p->end)
		pump_write(p);
	else
		pump_read(p);
}

/* The end of stdin is told to the terminal's reader as its end-of-file character, once. */
static void pump_end_of_input(struct supervisor *s)
{
	struct termios t;

	if (s->in.open || s->in.start < s->in.end || s->in.to < 0)
		return;
	if (!s->raw && sys_ioctl(s->in.to, TCGETS, &t) == 0 && (t.c_lflag & ICANON)) {
		s->in.buf[0] = (char)t.c_cc[VEOF];
		s->in.start = 0;
		s->in.end = 1;
		pump_write(&s->in);
	}
	s->in.start = s->in.end;
	s->in.to = -1;
}

/* What the process wrote before it ended is still in the terminal. */
static void drain(struct supervisor *s)
{
	struct pump *p = &s->out;

	while (s->terminal && (p->open || p->start < p->end)) {
		struct sys_pollfd fd = pump_poll(p);

		if (p->start >= p->end && sys_poll(&fd, 1, 0) <= 0)
			break;
		if (p->start < p->end)
			pump_write(p);
		else
			pump_read(p);
	}
}

/* --- signals -----------------------------------------------------------------------------------
 */

static void forward_signals(struct supervisor *s)
{
	/* struct signalfd_siginfo: 128 bytes, the signal's number first. What does not fit wakes
	 * us again. */
	uint32_t info[8][32];
	ssize_t n = sys_read(s->signal_fd, info, sizeof(info)) / (ssize_t)sizeof(info[0]);

	for (ssize_t k = 0; k < n; k++) {
		int sig = (int)info[k][0];

		if (sig == SIGWINCH && s->terminal)
			console_copy_size(s->launch->console_fd);
		/* SIGPIPE and SIGURG are about our own descriptors, SIGTTOU about our terminal. */
		else if (sig != SIGCHLD && sig != SIGPIPE && sig != SIGURG && sig != SIGTTOU)
			(void)sys_pidfd_send_signal(s->launch->pidfd, sig);
	}
}

static int loop(struct supervisor *s, struct err *e)
{
	for (;;) {
		struct sys_pollfd fds[5] = {
			{.fd = s->launch->pidfd, .events = POLLIN},
			{.fd = s->signal_fd, .events = POLLIN},
			{.fd = -1},
			{.fd = -1},
			{.fd = s->launch->notify_fd, .events = POLLIN},
		};
		int r;

		if (s->terminal) {
			fds[2] = pump_poll(&s->in);
			fds[3] = pump_poll(&s->out);
		}
		r = sys_poll(fds, s->launch->notify_fd >= 0 ? 5 : 4, -1);
		if (r < 0 && r != -EINTR)
			return err_sys(e, ERR_INTERNAL, r, "wait for the process");
		if (fds[1].revents)
			forward_signals(s);
		if (s->terminal) {
			pump_step(&s->in, fds[2].revents);
			pump_step(&s->out, fds[3].revents);
			pump_end_of_input(s);
		}
		/* Its service manager watches us, not the process. */
		if (fds[4].revents)
			(void)notify_pass(s->launch->notify_fd, 0);
		if (fds[0].revents) {
			drain(s);
			return launch_reap(s->launch, e);
		}
	}
}

int supervise(struct launch *l, struct err *e)
{
	static struct supervisor s;
	int r;

	s = (struct supervisor){.launch = l};
	s.signal_fd = sys_signalfd(forwarded(), O_CLOEXEC | O_NONBLOCK);
	if (s.signal_fd < 0)
		return err_sys(e, ERR_INTERNAL, s.signal_fd, "make a signal descriptor");
	terminal_begin(&s);
	r = loop(&s, e);
	terminal_end(&s);
	s.signal_fd = fd_close(s.signal_fd);
	return r;
}
