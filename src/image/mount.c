/* Mounting. Each way of handing layers to overlayfs starts with a context of its own, so that a way
 * that fails leaves nothing to the next. */
#include "image/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "base/sys.h"

#define MOUNTINFO_MAX ((size_t)16 * 1024 * 1024)

/* --- EROFS ----------------------------------------------------------------------------------- */

void mount_add_kernel_words(int fs, struct err *e)
{
	char words[160];
	ssize_t n = sys_read(fs, words, sizeof(words) - 1);

	/* "e overlay: what is wrong" */
	if (n <= 2)
		return;
	words[n] = '\0';
	words[strcspn(words, "\n")] = '\0';
	(void)err_hint(e, "the kernel says: %s", words + 2);
}

/* One attempt with @source. Returns the mount, or -errno. */
static int try_erofs(const char *source, bool has_acl, struct err *e)
{
	_cleanup_close_ int fs = sys_fsopen("erofs", FSOPEN_CLOEXEC);
	int r;

	if (fs == -ENODEV)
		return err_set(e, ERR_KERNEL, fs, "this kernel has no EROFS");
	if (fs < 0)
		return err_sys(e, ERR_PERMISSION, fs, "prepare a mount of EROFS");
	r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	/* Without lists, looking for them costs time; a kernel without the option has none. */
	if (r == 0 && !has_acl)
		(void)sys_fsconfig(fs, FSCONFIG_SET_FLAG, "noacl", NULL, 0);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r == 0)
		r = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
	if (r < 0) {
		(void)err_sys(e, ERR_MOUNT, r, "mount the image");
		mount_add_kernel_words(fs, e);
	}
	return r;
}

int mount_erofs(const struct mount_options *o, bool *ret_loop, struct err *e)
{
	_cleanup_close_ int loop = -EBADF;
	char path[LOOP_PATH_MAX + 24];
	int r;

	(void)str_format(path, sizeof(path), "/proc/self/fd/%d", o->image_fd);
	*ret_loop = false;
	r = try_erofs(path, o->has_acl, e);
	if (r == -ENOTBLK) {
		loop = loop_attach(o->image_fd, path, e);
		if (loop < 0)
			return loop;
		*ret_loop = true;
		r = try_erofs(path, o->has_acl, e);
	}
	return r;
}

static int map_ids(int mnt, int userns, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.userns_fd = (uint64_t)userns,
	};
	int r = sys_mount_setattr(mnt, "", AT_EMPTY_PATH, &attr);

	return r < 0 ? err_sys(e, ERR_IDMAP, r, "map the ids of the image") : 0;
}

int mount_attach(int mnt, const char *target, struct err *e)
{
	_cleanup_close_ int at = sys_openat(AT_FDCWD, target, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r = at;

	if (at >= 0)
		r = sys_move_mount(mnt, "", at, "",
				   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	return r < 0 ? err_sys(e, ERR_MOUNT, r, "mount on %s", target) : 0;
}

/* --- a place for the image, where overlayfs wants a path ------------------------------------- */

struct place {
	char path[64]; /* "": none */
	bool mounted;
};

static int place_make(struct place *p, int erofs, struct err *e)
{
	int r;

	(void)str_copy(p->path, sizeof(p->path), "/tmp/.coracle-image-XXXXXX");
	if (!mkdtemp(p->path)) {
		p->path[0] = '\0';
		return err_sys(e, ERR_IO, -errno, "make a temporary directory");
	}
	r = mount_attach(erofs, p->path, e);
	p->mounted = r == 0;
	return r;
}

/* Overlayfs keeps what it needs of the mount; nobody else needs its place. */
static void place_done(struct place *p)
{
	if (p->mounted)
		(void)sys_umount2(p->path, MNT_DETACH);
	if (p->path[0])
		(void)rmdir(p->path);
	p->path[0] = '\0';
}

/* --- overlayfs ------------------------------------------------------------------------------- */

struct overlay {
	const struct mount_options *o;
	int erofs;                   /* the image's mount */
	int data[MOUNT_OBJECTS_MAX]; /* the stores */
	struct place place;
	bool verity; /* ask for it */
	bool modern; /* 6.5 or newer */
};

static int set_string(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
}

/* What is the same in all ways with a context. */
static int set_common(const struct overlay *ov, int fs)
{
	const struct mount_options *o = ov->o;
	int r = set_string(fs, "source", "composefs");

	if (r == 0)
		r = set_string(fs, "metacopy", "on");
	if (r == 0)
		r = set_string(fs, "redirect_dir", "on");
	if (r == 0 && ov->verity)
		r = set_string(fs, "verity", "require");
	if (r == 0 && o->upper)
		r = set_string(fs, "upperdir", o->upper);
	if (r == 0 && o->upper)
		r = set_string(fs, "workdir", o->work);
	if (r == 0 && o->upper && o->discard)
		r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
	return r;
}

static int set_fd_layers(struct overlay *ov, int fs)
{
	int r = sys_fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, ov->erofs);

	for (unsigned i = 0; i < ov->o->n_objects && r == 0; i++)
		r = sys_fsconfig(fs, FSCONFIG_SET_FD, "datadir+", NULL, ov->data[i]);
	return r;
}

static int set_path_layers(struct overlay *ov, int fs)
{
	char path[40];
	int r = set_string(fs, "lowerdir+", ov->place.path);

	for (unsigned i = 0; i < ov->o->n_objects && r == 0; i++) {
		(void)str_format(path, sizeof(path), "/proc/self/fd/%d", ov->data[i]);
		r = set_string(fs, "datadir+", path);
	}
	return r;
}

/* Create the superblock and the mount. Returns the mount or -errno. */
static int finish_overlay(const struct overlay *ov, int fs)
{
	unsigned attr = ov->o->upper && ov->o->read_write ? 0 : MOUNT_ATTR_RDONLY;
	int r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	return r < 0 ? r : sys_fsmount(fs, FSMOUNT_CLOEXEC, attr);
}

/* By a context: descriptors or paths. */
static int try_context(struct overlay *ov, enum mount_way way, struct err *e)
{
	_cleanup_close_ int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	int r;

	if (fs == -ENODEV)
		return err_set(e, ERR_KERNEL, fs, "this kernel has no overlayfs");
	if (fs < 0)
		return err_sys(e, ERR_PERMISSION, fs, "prepare a mount of overlayfs");
	/* Before 6.5 anything is taken, as options for mount(2) that fail later. */
	if (set_string(fs, "coracle-has-no-such-option", "1") == 0)
		return err_sys(e, ERR_KERNEL, -EINVAL, "mount the overlay");
	r = set_common(ov, fs);
	if (r == 0)
		r = way == MOUNT_BY_FD ? set_fd_layers(ov, fs) : set_path_layers(ov, fs);
	if (r == 0)
		r = finish_overlay(ov, fs);
	if (r < 0) {
		(void)err_sys(e, ERR_MOUNT, r, "mount the overlay");
		mount_add_kernel_words(fs, e);
	}
	return r;
}

/* Add @path to @data, with what means something to overlayfs escaped. */
static void append_path(char *data, size_t size, const char *path)
{
	size_t at = strlen(data);

	for (; *path && at + 2 < size; path++) {
		if (*path == '\\' || *path == ':' || *path == ',')
			data[at++] = '\\';
		data[at++] = *path;
	}
	data[at] = '\0';
}

static void append(char *data, size_t size, const char *text)
{
	size_t at = strlen(data);

	(void)str_copy(data + at, size - at, text);
}

/* By mount(2), on @target at once. Returns 0 or -errno. */
static int try_string(struct overlay *ov, const char *target, enum mount_way way, struct err *e)
{
	const struct mount_options *o = ov->o;
	char data[4096] = "metacopy=on,redirect_dir=on,lowerdir=", path[40];
	int r;

	append_path(data, sizeof(data), ov->place.path);
	for (unsigned i = 0; i < o->n_objects; i++) {
		(void)str_format(path, sizeof(path), "/proc/self/fd/%d", ov->data[i]);
		append(data, sizeof(data), way == MOUNT_BY_STRING ? "::" : ":");
		append_path(data, sizeof(data), path);
	}
	if (o->upper) {
		append(data, sizeof(data), ",upperdir=");
		append_path(data, sizeof(data), o->upper);
		append(data, sizeof(data), ",workdir=");
		append_path(data, sizeof(data), o->work);
		if (o->discard)
			append(data, sizeof(data), ",volatile");
	}
	if (ov->verity)
		append(data, sizeof(data), ",verity=require");
	if (strlen(data) + 3 >= sizeof(data))
		return err_sys(e, ERR_MOUNT, -ENAMETOOLONG, "mount the overlay");
	r = sys_mount("composefs", target, "overlay", o->upper && o->read_write ? 0 : MS_RDONLY,
		      data);
	return r < 0 ? err_sys(e, ERR_MOUNT, r, "mount the overlay") : 0;
}

/* Where objects lie in an ordinary layer, whiteouts in the image's root hide their directories; but
 * a directory of the image's own that has such a name would be merged with that of the store. */
static int refuse_merged(const struct overlay *ov, struct err *e)
{
	char name[8];

	for (unsigned i = 0; i < 256; i++) {
		_cleanup_close_ int fd = -EBADF;

		(void)str_format(name, sizeof(name), "%02x", i);
		fd = sys_openat(ov->erofs, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		if (fd >= 0)
			return err_set(e, ERR_KERNEL, -ENOTSUP,
				       "/%s would show objects: Linux 6.5 is needed for this image",
				       name);
	}
	return 0;
}

/* One way, up to the mount on @target. */
static int try_way(struct overlay *ov, const char *target, enum mount_way way, struct err *e)
{
	_cleanup_close_ int mnt = -EBADF;

	if (way == MOUNT_BY_STACK) {
		int r = refuse_merged(ov, e);

		if (r < 0)
			return r;
	}
	if (way == MOUNT_BY_STRING || way == MOUNT_BY_STACK)
		return try_string(ov, target, way, e);
	mnt = try_context(ov, way, e);
	return mnt < 0 ? mnt : mount_attach(mnt, target, e);
}

/* Does the failure say that the kernel does not know this way? */
static bool is_unknown_way(int r)
{
	return r == -EINVAL || r == -EBADF || r == -ENOSYS || r == -EOPNOTSUPP;
}

/* Newest first. The first failure that is about more than an unknown way counts. */
static int try_ways(struct overlay *ov, const char *target, enum mount_way *ret, struct err *e)
{
	struct err first = {0};
	int r = -EINVAL;

	for (enum mount_way way = MOUNT_BY_FD; way <= MOUNT_BY_STACK; way++) {
		/* Only for kernels that have nothing better. */
		if (way == MOUNT_BY_STACK && ov->modern)
			break;
		if (way == MOUNT_BY_PATH) {
			r = place_make(&ov->place, ov->erofs, e);
			if (r < 0)
				return r;
		}
		r = try_way(ov, target, way, e);
		if (r >= 0) {
			*ret = way;
			return 0;
		}
		if (!is_unknown_way(r) || way == MOUNT_BY_STACK)
			return r;
		if (first.code == 0)
			first = *e;
		e->hint[0] = '\0';
	}
	*e = first;
	return r;
}

/* What does this overlayfs know? Before 6.5 a context takes any option, and mount(2) fails later.
 * From then on there are data-only layers; verity= came with 6.6. */
static void probe_overlay(struct overlay *ov)
{
	_cleanup_close_ int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);

	ov->modern = fs >= 0 && set_string(fs, "coracle-has-no-such-option", "1") < 0;
	ov->verity = ov->modern && ov->o->verity != VERITY_OFF &&
		     set_string(fs, "verity", "require") == 0;
}

static int mount_overlay(struct overlay *ov, const char *target, struct mount_report *report,
			 struct err *e)
{
	int r;

	probe_overlay(ov);
	if (ov->o->verity == VERITY_REQUIRE && !ov->verity)
		return err_set(e, ERR_KERNEL, -EOPNOTSUPP,
			       "this kernel's overlayfs cannot require digests (Linux 6.6 can)");
	r = try_ways(ov, target, &report->way, e);
	place_done(&ov->place);
	report->enforced = r == 0 && ov->verity;
	return r;
}

int mount_image(const struct mount_options *o, const char *target, struct mount_report *ret,
		struct err *e)
{
	struct overlay ov = {.o = o, .erofs = -EBADF};
	struct mount_report report = {0};
	unsigned n = 0;
	int r = 0;

	if (o->n_objects == 0 || o->n_objects > MOUNT_OBJECTS_MAX)
		return err_set(e, ERR_USAGE, -EINVAL, "expected 1 to %d object stores",
			       MOUNT_OBJECTS_MAX);
	for (; n < o->n_objects && r == 0; n++) {
		ov.data[n] =
			sys_openat(AT_FDCWD, o->objects[n], O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		if (ov.data[n] < 0)
			r = err_sys(e, ERR_IO, ov.data[n], "open the object store %s",
				    o->objects[n]);
	}
	if (r == 0)
		r = ov.erofs = mount_erofs(o, &report.loop, e);
	if (r >= 0 && o->idmap_fd >= 0)
		r = map_ids(ov.erofs, o->idmap_fd, e);
	if (r >= 0)
		r = mount_overlay(&ov, target, &report, e);
	(void)fd_close(ov.erofs);
	while (n > 0)
		(void)fd_close(ov.data[--n]);
	if (r < 0)
		return r;
	*ret = report;
	return 0;
}

/* --- afterwards ------------------------------------------------------------------------------ */

/* Find the line of the mount in /proc/self/mountinfo: the fields behind " - " are type, source and
 * options of the superblock. */
static bool line_is_enforced(char *text, uint64_t id)
{
	for (char *line = text, *next; line && *line; line = next) {
		char *end = strchr(line, '\n'), *dash;

		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		if (strtoull(line, NULL, 10) != id)
			continue;
		dash = strstr(line, " - ");
		return dash && str_starts(dash, " - overlay ") && strstr(dash, "verity=require");
	}
	return false;
}

int mount_is_enforced(int fd, bool *ret, struct err *e)
{
	struct sys_statx stx;
	struct arena a;
	char *text;
	size_t len;
	int r = sys_statx(fd, "", AT_EMPTY_PATH, SYS_STATX_MNT_ID, &stx);

	arena_init(&a, NULL, 0);
	if (r == 0)
		r = io_read_file_at(&a, AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text,
				    &len);
	if (r == 0)
		*ret = stx.stx_mask & SYS_STATX_MNT_ID && line_is_enforced(text, stx.stx_mnt_id);
	arena_done(&a);
	return r < 0 ? err_sys(e, ERR_IO, r, "look up the mount") : 0;
}

void mount_explain(const struct mount_report *r, char *buf, size_t size)
{
	static const char *const ways[] = {
		[MOUNT_BY_FD] = "layers by descriptor",
		[MOUNT_BY_PATH] = "layers by path",
		[MOUNT_BY_STRING] = "data-only layers in one string",
		[MOUNT_BY_STACK] = "objects in an ordinary layer",
		[MOUNT_BY_STUBS] = "stub files with user.overlay attributes",
	};

	(void)str_format(buf, size, "%s, %s, digests %s", ways[r->way],
			 r->way == MOUNT_BY_STUBS ? "no EROFS"
			 : r->loop                ? "EROFS on a loop device"
						  : "EROFS on the file",
			 r->enforced ? "enforced" : "not enforced");
}
