/* Steps that fill /dev. The directory is resolved in the root once; names are made relative to it
 * and never followed. */
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "init/init.h"

#include <sys/sysmacros.h>

/* What stands at @name must be the device itself: an image that brings a regular file or a link
 * named /dev/null would otherwise have it used as one (CVE-2025-31133). */
static int verify(int dir_fd, const char *name, const struct plan_device *d, struct err *e)
{
	_cleanup_close_ int fd = sys_openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(e, ERR_DEVICE, fd, "open device \"%s\"", name);
	r = sys_fstat(fd, &st);
	if (r < 0)
		return err_sys(e, ERR_DEVICE, r, "examine device \"%s\"", name);
	if ((st.st_mode & S_IFMT) != (d->mode & S_IFMT) ||
	    (!S_ISFIFO(st.st_mode) &&
	     (major(st.st_rdev) != d->major || minor(st.st_rdev) != d->minor)))
		return err_set(e, ERR_DEVICE, -EEXIST,
			       "\"%s\" exists in the root filesystem and is not device %u:%u", name,
			       d->major, d->minor);
	return 0;
}

static int make_node(int dir_fd, const char *name, const struct plan_device *d, struct err *e)
{
	int r = sys_mknodat(dir_fd, name, d->mode, (unsigned)makedev(d->major, d->minor));

	if (r == -EEXIST)
		return verify(dir_fd, name, d, e);
	if (r < 0)
		return err_sys(e, ERR_DEVICE, r, "make device \"%s\"", name);
	if (d->uid == 0 && d->gid == 0)
		return 0;
	r = sys_fchownat(dir_fd, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? err_sys(e, ERR_DEVICE, r, "change the owner of device \"%s\"", name) : 0;
}

/* In a user namespace mknod of devices is refused: the host's node is bound over an empty file. */
static int bind_node(struct init *i, int dir_fd, const char *name, const struct plan_device *d,
		     struct err *e)
{
	static const struct plan_mount_attr slave = {.propagation = MS_SLAVE};
	_cleanup_close_ int opened = -EBADF, file = -EBADF;
	int fd = init_slot(i, d->slot), r;

	if (fd < 0) {
		fd = opened = sys_open_tree(AT_FDCWD, init_string(i, d->source),
					    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (fd < 0)
			return err_sys(e, ERR_DEVICE, fd, "open \"%s\"", init_string(i, d->source));
	}
	file = sys_openat(dir_fd, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0666);
	if (file == -EEXIST)
		file = sys_openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (file < 0)
		return err_sys(e, ERR_DEVICE, file, "make \"%s\" for the host's device", name);
	r = attr_attach(fd, file, e);
	/* A copy that the host half made is a peer of the host's mount: whatever the container
	 * mounts on its device would cover the host's. */
	if (r == 0 && opened < 0)
		r = attr_apply(i, fd, &slave, true, e);
	if (r < 0)
		return err_wrap(e, "device \"%s\"", name);
	return verify(dir_fd, name, d, e);
}

static int make_links(const struct init *i, int dir_fd, struct plan_array a, struct err *e)
{
	const struct plan_symlink *links = init_array(i, a, sizeof(*links));

	for (uint32_t n = 0; n < a.n; n++) {
		const char *name = init_string(i, links[n].name);
		int r = sys_symlinkat(init_string(i, links[n].target), dir_fd, name);

		/* An image may bring its own; programs see what the image's author wanted. */
		if (r < 0 && r != -EEXIST)
			return err_sys(e, ERR_DEVICE, r, "make link \"%s\"", name);
	}
	return 0;
}

int step_DEVICES(struct init *i, const struct plan_devices *o, struct err *e)
{
	const struct plan_device *d = init_array(i, o->devices, sizeof(*d));
	_cleanup_close_ int dir_fd =
		path_make_dir_in_root(i->root_fd, init_string(i, o->directory), 0755);

	if (dir_fd < 0)
		return err_sys(e, ERR_DEVICE, dir_fd, "open \"%s\"", init_string(i, o->directory));
	for (uint32_t n = 0; n < o->devices.n; n++) {
		const char *name = init_string(i, d[n].name);
		int r = d[n].bind ? bind_node(i, dir_fd, name, &d[n], e)
				  : make_node(dir_fd, name, &d[n], e);

		/* Root of a user namespace, as in a container: what is bound is then the parent's.
		 */
		if (r == -EPERM && !d[n].bind && d[n].source != 0)
			r = bind_node(i, dir_fd, name, &d[n], e);
		if (r < 0)
			return r;
	}
	return make_links(i, dir_fd, o->links, e);
}
