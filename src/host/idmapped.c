/* See idmapped.h. Runs in the host half, in the caller's namespaces. */
#include "host/idmapped.h"

#include <linux/prctl.h>

#include "base/fd.h"
#include "base/fscontext.h"
#include "base/str.h"
#include "base/sys.h"
#include "host/idmap.h"
#include "host/proc.h"

/* --- the user namespace ----------------------------------------------------------------------- */

_noreturn_ static void hold(void)
{
	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;)
		(void)sys_poll(NULL, 0, -1);
}

/* A user namespace lives as long as a process in it or a descriptor of it: the process is there to
 * be mapped and opened. A copy of us, since we have to go on beside it; it does nothing. */
static int make_userns(const struct plan_mount_userns *u, struct err *e)
{
	_cleanup_close_ int pidfd = -EBADF;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	int proc_fd = proc_root(e), r;
	char path[32];
	pid_t pid;

	if (proc_fd < 0)
		return proc_fd;
	pid = sys_clone3(&args);
	if (pid == 0)
		hold();
	if (pid < 0) {
		pidfd = -EBADF;
		return err_sys(e, ERR_IDMAP, pid, "make a user namespace for a mount");
	}
	r = idmap_write(&u->map, pid, e);
	if (r < 0) {
		e->where[0] = '\0'; /* it speaks of the container's mappings */
	} else {
		(void)str_format(path, sizeof(path), "%d/ns/user", pid);
		/* Our own child, not yet waited for: nobody else can have its number. */
		r = sys_openat(proc_fd, path, O_RDONLY | O_CLOEXEC, 0);
		if (r < 0)
			(void)err_sys(e, ERR_IDMAP, r, "open the user namespace of a mount");
	}
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)sys_wait_pidfd(pidfd, NULL, WEXITED);
	return r;
}

int idmapped_open_userns(const struct plan_mount_userns *u, struct err *e)
{
	int fd;

	if (u->path[0] == '\0')
		return make_userns(u, e);
	fd = sys_openat(AT_FDCWD, u->path, O_RDONLY | O_CLOEXEC, 0);
	return fd < 0 ? err_sys(e, ERR_IDMAP, fd, "open \"%s\"", u->path) : fd;
}

/* --- the mount -------------------------------------------------------------------------------- */

/* The type of the file system at @path, for a message; "unknown" if that cannot be told. */
static void name_file_system(const char *path, char *buf, size_t size)
{
	static char text[1 << 16];
	struct err ignored;
	int proc_fd = proc_root(&ignored);
	_cleanup_close_ int fd =
		proc_fd < 0 ? proc_fd : proc_open_at(proc_fd, "self/mountinfo", O_RDONLY);
	struct sys_statx st = {0};
	char start[32];
	size_t len = 0;
	ssize_t n;

	(void)str_copy(buf, size, "unknown");
	if (fd < 0 || sys_statx(AT_FDCWD, path, 0, SYS_STATX_MNT_ID, &st) < 0)
		return;
	while ((n = sys_read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)str_format(start, sizeof(start), "%llu ", (unsigned long long)st.stx_mnt_id);
	for (char *line = text, *end; *line != '\0'; line = end) {
		char *type;

		end = line + strcspn(line, "\n");
		if (*end != '\0')
			*end++ = '\0';
		type = str_starts(line, start) ? strstr(line, " - ") : NULL;
		if (!type)
			continue;
		type += 3;
		type[strcspn(type, " ")] = '\0';
		(void)str_copy(buf, size, type);
		return;
	}
}

int idmapped_apply(int fd, int userns_fd, const struct plan_slot_source *s, struct err *e)
{
	struct mount_attr m = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd};
	int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | (s->recursive_idmap ? AT_RECURSIVE : 0),
				  &m);
	char type[40];

	if (r == 0)
		return 0;
	if (r == -ENOSYS)
		return err_sys(e, ERR_KERNEL, r, "id-mapped mounts need Linux 5.12");
	if (s->kind == SLOT_INSTANCE)
		(void)str_copy(type, sizeof(type), s->fstype);
	else
		name_file_system(s->path, type, sizeof(type));
	(void)err_sys(e, ERR_MOUNT, r, "map the ids of \"%s\" (file system type \"%s\")", s->path,
		      type);
	if (r == -EINVAL)
		(void)err_hint(e, "%s does not support id-mapped mounts in this kernel%s", type,
			       s->recursive ? ", or something mounted below it does not" : "");
	if (r == -EPERM)
		(void)err_hint(e, "it needs CAP_SYS_ADMIN in the user namespace that mounted the "
				  "file system, and a mount without a mapping");
	return r;
}

int idmapped_make_instance(const struct plan_slot_source *s, struct err *e)
{
	_cleanup_close_ int fs_fd = fscontext_open(s->fstype, e);
	int r = fs_fd < 0 ? fs_fd : 0;

	if (r == 0 && s->path[0] != '\0')
		r = fscontext_set(fs_fd, "source", s->path, e);
	for (size_t n = 0; n < s->options.n && r == 0; n++) {
		const char *option = s->options.items[n], *eq = strchr(option, '=');
		char key[FSCONTEXT_VALUE_MAX];

		(void)str_format(key, sizeof(key), "%.*s",
				 eq ? (int)(eq - option) : (int)strlen(option), option);
		r = fscontext_set(fs_fd, key, eq ? eq + 1 : NULL, e);
	}
	return r < 0 ? r : fscontext_mount(fs_fd, 0, e);
}
