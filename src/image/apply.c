/* From a blob to the tree: read, prove, unpack, prove, apply. All but the last in a thread of its
 * own. */
#include "image/apply.h"

#include <errno.h>

#include "base/io.h"
#include "image/ahead.h"
#include "image/unpack.h"

/* A layer on its way. */
struct passage {
	struct blob *blob;
	struct unpack *unpack;
	struct hasher *hasher;
	uint64_t size; /* of the plain archive */
	int keep_blob, keep_plain;
	bool done;
};

static int keep(int fd, const void *buf, ssize_t n, struct err *e)
{
	int r = fd >= 0 && n > 0 ? io_write_all(fd, buf, (size_t)n) : 0;

	return r < 0 ? err_sys(e, ERR_IO, r, "keep a layer") : 0;
}

static ssize_t read_stored(void *ctx, void *buf, size_t len, struct err *e)
{
	struct passage *p = ctx;
	ssize_t n = blob_read(p->blob, buf, len, e);
	int r = keep(p->keep_blob, buf, n, e);

	return r < 0 ? r : n;
}

static ssize_t read_plain(void *ctx, void *buf, size_t len, struct err *e)
{
	struct passage *p = ctx;
	ssize_t n = p->done ? 0 : unpack_read(p->unpack, buf, len, e);
	int r;

	if (n > 0) {
		hasher_update(p->hasher, buf, (size_t)n);
		p->size += (uint64_t)n;
		r = keep(p->keep_plain, buf, n, e);
		return r < 0 ? r : n;
	}
	if (n != 0 || p->done)
		return n;
	r = hasher_finish(p->hasher, "the uncompressed layer", e);
	p->done = r == 0;
	return r;
}

static int apply(struct passage *p, struct layers *l, struct err *e)
{
	struct ahead *ahead = NULL;
	int r = ahead_new(read_plain, p, &ahead);

	if (r < 0)
		return err_sys(e, ERR_IMAGE, r, "read a layer");
	r = layers_add(l, ahead_read, ahead, e);
	ahead_free(ahead);
	return r;
}

int apply_layer(struct layout *layout, size_t i, struct layers *l, int keep_fd, struct err *e)
{
	struct layout_layer *layer = &layout->layers[i];
	struct passage p = {.keep_blob = layer->file ? -EBADF : keep_fd,
			    .keep_plain = layer->file ? keep_fd : -EBADF};
	int r = layer->file ? blob_open_file(&layout->source, layer->file, &p.blob, e)
			    : blob_open(&layout->source, &layer->blob, &p.blob, e);

	if (r < 0)
		return r;
	r = unpack_new(read_stored, &p, &p.unpack);
	if (r == 0)
		r = hasher_new(layer->diff_id, &p.hasher);
	if (r < 0)
		(void)err_sys(e, ERR_IMAGE, r, "read a layer");
	else
		r = apply(&p, l, e);
	if (r == 0 && layer->file)
		layer->blob.size = p.size;
	unpack_free(p.unpack);
	hasher_free(p.hasher);
	blob_close(p.blob);
	return r < 0 ? err_wrap(e, "layer %zu", i + 1) : 0;
}
