/* Any bytes as a dump. What is accepted is written as a dump and read again, with the same result,
 * and as an image in each format, which is read back and is canonical. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/dump.h"
#include "image/erofs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const void *text, size_t len, size_t portion, struct image_tree *ret)
{
	struct dump_reader *d;
	struct err e;
	int r = 0;

	if (dump_reader_new(0, &d) < 0)
		return -ENOMEM;
	for (size_t at = 0; at < len && r == 0; at += portion)
		r = dump_reader_add(d, (const char *)text + at,
				    portion < len - at ? portion : len - at, &e);
	if (r == 0)
		r = dump_reader_finish(d, ret, &e);
	dump_reader_free(d);
	return r;
}

/* A file in memory that is written and then read back whole. */
static uint8_t *collect(struct output *out, int fd)
{
	uint8_t *bytes = malloc(out->offset ? out->offset : 1);

	if (!bytes || output_finish(out) < 0 ||
	    pread(fd, bytes, out->offset, 0) != (ssize_t)out->offset)
		abort();
	return bytes;
}

/* Is the image that @t makes read as the same tree? Consumes @t. */
static void check_image(struct image_tree *t, unsigned version)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct erofs_info info, again;
	struct output out, compare;
	struct image_tree back;
	uint8_t *image;
	struct err e;
	int r;

	if (fd < 0 || output_init(&out, fd) < 0)
		abort();
	r = erofs_write(t, version, version, &out, &info, &e);
	if (r == 0) {
		image = collect(&out, fd);
		if (erofs_read(image, out.offset, 0, &back, &info, &e) < 0)
			abort();
		if (output_init(&compare, -EBADF) < 0)
			abort();
		compare.compare = image;
		compare.compare_len = out.offset;
		if (erofs_write(&back, version, version, &compare, &again, &e) < 0 ||
		    output_finish(&compare) < 0 || compare.differs)
			abort();
		output_done(&compare);
		image_tree_done(&back);
		free(image);
	}
	output_done(&out);
	close(fd);
}

/* The dump of @t, read again, gives the same dump. */
static void check_dump(const struct image_tree *t)
{
	struct output out, again;
	int fd = memfd_create("dump", MFD_CLOEXEC), fd2 = memfd_create("again", MFD_CLOEXEC);
	struct image_tree back;
	uint8_t *a, *b;

	if (fd < 0 || fd2 < 0 || output_init(&out, fd) < 0 || output_init(&again, fd2) < 0 ||
	    dump_write(t, 0, &out) < 0)
		abort();
	a = collect(&out, fd);
	if (parse(a, out.offset, 4096, &back) < 0 || dump_write(&back, 0, &again) < 0)
		abort();
	b = collect(&again, fd2);
	if (out.offset != again.offset || memcmp(a, b, out.offset) != 0)
		abort();
	image_tree_done(&back);
	free(a);
	free(b);
	output_done(&out);
	output_done(&again);
	close(fd);
	close(fd2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_tree t;

	for (unsigned version = 0; version <= 2; version++) {
		if (parse(data, size, size % 97 + 1, &t) < 0)
			return 0;
		if (version == 0)
			check_dump(&t);
		check_image(&t, version);
		image_tree_done(&t);
	}
	return 0;
}
