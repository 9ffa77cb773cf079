/* Steps that set values of the new namespaces: names, kernel parameters, the loopback device. */
#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <linux/if.h>
#include <linux/sockios.h>

int step_HOSTNAME(struct init *i, const struct plan_string *o, struct err *e)
{
	const char *name = init_string(i, o->value);
	int r = sys_sethostname(name, strlen(name));

	return r < 0 ? err_sys(e, ERR_NAMESPACE, r, "set the host name") : 0;
}

int step_DOMAINNAME(struct init *i, const struct plan_string *o, struct err *e)
{
	const char *name = init_string(i, o->value);
	int r = sys_setdomainname(name, strlen(name));

	return r < 0 ? err_sys(e, ERR_NAMESPACE, r, "set the domain name") : 0;
}

/* A proc instance of our own, never attached: what is mounted on the container's /proc by the image
 * or the configuration cannot catch the write (CVE-2025-52881). */
static int open_proc(struct init *i, const struct plan_sysctl *o, struct err *e)
{
	_cleanup_close_ int fs_fd = sys_fsopen(init_string(i, o->fstype), FSOPEN_CLOEXEC);
	int r = fs_fd;

	if (r >= 0)
		r = sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r >= 0)
		r = i->proc_fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, 0);
	/* Refused to a user namespace that does not see all of a procfs, as in a container whose
	 * engine masks parts of it. The host's shows our parameters too. */
	if (r == -EPERM) {
		r = init_open_host_proc(i, init_string(i, o->instead), e);
		i->proc_fd = i->host_proc_fd;
		return r;
	}
	return r < 0 ? err_sys(e, ERR_SYSCTL, r, "make a private procfs") : 0;
}

int step_SYSCTL(struct init *i, const struct plan_sysctl *o, struct err *e)
{
	const char *path = init_string(i, o->path), *value = init_string(i, o->value);
	/* Nothing that is mounted on the host's procfs catches it. */
	const struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;
	int r;

	if (i->proc_fd < 0) {
		r = open_proc(i, o, e);
		if (r < 0)
			return r;
	}
	fd = sys_openat2(i->proc_fd, path, &how);
	if (fd < 0)
		return err_sys(e, ERR_SYSCTL, fd, "open \"%s\"", path);
	n = sys_write(fd, value, strlen(value));
	return n < 0 ? err_sys(e, ERR_SYSCTL, (int)n, "write \"%s\" to \"%s\"", value, path) : 0;
}

int step_LOOPBACK(struct init *i, const struct plan_string *o, struct err *e)
{
	_cleanup_close_ int fd = sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = IFF_UP};
	int r = fd;

	(void)str_copy(request.ifr_name, sizeof(request.ifr_name), init_string(i, o->value));
	if (r >= 0)
		r = sys_ioctl(fd, SIOCSIFFLAGS, &request);
	/* A kernel without IPv4 has no such device to bring up. */
	if (r < 0 && r != -EAFNOSUPPORT)
		return err_sys(e, ERR_NAMESPACE, r, "bring the loopback device up");
	return 0;
}
