/* See fscontext.h. */
#include "base/fscontext.h"

#include "base/str.h"
#include "base/sys.h"

/* Each read gives one message; the last error is the one that matters. */
static int describe(int fd, const char *what, const char *name, int code, struct err *e)
{
	char message[200], last[200] = "";
	ssize_t n;

	while ((n = sys_read(fd, message, sizeof(message) - 1)) > 2) {
		message[n] = '\0';
		if (message[n - 1] == '\n')
			message[n - 1] = '\0';
		if (message[0] == 'e')
			(void)str_copy(last, sizeof(last), message + 2);
	}
	if (last[0] != '\0')
		return err_sys(e, ERR_MOUNT, code, "%s%s (%s)", what, name, last);
	return err_sys(e, ERR_MOUNT, code, "%s%s", what, name);
}

int fscontext_open(const char *fstype, struct err *e)
{
	int fd = sys_fsopen(fstype, FSOPEN_CLOEXEC);

	return fd < 0 ? err_sys(e, ERR_MOUNT, fd, "open file system type \"%s\"", fstype) : fd;
}

int fscontext_set(int fd, const char *key, const char *value, struct err *e)
{
	unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
	int r = sys_fsconfig(fd, command, key, value, 0);

	return r < 0 ? describe(fd, "option ", key, r, e) : 0;
}

int fscontext_mount(int fd, uint64_t attr, struct err *e)
{
	int r = sys_fsconfig(fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (r < 0)
		return describe(fd, "create the file system", "", r, e);
	r = sys_fsmount(fd, FSMOUNT_CLOEXEC, (unsigned)attr);
	return r < 0 ? describe(fd, "mount the file system", "", r, e) : r;
}
