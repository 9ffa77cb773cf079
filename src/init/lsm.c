/* Labels of security modules. By a system call where there is one (6.8); before that by our own
 * file in a procfs that was opened on the host's side of every boundary and proven to be one: a
 * file system that somebody mounted there must not swallow what we write (CVE-2019-16884,
 * CVE-2025-52881). */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#define PROC_ROOT_INO 1 /* fs/proc: PROC_ROOT_INO */
#define LABEL_MAX     4096

int init_open_host_proc(struct init *i, const char *path, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct sys_statfs fs;
	struct stat st;

	if (i->host_proc_fd >= 0)
		return 0;
	fd = sys_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, ERR_KERNEL, fd, "open the host's procfs");
	if (sys_fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC_ || sys_fstat(fd, &st) < 0 ||
	    st.st_ino != PROC_ROOT_INO)
		return err_set(e, ERR_KERNEL, -ENODEV, "the host's procfs is none");
	i->host_proc_fd = TAKE_FD(fd);
	return 0;
}

int step_PROCFS(struct init *i, const struct plan_path *o, struct err *e)
{
	return init_open_host_proc(i, init_string(i, o->path), e);
}

static int write_attribute(const struct init *i, const char *path, const char *value)
{
	/* "self" is a link; what it leads to must be in the same instance. */
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = sys_openat2(i->host_proc_fd, path, &how);
	ssize_t n = fd < 0 ? fd : sys_write(fd, value, strlen(value));

	return n < 0 ? (int)n : 0;
}

int step_LSM(struct init *i, const struct plan_lsm *o, struct err *e)
{
	static union {
		struct sys_lsm_ctx c;
		char bytes[sizeof(struct sys_lsm_ctx) + LABEL_MAX];
	} x;
	const char *value = init_string(i, o->value), *name = init_string(i, o->name);
	size_t n = strlen(value);
	int r;

	/* The system call takes a page at most, all together. */
	if (n > LABEL_MAX - sizeof(x.c))
		return err_set(e, ERR_PROCESS, -E2BIG, "the label is too long");
	x.c = (struct sys_lsm_ctx){.id = o->module, .len = sizeof(x.c) + n, .ctx_len = n};
	memcpy(x.bytes + sizeof(x.c), value, n);
	r = sys_lsm_set_self_attr(o->attribute, &x.c, (uint32_t)(sizeof(x.c) + n), 0);
	if (r == -ENOSYS)
		r = write_attribute(i, init_string(i, o->path), value);
	if (r >= 0)
		return 0;
	(void)err_sys(e, ERR_PROCESS, r, "set the %s label \"%s\"", name, value);
	if (r == -EOPNOTSUPP || r == -ENOENT || r == -EINVAL)
		(void)err_hint(e, "%s must be enabled in the kernel, and know this label", name);
	return r;
}
