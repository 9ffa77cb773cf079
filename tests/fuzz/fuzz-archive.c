/* Any bytes as an archive of images, docker's or OCI's: what is found in it is applied, layer by
 * layer, and becomes a tree that can be written. Nothing is stored. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/apply.h"
#include "image/erofs.h"
#include "image/layers.h"
#include "image/layout.h"
#include "image/oci-config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A tree that came out must be one that the writer takes, or refuses in words. */
static void write_tree(struct image_tree *t)
{
	struct erofs_info info;
	struct output out;
	struct err e = {0};

	if (output_init(&out, -EBADF) == 0 && erofs_write(t, 1, 1, &out, &info, &e) < 0 &&
	    !e.text[0])
		abort();
	output_done(&out);
}

static void apply_all(struct layout *l)
{
	static struct progress quiet;
	const struct scan_options o = {.hash = IMAGE_SHA256, .progress = &quiet};
	struct image_tree t = {0};
	struct layers *layers;
	struct err e = {0};
	int r = 0;

	if (layers_new(&o, &layers) < 0)
		return;
	for (size_t i = 0; i < l->n_layers && r == 0; i++)
		r = apply_layer(l, i, layers, -EBADF, &e);
	if (r == 0)
		r = layers_finish(layers, true, &t, &e);
	if (r < 0 && !e.text[0])
		abort();
	if (r == 0)
		write_tree(&t);
	image_tree_done(&t);
	layers_free(layers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_config config;
	struct layout l;
	struct err e = {0};
	char path[40];
	int fd = memfd_create("archive", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (layout_open(path, NULL, -EBADF, &l, &e) == 0) {
		apply_all(&l);
		if (!l.manifest_text && layout_make_manifest(&l, &e) < 0)
			abort();
		(void)oci_config_read(l.config_text, (size_t)l.config.size, &l.arena, &config, &e);
		layout_close(&l);
	} else if (!e.text[0]) {
		abort();
	}
	close(fd);
	return 0;
}
