/* From a source to an image. */
#include "image/make.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/dump.h"
#include "image/layers.h"
#include "image/target.h"
#include "image/unpack.h"

/* The archive at @path as the next layer. */
static int add_layer(struct layers *l, const char *path, struct err *e)
{
	_cleanup_close_ int opened = -EBADF;
	struct unpack *u = NULL;
	int fd = STDIN_FILENO, r;

	if (!str_eq(path, "-")) {
		opened = fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
		if (fd < 0)
			return err_sys(e, ERR_IO, fd, "open %s", path);
	}
	r = unpack_new(fd, &u);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read %s", path);
	r = layers_add(l, unpack_read, u, e);
	unpack_free(u);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}

static int read_layers(const struct make_options *o, struct image_tree *ret, struct err *e)
{
	struct layers *l = NULL;
	int r = layers_new(&o->scan, &l);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read %s", o->source);
	r = add_layer(l, o->source, e);
	for (size_t i = 0; i < o->n_layers && r == 0; i++)
		r = add_layer(l, o->layers[i], e);
	if (r == 0)
		r = layers_finish(l, ret, e);
	layers_free(l);
	if (r == 0 && o->scan.store)
		r = store_sync(o->scan.store, e);
	return r;
}

static int read_source(const struct make_options *o, struct image_tree *ret, struct err *e)
{
	_cleanup_close_ int opened = -EBADF;
	int fd = STDIN_FILENO;

	if (o->from_tar)
		return read_layers(o, ret, e);
	if (!o->from_dump)
		return scan_directory(o->source, &o->scan, ret, e);
	if (!str_eq(o->source, "-")) {
		opened = fd = sys_openat(AT_FDCWD, o->source, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
		if (fd < 0)
			return err_sys(e, ERR_IO, fd, "open %s", o->source);
	}
	return dump_read_fd(fd, o->dump_flags, ret, e);
}

/* Write the image of @t to @fd (-EBADF: nowhere). */
static int write_image(const struct make_options *o, struct image_tree *t, int fd,
		       struct make_result *ret, struct err *e)
{
	struct verity *v = NULL;
	struct output out;
	int r = output_init(&out, fd);

	if (r == 0 && o->want_digest)
		r = verity_new(o->scan.hash, &v);
	if (r < 0) {
		output_done(&out);
		return err_sys(e, ERR_IMAGE, r, "write the image");
	}
	out.verity = v;
	r = erofs_write(t, o->min_version, o->max_version, &out, &ret->info, e);
	if (r == 0) {
		r = output_finish(&out);
		if (r == 0 && v)
			r = verity_finish(v, ret->digest);
		if (r < 0)
			r = err_sys(e, ERR_IO, r, "write the image");
	}
	ret->has_digest = r == 0 && v;
	verity_free(v);
	output_done(&out);
	return r;
}

int make_image(const struct make_options *o, struct make_result *ret, struct err *e)
{
	struct make_result result = {0};
	struct target target = {.fd = -EBADF};
	struct image_tree tree = {0};
	int r = read_source(o, &tree, e);

	if (r == 0 && o->image)
		r = target_open(o->image, &target, e);
	if (r == 0)
		r = write_image(o, &tree, target.fd, &result, e);
	if (r == 0 && o->image)
		r = target_commit(&target, o->seal, o->scan.hash, e);
	if (o->image)
		target_done(&target);
	image_tree_done(&tree);
	if (r == 0)
		*ret = result;
	return r;
}
