/* Access to the host's procfs. A container's or an engine's mount on top of it must not redirect
 * what we write (CVE-2019-16884, CVE-2025-52881). */
#include "host/proc.h"

#include "base/str.h"
#include "base/sys.h"

#define PROC_ROOT_INO 1 /* fs/proc: PROC_ROOT_INO */

int proc_root(struct err *e)
{
	static int known = -EBADF;
	_cleanup_close_ int fd = -EBADF;
	struct sys_statfs fs;
	struct stat st;

	if (known >= 0)
		return known;
	fd = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_KERNEL, fd, "open /proc");
	if (sys_fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC_ || sys_fstat(fd, &st) < 0 ||
	    st.st_ino != PROC_ROOT_INO)
		return err_set(e, ERR_KERNEL, -ENODEV, "/proc is not a procfs");
	known = TAKE_FD(fd);
	return known;
}

int proc_open_at(int proc_fd, const char *path, int flags)
{
	/* "self" is a link of the kernel's, and not one of those that lead to whatever is open. */
	uint64_t links = str_starts(path, "self/") ? RESOLVE_NO_MAGICLINKS : RESOLVE_NO_SYMLINKS;
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | links,
	};

	return sys_openat2(proc_fd, path, &how);
}

ssize_t proc_read(int proc_fd, const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = proc_open_at(proc_fd, path, O_RDONLY);
	ssize_t n = fd < 0 ? fd : sys_read(fd, buf, size);

	if (n == (ssize_t)size)
		return -EFBIG;
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

int proc_write_pid(int proc_fd, pid_t pid, const char *file, const char *text)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64];
	ssize_t n;

	(void)str_format(path, sizeof(path), "%d/%s", pid, file);
	fd = proc_open_at(proc_fd, path, O_WRONLY);
	if (fd < 0)
		return fd;
	n = sys_write(fd, text, strlen(text));
	return n < 0 ? (int)n : 0;
}

#define STAT_SIZE 1024

/* Read /proc/PID/stat; *@ret_end points to the ')' that ends the name. The name may hold anything,
 * also
 * ") Z 0"; what follows it is numbers. */
static int read_stat(int proc_fd, pid_t pid, char stat[static STAT_SIZE], char **ret_end)
{
	char path[32], *end;
	ssize_t n;

	(void)str_format(path, sizeof(path), "%d/stat", pid);
	n = proc_read(proc_fd, path, stat, STAT_SIZE);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	end = strrchr(stat, ')');
	if (!end || end[1] != ' ')
		return -EBADMSG;
	*ret_end = end;
	return 0;
}

/* The number in field @field (see proc_pid_stat(5), @field > 3) of what follows @end, the ')' of
 * the name. NULL if there is none. */
static const char *stat_field(const char *end, int field)
{
	const char *p = end + 1;

	for (int n = 3; n < field && *p != '\0'; n++)
		for (p++; *p != ' ' && *p != '\0';)
			p++;
	return *p != '\0' ? p + 1 : NULL;
}

static uint64_t to_number(const char *p)
{
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

int proc_identify(int proc_fd, pid_t pid, struct proc_identity *ret)
{
	char stat[STAT_SIZE], *end = NULL;
	int r = read_stat(proc_fd, pid, stat, &end);
	const char *name = r < 0 ? NULL : strchr(stat, '('), *start;

	if (r < 0)
		return r;
	start = stat_field(end, 22);
	if (!name || !start)
		return -EBADMSG;
	ret->leader_ended = end[2] == 'Z' || end[2] == 'X';
	*end = '\0';
	(void)str_copy(ret->name, sizeof(ret->name), name + 1);
	ret->start_time = to_number(start);
	return 0;
}

int proc_exit_code(int proc_fd, pid_t pid, uint64_t start_time, int *ret)
{
	char stat[STAT_SIZE], *end = NULL, path[32], link[64];
	const char *start, *code;
	int r;

	/* Without the right to look the kernel says 0, not that it says nothing: the right is the
	 * same that this link needs. */
	(void)str_format(path, sizeof(path), "%d/ns/user", pid);
	r = (int)sys_readlinkat(proc_fd, path, link, sizeof(link));
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	r = read_stat(proc_fd, pid, stat, &end);
	if (r < 0)
		return r;
	start = stat_field(end, 22);
	code = stat_field(end, 52);
	if (!start || !code)
		return -EBADMSG;
	if (to_number(start) != start_time)
		return -ESRCH;
	if (end[2] != 'Z')
		return -EBUSY;
	*ret = (int)to_number(code);
	return 0;
}
