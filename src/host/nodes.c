/* See nodes.h. A node has to lie in a file system before a mount of it can be made, and before
 * Linux 6.15 that file system has to be attached somewhere. Our own mount namespace is never
 * changed: a child does it that has one to itself, and our memory and descriptors. It ends at once;
 * the mounts live on in the descriptors. */
#include "host/nodes.h"

#include <sys/sysmacros.h>

#include "base/fd.h"
#include "base/fscontext.h"
#include "base/str.h"
#include "base/sys.h"

struct work {
	const struct plan *plan;
	int *slots;
	struct err *e;
	int result;
};

static int make_node(int dir_fd, const struct plan_slot_source *s, unsigned number, struct err *e)
{
	const struct plan_device_node *d = &s->device;
	char name[12];
	int r;

	(void)str_format(name, sizeof(name), "%u", number);
	r = sys_mknodat(dir_fd, name, d->mode, (unsigned)makedev(d->major, d->minor));
	/* Our umask is the caller's. */
	if (r == 0)
		r = sys_fchownat(dir_fd, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW);
	if (r == 0)
		r = sys_fchmodat(dir_fd, name, d->mode & 07777);
	if (r == 0)
		r = sys_open_tree(dir_fd, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (r < 0) {
		(void)err_sys(e, ERR_DEVICE, r, "make device \"%s\"", s->path);
		return err_where(e, "%s", s->origin);
	}
	return r;
}

/* A file system of our own, on the root of a mount namespace of our own. */
static int make_place(struct err *e)
{
	_cleanup_close_ int fs_fd = -EBADF, fd = -EBADF;
	int r = sys_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);

	if (r < 0)
		return err_sys(e, ERR_DEVICE, r, "set mount propagation");
	fs_fd = fscontext_open("tmpfs", e);
	if (fs_fd < 0)
		return fs_fd;
	fd = fscontext_mount(fs_fd, 0, e);
	if (fd < 0)
		return fd;
	r = sys_move_mount(fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	return r < 0 ? err_sys(e, ERR_DEVICE, r, "attach a place for devices") : TAKE_FD(fd);
}

static int child_main(void *arg)
{
	struct work *w = arg;
	const struct plan *p = w->plan;
	_cleanup_close_ int place = make_place(w->e);

	w->result = place < 0 ? place : 0;
	for (size_t n = 0; n < p->n_slots && w->result == 0; n++) {
		if (p->slots[n].kind != SLOT_DEVICE)
			continue;
		w->slots[n] = make_node(place, &p->slots[n], (unsigned)n, w->e);
		w->result = MIN(w->slots[n], 0);
	}
	return 0;
}

int nodes_make(const struct plan *plan, int *slots, struct err *e)
{
	_Alignas(16) static char stack[16384];
	_cleanup_close_ int pidfd = -EBADF;
	struct work w = {.plan = plan, .slots = slots, .e = e, .result = -EIO};
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_FILES | CLONE_NEWNS,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sys_clone3_vfork(&args, stack, sizeof(stack), child_main, &w);

	if (pid < 0) {
		pidfd = -EBADF;
		return err_sys(e, ERR_DEVICE, pid, "make devices for a user namespace");
	}
	(void)sys_wait_pidfd(pidfd, NULL, WEXITED);
	for (size_t n = 0; n < plan->n_slots && w.result < 0; n++)
		if (plan->slots[n].kind == SLOT_DEVICE)
			slots[n] = fd_close(slots[n]);
	return w.result;
}
