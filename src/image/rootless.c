/* Stub files, in a directory that nobody else can enter, and the mount on top of them. */
#include "image/rootless.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/checkout.h"
#include "image/erofs-internal.h"
#include "image/listing.h"

#define USER_METACOPY "user.overlay.metacopy"
#define USER_REDIRECT "user.overlay.redirect"
#define USER_OPAQUE   "user.overlay.opaque"

/* The attributes that make an empty file a stub. */
static int set_stub_xattrs(const struct image_node *n, int fd)
{
	uint8_t metacopy[METACOPY_HEADER + IMAGE_DIGEST_MAX] = {0};
	char object[LISTING_PATH_MAX], redirect[LISTING_PATH_MAX + 1];
	size_t len = 0;

	if (!listing_object_path(n, object))
		return -EINVAL;
	if (n->digest_len) {
		len = METACOPY_HEADER + n->digest_len;
		metacopy[1] = (uint8_t)len;
		metacopy[3] = n->digest_len == 64 ? IMAGE_SHA512 : IMAGE_SHA256;
		memcpy(metacopy + METACOPY_HEADER, n->digest, n->digest_len);
	}
	(void)str_format(redirect, sizeof(redirect), "/%s", object);
	if (fsetxattr(fd, USER_METACOPY, metacopy, len, 0) < 0 ||
	    fsetxattr(fd, USER_REDIRECT, redirect, strlen(redirect), 0) < 0)
		return -errno;
	return 0;
}

/* user.* of the tree; others need privileges, and user.overlay.* would mean something here. */
static bool wants_xattr(const char *name)
{
	return str_starts(name, "user.") && !str_starts(name, "user.overlay.");
}

/* A file of the right size, without the content. */
static int make_stub(void *ctx, const struct image_node *n, int fd)
{
	int r = n->payload ? set_stub_xattrs(n, fd) : 0;

	(void)ctx;
	return r < 0 ? r : sys_ftruncate(fd, n->size);
}

static int make_stubs(struct image_tree *t, const char *path, struct err *e)
{
	static const struct checkout c = {
		.content = make_stub,
		.wants_xattr = wants_xattr,
		.lenient = true,
	};
	int r = image_tree_canonical_links(t);

	r = r < 0 ? err_sys(e, ERR_IMAGE, r, "make stubs") : checkout_tree(t, &c, path, e);
	if (r < 0)
		return err_wrap(e, "stubs");
	return lsetxattr(path, USER_OPAQUE, "y", 1, 0) < 0
		       ? err_sys(e, ERR_IO, -errno, "mark %s", path)
		       : 0;
}

/* --- the mount ------------------------------------------------------------------------------- */

static int set_options(const struct mount_options *o, const char *stubs, int fs, bool verity)
{
	int r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", "composefs", 0);

	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0);
	if (r == 0 && verity)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "verity", "require", 0);
	if (r == 0)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", stubs, 0);
	for (unsigned i = 0; i < o->n_objects && r == 0; i++)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "datadir+", o->objects[i], 0);
	if (r == 0 && o->upper)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", o->upper, 0);
	if (r == 0 && o->upper)
		r = sys_fsconfig(fs, FSCONFIG_SET_STRING, "workdir", o->work, 0);
	if (r == 0 && o->upper && o->discard)
		r = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0);
	return r == 0 ? sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) : r;
}

static int try_mount(const struct mount_options *o, const char *stubs, const char *target,
		     bool verity, struct err *e)
{
	_cleanup_close_ int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	_cleanup_close_ int mnt = -EBADF;
	int r;

	if (fs < 0)
		return err_sys(e, ERR_PERMISSION, fs, "prepare a mount of overlayfs");
	r = set_options(o, stubs, fs, verity);
	if (r == 0)
		r = mnt = sys_fsmount(fs, FSMOUNT_CLOEXEC,
				      o->upper && o->read_write ? 0 : MOUNT_ATTR_RDONLY);
	if (r < 0) {
		(void)err_sys(e, ERR_MOUNT, r, "mount the overlay on stubs");
		mount_add_kernel_words(fs, e);
		if (r == -EINVAL)
			(void)err_hint(e, "Linux 6.16 or newer is needed for this");
		return r;
	}
	return mount_attach(mnt, target, e);
}

int rootless_mount(struct image_file *f, const struct mount_options *o, const char *stubs,
		   const char *target, struct mount_report *ret, struct err *e)
{
	bool verity = o->verity != VERITY_OFF;
	struct image_tree tree = {0};
	struct erofs_info info;
	int r = image_file_read(f, e);

	if (r == 0)
		r = erofs_read(f->data, f->len, 0, &tree, &info, e);
	if (r == 0)
		r = make_stubs(&tree, stubs, e);
	image_tree_done(&tree);
	if (r < 0)
		return r;
	r = try_mount(o, stubs, target, verity, e);
	if (r == -EINVAL && o->verity == VERITY_TRY) {
		verity = false;
		r = try_mount(o, stubs, target, verity, e);
	}
	if (r < 0)
		return r;
	*ret = (struct mount_report){.way = MOUNT_BY_STUBS, .enforced = verity};
	return 0;
}
