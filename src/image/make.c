/* From a source to an image. */
#include "image/make.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/sys.h"
#include "image/apply.h"
#include "image/dump.h"
#include "image/layers.h"
#include "image/target.h"
#include "image/unpack.h"

/* The source @o names, or another file; "-" is standard input. *@ret_opened is to be closed. */
static int open_input(const char *path, int *ret_opened, struct err *e)
{
	*ret_opened = -EBADF;
	if (str_eq(path, "-"))
		return STDIN_FILENO;
	*ret_opened = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	return *ret_opened < 0 ? err_sys(e, ERR_IO, *ret_opened, "open %s", path) : *ret_opened;
}

static ssize_t read_fd(void *ctx, void *buf, size_t len, struct err *e)
{
	ssize_t n;

	do {
		n = sys_read(*(const int *)ctx, buf, len);
	} while (n == -EINTR);
	return n < 0 ? err_sys(e, ERR_IO, (int)n, "read the archive") : n;
}

/* The archive at @path as the next layer. */
static int add_file(struct layers *l, const char *path, struct err *e)
{
	_cleanup_close_ int opened = -EBADF;
	int fd = open_input(path, &opened, e), r;
	struct unpack *u = NULL;

	if (fd < 0)
		return fd;
	r = unpack_new(read_fd, &fd, &u);
	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read %s", path);
	r = layers_add(l, unpack_read, u, e);
	unpack_free(u);
	return r < 0 ? err_wrap(e, "%s", path) : 0;
}

static int add_image(struct layers *l, const struct make_options *o, struct err *e)
{
	struct layout layout;
	int r = layout_open(o->source, o->reference, -EBADF, &layout, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < layout.n_layers && r == 0; i++) {
		r = apply_layer(&layout, i, l, -EBADF, e);
		if (r < 0)
			(void)err_wrap(e, "%s", o->source);
	}
	layout_close(&layout);
	return r;
}

static int read_layers(const struct make_options *o, struct image_tree *ret, struct err *e)
{
	struct layers *l = NULL;
	int r = layers_new(&o->scan, &l);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read %s", o->source);
	r = o->from == MAKE_FROM_IMAGE ? add_image(l, o, e) : add_file(l, o->source, e);
	for (size_t i = 0; i < o->n_layers && r == 0; i++)
		r = add_file(l, o->layers[i], e);
	if (r == 0)
		r = layers_finish(l, o->from == MAKE_FROM_IMAGE, ret, e);
	layers_free(l);
	if (r == 0 && o->scan.store)
		r = store_sync(o->scan.store, e);
	return r;
}

static int read_dump(const struct make_options *o, struct image_tree *ret, struct err *e)
{
	_cleanup_close_ int opened = -EBADF;
	int fd = open_input(o->source, &opened, e);

	return fd < 0 ? fd : dump_read_fd(fd, o->dump_flags, ret, e);
}

static int read_source(const struct make_options *o, struct image_tree *ret, struct err *e)
{
	switch (o->from) {
	case MAKE_FROM_DUMP:
		return read_dump(o, ret, e);
	case MAKE_FROM_TAR:
	case MAKE_FROM_IMAGE:
		return read_layers(o, ret, e);
	case MAKE_FROM_DIRECTORY:
		break;
	}
	return scan_directory(o->source, &o->scan, ret, e);
}

int make_write(const struct make_options *o, struct image_tree *t, int fd, struct make_result *ret,
	       struct err *e)
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
		r = make_write(o, &tree, target.fd, &result, e);
	if (r == 0 && o->image)
		r = target_commit(&target, o->seal, o->scan.hash, e);
	if (o->image)
		target_done(&target);
	image_tree_done(&tree);
	if (r == 0)
		*ret = result;
	return r;
}
