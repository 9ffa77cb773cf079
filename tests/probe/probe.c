/* probe: the process that the tests run inside containers. It does what its arguments say, from
 * left to right, and "report" writes one line of JSON with everything that it sees of itself.
 *
 *   report               write the report to standard output
 *   report-to PATH       write it to a file
 *   look PATH            add the type, numbers and mode of PATH to the report
 *   read PATH            add the content of PATH (or the name of the errno) to the report
 *   open PATH MODE       try to open PATH with MODE r, w or rw; the result goes into the report
 *   list PATH            add the names in the directory PATH to the report
 *   print TEXT           write TEXT and a newline to standard output
 *   error TEXT           the same to standard error
 *   write PATH TEXT      write TEXT to PATH, made if it is missing; failing ends with exit code 97
 *   link TARGET PATH     make a symbolic link
 *   mount TYPE PATH      mount a new file system; failing ends with exit code 97
 *   cat                  copy standard input to standard output until its end
 *   line                 read one line from standard input and write it, in brackets
 *   winsize              write "ROWS COLUMNS" of standard input's terminal
 *   children N           start N children that sleep
 *   orphan               start a child that leads a session of its own and sleeps
 *   notify TEXT          send TEXT to the socket named by $NOTIFY_SOCKET
 *   ignore SIGNAL        ignore a signal, by number
 *   catch SIGNAL         when the signal comes, write "signal N" and go on behind the next "sleep"
 *   kill SIGNAL          send a signal to itself
 *   spawn PATH           run PATH with the argument "exit" "0"; its exit code goes into the report
 *   call NUMBER ARG      make a system call with one argument; the name of the errno, or "ok", goes
 *                        into the report
 *   sleep                wait for ever, or for a caught signal
 *   wait PATH            wait until PATH exists
 *   lock PATH            make PATH, and lock it for good; failing ends with exit code 97
 *   close N              close a descriptor
 *   poll-exe trace|look, hold, seize, speak HEX    see peer.c
 *   exit N               end
 *
 * It is static and makes no assumption about the container: without /proc some fields are missing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

/* --- writing JSON ---------------------------------------------------------------------------- */

static char *out;
static size_t out_len, out_size;
static bool need_comma;

static void add(const char *s, size_t n)
{
	if (out_len + n + 1 > out_size) {
		char *more = realloc(out, (out_len + n + 1) * 2);

		if (!more)
			_exit(FAILED);
		out = more;
		out_size = (out_len + n + 1) * 2;
	}
	memcpy(out + out_len, s, n);
	out_len += n;
	out[out_len] = '\0';
}

static void adds(const char *s)
{
	add(s, strlen(s));
}

static void add_string(const char *s)
{
	char escape[8];

	adds("\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		/* Bytes above 0x7f go through as Latin-1, so that anything can be reported. */
		if (c == '"' || c == '\\' || c < 0x20 || c > 0x7e) {
			snprintf(escape, sizeof(escape), "\\u%04x", c);
			adds(escape);
		} else {
			add(s, 1);
		}
	}
	adds("\"");
}

/* "key": — with a comma before it if something precedes. key NULL: an item of an array. */
static void key(const char *k)
{
	if (need_comma)
		adds(",");
	need_comma = true;
	if (k) {
		add_string(k);
		adds(":");
	}
}

static void open_bracket(const char *k, const char *bracket)
{
	key(k);
	adds(bracket);
	need_comma = false;
}

static void close_bracket(const char *bracket)
{
	adds(bracket);
	need_comma = true;
}

static void text(const char *k, const char *v)
{
	key(k);
	if (v)
		add_string(v);
	else
		adds("null");
}

static void number(const char *k, long long v)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%lld", v);
	key(k);
	adds(buf);
}

static void mask(const char *k, uint64_t v)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%016llx", (unsigned long long)v);
	text(k, buf);
}

/* --- facts ----------------------------------------------------------------------------------- */

static const char *errno_name(int e)
{
	static char buf[16];

	switch (e) {
	case EACCES:
		return "EACCES";
	case EPERM:
		return "EPERM";
	case ENOENT:
		return "ENOENT";
	case ENOTDIR:
		return "ENOTDIR";
	case EISDIR:
		return "EISDIR";
	case ELOOP:
		return "ELOOP";
	case EROFS:
		return "EROFS";
	case ENXIO:
		return "ENXIO";
	case EIO:
		return "EIO";
	case ETXTBSY:
		return "ETXTBSY";
	case ENOSYS:
		return "ENOSYS";
	case EINVAL:
		return "EINVAL";
	case ENODEV:
		return "ENODEV";
	case EBUSY:
		return "EBUSY";
	default:
		snprintf(buf, sizeof(buf), "%d", e);
		return buf;
	}
}

/* The content of a file, NUL-terminated, in memory that is never freed; NULL with errno set. */
static char *slurp(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0, size = 65536;
	char *buf;
	ssize_t n;

	if (fd < 0)
		return NULL;
	buf = malloc(size);
	while (buf && (n = read(fd, buf + len, size - len - 1)) > 0) {
		len += (size_t)n;
		if (size - len < 4096) {
			char *more = realloc(buf, size *= 2);

			if (!more)
				_exit(FAILED);
			buf = more;
		}
	}
	if (buf && n < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return NULL;
	}
	close(fd);
	if (!buf)
		_exit(FAILED);
	buf[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return buf;
}

/* A line of /proc/self/status, without the leading space; NULL if it is not there. */
static const char *status_field(char *status, const char *name)
{
	static char buf[256];
	char *p = status ? strstr(status, name) : NULL;
	size_t n = 0;

	if (!p)
		return NULL;
	p += strlen(name);
	while (*p == ' ' || *p == '\t')
		p++;
	while (*p && *p != '\n' && n < sizeof(buf) - 1)
		buf[n++] = *p++;
	buf[n] = '\0';
	return buf;
}

static void report_ids(void)
{
	gid_t groups[256];
	uid_t r, e, s;
	gid_t rg, eg, sg;
	int n = getgroups(256, groups);

	number("pid", getpid());
	number("ppid", getppid());
	number("pgid", getpgrp());
	number("sid", getsid(0));
	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	open_bracket("uids", "[");
	number(NULL, r);
	number(NULL, e);
	number(NULL, s);
	close_bracket("]");
	open_bracket("gids", "[");
	number(NULL, rg);
	number(NULL, eg);
	number(NULL, sg);
	close_bracket("]");
	open_bracket("groups", "[");
	for (int i = 0; i < n; i++)
		number(NULL, groups[i]);
	close_bracket("]");
}

static void report_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	uint64_t bounding = 0, ambient = 0;

	if (syscall(SYS_capget, &header, data) < 0)
		_exit(FAILED);
	for (int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			bounding |= 1ULL << cap;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			ambient |= 1ULL << cap;
	}
	open_bracket("capabilities", "{");
	mask("effective", data[0].effective | (uint64_t)data[1].effective << 32);
	mask("permitted", data[0].permitted | (uint64_t)data[1].permitted << 32);
	mask("inheritable", data[0].inheritable | (uint64_t)data[1].inheritable << 32);
	mask("bounding", bounding);
	mask("ambient", ambient);
	close_bracket("}");
	number("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	number("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	number("keepcaps", prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
}

static void report_signals(void)
{
	sigset_t blocked;
	int deathsig = 0, subreaper = 0;

	open_bracket("ignored_signals", "[");
	for (int sig = 1; sig <= 64; sig++) {
		struct sigaction sa;

		if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
			number(NULL, sig);
	}
	close_bracket("]");
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	open_bracket("blocked_signals", "[");
	for (int sig = 1; sig <= 64; sig++)
		if (sigismember(&blocked, sig) == 1)
			number(NULL, sig);
	close_bracket("]");
	prctl(PR_GET_PDEATHSIG, &deathsig, 0, 0, 0);
	number("pdeathsig", deathsig);
	number("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
	number("child_subreaper", subreaper);
}

static void report_limits(void)
{
	static const char *const names[] = {
		"CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
		"MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
	};

	open_bracket("rlimits", "{");
	for (int i = 0; i < 16; i++) {
		uint64_t limit[2] = {0};

		if (syscall(SYS_prlimit64, 0, i, NULL, limit) < 0)
			_exit(FAILED);
		open_bracket(names[i], "[");
		/* Unlimited is -1. */
		number(NULL, (long long)limit[0]);
		number(NULL, (long long)limit[1]);
		close_bracket("]");
	}
	close_bracket("}");
}

static void report_names(void)
{
	struct utsname u;
	char cwd[4096];
	mode_t m = umask(0);

	umask(m);
	uname(&u);
	text("hostname", u.nodename);
#ifdef _GNU_SOURCE
	text("domainname", u.domainname);
#else
	text("domainname", u.__domainname);
#endif
	text("release", u.release);
	/* The kernel's own answer: libc turns a path outside the root into an error. */
	text("cwd", syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0 ? cwd : NULL);
	number("umask", m);
	open_bracket("env", "[");
	for (char **e = environ; *e; e++)
		text(NULL, *e);
	close_bracket("]");
}

static const char *type_name(mode_t m)
{
	return S_ISCHR(m)    ? "char"
	       : S_ISBLK(m)  ? "block"
	       : S_ISDIR(m)  ? "dir"
	       : S_ISLNK(m)  ? "link"
	       : S_ISFIFO(m) ? "fifo"
	       : S_ISSOCK(m) ? "socket"
			     : "file";
}

static void report_file(const char *k, int dirfd, const char *path)
{
	char target[4096];
	struct stat st;
	ssize_t n;

	open_bracket(k, "{");
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		text("error", errno_name(errno));
		close_bracket("}");
		return;
	}
	text("type", type_name(st.st_mode));
	number("mode", st.st_mode & 07777);
	number("uid", st.st_uid);
	number("gid", st.st_gid);
	number("size", st.st_size);
	number("inode", (long long)st.st_ino);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		number("major", major(st.st_rdev));
		number("minor", minor(st.st_rdev));
	}
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(dirfd, path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		text("target", target);
	}
	close_bracket("}");
}

static void report_descriptors(void)
{
	char name[64], target[4096];

	open_bracket("fds", "{");
	for (int fd = 0; fd < 4096; fd++) {
		int flags = fcntl(fd, F_GETFD);
		ssize_t n;

		if (flags < 0)
			continue;
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		n = readlink(name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		snprintf(name, sizeof(name), "%d", fd);
		text(name, target);
	}
	close_bracket("}");
}

static void report_directory(const char *k, const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	if (!d) {
		text(k, NULL);
		return;
	}
	open_bracket(k, "{");
	while ((entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			report_file(entry->d_name, dirfd(d), entry->d_name);
	close_bracket("}");
	closedir(d);
}

static void report_namespaces(void)
{
	static const char *const types[] = {"cgroup", "ipc",  "mnt",  "net",
					    "pid",    "time", "user", "uts"};
	char path[64];
	struct stat st;

	open_bracket("namespaces", "{");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", types[i]);
		if (stat(path, &st) == 0)
			number(types[i], (long long)st.st_ino);
	}
	close_bracket("}");
}

static void report_terminal(void)
{
	static const char *const names[] = {"stdin", "stdout", "stderr"};
	struct winsize size;
	int fd;

	open_bracket("terminal", "{");
	for (int i = 0; i < 3; i++) {
		key(names[i]);
		adds(isatty(i) ? "true" : "false");
	}
	if (isatty(0) && ioctl(0, TIOCGWINSZ, &size) == 0) {
		number("rows", size.ws_row);
		number("columns", size.ws_col);
		text("name", ttyname(0));
		number("foreground", tcgetpgrp(0));
	}
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	key("controlling");
	adds(fd >= 0 ? "true" : "false");
	if (fd >= 0)
		close(fd);
	close_bracket("}");
}

static void report_network(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};
	struct if_nameindex *list = if_nameindex();

	key("loopback_up");
	adds(fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP)
		     ? "true"
		     : "false");
	open_bracket("interfaces", "[");
	for (struct if_nameindex *i = list; i && i->if_index; i++)
		text(NULL, i->if_name);
	close_bracket("]");
	if (list)
		if_freenameindex(list);
	if (fd >= 0)
		close(fd);
}

static void report_keyring(void)
{
	long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3 /* the session's */, 0, 0, 0);
	char description[256] = "";

	number("session_keyring", id);
	if (id > 0)
		(void)syscall(SYS_keyctl, KEYCTL_DESCRIBE, id, description, sizeof(description), 0);
	text("session_keyring_description", description);
}

static void report_proc(void)
{
	char *status = slurp("/proc/self/status", NULL);
	const char *seccomp = status_field(status, "\nSeccomp:");
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	text("exe", exe);
	number("seccomp", seccomp ? atoi(seccomp) : -1);
	seccomp = status_field(status, "\nSeccomp_filters:");
	number("seccomp_filters", seccomp ? atoi(seccomp) : -1);
	text("mountinfo", slurp("/proc/self/mountinfo", NULL));
	text("cgroup", slurp("/proc/self/cgroup", NULL));
	text("uid_map", slurp("/proc/self/uid_map", NULL));
	text("gid_map", slurp("/proc/self/gid_map", NULL));
	text("setgroups", slurp("/proc/self/setgroups", NULL));
	text("oom_score_adj", slurp("/proc/self/oom_score_adj", NULL));
	text("timens_offsets", slurp("/proc/self/timens_offsets", NULL));
	text("apparmor", slurp("/proc/self/attr/apparmor/current", NULL));
}

/* The numbers of the processes in /proc. */
static void report_processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *entry;

	open_bracket("processes", "[");
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			number(NULL, atoi(entry->d_name));
	close_bracket("]");
	if (d)
		closedir(d);
}

/* --- asked for on the command line ----------------------------------------------------------- */

/* Sections that were asked for, written when the report is: the buffer for each in turn. */
static struct section {
	const char *name;
	char *out;
	size_t len, size;
	bool comma;
} sections[] = {{.name = "look"}, {.name = "read"},  {.name = "open"},
		{.name = "list"}, {.name = "spawn"}, {.name = "call"}};

enum {
	LOOK,
	READ,
	OPEN,
	LIST,
	SPAWN,
	CALL
};

/* Exchange the section's buffer with the current one: everything written meanwhile goes there. */
static void swap_section(int i)
{
	struct section *s = &sections[i], saved = {s->name, out, out_len, out_size, need_comma};

	out = s->out;
	out_len = s->len;
	out_size = s->size;
	need_comma = s->comma;
	*s = saved;
}

static void look(const char *path)
{
	swap_section(LOOK);
	report_file(path, AT_FDCWD, path);
	swap_section(LOOK);
}

static void read_file(const char *path)
{
	size_t len = 0;
	char *content = slurp(path, &len);

	swap_section(READ);
	open_bracket(path, "{");
	if (content)
		text("text", content);
	else
		text("error", errno_name(errno));
	close_bracket("}");
	swap_section(READ);
}

static void try_open(const char *path, const char *mode)
{
	int flags = strcmp(mode, "r") == 0 ? O_RDONLY : strcmp(mode, "w") == 0 ? O_WRONLY : O_RDWR;
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	swap_section(OPEN);
	text(path, fd < 0 ? errno_name(errno) : "ok");
	swap_section(OPEN);
	if (fd >= 0)
		close(fd);
}

static void list(const char *path)
{
	swap_section(LIST);
	report_directory(path, path);
	swap_section(LIST);
}

static void spawn(const char *path)
{
	char *argv[] = {(char *)path, "exit", "0", NULL};
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		execve(path, argv, environ);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	swap_section(SPAWN);
	number(path, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	swap_section(SPAWN);
}

static void call(const char *number_, const char *argument_)
{
	long r = syscall(atol(number_), strtoul(argument_, NULL, 0), 0, 0, 0, 0, 0);
	const char *result = r < 0 ? errno_name(errno) : "ok";

	swap_section(CALL);
	text(number_, result);
	swap_section(CALL);
}

static void write_all(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			_exit(FAILED);
		s += done;
		n -= (size_t)done;
	}
}

static void report(int fd, int argc, char **argv)
{
	open_bracket(NULL, "{");
	open_bracket("argv", "[");
	for (int i = 0; i < argc; i++)
		text(NULL, argv[i]);
	close_bracket("]");
	report_ids();
	report_capabilities();
	report_signals();
	report_limits();
	report_names();
	report_descriptors();
	report_namespaces();
	report_terminal();
	report_network();
	report_keyring();
	report_proc();
	report_processes();
	report_directory("dev", "/dev");
	report_directory("dev/pts", "/dev/pts");
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		open_bracket(sections[i].name, "{");
		if (sections[i].out)
			adds(sections[i].out);
		close_bracket("}");
	}
	close_bracket("}");
	adds("\n");
	write_all(fd, out, out_len);
	out_len = 0;
	need_comma = false;
}

/* --- actions --------------------------------------------------------------------------------- */

static void notify(const char *text)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	const char *path = getenv("NOTIFY_SOCKET");
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path ? path : "");
	if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&a, sizeof(a)) < 0) {
		dprintf(2, "notify: %s\n", strerror(errno));
		exit(FAILED);
	}
	close(fd);
}

volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "signal %d\n", sig);

	write_all(1, line, (size_t)n);
	caught = 1;
}

static void sleep_until_caught(void)
{
	sigset_t all, old;

	/* Between looking and waiting nothing may come. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	while (!caught)
		sigsuspend(&old);
	caught = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void sleeping_child(bool session)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(FAILED);
	if (pid > 0)
		return;
	if (session)
		setsid();
	for (;;)
		pause();
}

static void wait_for(const char *path)
{
	struct timespec t = {.tv_nsec = 2000000};
	struct stat st;

	while (lstat(path, &st) < 0)
		nanosleep(&t, NULL);
}

static void copy_input(void)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(0, buf, sizeof(buf))) > 0)
		write_all(1, buf, (size_t)n);
}

static void echo_line(void)
{
	char line[4096];
	size_t n = 0;

	while (n < sizeof(line) - 3 && read(0, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	dprintf(1, "[%s]\n", line);
}

static void write_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		_exit(FAILED);
	write_all(fd, content, strlen(content));
	close(fd);
}

static const char *argument(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc) {
		dprintf(2, "probe: %s needs an argument\n", argv[*i]);
		_exit(FAILED);
	}
	return argv[++*i];
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *action = argv[i], *a;
		int fd;

#define IS(name) (strcmp(action, name) == 0)
#define ARG()    argument(argc, argv, &i)
		if (IS("report")) {
			report(1, argc, argv);
		} else if (IS("report-to")) {
			fd = open(ARG(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
			if (fd < 0)
				_exit(FAILED);
			report(fd, argc, argv);
			close(fd);
		} else if (IS("look")) {
			look(ARG());
		} else if (IS("read")) {
			read_file(ARG());
		} else if (IS("open")) {
			a = ARG();
			try_open(a, ARG());
		} else if (IS("list")) {
			list(ARG());
		} else if (IS("print")) {
			dprintf(1, "%s\n", ARG());
		} else if (IS("error")) {
			dprintf(2, "%s\n", ARG());
		} else if (IS("write")) {
			a = ARG();
			write_file(a, ARG());
		} else if (IS("link")) {
			a = ARG();
			if (symlink(a, ARG()) < 0)
				_exit(FAILED);
		} else if (IS("mount")) {
			a = ARG();
			if (mount(a, ARG(), a, 0, NULL) < 0)
				_exit(FAILED);
		} else if (IS("cat")) {
			copy_input();
		} else if (IS("line")) {
			echo_line();
		} else if (IS("winsize")) {
			struct winsize size = {0};

			ioctl(0, TIOCGWINSZ, &size);
			dprintf(1, "%d %d\n", size.ws_row, size.ws_col);
		} else if (IS("children")) {
			for (int n = atoi(ARG()); n > 0; n--)
				sleeping_child(false);
		} else if (IS("orphan")) {
			sleeping_child(true);
		} else if (IS("ignore")) {
			signal(atoi(ARG()), SIG_IGN);
		} else if (IS("catch")) {
			struct sigaction sa = {.sa_handler = on_signal};

			sigaction(atoi(ARG()), &sa, NULL);
		} else if (IS("kill")) {
			kill(getpid(), atoi(ARG()));
		} else if (IS("notify")) {
			notify(ARG());
		} else if (IS("spawn")) {
			spawn(ARG());
		} else if (IS("call")) {
			a = ARG();
			call(a, ARG());
		} else if (IS("sleep")) {
			sleep_until_caught();
		} else if (IS("wait")) {
			wait_for(ARG());
		} else if (IS("lock")) {
			fd = open(ARG(), O_RDWR | O_CREAT, 0600);
			if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
				_exit(FAILED);
		} else if (IS("close")) {
			close(atoi(ARG()));
		} else if (IS("poll-exe")) {
			poll_exe(strcmp(ARG(), "trace") == 0);
		} else if (IS("hold")) {
			hold_peer();
		} else if (IS("seize")) {
			seize_exe();
		} else if (IS("speak")) {
			speak_for_peer(ARG());
		} else if (IS("exit")) {
			exit(atoi(ARG()));
		} else {
			dprintf(2, "probe: no such action: %s\n", action);
			exit(FAILED);
		}
	}
	return 0;
}
