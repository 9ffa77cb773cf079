/* The fault seam (-Dfault=true, never in a release): one system call of one of our processes fails
 * with a chosen errno, or the process is killed or held there.
 *
 * The plan comes in the environment variable CORACLE_FAULT as "WHO:N:WHAT:FD". WHO is "host" or
 * "init". N counts system calls from 1; "@NR" is the first call of system call number NR instead.
 * WHAT is an errno number; "kill"; or "stop", which holds the process until a byte arrives on FD
 * and then makes the call. FD is an inherited descriptor, a socket for "stop", on which one line
 * "WHO COUNT NR" reports that the fault fired. A child made by clone inherits the count. */
#ifdef CORACLE_FAULT
#include "base/str.h"
#include "base/sys.h"

enum fault_what {
	FAULT_ERRNO,
	FAULT_KILL,
	FAULT_STOP,
};

static const char *fault_who;
static long fault_at, fault_nr = -1, fault_count;
static enum fault_what fault_what;
static int fault_errno, fault_fd = -1;

static const char *number(const char *s, long *ret)
{
	long v = 0;

	while (*s >= '0' && *s <= '9')
		v = v * 10 + (*s++ - '0');
	*ret = v;
	return *s == ':' ? s + 1 : s;
}

void sys_fault_init(const char *who, const char *text)
{
	size_t len = strlen(who);
	long v;

	if (!text || strncmp(text, who, len) != 0 || text[len] != ':')
		return;
	fault_who = who;
	text += len + 1;
	if (*text == '@')
		text = number(text + 1, &fault_nr);
	else
		text = number(text, &fault_at);
	if (str_starts(text, "kill:")) {
		fault_what = FAULT_KILL;
		text += 5;
	} else if (str_starts(text, "stop:")) {
		fault_what = FAULT_STOP;
		text += 5;
	} else {
		text = number(text, &v);
		fault_errno = (int)v;
	}
	(void)number(text, &v);
	fault_fd = (int)v;
}

/* The first process of a pid namespace ignores what it sends itself, SIGKILL and SIGSTOP too; only
 * what the processor raises ends it. */
static void die(void)
{
	(void)sys_call_raw(SYS_kill, sys_call_raw(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0,
			   0);
	__builtin_trap();
}

/* Whether the fault fires at this call of @nr; once. */
static bool fires(long nr)
{
	if (!fault_who)
		return false;
	fault_count++;
	if (fault_count != fault_at && nr != fault_nr)
		return false;
	fault_at = 0;
	fault_nr = -1;
	return true;
}

long sys_call_fault(long nr, long a, long b, long c, long d, long e, long f)
{
	/* A negative number only asks whether the call may proceed. */
	long real = nr < 0 ? -nr : nr;
	char line[64];

	if (fires(real)) {
		size_t n = str_format(line, sizeof(line), "%s %ld %ld\n", fault_who, fault_count,
				      real);

		(void)sys_call_raw(SYS_write, fault_fd, (long)line, (long)n, 0, 0, 0);
		if (fault_what == FAULT_KILL)
			die();
		if (fault_what == FAULT_ERRNO) {
			/* The kernel closes the descriptor whatever it answers. */
			if (nr == SYS_close)
				(void)sys_call_raw(nr, a, 0, 0, 0, 0, 0);
			return -fault_errno;
		}
		(void)sys_call_raw(SYS_read, fault_fd, (long)line, 1, 0, 0, 0);
	}
	return nr < 0 ? 0 : sys_call_raw(nr, a, b, c, d, e, f);
}
#else
typedef int sys_fault_not_built; /* an empty translation unit is not ISO C */
#endif
